"""Argo Rollouts: what becomes of a rollout, in the words of our notification template (docs/senders.md)."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time
from handlers.intake.sender import Delivery, Sender

PHASES = {
    "Progressing": ChangeStatus.STARTED,
    "Paused": ChangeStatus.STARTED,
    "Healthy": ChangeStatus.SUCCEEDED,
    "Degraded": ChangeStatus.FAILED,
}


class _Rollout(Body):
    rollout: Text = Field(min_length=1)
    namespace: Text = ""
    phase: Text
    version: Text = Field(default="", description="the pod template's hash: another one is another deploy")
    environment: Text = ""
    at: Time = None


def parse(delivery: Delivery) -> list[Change]:
    told = delivery.as_(_Rollout, "a rollout of Argo Rollouts in our template")
    status = facts.state(told.phase, PHASES)
    if status is None:
        return []
    return [
        facts.change(
            "argorollouts",
            f"rollout/{told.namespace}/{told.rollout}/{told.version}",
            status,
            now=delivery.now,
            service=told.rollout,
            version=told.version,
            place=told.environment,
            at=told.at,
        )
    ]


SENDER = Sender(title="Argo Rollouts: rollouts, in our notification template", parse=parse)
