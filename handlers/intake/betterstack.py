"""Better Stack: a vendor's components and incidents, from the webhook that its status page offers to subscribers."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from bot.model import VendorState
from handlers.intake import subscribed
from handlers.intake.fields import Malformed, host_of
from handlers.intake.sender import Sender
from handlers.intake.subscribed import Dialect, Told, Webhook

STATES = {
    "operational": VendorState.OPERATIONAL,
    "resolved": VendorState.OPERATIONAL,
    "degraded": VendorState.DEGRADED,
    "downtime": VendorState.MAJOR_OUTAGE,
    "maintenance": VendorState.MAINTENANCE,
}


def state(word: str) -> VendorState:
    """In its words, or in Statuspage's. Raises Malformed."""
    if word in list(VendorState):
        return VendorState(word)
    if word not in STATES:
        raise Malformed(f"the status {word[:60]!r} is none of {', '.join((*STATES, *VendorState))}")
    return STATES[word]


def _vendor(told: Webhook) -> str:
    """It names its page by id alone; the address to unsubscribe at is the page's own."""
    return host_of(told.meta.unsubscribe) or told.page.id


def _incident(told: Webhook, incident: Told) -> VendorState:
    """An incident bears no state of its own: the page's is the nearest to it."""
    return state(told.page.indicator)


def _maintenance(maintenance: Told, now: datetime) -> VendorState | None:
    if maintenance.starts_at and maintenance.starts_at > now:
        return None
    over = maintenance.ends_at is not None and maintenance.ends_at <= now
    return VendorState.OPERATIONAL if over else VendorState.MAINTENANCE


DIALECT = Dialect(
    sender="betterstack",
    name="a status page of Better Stack",
    vendor=_vendor,
    component=state,
    incident=_incident,
    maintenance=_maintenance,
)
SENDER = Sender(
    title="Better Stack: a vendor's components and incidents",
    parse=partial(subscribed.parse, dialect=DIALECT),
    auth="url",
    odd=202,  # the vendor's page is not ours: what it drops we cannot switch on again
)
