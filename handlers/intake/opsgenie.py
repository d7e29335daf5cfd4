"""Opsgenie's webhook integration: what becomes of its alerts."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time
from handlers.intake.sender import Delivery, Sender

FIRING = "create"
RESOLVED = frozenset({"close", "delete"})


class _Alert(Body):
    id: Text = Field(default="", alias="alertId")
    message: Text = ""
    entity: Text = ""
    priority: Text = ""
    created_at: Time = Field(default=None, alias="createdAt")
    updated_at: Time = Field(default=None, alias="updatedAt")


class _Webhook(Body):
    action: Text
    alert: _Alert


def parse(delivery: Delivery) -> list[Alert]:
    """What else people do with an alert (a note, a tag, an acknowledgement) says nothing of whether it still fires."""
    webhook = delivery.as_(_Webhook, "an Opsgenie webhook")
    action = webhook.action.lower()
    if not action:
        raise Malformed("this is not an Opsgenie webhook: action is missing")
    if action != FIRING and action not in RESOLVED:
        return []
    return [_alert(webhook.alert, delivery, firing=action == FIRING)]


def _alert(alert: _Alert, delivery: Delivery, *, firing: bool) -> Alert:
    """An alias is used again by the next alert; the id is this one's."""
    if not alert.id:
        raise Malformed("alert.alertId is missing")
    priority = f"P{alert.priority}" if alert.priority.isdigit() else alert.priority
    return facts.alert(
        "opsgenie",
        alert.id,
        alert.message,
        firing=firing,
        now=delivery.now,
        severity=priority,
        service=alert.entity,
        starts_at=alert.created_at,
        ends_at=None if firing else alert.updated_at,
    )


SENDER = Sender(title="Opsgenie: alerts", parse=parse)
