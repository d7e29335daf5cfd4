"""Atlassian Statuspage: a vendor's components and incidents, from the webhook that its page offers to subscribers."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.model import VendorState, VendorStatus
from bot.vendors import Read, prefix
from handlers.intake.fields import Body, Malformed, Text, Time, Url, to_objects
from handlers.intake.sender import Delivery, Sender

IMPACTS = {
    "none": VendorState.OPERATIONAL,
    "minor": VendorState.DEGRADED,
    "major": VendorState.PARTIAL_OUTAGE,
    "critical": VendorState.MAJOR_OUTAGE,
    "maintenance": VendorState.MAINTENANCE,
}
OVER = ("resolved", "postmortem", "completed")
AHEAD = ("scheduled",)
HOST = re.compile(r"https?://([\w.-]+)")


class _Meta(Body):
    unsubscribe: Url = None


class _Page(Body):
    id: Text = Field(min_length=1)


class _Component(Body):
    id: Text = Field(min_length=1)
    name: Text
    status: Text = ""


class _Update(Body):
    created_at: Time = None
    new_status: Text = ""


class _Incident(Body):
    id: Text = Field(min_length=1)
    name: Text
    status: Text
    impact: Text = "none"
    updated_at: Time = None
    url: Url = Field(default=None, alias="shortlink")


class _Webhook(Body):
    meta: _Meta | None = None
    page: _Page
    component: _Component | None = None
    component_update: _Update | None = None
    incident: _Incident | None = None

    @property
    def vendor(self) -> str:
        """It names its page by id alone; the address to unsubscribe at is the page's own."""
        found = HOST.match(self.meta.unsubscribe) if self.meta and self.meta.unsubscribe else None
        return found[1] if found else self.page.id


def parse(delivery: Delivery) -> list[VendorStatus]:
    told = delivery.as_(_Webhook, "a webhook of Statuspage")
    if told.component:
        return [_component(told, told.component, delivery)]
    if told.incident:
        return _incident(told, told.incident, delivery)
    raise Malformed("this is not a webhook of Statuspage: component and incident are both missing")


def _component(told: _Webhook, component: _Component, delivery: Delivery) -> VendorStatus:
    update = told.component_update or _Update()
    word = update.new_status or component.status
    if word not in list(VendorState):
        raise Malformed(f"the status {word[:60]!r} is none of {', '.join(VendorState)}")
    return VendorStatus(
        key=f"statuspage/{told.page.id}/{component.id}",
        vendor=told.vendor,
        component=component.name,
        status=VendorState(word),
        title=component.name,
        at=update.created_at or delivery.now,
        source="statuspage",
    )


def _incident(told: _Webhook, incident: _Incident, delivery: Delivery) -> list[VendorStatus]:
    """A maintenance that is only announced says nothing yet."""
    if incident.status in AHEAD:
        return []
    if incident.impact not in IMPACTS:
        raise Malformed(f"the impact {incident.impact[:60]!r} is none of {', '.join(IMPACTS)}")
    return [
        VendorStatus(
            key=f"statuspage/{told.page.id}/incident/{incident.id}",
            vendor=told.vendor,
            component="",
            status=VendorState.OPERATIONAL if incident.status in OVER else IMPACTS[incident.impact],
            title=incident.name,
            at=incident.updated_at or delivery.now,
            url=incident.url,
            source="statuspage",
        )
    ]


SENDER = Sender(
    title="Atlassian Statuspage: a vendor's components and incidents",
    parse=parse,
    auth="url",
    odd=202,  # the vendor's page is not ours: what it drops we cannot switch on again
)


# ---------------------------------------------------------------- what is polled


class _Listed(_Component):
    group: bool = False
    updated_at: Time = None


class _Unresolved(Body):
    name: Text = ""
    url: Url = Field(default=None, alias="shortlink")
    components: Annotated[list[_Component], BeforeValidator(to_objects)] = []


class _NamedPage(_Page):
    name: Text = ""


class _Summary(Body):
    page: _NamedPage
    components: Annotated[list[_Listed], BeforeValidator(to_objects)] = []
    incidents: Annotated[list[_Unresolved], BeforeValidator(to_objects)] = []


def summary(delivery: Delivery, etag: str) -> Read:
    """What `/api/v2/summary.json` says of each component, under the key that its webhooks have too. Raises Malformed.

    A component is as its own status says: the page's overall indicator is often another.
    """
    told = delivery.as_(_Summary, "a summary of Statuspage")
    why = {component.id: incident for incident in reversed(told.incidents) for component in incident.components}
    return Read(
        page=told.page.id,
        title=told.page.name,
        etag=etag,
        statuses=tuple(
            VendorStatus(
                key=f"{prefix(told.page.id)}{one.id}",
                vendor=told.page.name or told.page.id,
                component=one.name,
                status=VendorState(one.status),
                title=why[one.id].name if one.id in why else one.name,
                at=one.updated_at or delivery.now,
                url=why[one.id].url if one.id in why else None,
                source="statuspage",
            )
            for one in told.components
            if not one.group and one.status in list(VendorState)
        ),
    )
