"""Jenkins: what its Notification plugin posts of a build."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Texts, Time, Url
from handlers.intake.sender import Delivery, Sender

RESULTS = {
    "SUCCESS": ChangeStatus.SUCCEEDED,
    "UNSTABLE": ChangeStatus.SUCCEEDED,  # it ran to its end: what it ships is shipped
    "FAILURE": ChangeStatus.FAILED,
    "ABORTED": ChangeStatus.CANCELLED,
}


class _Scm(Body):
    commit: Text = ""
    branch: Text = ""


class _Build(Body):
    number: Text = Field(min_length=1)
    phase: Text
    status: Text = ""
    url: Url = Field(default=None, alias="full_url")
    timestamp: Time = None
    scm: _Scm | None = None
    parameters: Texts = {}


class _Notification(Body):
    name: Text = Field(min_length=1)
    url: Text = ""
    build: _Build


def parse(delivery: Delivery) -> list[Change]:
    told = delivery.as_(_Notification, "a notification of Jenkins")
    build, status = told.build, state(told.build)
    if status is None:
        return []
    scm = build.scm or _Scm()
    return [
        facts.change(
            "jenkins",
            f"build/{told.url.strip('/') or told.name}/{build.number}",
            status,
            now=delivery.now,
            service=told.name,
            version=scm.commit or scm.branch,
            place=next((build.parameters[name] for name in PLACES if name in build.parameters), ""),
            kind=ChangeKind.JOB,
            at=build.timestamp if status is ChangeStatus.STARTED else None,  # it is the time of the start
            url=build.url,
        )
    ]


PLACES = ("environment", "ENVIRONMENT", "env", "ENV")


def state(build: _Build) -> ChangeStatus | None:
    """COMPLETED and FINALIZED say the same of one build. Raises Malformed."""
    match build.phase:
        case "QUEUED":
            return None
        case "STARTED":
            return ChangeStatus.STARTED
        case "COMPLETED" | "FINALIZED":
            return facts.state(build.status, RESULTS, ("NOT_BUILT",))
    raise Malformed(f"the phase {build.phase[:60]!r} is none of QUEUED, STARTED, COMPLETED, FINALIZED")


SENDER = Sender(title="Jenkins: builds, from the Notification plugin", parse=parse, auth="url")
