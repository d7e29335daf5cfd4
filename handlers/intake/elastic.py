"""Kibana: alerts of its rules, through a webhook connector whose body stands in docs/senders.md."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender

RECOVERED = "recovered"


class _Alert(Body):
    rule: Text = Field(min_length=1)
    alert: Text = ""
    name: Text = ""
    group: Text = Field(min_length=1)
    severity: Text = ""
    service: Text = ""
    environment: Text = ""
    at: Time = None
    url: Url = None


def parse(delivery: Delivery) -> list[Alert]:
    """Action groups have as many names as there are kinds of rules; of all but one the alert fires."""
    alert = delivery.as_(_Alert, "an alert of Kibana in our payload")
    return [
        facts.alert(
            "elastic",
            f"{alert.rule}/{alert.alert}",
            alert.name,
            firing=alert.group.lower() != RECOVERED,
            now=delivery.now,
            group=f"elastic/{alert.rule}",
            severity=alert.severity,
            service=alert.service,
            place=alert.environment,
            starts_at=alert.at,
            ends_at=alert.at,
            url=alert.url,
        )
    ]


SENDER = Sender(title="Elastic: alerts of Kibana's rules, in our payload", parse=parse)
