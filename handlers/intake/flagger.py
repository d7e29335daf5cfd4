"""Flagger: the event webhook of a canary."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time
from handlers.intake.sender import Delivery, Sender

PHASES = {
    "Progressing": ChangeStatus.STARTED,
    "WaitingPromotion": ChangeStatus.STARTED,
    "Promoting": ChangeStatus.STARTED,
    "Finalising": ChangeStatus.STARTED,
    "Succeeded": ChangeStatus.SUCCEEDED,
    "Failed": ChangeStatus.FAILED,
}
NOTHING = frozenset({"", "Initializing", "Initialized", "Waiting", "Terminating", "Terminated"})


class _Metadata(Body):
    timestamp: Time = None


class _Event(Body):
    name: Text = Field(min_length=1)
    namespace: Text = ""
    phase: Text
    checksum: Text = ""
    metadata: _Metadata | None = None


def parse(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_Event, "an event of Flagger")
    status = facts.state(event.phase, PHASES, NOTHING)
    if status is None:
        return []
    return [
        facts.change(
            "flagger",
            f"canary/{event.namespace}/{event.name}/{event.checksum}",
            status,
            now=delivery.now,
            service=event.name,
            version=event.checksum,
            at=event.metadata.timestamp if event.metadata else None,
        )
    ]


SENDER = Sender(title="Flagger: the event webhook of canaries", parse=parse, auth="url")
