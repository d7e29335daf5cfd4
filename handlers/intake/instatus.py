"""Instatus: a vendor's components, incidents and maintenances, from the webhook that its page offers to subscribers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from bot.model import VendorState
from handlers.intake import subscribed
from handlers.intake.fields import Malformed, host_of
from handlers.intake.sender import Sender
from handlers.intake.subscribed import Dialect, Told, Webhook

STATES = {
    "OPERATIONAL": VendorState.OPERATIONAL,
    "UNDERMAINTENANCE": VendorState.MAINTENANCE,
    "DEGRADEDPERFORMANCE": VendorState.DEGRADED,
    "PARTIALOUTAGE": VendorState.PARTIAL_OUTAGE,
    "MAJOROUTAGE": VendorState.MAJOR_OUTAGE,
}
ONGOING, OVER = ("INVESTIGATING", "IDENTIFIED", "MONITORING"), "RESOLVED"
MAINTENANCE = {"INPROGRESS": VendorState.MAINTENANCE, "COMPLETED": VendorState.OPERATIONAL}
AHEAD = "NOTSTARTEDYET"


def known(word: str, states: Mapping[str, VendorState] = STATES) -> VendorState:
    """Raises Malformed."""
    if word.upper() not in states:
        raise Malformed(f"the status {word[:60]!r} is none of {', '.join(states)}")
    return states[word.upper()]


def _vendor(told: Webhook) -> str:
    return host_of(told.page.url) or told.page.id


def _incident(told: Webhook, incident: Told) -> VendorState:
    """An incident counts by its impact until it is resolved; one whose impact is not told is at least a nuisance."""
    degraded = STATES.get(incident.impact.upper(), VendorState.DEGRADED)
    return known(incident.status, dict.fromkeys(ONGOING, degraded) | {OVER: VendorState.OPERATIONAL})


def _maintenance(maintenance: Told, now: datetime) -> VendorState | None:
    return None if maintenance.status.upper() == AHEAD else known(maintenance.status, MAINTENANCE)


DIALECT = Dialect(
    sender="instatus",
    name="Instatus",
    vendor=_vendor,
    component=known,
    incident=_incident,
    maintenance=_maintenance,
)
SENDER = Sender(
    title="Instatus: a vendor's components and incidents",
    parse=partial(subscribed.parse, dialect=DIALECT),
    auth="instatus",
    odd=202,  # the vendor's page is not ours: what it drops we cannot switch on again
)
