"""GitLab: deployments, pipelines, releases and feature flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, Url, to_text
from handlers.intake.sender import Delivery, Sender

STATES = {
    "running": ChangeStatus.STARTED,
    "success": ChangeStatus.SUCCEEDED,
    "failed": ChangeStatus.FAILED,
    "canceled": ChangeStatus.CANCELLED,
}
WAITING = "created, pending, preparing, waiting_for_resource, scheduled, manual, blocked, skipped, canceling"
NOTHING = frozenset(WAITING.split(", "))


class _Project(Body):
    name: Text
    path: Text = Field(default="", alias="path_with_namespace")
    id: Text = ""


class _Person(Body):
    username: Text = ""


class _Event(Body):
    project: _Project
    user: _Person = _Person()

    @property
    def service(self) -> str:
        return self.project.path.rpartition("/")[2] or self.project.name


class _Deployment(_Event):
    status: Text
    deployment_id: Text = Field(min_length=1)
    deployable_url: Url = None
    environment: Text = ""
    tier: Text = Field(default="", alias="environment_tier")
    sha: Text = Field(default="", alias="short_sha")
    ref: Text = ""
    at: Time = Field(default=None, alias="status_changed_at")


class _PipelineAttributes(Body):
    id: Text = Field(min_length=1)
    status: Text
    sha: Text = ""
    ref: Text = ""
    url: Url = None
    created_at: Time = None
    finished_at: Time = None


class _Pipeline(_Event):
    object_attributes: _PipelineAttributes


class _Release(_Event):
    action: Text = ""
    id: Text = Field(min_length=1)
    tag: Text = ""
    name: Text = ""
    url: Url = None
    released_at: Time = None


class _FlagAttributes(Body):
    id: Text = Field(min_length=1)
    name: Text
    active: bool


class _Flag(_Event):
    object_attributes: _FlagAttributes


def parse(delivery: Delivery) -> list[Change]:
    content = delivery.content
    if not isinstance(content, dict):
        raise Malformed("this is not a GitLab event: write an object, {…}")
    kind = to_text(content.get("object_kind"))
    if not kind:
        raise Malformed("this is not a GitLab event: object_kind is missing")
    read = EVENTS.get(kind)
    return read(delivery) if read else []


def _deployment(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_Deployment, "a GitLab deployment")
    status = facts.state(event.status, STATES, NOTHING)
    if status is None:
        return []
    return [
        facts.change(
            "gitlab",
            f"deployment/{event.project.path or event.project.name}/{event.deployment_id}",
            status,
            now=delivery.now,
            service=event.service,
            version=event.sha or event.ref,
            place=event.environment if event.tier in ("", "other") else event.tier,
            at=event.at,
            url=event.deployable_url,
            actor=event.user.username,
        )
    ]


def _pipeline(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_Pipeline, "a GitLab pipeline")
    run = event.object_attributes
    status = facts.state(run.status, STATES, NOTHING)
    if status is None:
        return []
    return [
        facts.change(
            "gitlab",
            f"pipeline/{run.id}",
            status,
            now=delivery.now,
            service=event.service,
            version=run.sha or run.ref,
            kind=ChangeKind.JOB,
            at=run.created_at if status is ChangeStatus.STARTED else run.finished_at or run.created_at,
            url=run.url,
            actor=event.user.username,
        )
    ]


def _release(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_Release, "a GitLab release")
    if event.action not in ("", "create"):
        return []
    return [
        facts.change(
            "gitlab",
            f"release/{event.project.path or event.project.name}/{event.tag or event.id}",
            ChangeStatus.SUCCEEDED,
            now=delivery.now,
            service=event.service,
            version=event.tag,
            at=event.released_at,
            title=event.name,
            url=event.url,
        )
    ]


def _flag(delivery: Delivery) -> list[Change]:
    """Without a time of its own. On and off are two changes: each may be the cause."""
    event = delivery.as_(_Flag, "a GitLab feature flag")
    flag = event.object_attributes
    turned = "on" if flag.active else "off"
    return [
        facts.change(
            "gitlab",
            f"flag/{event.project.path or event.project.name}/{flag.name}/{turned}",
            ChangeStatus.SUCCEEDED,
            now=delivery.now,
            service=event.service,
            version=turned,
            kind=ChangeKind.FLAG,
            title=f"{flag.name} turned {turned}",
            actor=event.user.username,
        )
    ]


EVENTS: Mapping[str, Callable[[Delivery], list[Change]]] = {
    "deployment": _deployment,
    "pipeline": _pipeline,
    "release": _release,
    "feature_flag": _flag,
}


def delivery_id(delivery: Delivery) -> str:
    """`Idempotency-Key` stays on retries; `X-Gitlab-Event-UUID` is shared by the events of one action."""
    kept = delivery.headers.get("idempotency-key") or delivery.headers.get("webhook-id")
    return to_text(kept)


SENDER = Sender(
    title="GitLab: deployments, pipelines, releases, feature flags",
    parse=parse,
    auth="gitlab",
    delivery=delivery_id,
    odd=202,  # it switches a hook off after four failures in a row
)
