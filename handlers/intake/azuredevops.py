"""Azure DevOps: builds that ended, from its service hooks."""

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


def parse(delivery: Delivery) -> list[Change]:
    if delivery.as_(_Event, "a service hook of Azure DevOps").type != "build.complete":
        return []
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


SENDER = Sender(title="Azure DevOps: builds that ended", parse=parse, auth="basic", delivery=inside("id"))
