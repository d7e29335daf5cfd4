"""Flux: what its notification controller tells of Kustomizations and HelmReleases."""

from __future__ import annotations

from pydantic import Field

from bot.model import Change, ChangeStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Texts, Time
from handlers.intake.sender import Delivery, Sender

REASONS = {
    "Progressing": ChangeStatus.STARTED,
    "ReconciliationSucceeded": ChangeStatus.SUCCEEDED,
    "InstallSucceeded": ChangeStatus.SUCCEEDED,
    "UpgradeSucceeded": ChangeStatus.SUCCEEDED,
    "RollbackSucceeded": ChangeStatus.ROLLED_BACK,
}
SHIPS = ("Kustomization", "HelmRelease")  # what else is told of are sources, of which nothing runs yet


class _Object(Body):
    kind: Text
    name: Text = Field(min_length=1)
    namespace: Text = ""
    uid: Text = ""


class _Event(Body):
    object: _Object = Field(alias="involvedObject")
    severity: Text
    reason: Text = ""
    timestamp: Time = None
    metadata: Texts = {}

    @property
    def revision(self) -> str:
        """Under kustomize.toolkit.fluxcd.io/revision, or another controller's name for it."""
        return next((value for name, value in self.metadata.items() if name.endswith("revision")), "")


def parse(delivery: Delivery) -> list[Change]:
    event = delivery.as_(_Event, "an event of Flux")
    status = state(event)
    if status is None or event.object.kind not in SHIPS:
        return []
    what = event.object
    return [
        facts.change(
            "flux",
            f"{what.kind}/{what.uid or f'{what.namespace}/{what.name}'}/{event.revision}",
            status,
            now=delivery.now,
            service=what.name,
            version=event.revision,
            at=event.timestamp,
        )
    ]


def state(event: _Event) -> ChangeStatus | None:
    """Raises Malformed."""
    match event.severity:
        case "info" | "trace":
            return REASONS.get(event.reason)
        case "error":
            return None if event.reason == "DependencyNotReady" else ChangeStatus.FAILED  # it waits
    raise Malformed(f"the severity {event.severity[:60]!r} is none of info, error")


SENDER = Sender(title="Flux: Kustomizations and HelmReleases", parse=parse, auth="flux")
