"""Prometheus itself, which posts to an Alertmanager's API: every firing alert again each minute, without a status."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.alertmanager import IMAGE, RUNBOOK, VALUE, Item, link, title
from handlers.intake.fields import Malformed, first
from handlers.intake.sender import Delivery, Sender, as_, each

PATH = "/api/v2/alerts"
SKEW = timedelta(seconds=5)  # a firing alert ends minutes from now; clocks differ by seconds


def parse(delivery: Delivery) -> list[Alert]:
    content = delivery.content
    if not isinstance(content, list):
        raise Malformed("this is not what Prometheus sends: write a list, […]")
    return each(delivery, content, lambda item: [_alert(item, delivery)], "")


def _alert(content: Any, delivery: Delivery) -> Alert:
    item = as_(Item, content, "an alert")
    # Each Prometheus of a pair sends the same alert, with its own replica label.
    labels = {name: value for name, value in item.labels.items() if name not in ("replica", "prometheus_replica")}
    if not labels:
        raise Malformed("an alert has no labels")
    started = item.starts_at or item.ends_at or delivery.now
    return facts.alert(
        "prometheus",
        facts.fingerprint(labels),
        title(item),
        firing=item.ends_at is None or item.ends_at > delivery.now - SKEW,
        now=delivery.now,
        labels=labels,
        group=labels.get("alertname", ""),
        starts_at=started,
        ends_at=item.ends_at,
        url=item.url,
        runbook=link(item, RUNBOOK),
        value=first(item.annotations, VALUE),
        image=link(item, IMAGE),
    )


SENDER = Sender(
    title="Prometheus straight to us, as if we were an Alertmanager",
    parse=parse,
    partly=400,  # as an Alertmanager answers: Prometheus logs it, and sends what fires again in a minute
)
