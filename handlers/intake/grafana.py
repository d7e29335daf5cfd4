"""Grafana's webhook: unified alerting, in Alertmanager's shape, and the dashboard alerts of Grafana 8."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.alertmanager import IMAGE, RUNBOOK, Item, link, title
from handlers.intake.fields import Body, Malformed, Text, Texts, Url, to_list
from handlers.intake.sender import Delivery, Sender, as_, each, truncated

FIRING = frozenset({"alerting", "no_data", "nodata", "error"})
QUIET = frozenset({"pending", "paused", "unknown"})  # says nothing yet, or nothing any more


class _Item(Item):
    dashboard: Url = Field(default=None, alias="dashboardURL")
    panel: Url = Field(default=None, alias="panelURL")
    image: Url = Field(default=None, alias="imageURL")
    values: Texts = {}
    value_string: Text = Field(default="", alias="valueString")


class _Unified(Body):
    group: Text = Field(default="", alias="groupKey")
    status: Text = ""
    alerts: list[Any]


class _Legacy(Body):
    rule: Text = Field(default="", alias="ruleId")
    name: Text = Field(default="", alias="ruleName")
    url: Url = Field(default=None, alias="ruleUrl")
    org: Text = Field(default="", alias="orgId")
    state: Text
    title: Text = ""
    tags: Texts = {}
    image: Url = Field(default=None, alias="imageUrl")
    matches: Annotated[list[Texts], BeforeValidator(to_list)] = Field(default=[], alias="evalMatches")


def parse(delivery: Delivery) -> list[Alert]:
    content = delivery.content
    if isinstance(content, dict) and "alerts" not in content and ("ruleId" in content or "ruleName" in content):
        return _legacy(delivery)
    webhook = delivery.as_(_Unified, "a Grafana webhook")
    return each(delivery, webhook.alerts, lambda item: [_alert(item, webhook, delivery)], "alerts")


def _alert(content: Any, webhook: _Unified, delivery: Delivery) -> Alert:
    """An alert that has no data says so in its name; which rule it is stands in a label."""
    item = as_(_Item, content, "an alert")
    labels = item.labels
    rule = labels.get("rulename", "")
    missing = labels.get("alertname") in ("DatasourceNoData", "DatasourceError") and rule
    named = f"{labels['alertname']}: {rule}" if missing else title(item)
    return facts.alert(
        "grafana",
        item.fingerprint or facts.fingerprint(labels),
        named,
        firing=(item.status or webhook.status) != "resolved",
        now=delivery.now,
        labels=labels,
        group=webhook.group or labels.get("alertname", ""),
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        url=item.panel or item.dashboard or item.url,
        runbook=link(item, RUNBOOK),
        value=", ".join(f"{name}={value}" for name, value in item.values.items()) or item.value_string,
        image=item.image or link(item, IMAGE),
    )


def _legacy(delivery: Delivery) -> list[Alert]:
    alert = delivery.as_(_Legacy, "an alert of Grafana 8")
    state = alert.state.lower()
    if state in QUIET:
        return []
    if state not in (*FIRING, "ok"):
        raise Malformed(f"state: {alert.state[:60]!r} is none of {', '.join(sorted((*FIRING, *QUIET, 'ok')))}")
    key = alert.rule or alert.name
    if not key:
        raise Malformed("ruleId is missing")
    return [
        facts.alert(
            "grafana",
            f"rule/{alert.org}/{key}",
            alert.name or alert.title,
            firing=state in FIRING,
            now=delivery.now,
            labels=alert.tags,
            url=alert.url,
            value=", ".join(
                "=".join(filter(None, (match.get("metric"), match.get("value")))) for match in alert.matches
            ),
            image=alert.image,
        )
    ]


SENDER = Sender(
    title="Grafana, unified alerting and the dashboard alerts of before",
    parse=parse,
    auth="grafana",
    left_out=truncated,
)
