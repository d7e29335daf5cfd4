"""Prometheus Alertmanager's webhook, versions 3 and 4, and those that copy it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Text, Texts, Time, Url, first, to_url
from handlers.intake.sender import Delivery, Sender, as_, each, truncated

TITLE = ("summary", "title", "message")
RUNBOOK = ("runbook_url", "runbook", "runbookUrl", "runbook_link")
VALUE = ("value", "current_value", "currentValue")
IMAGE = ("image_url", "image", "graph_url", "__imageUrl__")


class Item(Body):
    """One alert, as Alertmanager and Grafana write it."""

    status: Text = ""
    labels: Texts = {}
    annotations: Texts = {}
    starts_at: Time = Field(default=None, alias="startsAt")
    ends_at: Time = Field(default=None, alias="endsAt")
    url: Url = Field(default=None, alias="generatorURL")
    fingerprint: Text = ""


class _Webhook(Body):
    group: Text = Field(default="", alias="groupKey")
    status: Text = ""
    alerts: list[Any]


def parse(delivery: Delivery) -> list[Alert]:
    """Status is per alert, never per body: one delivery mixes firing and resolved."""
    webhook = delivery.as_(_Webhook, "an Alertmanager webhook")
    return each(delivery, webhook.alerts, lambda item: [_alert(item, webhook, delivery)], "alerts")


def _alert(content: Any, webhook: _Webhook, delivery: Delivery) -> Alert:
    item = as_(Item, content, "an alert")
    return facts.alert(
        "alertmanager",
        item.fingerprint or facts.fingerprint(item.labels),
        title(item),
        firing=(item.status or webhook.status) != "resolved",
        now=delivery.now,
        labels=item.labels,
        group=webhook.group or item.labels.get("alertname", ""),
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        url=item.url,
        runbook=link(item, RUNBOOK),
        value=first(item.annotations, VALUE),
        image=link(item, IMAGE),
    )


def title(item: Item) -> str:
    return first(item.annotations, TITLE) or item.labels.get("alertname") or item.annotations.get("description", "")


def link(item: Item, names: tuple[str, ...]) -> str | None:
    """The first annotation of these that leads somewhere."""
    given = (item.annotations[name] for name in names if name in item.annotations)
    return next((url for text in given if (url := to_url(text))), None)


SENDER = Sender(title="Prometheus Alertmanager, and what copies its webhook", parse=parse, left_out=truncated)
