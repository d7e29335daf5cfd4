"""AWS CodeDeploy and CodePipeline: deployments and executions, through EventBridge."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeKind, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time
from handlers.intake.sender import Delivery, Sender, inside

DEPLOYMENT = {
    "START": ChangeStatus.STARTED,
    "SUCCESS": ChangeStatus.SUCCEEDED,
    "FAILURE": ChangeStatus.FAILED,
    "STOP": ChangeStatus.CANCELLED,
}
EXECUTION = {
    "STARTED": ChangeStatus.STARTED,
    "RESUMED": ChangeStatus.STARTED,
    "SUCCEEDED": ChangeStatus.SUCCEEDED,
    "FAILED": ChangeStatus.FAILED,
    "CANCELED": ChangeStatus.CANCELLED,
    "STOPPED": ChangeStatus.CANCELLED,
    "SUPERSEDED": ChangeStatus.CANCELLED,
}


class _Event(Body):
    kind: Text = Field(alias="detail-type", min_length=1)


class _Deployment(Body):
    id: Text = Field(alias="deploymentId", min_length=1)
    application: Text
    group: Text = Field(default="", alias="deploymentGroup")
    state: Text


class _Deployed(_Event):
    time: Time = None
    detail: _Deployment


class _Execution(Body):
    id: Text = Field(alias="execution-id", min_length=1)
    pipeline: Text
    state: Text


class _Executed(_Event):
    time: Time = None
    detail: _Execution


def parse(delivery: Delivery) -> list[Change]:
    """Stages, actions and instances are parts of what is told of as a whole."""
    match delivery.as_(_Event, "an event of EventBridge").kind:
        case "CodeDeploy Deployment State-change Notification":
            return _deployment(delivery)
        case "CodePipeline Pipeline Execution State Change":
            return _execution(delivery)
    return []


def _deployment(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_Deployed, "a deployment of CodeDeploy")
    status = facts.state(event.detail.state, DEPLOYMENT, ("READY",))
    if status is None:
        return []
    return [
        facts.change(
            "codedeploy",
            f"deployment/{event.detail.id}",
            status,
            now=delivery.now,
            service=event.detail.application,
            place=event.detail.group,
            at=event.time,
        )
    ]


def _execution(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_Executed, "an execution of CodePipeline")
    status = facts.state(event.detail.state, EXECUTION, ("STOPPING",))
    if status is None:
        return []
    return [
        facts.change(
            "codedeploy",
            f"execution/{event.detail.pipeline}/{event.detail.id}",
            status,
            now=delivery.now,
            service=event.detail.pipeline,
            kind=ChangeKind.JOB,
            at=event.time,
        )
    ]


SENDER = Sender(title="AWS CodeDeploy and CodePipeline, through EventBridge", parse=parse, delivery=inside("id"))
