"""UptimeRobot: monitors that go down and come up, in our JSON payload."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url
from handlers.intake.sender import Delivery, Sender

DOWN, UP, EXPIRES = "1", "2", "3"


class _Notification(Body):
    id: Text = Field(alias="monitor_id", min_length=1)
    name: Text = Field(default="", alias="monitor_friendly_name")
    url: Url = Field(default=None, alias="monitor_url")
    type: Text = Field(alias="alert_type", min_length=1)
    at: Time = Field(default=None, alias="alert_datetime")
    service: Text = ""
    severity: Text = ""


def parse(delivery: Delivery) -> list[Alert]:
    """That a certificate will expire is no outage, and it is never said to be over."""
    told = delivery.as_(_Notification, "a notification of UptimeRobot in our payload")
    firing = facts.firing(told.type, {UP}, {DOWN}, {EXPIRES})
    if firing is None:
        return []
    return [
        facts.alert(
            "uptimerobot",
            told.id,
            f"{told.name or told.url or 'A monitor'} is down",
            firing=firing,
            now=delivery.now,
            severity=told.severity or "critical",
            service=told.service or told.name,
            starts_at=told.at,
            ends_at=told.at,
            url=told.url,
        )
    ]


SENDER = Sender(title="UptimeRobot: monitors, in our payload", parse=parse, auth="url")
