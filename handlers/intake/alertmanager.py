"""Prometheus Alertmanager's webhook, version 4 (and those that copy it)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, ValidationError

from bot.model import Alert
from handlers.intake.fields import Body, Malformed, Text, Texts, Time, Url, environment, load, why

TITLE = ("summary", "title", "message")
SEVERITY = ("severity", "priority", "level")
SERVICE = ("service", "app", "app_kubernetes_io_name", "deployment", "job", "namespace")
ENVIRONMENT = ("environment", "env", "stage")


class _Alert(Body):
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
    alerts: list[_Alert]


def parse(body: bytes, now: datetime) -> list[Alert]:
    """Status is per alert, never per body: one delivery mixes firing and resolved."""
    try:
        webhook = _Webhook.model_validate(load(body))
    except ValidationError as error:
        raise Malformed(f"this is not an Alertmanager webhook: {why(error)}") from None
    return [_alert(item, webhook, now) for item in webhook.alerts]


def _alert(item: _Alert, webhook: _Webhook, now: datetime) -> Alert:
    labels, notes = item.labels, item.annotations
    firing = (item.status or webhook.status) != "resolved"
    started = item.starts_at or now
    return Alert(
        key=f"alertmanager/{item.fingerprint or fingerprint(labels)}",
        group=webhook.group or labels.get("alertname", ""),
        title=first(notes, TITLE) or labels.get("alertname") or notes.get("description") or "Unnamed alert",
        severity=first(labels, SEVERITY),
        service=first(labels, SERVICE),
        environment=environment(first(labels, ENVIRONMENT)),
        firing=firing,
        starts_at=started,
        ends_at=None if firing else item.ends_at or now,
        url=item.url,
        source="alertmanager",
    )


def first(values: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def fingerprint(labels: Mapping[str, str]) -> str:
    """For senders without one: the same labels are the same alert."""
    text = "\x00".join(f"{name}\x01{value}" for name, value in sorted(labels.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
