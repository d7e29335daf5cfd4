"""From alerts to a decision: open an incident, join one, reopen one, or stay quiet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot import incidents
from bot.decision import Decision, NameSuspects, PostCard
from bot.model import Alert, Entry, EntryKind, Incident
from bot.policy import Policy

IN_FULL = 3  # so many alerts of one delivery get a line each; more share one


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What storage already knows: alerts by key, incidents by group."""

    alerts: Mapping[str, Alert]
    open: Mapping[str, Incident]
    recent: Mapping[str, Incident]  # resolved within the cooling time
    next_number: int


def group_of(alert: Alert) -> str:
    """One incident per service and environment; without a service the sender's grouping decides."""
    return f"{alert.service}/{alert.environment}" if alert.service else alert.group


def triage(alerts: Sequence[Alert], seen: Seen, policy: Policy, now: datetime) -> Decision:
    """One delivery of a sender, whole: its cost grows with the number of alerts and with nothing else."""
    table = _Table(seen, policy, now)
    for alert in alerts:
        table.take(alert)
    return table.decision()


def is_stale(alert: Alert, before: Alert) -> bool:
    """An old copy of an episode that has ended since: senders repeat themselves, and not in order."""
    return alert.firing and not before.firing and alert.starts_at <= before.starts_at


class _Table:
    """The state of one triage: what is known so far, and what will be decided."""

    def __init__(self, seen: Seen, policy: Policy, now: datetime) -> None:
        self.policy, self.now = policy, now
        self.known, self.open, self.recent = dict(seen.alerts), dict(seen.open), dict(seen.recent)
        self.number = seen.next_number
        self.alerts: dict[str, Alert] = {}
        self.changed: dict[str, Incident] = {}
        self.decisions: list[Decision] = []
        self.fired: dict[str, list[Alert]] = defaultdict(list)
        self.cleared: dict[str, list[Alert]] = defaultdict(list)

    def take(self, alert: Alert) -> None:
        before = self.known.get(alert.key)
        if before and is_stale(alert, before):
            return
        if before and self.is_repeat(alert, before):
            self.remember(replace(alert, incident=before.incident, count=before.count + 1))
        elif alert.firing:
            self.remember(replace(alert, incident=self.incident_for(alert)))
        else:
            self.remember(replace(alert, incident=before.incident if before else ""))
            if before and before.incident:
                self.cleared[before.incident].append(alert)

    def is_repeat(self, alert: Alert, before: Alert) -> bool:
        """Nothing new. A later start is a new episode, though no end was heard of the last one; and what still fires
        when its incident has been over for longer than the cooling time is news again.
        """
        if before.firing != alert.firing or (alert.firing and alert.starts_at > before.starts_at):
            return False
        group = group_of(alert)
        return not (alert.firing and before.incident) or group in self.open or group in self.recent

    def remember(self, alert: Alert) -> None:
        self.known[alert.key] = self.alerts[alert.key] = replace(alert, last_at=self.now)

    def incident_for(self, alert: Alert) -> str:
        group = group_of(alert)
        if incident := self.open.get(group):
            if incident.onset_at is None or alert.starts_at < incident.onset_at:
                self.change(replace(incident, onset_at=alert.starts_at))
            self.fired[incident.id].append(alert)
            return incident.id
        severity = self.policy.severity_of(alert.severity)
        if severity > self.policy.opens_at:
            return ""
        if incident := self.recent.pop(group, None):
            decision = incidents.reopen(incident, f"{alert.title} fired again", self.policy, self.now)
        else:
            decision = incidents.open_(
                self.number,
                alert.title,
                alert.service,
                alert.environment,
                severity,
                self.policy,
                self.now,
                group=group,
                onset_at=alert.starts_at,
            )
            self.number += 1
        incident = next(noun for noun in decision.save if isinstance(noun, Incident))
        self.decisions.append(decision)
        self.change(incident)
        self.fired[incident.id].append(alert)
        return incident.id

    def change(self, incident: Incident) -> None:
        self.open[incident.group] = self.changed[incident.id] = incident

    def decision(self) -> Decision:
        total = sum(self.decisions, Decision())
        others = tuple(noun for noun in total.save if not isinstance(noun, Incident))
        touched = dict.fromkeys([*self.fired, *self.cleared])
        return Decision(
            save=(*self.changed.values(), *others, *self.alerts.values()),
            note=total.note + tuple(entry for id in touched for entry in self.entries(id)),
            do=total.do + tuple(PostCard(id) for id in touched) + tuple(NameSuspects(id) for id in self.fired),
        )

    def entries(self, incident: str) -> list[Entry]:
        fired = _lines(incident, "fired", [(a, a.starts_at) for a in self.fired[incident]])
        return fired + _lines(incident, "cleared", [(a, a.ends_at or self.now) for a in self.cleared[incident]])


def _lines(incident: str, what: str, alerts: list[tuple[Alert, datetime]]) -> list[Entry]:
    if not alerts:
        return []
    shown = alerts if len(alerts) <= IN_FULL else [min(alerts, key=lambda pair: pair[1])]
    more = f", and {len(alerts) - 1} more alerts with it" if len(alerts) > IN_FULL else ""
    return [
        Entry(
            incident=incident,
            at=at,
            kind=EntryKind.ALERT,
            by=alert.source or "alert",
            source=alert.url or "",
            text=f"{alert.title} {what}{more}",
        )
        for alert, at in shown
    ]
