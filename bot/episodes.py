"""What the next word on a known alert means: the same again, an end, a new episode, or something worse."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.model import Alert
from bot.policy import Policy
from bot.text import clip, one_line

SEVERITY = ("severity", "priority", "level")  # labels that say how bad it is, and nothing of what it is
LATE = timedelta(minutes=2)  # a copy that was held up
VALUE = 60  # characters of what was measured, on a line


def settled(alert: Alert, before: Alert | None) -> Alert:
    """With what only an earlier word said: when it began, its labels, where to read on."""
    if before is None:
        return alert
    goes_on = (not alert.dated or began_as(alert, before)) and (before.firing or not alert.firing)
    return replace(
        alert,
        starts_at=before.starts_at if goes_on else alert.starts_at,
        said_at=alert.said_at or (before.said_at if goes_on else None),
        labels=alert.labels or before.labels,
        runbook=alert.runbook or before.runbook,
        value=alert.value or before.value,
        image=alert.image or before.image,
        url=alert.url or before.url,
        fires=before.fires,
    )


def began_as(alert: Alert, before: Alert) -> bool:
    """By the clock of a sender that runs ahead of ours: it names one time for one episode, whatever we take it for."""
    return (alert.said_at or alert.starts_at) == before.said_at


def is_stale(alert: Alert, before: Alert, now: datetime) -> bool:
    """An old copy of an episode that has ended since: senders repeat themselves, and not in order.

    What says so long after the end fires again, whenever it says that it began: Alertmanager names the first time
    again for what it had lost sight of.
    """
    ended = before.ends_at or before.starts_at
    old = alert.starts_at <= before.starts_at or began_as(alert, before)
    return alert.firing and not before.firing and old and now - ended < LATE


def is_worse(alert: Alert, before: Alert, policy: Policy) -> bool:
    return (
        alert.severity != before.severity
        and before.firing
        and alert.firing
        and policy.severity_of(alert.severity) < policy.severity_of(before.severity)
    )


def subject(alert: Alert) -> Hashable:
    """The same for alerts that differ in severity alone. To Alertmanager those are two: one ends, the other begins."""
    labels = frozenset((name, value) for name, value in alert.labels.items() if name not in SEVERITY)
    return (alert.source, labels) if labels else alert.key


def turned(alerts: Sequence[Alert], known: Mapping[str, Alert]) -> dict[str, Alert]:
    """Which alerts of a delivery go on under a new key: both keys → the alert as it was known before."""
    ended = [alert for alert in alerts if not alert.firing]
    if not ended or len(ended) == len(alerts):
        return {}
    olds = {subject(alert): before for alert in ended if (before := known.get(alert.key)) and before.firing}
    news = {subject(alert): alert.key for alert in alerts if alert.firing and not _fires(known.get(alert.key))}
    pairs = [(before, news[what]) for what, before in olds.items() if what in news]
    return {key: before for before, new in pairs for key in (before.key, new)}


def _fires(before: Alert | None) -> bool:
    return before is not None and before.firing


def moved(alert: Alert, before: Alert, policy: Policy) -> str:
    """ "HighErrorRate escalated: warning → critical"."""
    worse = policy.severity_of(alert.severity) < policy.severity_of(before.severity)
    return f"{alert.title} {'escalated' if worse else 'eased'}: {before.severity or '–'} → {alert.severity or '–'}"


def measured(alert: Alert) -> str:
    """ " (23%)", or nothing."""
    value = clip(one_line(alert.value), VALUE)
    return f" ({value})" if value else ""


def fires_again(alert: Alert, policy: Policy, now: datetime) -> Alert:
    """With this beginning counted; as many of the last ones are kept as it takes to tell that it flaps."""
    since = int((now - policy.flaps_within).timestamp())
    recent = tuple(at for at in alert.fires if at >= since)
    return replace(alert, fires=(*recent, int(now.timestamp()))[-policy.flaps_after - 1 :])


def flaps(alert: Alert, policy: Policy, now: datetime) -> bool:
    """It fired too often within the time, up to now."""
    since = int((now - policy.flaps_within).timestamp())
    return len(alert.fires) > policy.flaps_after and alert.fires[-policy.flaps_after - 1] >= since
