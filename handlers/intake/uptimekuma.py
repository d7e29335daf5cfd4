"""Uptime Kuma: monitors that go down and come up, from its webhook notification."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Time, Url, to_list, to_text, to_time
from handlers.intake.sender import Delivery, Sender

DOWN, UP, PENDING, MAINTENANCE = "0", "1", "2", "3"


class _Heartbeat(Body):
    status: Text
    time: Time = None
    local: Text = Field(default="", alias="localDateTime")
    offset: Text = Field(default="", alias="timezoneOffset")

    @property
    def at(self) -> Any:
        return to_time(f"{self.local} {self.offset}") if self.local and self.offset else self.time


class _Monitor(Body):
    id: Text = Field(min_length=1)
    name: Text = ""
    url: Url = None
    tags: Any = None

    @property
    def labels(self) -> dict[str, str]:
        tags = [tag for tag in to_list(self.tags) if isinstance(tag, dict)]
        return {to_text(tag.get("name")): value for tag in tags if (value := to_text(tag.get("value")))}


class _Notification(Body):
    heartbeat: _Heartbeat | None
    monitor: _Monitor | None


def parse(delivery: Delivery) -> list[Alert]:
    """Without a heartbeat it is a test, or a word about a certificate."""
    told = delivery.as_(_Notification, "a notification of Uptime Kuma")
    heartbeat, monitor = told.heartbeat, told.monitor
    if heartbeat is None or monitor is None:
        return []
    firing = facts.firing(heartbeat.status, {UP}, {DOWN}, {PENDING, MAINTENANCE})
    if firing is None:
        return []
    labels = monitor.labels
    return [
        facts.alert(
            "uptimekuma",
            monitor.id,
            f"{monitor.name or monitor.url or 'A monitor'} is down",
            firing=firing,
            now=delivery.now,
            labels=labels,
            severity=labels.get("severity") or "critical",
            service=labels.get("service") or monitor.name,
            starts_at=heartbeat.at,
            ends_at=heartbeat.at,
            url=monitor.url,
        )
    ]


SENDER = Sender(title="Uptime Kuma: monitors", parse=parse)
