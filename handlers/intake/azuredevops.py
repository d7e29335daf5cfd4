"""Azure DevOps: builds that ended, and deployments of releases, from its service hooks."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender, inside

STATES = {
    "succeeded": ChangeStatus.SUCCEEDED,
    "partiallySucceeded": ChangeStatus.SUCCEEDED,  # it ran to its end: what it ships is shipped
    "failed": ChangeStatus.FAILED,
    "canceled": ChangeStatus.CANCELLED,
    "stopped": ChangeStatus.CANCELLED,
}
DEPLOYED = {
    "succeeded": ChangeStatus.SUCCEEDED,
    "partiallySucceeded": ChangeStatus.SUCCEEDED,
    "rejected": ChangeStatus.FAILED,
    "failed": ChangeStatus.FAILED,
    "canceled": ChangeStatus.CANCELLED,
}
BEGINS, ENDS = "ms.vss-release.deployment-started-event", "ms.vss-release.deployment-completed-event"


class _Event(Body):
    type: Text = Field(alias="eventType", min_length=1)


class _Definition(Body):
    name: Text = Field(min_length=1)


class _Build(Body):
    id: Text = Field(min_length=1)
    number: Text = Field(default="", alias="buildNumber")
    definition: _Definition
    status: Text
    result: Text = ""
    finished_at: Time = Field(default=None, alias="finishTime")
    url: Url = None


class _Built(_Event):
    resource: _Build


class _Link(Body):
    href: Url = None


class _Links(Body):
    web: _Link = _Link()


class _Release(Body):
    id: Text = ""
    name: Text = ""
    links: _Links = Field(default=_Links(), alias="_links")


class _Named(Body):
    name: Text = ""


class _Environment(Body):
    id: Text = Field(min_length=1)
    name: Text = ""
    status: Text = ""
    release: _Release = _Release()
    definition: _Named = Field(default=_Named(), alias="releaseDefinition")


class _Deployment(Body):
    environment: _Environment
    project: _Named = _Named()


class _Deployed(_Event):
    at: Time = Field(default=None, alias="createdDate")
    resource: _Deployment


def parse(delivery: Delivery) -> list[Change]:
    kind = delivery.as_(_Event, "a service hook of Azure DevOps").type
    if kind == "build.complete":
        return _build(delivery)
    return _deployment(delivery) if kind in (BEGINS, ENDS) else []


def _build(delivery: Delivery) -> list[Change]:
    build = delivery.as_(_Built, "a build of Azure DevOps").resource
    word = build.result if build.status == "completed" else build.status  # the newer form and the older
    status = facts.state(word, STATES)
    if status is None:
        return []
    return [
        facts.change(
            "azuredevops",
            f"build/{build.definition.name}/{build.id}",
            status,
            now=delivery.now,
            service=build.definition.name,
            version=build.number,
            kind=ChangeKind.JOB,
            at=build.finished_at,
            url=build.url,
        )
    ]


def _deployment(delivery: Delivery) -> list[Change]:
    """A stage of a release is a deployment: its state is "queued" or "inProgress" where it begins."""
    event = delivery.as_(_Deployed, "a deployment of Azure DevOps")
    stage, project = event.resource.environment, event.resource.project.name
    status = ChangeStatus.STARTED if event.type == BEGINS else facts.state(stage.status, DEPLOYED)
    if status is None:
        return []
    return [
        facts.change(
            "azuredevops",
            f"release/{project}/{stage.release.id}/{stage.id}",
            status,
            now=delivery.now,
            service=stage.definition.name or project,
            version=stage.release.name,
            place=stage.name,
            at=event.at,
            url=stage.release.links.web.href,
        )
    ]


SENDER = Sender(
    title="Azure DevOps: builds that ended, deployments of releases", parse=parse, auth="basic", delivery=inside("id")
)
