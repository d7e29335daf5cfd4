"""Rundeck: executions of jobs, from its webhook notification as JSON."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Texts, Time, Url, first
from handlers.intake.sender import Delivery, Sender

TRIGGERS = {
    "start": ChangeStatus.STARTED,
    "success": ChangeStatus.SUCCEEDED,
    "failure": ChangeStatus.FAILED,
}
QUIET = frozenset({"avgduration", "onavgduration", "retryablefailure", "onretryablefailure"})


class _Moment(Body):
    at: Time = Field(default=None, alias="unixtime")


class _Job(Body):
    name: Text = ""
    options: Texts = {}


class _Execution(Body):
    id: Text = ""
    status: Text = ""
    project: Text
    user: Text = ""
    href: Url = None
    permalink: Url = None
    job: _Job | None = None
    started: _Moment = Field(default=_Moment(), alias="date-started")
    ended: _Moment = Field(default=_Moment(), alias="date-ended")


class _Notification(Body):
    trigger: Text
    id: Text = Field(default="", alias="executionId")
    status: Text = ""
    execution: _Execution


def parse(delivery: Delivery) -> list[Change]:
    told = delivery.as_(_Notification, "a notification of Rundeck")
    execution, job = told.execution, told.execution.job or _Job()
    status = facts.state(told.trigger.removeprefix("on"), TRIGGERS, QUIET)
    if status is None:
        return []
    if status is ChangeStatus.FAILED and "aborted" in (told.status, execution.status):
        status = ChangeStatus.CANCELLED
    if not (told.id or execution.id):
        raise Malformed("executionId is missing")
    return [
        facts.change(
            "rundeck",
            f"execution/{told.id or execution.id}",
            status,
            now=delivery.now,
            service=execution.project,
            version=job.options.get("version", ""),
            place=first(job.options, facts.ENVIRONMENT),
            kind=ChangeKind.JOB,
            at=(execution.started if status is ChangeStatus.STARTED else execution.ended).at,
            title=job.name,
            url=execution.permalink or execution.href,
            actor=execution.user,
        )
    ]


SENDER = Sender(title="Rundeck: executions of jobs", parse=parse, auth="url")
