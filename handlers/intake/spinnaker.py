"""Spinnaker: pipelines, from the events that Echo posts."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bot.model import Change, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Texts, Time, first
from handlers.intake.sender import Delivery, Sender, as_

ENDS = {
    "SUCCEEDED": ChangeStatus.SUCCEEDED,
    "FAILED_CONTINUE": ChangeStatus.SUCCEEDED,  # it ran to its end: what it ships is shipped
    "TERMINAL": ChangeStatus.FAILED,
    "FAILED": ChangeStatus.FAILED,
    "CANCELED": ChangeStatus.CANCELLED,
    "STOPPED": ChangeStatus.CANCELLED,
}
BEGINS, OVER = "orca:pipeline:starting", ("orca:pipeline:complete", "orca:pipeline:failed")


class _Details(Body):
    type: Text = Field(min_length=1)
    application: Text = ""


class _Event(Body):
    details: _Details


class _Trigger(Body):
    user: Text = ""
    tag: Text = ""
    parameters: Texts = {}


class _Execution(Body):
    id: Text = Field(min_length=1)
    name: Text = ""
    application: Text = ""
    status: Text = ""
    started_at: Time = Field(default=None, alias="startTime")
    ended_at: Time = Field(default=None, alias="endTime")
    trigger: _Trigger | None = None


class _Content(Body):
    execution: _Execution


class _Pipeline(_Event):
    content: _Content


def parse(delivery: Delivery) -> list[Change]:
    """Stages and tasks are parts of what is told of as a whole."""
    content = unwrapped(delivery.content)
    details = as_(_Event, content, "an event of Spinnaker").details
    if details.type != BEGINS and details.type not in OVER:
        return []
    execution = as_(_Pipeline, content, "a pipeline of Spinnaker").content.execution
    begins = details.type == BEGINS
    status = ChangeStatus.STARTED if begins else facts.state(execution.status, ENDS)
    if status is None:
        return []
    trigger = execution.trigger or _Trigger()
    return [
        facts.change(
            "spinnaker",
            f"pipeline/{execution.id}",
            status,
            now=delivery.now,
            service=execution.application or details.application,
            version=trigger.tag or trigger.parameters.get("version", ""),
            place=first(trigger.parameters, facts.ENVIRONMENT),
            at=execution.started_at if begins else execution.ended_at,
            title=execution.name,
            actor=trigger.user,
        )
    ]


def unwrapped(content: Any) -> Any:
    """With `wrap: true` Echo puts the event into `payload`."""
    return content["payload"] if isinstance(content, dict) and isinstance(content.get("payload"), dict) else content


SENDER = Sender(title="Spinnaker: pipelines", parse=parse, auth="basic")
