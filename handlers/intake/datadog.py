"""Datadog's monitors, through a webhook whose payload stands in docs/senders.md."""

from __future__ import annotations

from bot.model import Alert
from handlers.intake import facts
from handlers.intake.fields import Body, Malformed, Tags, Text, Time, Url
from handlers.intake.sender import Delivery, Sender

FIRING = frozenset({"triggered", "re-triggered", "warn", "re-warn", "no data", "re-no data"})
RESOLVED = "recovered"
QUIET = frozenset({"renotify"})  # a reminder, in whatever state it is


class _Webhook(Body):
    cycle: Text = ""
    monitor: Text = ""
    scope: Text = ""
    title: Text = ""
    transition: Text
    priority: Text = ""
    type: Text = ""
    tags: Tags = {}
    date: Time = None
    url: Url = None
    runbook: Url = None
    value: Text = ""
    snapshot: Url = None


def parse(delivery: Delivery) -> list[Alert]:
    webhook = delivery.as_(_Webhook, "a Datadog webhook with our payload")
    transition = webhook.transition.lower()
    if transition in QUIET:
        return []
    if transition not in (*FIRING, RESOLVED):
        known = ", ".join(sorted((*FIRING, *QUIET, RESOLVED)))
        raise Malformed(f"transition: {webhook.transition[:60]!r} is none of {known}")
    return [_alert(webhook, delivery, firing=transition != RESOLVED)]


def _alert(webhook: _Webhook, delivery: Delivery, *, firing: bool) -> Alert:
    """$ID is another with every event: the cycle, or the monitor and its scope, is what stays. $DATE is that of the
    event, be it the first or a later one.
    """
    if not webhook.cycle and not webhook.monitor:
        raise Malformed("cycle and monitor are missing: one of them tells which alert it is")
    return facts.alert(
        "datadog",
        webhook.cycle or f"{webhook.monitor}/{webhook.scope}",
        webhook.title,
        firing=firing,
        now=delivery.now,
        labels=webhook.tags,
        group=f"datadog/{webhook.monitor}" if webhook.monitor else "",
        severity=webhook.priority or webhook.type,
        starts_at=webhook.date,
        dated=False,
        ends_at=None if firing else webhook.date,
        url=webhook.url,
        runbook=webhook.runbook,
        value=webhook.value,
        image=webhook.snapshot,
    )


SENDER = Sender(title="Datadog: monitors, in our payload", parse=parse)
