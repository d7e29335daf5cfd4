"""Argo CD: syncs, in the words of our notification template (docs/senders.md)."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender

PHASES = {
    "Running": ChangeStatus.STARTED,
    "Succeeded": ChangeStatus.SUCCEEDED,
    "Failed": ChangeStatus.FAILED,
    "Error": ChangeStatus.FAILED,
}


class _Sync(Body):
    app: Text = Field(min_length=1)
    phase: Text
    revision: Text = ""
    namespace: Text = ""
    environment: Text = ""
    started_at: Time = None
    finished_at: Time = None
    url: Url = None


def parse(delivery: Delivery) -> list[Change]:
    sync = delivery.as_(_Sync, "a sync of Argo CD in our template")
    status = facts.state(sync.phase, PHASES, ("Terminating",))
    if status is None:
        return []
    return [
        facts.change(
            "argocd",
            f"sync/{sync.namespace}/{sync.app}/{sync.revision}",
            status,
            now=delivery.now,
            service=sync.app,
            version=sync.revision,
            place=sync.environment,
            at=sync.started_at if status is ChangeStatus.STARTED else sync.finished_at,
            url=sync.url,
        )
    ]


SENDER = Sender(title="Argo CD: syncs, in our notification template", parse=parse)
