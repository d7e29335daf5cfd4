"""What is meant for PagerDuty's Events API, version 2: nearly every monitor can post it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Texts, Time, Url, first, to_objects
from handlers.intake.sender import Delivery, Sender

PATH = "/v2/enqueue"
FIRING, OVER, QUIET = frozenset({"trigger"}), frozenset({"resolve"}), frozenset({"acknowledge"})


class _Payload(Body):
    summary: Text = ""
    source: Text = ""
    severity: Text = ""
    timestamp: Time = None
    component: Text = ""
    group: Text = ""
    details: Texts = Field(default={}, alias="custom_details")


class _Link(Body):
    href: Url = None


class Event(Body):
    action: Text = Field(alias="event_action")
    dedup_key: Text = ""
    client_url: Url = None
    links: Annotated[list[_Link], BeforeValidator(to_objects)] = []
    payload: _Payload | None = None

    @property
    def key(self) -> str:
        """What is triggered without a key gets one; nobody can resolve it, but repeats of it are the same."""
        if self.dedup_key or self.payload is None:
            return self.dedup_key
        return facts.fingerprint({"summary": self.payload.summary, "source": self.payload.source})

    @property
    def url(self) -> str | None:
        return next((link.href for link in self.links if link.href), self.client_url)


def event(delivery: Delivery) -> Event:
    """Raises Malformed."""
    return delivery.as_(Event, "an event for PagerDuty")


def parse(delivery: Delivery) -> list[Alert]:
    told = event(delivery)
    firing = facts.firing(told.action.lower(), OVER, FIRING, QUIET)
    if firing is None:
        return []
    if not told.key:
        raise Malformed("dedup_key is missing: it tells which alert is over")
    if firing and told.payload is None:
        raise Malformed("payload is missing")
    payload = told.payload or _Payload()
    return [
        facts.alert(
            "pagerduty_events",
            told.key,
            payload.summary,
            firing=firing,
            now=delivery.now,
            labels=payload.details,
            severity=payload.severity,
            service=first(payload.details, facts.SERVICE) or payload.component or payload.source,
            starts_at=payload.timestamp,
            ends_at=payload.timestamp,
            url=told.url,
        )
    ]


SENDER = Sender(
    title="What is meant for PagerDuty's Events API",
    parse=parse,
    auth="pagerduty_events",
    secret_fields=("routing_key",),
)
