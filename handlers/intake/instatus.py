"""Instatus: a vendor's components, incidents and maintenances, from the webhook that its page offers to subscribers."""

from __future__ import annotations

from pydantic import Field

from bot.model import VendorState, VendorStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, Url, host_of
from handlers.intake.sender import Delivery, Sender

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


class _Page(Body):
    id: Text = Field(min_length=1)
    url: Url = None


class _Told(Body):
    """An incident or a maintenance."""

    id: Text = Field(min_length=1)
    name: Text = ""
    status: Text
    impact: Text = ""
    updated_at: Time = None
    url: Url = None


class _Component(Body):
    id: Text = Field(min_length=1)
    name: Text = ""
    status: Text = ""


class _Update(Body):
    created_at: Time = None
    new_status: Text = ""


class _Webhook(Body):
    page: _Page
    incident: _Told | None = None
    maintenance: _Told | None = None
    component: _Component | None = None
    update: _Update = Field(default=_Update(), alias="component_update")


def parse(delivery: Delivery) -> list[VendorStatus]:
    told = delivery.as_(_Webhook, "a webhook of Instatus")
    if told.component:
        return [_component(told, told.component, delivery)]
    if told.maintenance:
        if told.maintenance.status.upper() == AHEAD:
            return []  # it is only announced
        return [_said(told, told.maintenance, known(told.maintenance.status, MAINTENANCE), delivery)]
    if told.incident:
        return [_said(told, told.incident, _state(told.incident), delivery)]
    raise Malformed("this is not a webhook of Instatus: incident, maintenance and component are all missing")


def known(word: str, states: dict[str, VendorState]) -> VendorState:
    """Raises Malformed."""
    if word.upper() not in states:
        raise Malformed(f"the status {word[:60]!r} is none of {', '.join(states)}")
    return states[word.upper()]


def _state(incident: _Told) -> VendorState:
    """An incident counts by its impact until it is resolved; one whose impact is not told is at least a nuisance."""
    degraded = STATES.get(incident.impact.upper(), VendorState.DEGRADED)
    return known(incident.status, dict.fromkeys(ONGOING, degraded) | {OVER: VendorState.OPERATIONAL})


def _said(told: _Webhook, what: _Told, status: VendorState, delivery: Delivery) -> VendorStatus:
    return facts.vendor(
        "instatus",
        f"{told.page.id}/report/{what.id}",
        status,
        now=delivery.now,
        vendor=host_of(told.page.url) or told.page.id,
        title=what.name,
        at=what.updated_at,
        url=what.url,
    )


def _component(told: _Webhook, component: _Component, delivery: Delivery) -> VendorStatus:
    return facts.vendor(
        "instatus",
        f"{told.page.id}/{component.id}",
        known(told.update.new_status or component.status, STATES),
        now=delivery.now,
        vendor=host_of(told.page.url) or told.page.id,
        component=component.name,
        title=component.name,
        at=told.update.created_at,
    )


SENDER = Sender(
    title="Instatus: a vendor's components and incidents",
    parse=parse,
    auth="instatus",
    odd=202,  # the vendor's page is not ours: what it drops we cannot switch on again
)
