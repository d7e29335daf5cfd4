"""SigNoz: alerts, in Alertmanager's shape."""

from __future__ import annotations

from typing import Any

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.alertmanager import Item, title
from handlers.intake.fields import Body, Text, to_url
from handlers.intake.sender import Delivery, Sender, as_, each


class _Webhook(Body):
    groupKey: Text = ""
    alerts: list[Any]


def parse(delivery: Delivery) -> list[Alert]:
    webhook = delivery.as_(_Webhook, "a webhook of SigNoz")
    return each(delivery, webhook.alerts, lambda item: [_alert(item, webhook, delivery)], "alerts")


def _alert(content: Any, webhook: _Webhook, delivery: Delivery) -> Alert:
    """Its labels are OpenTelemetry's attributes, with dots: service.name, deployment.environment."""
    item = as_(Item, content, "an alert")
    labels = {name.replace(".", "_"): value for name, value in item.labels.items()}
    return facts.alert(
        "signoz",
        item.fingerprint or facts.fingerprint(item.labels),
        title(item),
        firing=item.status != "resolved",
        now=delivery.now,
        labels=labels,
        group=webhook.groupKey or labels.get("alertname", ""),
        place=labels.get("deployment_environment", ""),
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        url=to_url(labels.get("ruleSource")) or item.url,
    )


SENDER = Sender(title="SigNoz: alerts", parse=parse, auth="basic")
