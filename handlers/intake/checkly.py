"""Checkly: checks, through a webhook channel whose payload stands in docs/senders.md."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender

FAILURE, DEGRADED = "critical", "warning"
FIRING = {
    "ALERT_FAILURE": FAILURE,
    "ALERT_DEGRADED_FAILURE": FAILURE,
    "ALERT_DEGRADED": DEGRADED,
    "ALERT_FAILURE_DEGRADED": DEGRADED,
}
OVER = frozenset({"ALERT_RECOVERY", "ALERT_DEGRADED_RECOVERY"})
# Reminders say nothing new, and a certificate that will expire is never said to be renewed.
QUIET = frozenset({"ALERT_FAILURE_REMAIN", "ALERT_DEGRADED_REMAIN", "ALERT_SSL", "NO_ALERT"})


class _Webhook(Body):
    id: Text = Field(alias="check_id", min_length=1)
    name: Text = Field(default="", alias="check_name")
    type: Text = Field(alias="alert_type")
    title: Text = Field(default="", alias="alert_title")
    group: Text = Field(default="", alias="group_name")
    at: Time = Field(default=None, alias="started_at")
    url: Url = Field(default=None, alias="result_link")


def parse(delivery: Delivery) -> list[Alert]:
    webhook = delivery.as_(_Webhook, "a webhook of Checkly in our payload")
    firing = facts.firing(webhook.type, OVER, frozenset(FIRING), QUIET)
    if firing is None:
        return []
    return [
        facts.alert(
            "checkly",
            webhook.id,
            webhook.title or webhook.name,
            firing=firing,
            now=delivery.now,
            severity=FIRING.get(webhook.type, ""),
            service=webhook.group or webhook.name,
            starts_at=webhook.at,
            ends_at=webhook.at,
            url=webhook.url,
        )
    ]


SENDER = Sender(title="Checkly: checks, in our payload", parse=parse, auth="checkly")
