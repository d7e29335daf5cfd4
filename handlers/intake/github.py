"""GitHub: deployments, their statuses, releases and workflow runs. The kind of an event stands in a header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, Url
from handlers.intake.sender import Delivery, Sender, header

STARTED, SUCCEEDED, FAILED = ChangeStatus.STARTED, ChangeStatus.SUCCEEDED, ChangeStatus.FAILED
STATES = {
    "queued": STARTED,
    "pending": STARTED,
    "in_progress": STARTED,
    "requested": STARTED,
    "waiting": STARTED,
    "success": SUCCEEDED,
    "failure": FAILED,
    "error": FAILED,
    "timed_out": FAILED,
    "startup_failure": FAILED,
    "cancelled": ChangeStatus.CANCELLED,
    "stale": ChangeStatus.CANCELLED,
}
NOTHING = frozenset({"inactive", "skipped", "neutral", "action_required", ""})  # "inactive": another one took over


class _Repository(Body):
    name: Text


class _Person(Body):
    login: Text = ""


class _Deployment(Body):
    id: Text = Field(min_length=1)
    sha: Text = ""
    ref: Text = ""
    environment: Text = ""
    created_at: Time = None


class _Status(Body):
    state: Text
    target_url: Url = None
    log_url: Url = None
    created_at: Time = None


class _Release(Body):
    id: Text = Field(min_length=1)
    tag: Text = Field(default="", alias="tag_name")
    name: Text = ""
    html_url: Url = None
    published_at: Time = None


class _Run(Body):
    id: Text = Field(min_length=1)
    run_attempt: Text = "1"
    name: Text = ""
    head_sha: Text = ""
    status: Text = ""
    conclusion: Text = ""
    html_url: Url = None
    run_started_at: Time = None
    updated_at: Time = None


class _Event(Body):
    repository: _Repository
    sender: _Person = _Person()
    action: Text = ""


class _DeploymentEvent(_Event):
    deployment: _Deployment


class _StatusEvent(_DeploymentEvent):
    deployment_status: _Status


class _ReleaseEvent(_Event):
    release: _Release


class _RunEvent(_Event):
    workflow_run: _Run


def parse(delivery: Delivery) -> list[Change]:
    """Events that we do not read carry nothing for us."""
    read = EVENTS.get(kind(delivery))
    return read(delivery) if read else []


def kind(delivery: Delivery) -> str:
    """From the header; a body without one, in a file, says it by its keys."""
    content = delivery.content
    if not isinstance(content, dict):
        raise Malformed("this is not a GitHub event: write an object, {…}")
    guesses = ("deployment_status", "deployment", "workflow_run", "release")
    found = delivery.headers.get("x-github-event") or next((name for name in guesses if name in content), "")
    if not found:
        raise Malformed("this is not a GitHub event: the header X-GitHub-Event is missing")
    return found


def _deployment(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_DeploymentEvent, "a GitHub deployment")
    return [_deploy(event, STARTED, delivery, event.deployment.created_at, None)]


def _deployment_status(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_StatusEvent, "a GitHub deployment status")
    said = event.deployment_status
    status = facts.state(said.state.lower(), STATES, NOTHING)
    url = said.log_url or said.target_url
    return [_deploy(event, status, delivery, said.created_at, url)] if status else []


def _deploy(event: _DeploymentEvent, status: ChangeStatus, delivery: Delivery, at: Any, url: str | None) -> Change:
    deployment = event.deployment
    return facts.change(
        "github",
        f"deployment/{deployment.id}",
        status,
        now=delivery.now,
        service=event.repository.name,
        version=deployment.sha or deployment.ref,
        place=deployment.environment,
        at=at,
        url=url,
        actor=event.sender.login,
    )


def _release(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_ReleaseEvent, "a GitHub release")
    release = event.release
    if event.action != "published":
        return []
    return [
        facts.change(
            "github",
            f"release/{release.id}",
            SUCCEEDED,
            now=delivery.now,
            service=event.repository.name,
            version=release.tag,
            kind=ChangeKind.DEPLOY,
            at=release.published_at,
            title=release.name,
            url=release.html_url,
            actor=event.sender.login,
        )
    ]


def _workflow_run(delivery: Delivery) -> list[Change]:
    """A job, whatever it does: which of them ship something only the deployments say."""
    event = delivery.as_(_RunEvent, "a GitHub workflow run")
    run = event.workflow_run
    status = facts.state((run.conclusion or run.status or event.action).lower(), STATES, NOTHING)
    if status is None:
        return []
    return [
        facts.change(
            "github",
            f"run/{run.id}/{run.run_attempt}",
            status,
            now=delivery.now,
            service=event.repository.name,
            version=run.head_sha,
            kind=ChangeKind.JOB,
            at=run.run_started_at if status is STARTED else run.updated_at,
            title=run.name,
            url=run.html_url,
            actor=event.sender.login,
        )
    ]


EVENTS: Mapping[str, Callable[[Delivery], list[Change]]] = {
    "deployment": _deployment,
    "deployment_status": _deployment_status,
    "release": _release,
    "workflow_run": _workflow_run,
}

SENDER = Sender(
    title="GitHub: deployments, releases, workflow runs",
    parse=parse,
    auth="github",
    delivery=header("x-github-delivery"),
)
