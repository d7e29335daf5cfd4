"""Graylog: events, from its HTTP notification."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Texts, Time
from handlers.intake.sender import Delivery, Sender

PRIORITY = {"1": "info", "2": "warning", "3": "error", "4": "critical"}


class _Event(Body):
    message: Text = ""
    timestamp: Time = None
    key: Text = ""
    priority: Text = ""
    fields_: Texts = Field(default={}, alias="fields")
    groups: Texts = Field(default={}, alias="group_by_fields")


class _Notification(Body):
    id: Text = Field(alias="event_definition_id", min_length=1)
    title: Text = Field(default="", alias="event_definition_title")
    event: _Event


def parse(delivery: Delivery) -> list[Alert]:
    """What an event is grouped by makes it an alert of its own. It never says that it is over."""
    told = delivery.as_(_Notification, "a notification of Graylog")
    event = told.event
    labels = event.fields_ | event.groups
    return [
        facts.alert(
            "graylog",
            f"{told.id}/{event.key or facts.fingerprint(event.groups)}",
            told.title or event.message,
            firing=True,
            now=delivery.now,
            labels=labels,
            severity=labels.get("severity") or PRIORITY.get(event.priority, ""),
            starts_at=event.timestamp,
        )
    ]


SENDER = Sender(title="Graylog: events", parse=parse, auth="url")
