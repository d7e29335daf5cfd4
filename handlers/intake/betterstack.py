"""Better Stack: a vendor's components and incidents, from the webhook that its status page offers to subscribers."""

from __future__ import annotations

from pydantic import Field

from bot.model import VendorState, VendorStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, Url, host_of
from handlers.intake.sender import Delivery, Sender

STATES = {
    "operational": VendorState.OPERATIONAL,
    "resolved": VendorState.OPERATIONAL,
    "degraded": VendorState.DEGRADED,
    "downtime": VendorState.MAJOR_OUTAGE,
    "maintenance": VendorState.MAINTENANCE,
}


class _Meta(Body):
    unsubscribe: Url = None


class _Page(Body):
    id: Text = Field(min_length=1)
    indicator: Text = Field(default="", alias="status_indicator")


class _Told(Body):
    """An incident or a maintenance."""

    id: Text = Field(min_length=1)
    name: Text = ""
    updated_at: Time = None
    starts_at: Time = None
    ends_at: Time = None
    url: Url = Field(default=None, alias="shortlink")


class _Component(Body):
    id: Text = Field(min_length=1)
    name: Text = ""
    status: Text = ""


class _Update(Body):
    created_at: Time = None
    new_status: Text = ""


class _Webhook(Body):
    meta: _Meta = _Meta()
    page: _Page
    incident: _Told | None = None
    maintenance: _Told | None = None
    component: _Component | None = None
    update: _Update = Field(default=_Update(), alias="component_update")

    @property
    def vendor(self) -> str:
        return host_of(self.meta.unsubscribe) or self.page.id


def parse(delivery: Delivery) -> list[VendorStatus]:
    told = delivery.as_(_Webhook, "a webhook of a status page of Better Stack")
    if told.component:
        return [_component(told, told.component, delivery)]
    if told.maintenance:
        return _maintenance(told, told.maintenance, delivery)
    if told.incident:
        return [_said(told, told.incident, state(told.page.indicator), delivery)]
    raise Malformed("this is no webhook of Better Stack: incident, maintenance and component are all missing")


def state(word: str) -> VendorState:
    """In its words, or in Statuspage's. Raises Malformed."""
    if word in list(VendorState):
        return VendorState(word)
    if word not in STATES:
        raise Malformed(f"the status {word[:60]!r} is none of {', '.join((*STATES, *VendorState))}")
    return STATES[word]


def _maintenance(told: _Webhook, maintenance: _Told, delivery: Delivery) -> list[VendorStatus]:
    """One that is only announced says nothing yet."""
    if maintenance.starts_at and maintenance.starts_at > delivery.now:
        return []
    over = maintenance.ends_at is not None and maintenance.ends_at <= delivery.now
    return [_said(told, maintenance, VendorState.OPERATIONAL if over else VendorState.MAINTENANCE, delivery)]


def _said(told: _Webhook, what: _Told, status: VendorState, delivery: Delivery) -> VendorStatus:
    """An incident bears no state of its own: the page's is the nearest to it."""
    return facts.vendor(
        "betterstack",
        f"{told.page.id}/report/{what.id}",
        status,
        now=delivery.now,
        vendor=told.vendor,
        title=what.name,
        at=what.updated_at,
        url=what.url,
    )


def _component(told: _Webhook, component: _Component, delivery: Delivery) -> VendorStatus:
    return facts.vendor(
        "betterstack",
        f"{told.page.id}/{component.id}",
        state(told.update.new_status or component.status),
        now=delivery.now,
        vendor=told.vendor,
        component=component.name,
        title=component.name,
        at=told.update.created_at,
    )


SENDER = Sender(
    title="Better Stack: a vendor's components and incidents",
    parse=parse,
    auth="url",
    odd=202,  # the vendor's page is not ours: what it drops we cannot switch on again
)
