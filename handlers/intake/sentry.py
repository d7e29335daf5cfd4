"""Sentry's integration webhooks: issue alerts, metric alerts, and issues that are resolved."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, Url, to_list
from handlers.intake.sender import Delivery, Sender

ISSUES = {"created": True, "unresolved": True, "resolved": False}
METRICS = {"critical": True, "warning": True, "resolved": False}


class _Project(Body):
    slug: Text = ""


class _Issue(Body):
    id: Text = Field(min_length=1)
    title: Text = ""
    level: Text = ""
    project: _Project = _Project()
    first_seen: Time = Field(default=None, alias="firstSeen")
    permalink: Url = None


class _Event(Body):
    issue: Text = Field(min_length=1, alias="issue_id")
    title: Text = ""
    level: Text = ""
    environment: Text = ""
    datetime: Time = None
    web_url: Url = None


class _Metric(Body):
    id: Text = Field(min_length=1)
    title: Text = ""
    projects: Annotated[list[Text], BeforeValidator(to_list)] = []
    date_started: Time = None


class _Data(Body):
    event: _Event | None = None
    issue: _Issue | None = None
    metric_alert: _Metric | None = None
    description_title: Text = ""
    web_url: Url = None


class _Webhook(Body):
    action: Text
    data: _Data


def parse(delivery: Delivery) -> list[Alert]:
    webhook = delivery.as_(_Webhook, "a Sentry webhook")
    data, action, now = webhook.data, webhook.action, delivery.now
    if data.event and action == "triggered":
        return [_of_event(data.event, delivery)]
    if data.issue and action in ISSUES:
        issue = data.issue
        return [
            facts.alert(
                "sentry",
                f"issue/{issue.id}",
                issue.title,
                firing=ISSUES[action],
                now=now,
                severity=issue.level,
                service=issue.project.slug,
                starts_at=None if action == "unresolved" else issue.first_seen,  # which is when it was new
                url=issue.permalink,
            )
        ]
    if data.metric_alert and action in METRICS:
        return [_of_metric(data.metric_alert, webhook, delivery)]
    if not (data.event or data.issue or data.metric_alert):
        raise Malformed("this is not a Sentry webhook: data has neither event, issue nor metric_alert")
    return []


def _of_event(event: _Event, delivery: Delivery) -> Alert:
    """An issue alert never says that it is over; the issue of the same key does."""
    return facts.alert(
        "sentry",
        f"issue/{event.issue}",
        event.title,
        firing=True,
        now=delivery.now,
        severity=event.level,
        place=event.environment,
        starts_at=event.datetime,
        url=event.web_url,
    )


def _of_metric(metric: _Metric, webhook: _Webhook, delivery: Delivery) -> Alert:
    firing = METRICS[webhook.action]
    return facts.alert(
        "sentry",
        f"metric/{metric.id}",
        webhook.data.description_title or metric.title,
        firing=firing,
        now=delivery.now,
        severity=webhook.action if firing else "",
        service=metric.projects[0] if metric.projects else "",
        starts_at=metric.date_started,
        url=webhook.data.web_url,
    )


SENDER = Sender(title="Sentry: issue alerts, metric alerts, issues", parse=parse, auth="sentry")
