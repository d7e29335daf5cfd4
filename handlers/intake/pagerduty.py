"""PagerDuty's webhooks, version 3: what becomes of its incidents."""

from __future__ import annotations

from pydantic import Field

from bot.model import Alert
from bot.pages import OURS
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Text, Time, Url, to_text
from handlers.intake.sender import Delivery, Sender, inside

# The other events (a note, a status update, a ping) say nothing of whether it still fires.
REOPENED = "incident.reopened"
FIRING = frozenset(
    {
        "incident.triggered",
        "incident.acknowledged",
        "incident.unacknowledged",
        REOPENED,
        "incident.escalated",
        "incident.reassigned",
        "incident.delegated",
        "incident.priority_updated",
    }
)
RESOLVED = "incident.resolved"
URGENCY = {"high": "critical", "low": "warning"}


class _Named(Body):
    summary: Text = ""


class _Incident(Body):
    id: Text = Field(min_length=1)
    incident_key: Text = ""
    title: Text = ""
    html_url: Url = None
    created_at: Time = None
    urgency: Text = ""
    priority: _Named | None = None
    service: _Named | None = None


class _Event(Body):
    event_type: Text
    occurred_at: Time = None
    data: _Incident


class _Webhook(Body):
    event: _Event


def parse(delivery: Delivery) -> list[Alert]:
    content = delivery.content
    event = content.get("event") if isinstance(content, dict) else None
    if not isinstance(event, dict):
        raise Malformed("this is not a PagerDuty webhook of version 3: event is missing")
    kind = to_text(event.get("event_type"))
    if not kind:
        raise Malformed("this is not a PagerDuty webhook of version 3: event_type is missing")
    if kind not in (*FIRING, RESOLVED):
        return []
    told = delivery.as_(_Webhook, "a PagerDuty webhook of version 3").event
    if told.data.incident_key.startswith(OURS):  # our own page, come back
        return []
    return [_alert(told, delivery)]


def _alert(event: _Event, delivery: Delivery) -> Alert:
    incident = event.data
    firing = event.event_type != RESOLVED
    priority = incident.priority.summary if incident.priority else ""
    created = None if event.event_type == REOPENED else incident.created_at  # which stays what it was at first
    return facts.alert(
        "pagerduty",
        incident.id,
        incident.title,
        firing=firing,
        now=delivery.now,
        severity=priority or URGENCY.get(incident.urgency, incident.urgency),
        service=incident.service.summary if incident.service else "",
        starts_at=created or event.occurred_at,
        ends_at=None if firing else event.occurred_at,
        url=incident.html_url,
    )


SENDER = Sender(
    title="PagerDuty, webhooks of version 3",
    parse=parse,
    auth="pagerduty",
    delivery=inside("event", "id"),
    odd=202,  # three refusals in a row switch it off for a day
)
