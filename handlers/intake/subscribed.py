"""What pages of vendors post to subscribers, in the form that Statuspage began, each with words of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import AliasChoices, Field

from bot.model import VendorState, VendorStatus
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, Url
from handlers.intake.sender import Delivery


class Meta(Body):
    unsubscribe: Url = None


class Page(Body):
    id: Text = Field(min_length=1)
    url: Url = None
    indicator: Text = Field(default="", alias="status_indicator")


class Told(Body):
    """An incident or a maintenance."""

    id: Text = Field(min_length=1)
    name: Text = ""
    status: Text = ""
    impact: Text = ""
    updated_at: Time = None
    starts_at: Time = None
    ends_at: Time = None
    url: Url = Field(default=None, validation_alias=AliasChoices("url", "shortlink"))


class Component(Body):
    id: Text = Field(min_length=1)
    name: Text = ""
    status: Text = ""


class Update(Body):
    created_at: Time = None
    new_status: Text = ""


class Webhook(Body):
    meta: Meta = Meta()
    page: Page
    incident: Told | None = None
    maintenance: Told | None = None
    component: Component | None = None
    update: Update = Field(default=Update(), alias="component_update")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One sender's words. Each of the last three raises Malformed; a maintenance that is only announced is None."""

    sender: str
    name: str
    vendor: Callable[[Webhook], str]
    component: Callable[[str], VendorState]
    incident: Callable[[Webhook, Told], VendorState]
    maintenance: Callable[[Told, datetime], VendorState | None]


def parse(delivery: Delivery, dialect: Dialect) -> list[VendorStatus]:
    told = delivery.as_(Webhook, f"a webhook of {dialect.name}")
    if told.component:
        return [_component(told, told.component, delivery, dialect)]
    if told.maintenance:
        state = dialect.maintenance(told.maintenance, delivery.now)
        return [_report(told, told.maintenance, state, delivery, dialect)] if state else []
    if told.incident:
        return [_report(told, told.incident, dialect.incident(told, told.incident), delivery, dialect)]
    raise Malformed(f"this is no webhook of {dialect.name}: incident, maintenance and component are all missing")


def _report(told: Webhook, what: Told, state: VendorState, delivery: Delivery, dialect: Dialect) -> VendorStatus:
    return facts.vendor(
        dialect.sender,
        f"{told.page.id}/report/{what.id}",
        state,
        now=delivery.now,
        vendor=dialect.vendor(told),
        title=what.name,
        at=what.updated_at,
        url=what.url,
    )


def _component(told: Webhook, component: Component, delivery: Delivery, dialect: Dialect) -> VendorStatus:
    return facts.vendor(
        dialect.sender,
        f"{told.page.id}/{component.id}",
        dialect.component(told.update.new_status or component.status),
        now=delivery.now,
        vendor=dialect.vendor(told),
        component=component.name,
        title=component.name,
        at=told.update.created_at,
    )
