"""CircleCI: workflows that ended."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender, inside

STATES = {
    "success": ChangeStatus.SUCCEEDED,
    "failed": ChangeStatus.FAILED,
    "error": ChangeStatus.FAILED,
    "canceled": ChangeStatus.CANCELLED,
}


class _Event(Body):
    type: Text = Field(min_length=1)


class _Workflow(Body):
    id: Text = Field(min_length=1)
    name: Text = ""
    status: Text
    stopped_at: Time = None
    url: Url = None


class _Vcs(Body):
    revision: Text = ""
    branch: Text = ""


class _Pipeline(Body):
    vcs: _Vcs | None = None


class _Project(Body):
    name: Text


class _Completed(_Event):
    happened_at: Time = None
    workflow: _Workflow
    pipeline: _Pipeline | None = None
    project: _Project


def parse(delivery: Delivery) -> list[Change]:
    if delivery.as_(_Event, "a CircleCI webhook").type != "workflow-completed":
        return []
    told = delivery.as_(_Completed, "a CircleCI workflow-completed")
    status = facts.state(told.workflow.status, STATES, ("unauthorized",))
    if status is None:
        return []
    vcs = (told.pipeline and told.pipeline.vcs) or _Vcs()
    return [
        facts.change(
            "circleci",
            f"workflow/{told.workflow.id}",
            status,
            now=delivery.now,
            service=told.project.name,
            version=vcs.revision or vcs.branch,
            kind=ChangeKind.JOB,
            at=told.workflow.stopped_at or told.happened_at,
            title=told.workflow.name,
            url=told.workflow.url,
        )
    ]


SENDER = Sender(title="CircleCI: workflows that ended", parse=parse, auth="circleci", delivery=inside("id"))
