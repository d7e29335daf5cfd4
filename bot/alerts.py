"""From alerts to a decision: open an incident, join one, reopen one, or stay quiet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot import incidents, pictures, storms
from bot.decision import Decision, NameSuspects, PostCard, ShowPicture, ShowQuestion
from bot.episodes import fires_again, flaps, is_stale, is_worse, measured, moved, settled, turned
from bot.matching import fits
from bot.model import BOT, Alert, Answer, Entry, EntryKind, Incident, Question, Severity, Silence
from bot.policy import Policy, Then
from bot.routes import Taken, opens, take
from bot.silences import match_of, stands
from bot.text import span

IN_FULL = 3  # so many alerts of one delivery get a line each; more share one


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What storage already knows: alerts by key, incidents by the group that `routes.take` finds."""

    alerts: Mapping[str, Alert]
    open: Mapping[str, Incident]
    recent: Mapping[str, Incident]  # resolved within the cooling time
    next_number: int
    opened: Sequence[datetime] = ()  # when alerts opened incidents of late
    silences: Sequence[Silence] = ()
    questions: Mapping[str, Question] = field(default_factory=dict)  # by group; answered ones of the cooling time too
    next_question: int = 1


def triage(alerts: Sequence[Alert], seen: Seen, policy: Policy, now: datetime) -> Decision:
    """One delivery of a sender, whole: its cost grows with the number of alerts and with nothing else."""
    table = _Table(seen, policy, now)
    table.turned = turned(alerts, table.known)
    for alert in alerts:
        table.take(alert)
    return table.decision()


class _Table:
    """The state of one triage: what is known so far, and what will be decided."""

    def __init__(self, seen: Seen, policy: Policy, now: datetime) -> None:
        self.policy, self.now = policy, now
        self.known, self.open, self.recent = dict(seen.alerts), dict(seen.open), dict(seen.recent)
        self.number = seen.next_number
        self.opened = list(seen.opened)
        self.silences = [(one.id, match_of(one)) for one in seen.silences if stands(one, now)]
        self.questions, self.next_question = dict(seen.questions), seen.next_question
        self.asked: dict[str, Question] = {}
        self.alerts: dict[str, Alert] = {}
        self.changed: dict[str, Incident] = {}
        self.decisions: list[Decision] = []
        self.fired: dict[str, list[Alert]] = defaultdict(list)
        self.cleared: dict[str, list[Alert]] = defaultdict(list)
        self.moved: dict[str, list[tuple[Alert, str]]] = defaultdict(list)
        self.quiet: dict[str, None] = {}  # incidents whose card changes without a line
        self.turned: Mapping[str, Alert] = {}

    def take(self, alert: Alert) -> None:
        before = self.known.get(alert.key)
        alert = settled(alert, before)
        if before and before.incident:
            self.stays_in_the_storm(self.taken(alert).group, before.incident)
        if before and is_stale(alert, before, self.now):
            return
        if self.goes_on(alert, before):
            return
        if before and self.is_repeat(alert, before):
            silence = self.silence_of(alert) if before.silenced and alert.firing else before.silenced
            count, incident = before.count + 1, before.incident
            self.remember(alert, incident=incident, asked=before.asked, silenced=silence, count=count)
        elif alert.firing and (silence := self.silence_of(alert)):
            self.remember(alert, silenced=silence)
        elif alert.firing:
            flapped = flaps(alert, self.policy, self.now)
            alert = fires_again(alert, self.policy, self.now)
            taken = self.taken(alert)
            incident = self.incident_for(taken, flapped=flapped)
            asked = "" if incident else self.question_for(taken)
            self.remember(alert, incident=incident, asked=asked, silenced="")
        else:
            self.remember(self.ended(alert, before) if before else alert)
            if before and before.incident:
                self.tell(before.incident, alert, self.cleared, flapped=flaps(alert, self.policy, self.now))

    def ended(self, alert: Alert, before: Alert) -> Alert:
        question = self.questions.get(self.taken(alert).group) if before.asked and before.firing else None
        if question and not question.answer:
            self.asked.setdefault(question.id, question)
        return replace(alert, incident=before.incident, asked=before.asked, silenced=before.silenced)

    def goes_on(self, alert: Alert, before: Alert | None) -> bool:
        """The same episode of an incident that is open, with another severity: neither news nor a recovery."""
        was = self.turned.get(alert.key) or before
        incident = self.open.get(self.taken(alert).group)
        if was is None or incident is None or was.incident != incident.id:
            return False
        if alert.key in self.turned and not alert.firing:
            self.remember(alert, incident=incident.id)
            return True
        if not (alert.key in self.turned or self.is_worse(alert, was)):
            return False
        self.remember(alert, incident=incident.id, count=was.count + 1)
        words = moved(self.taken(alert).alert, self.taken(was).alert, self.policy)
        self.moved[incident.id].append((alert, words))
        self.raise_(incident, alert)
        return True

    def raise_(self, incident: Incident, alert: Alert) -> None:
        severity = self.policy.severity_of(self.taken(alert).alert.severity)
        if not self.policy.escalates or severity >= incident.severity:
            return
        words = f"{severity.value} {alert.title} escalated"
        raised = incidents.set_severity(incident, words, BOT, self.policy, self.now)
        self.decisions.append(raised)
        self.change(next(noun for noun in raised.save if isinstance(noun, Incident)))

    def taken(self, alert: Alert) -> Taken:
        return take(alert, self.policy)

    def silence_of(self, alert: Alert) -> str:
        """The silence that it fits, "" if none. People name services as routes do."""
        read = self.taken(alert).alert if self.silences else alert
        return next((id for id, match in self.silences if fits(match, read)), "")

    def is_worse(self, alert: Alert, before: Alert) -> bool:
        return is_worse(self.taken(alert).alert, self.taken(before).alert, self.policy)

    def is_repeat(self, alert: Alert, before: Alert) -> bool:
        """Nothing new. A later start is a new episode, though no end was heard of the last one; what got worse is
        news where no incident knows of it; and what still fires when its incident has been over for longer than the
        cooling time is news again.
        """
        if self.is_worse(alert, before) or (alert.firing and before.silenced and not self.silence_of(alert)):
            return False
        if before.firing != alert.firing or (alert.firing and alert.starts_at > before.starts_at):
            return False
        group = self.taken(alert).group
        return not (alert.firing and before.incident) or group in self.open or group in self.recent

    def remember(self, alert: Alert, **known: Any) -> None:
        """With what is `known` of it now."""
        self.known[alert.key] = self.alerts[alert.key] = replace(alert, last_at=self.now, **known)

    def tell(self, incident: str, alert: Alert, lines: dict[str, list[Alert]], *, flapped: bool) -> None:
        """A line of its own, one that it flaps, or none: `flapped` is whether it did before this."""
        if flapped:
            self.quiet[incident] = None
        elif flaps(alert, self.policy, self.now):
            count, within = len(alert.fires), span(self.policy.flaps_within)
            words = f"{alert.title} is flapping: it fired {count} times within {within}, and is only counted until calm"
            self.moved[incident].append((alert, words))
        else:
            lines[incident].append(alert)

    def incident_for(self, taken: Taken, *, flapped: bool) -> str:
        alert = taken.alert
        if incident := self.open.get(taken.group):
            if incident.onset_at is None or alert.starts_at < incident.onset_at:
                self.change(replace(incident, onset_at=alert.starts_at))
            self.tell(incident.id, alert, self.fired, flapped=flapped)
            return incident.id
        severity = self.policy.severity_of(alert.severity)
        if not opens(taken, severity, self.policy):
            return ""
        if incident := self.recent.get(taken.group):
            decision = incidents.reopen(incident, f"{alert.title} fired again", self.policy, self.now)
        elif why := storms.why(self.opened, self.policy, self.now):
            return self.swept(taken, severity, why)
        else:
            decision = self.new(taken, severity, alert.title, alert.service, taken.group)
        incident = self.decided(decision)
        self.fired[incident.id].append(alert)
        return incident.id

    def decided(self, decision: Decision) -> Incident:
        """The incident of this decision. Groups that led to it when it was over lead to it again."""
        incident = next(noun for noun in decision.save if isinstance(noun, Incident))
        self.decisions.append(decision)
        for group in [group for group, known in self.recent.items() if known.id == incident.id]:
            self.open[group] = self.recent.pop(group)
        self.change(incident)
        return incident

    def swept(self, taken: Taken, severity: Severity, why: str) -> str:
        """Into the incident that takes a storm in; it is as severe as the worst of what it took."""
        alert, storm = taken.alert, self.open.get(storms.STORM) or self.recent.get(storms.STORM)
        if storm is None:
            storm = self.decided(self.new(taken, severity, f"Alert storm: {why}", "", storms.STORM))
        elif not storm.is_open:
            storm = self.decided(incidents.reopen(storm, why, self.policy, self.now))
        if severity < storm.severity:
            words = f"{severity.value} {alert.title} fired"
            storm = self.decided(incidents.set_severity(storm, words, BOT, self.policy, self.now))
        self.open[taken.group] = storm
        self.fired[storm.id].append(alert)
        return storm.id

    def stays_in_the_storm(self, group: str, incident: str) -> None:
        """What a storm took in leads to its incident, whatever its own group is."""
        for known in (self.open, self.recent):
            if (storm := known.get(storms.STORM)) and storm.id == incident and group not in self.open:
                known.setdefault(group, storm)

    def question_for(self, taken: Taken) -> str:
        """The question that it is part of, where its route asks first. What a person has dismissed stays quiet."""
        if taken.route.then is not Then.ASK:
            return ""
        alert, severity = taken.alert, self.policy.severity_of(taken.alert.severity)
        question = self.questions.get(taken.group)
        if question is None or (question.answer and question.answer is not Answer.DISMISSED):
            question = _question(taken, severity, self.next_question, self.now)
            self.next_question += 1
        elif question.answer:
            return question.id
        else:
            onset, worst = min(question.onset_at, alert.starts_at), min(question.severity, severity)
            question = replace(question, count=question.count + 1, onset_at=onset, severity=worst)
        self.questions[taken.group] = self.asked[question.id] = question
        return question.id

    def new(self, taken: Taken, severity: Severity, title: str, service: str, group: str) -> Decision:
        alert, number = taken.alert, self.number
        self.number += 1
        self.opened.append(self.now)
        return incidents.open_(
            number,
            title,
            service,
            alert.environment,
            severity,
            self.policy,
            self.now,
            group=group,
            onset_at=alert.starts_at,
            roles=taken.route.roles,
        )

    def change(self, incident: Incident) -> None:
        """A group that a person has joined to an incident of another group leads to it too."""
        for group in [group for group, known in self.open.items() if known.id == incident.id]:
            self.open[group] = incident
        self.open[incident.group] = self.changed[incident.id] = incident

    def decision(self) -> Decision:
        total = sum(self.decisions, Decision())
        others = tuple(noun for noun in total.save if not isinstance(noun, Incident))
        touched = dict.fromkeys([*self.fired, *self.moved, *self.cleared, *self.quiet])
        return Decision(
            save=(*self.changed.values(), *self.asked.values(), *others, *self.alerts.values()),
            note=total.note
            + tuple(entry for id in touched for entry in self.entries(id))
            + tuple(_asks(question, self.now) for question in self.asked.values() if not question.version),
            do=total.do
            + tuple(map(self.card, touched))
            + tuple(map(self.suspects, self.fired))
            + tuple(map(ShowQuestion, self.asked))
            + self.pictures(),
        )

    def pictures(self) -> tuple[ShowPicture, ...]:
        """Of what fires where there is a channel already; one that opens shows what there is by itself."""
        there = {incident.id for incident in self.open.values() if incident.channel}
        mine = ((id, alerts) for id, alerts in self.fired.items() if id in there)
        return tuple(shown for id, alerts in mine for shown in pictures.later(id, alerts, self.now))

    def card(self, incident: str) -> PostCard:
        """That of a storm changes with every delivery."""
        storm = self.open.get(storms.STORM)
        return PostCard(incident, due=storms.next_edit(self.now) if storm and storm.id == incident else None)

    def suspects(self, incident: str) -> NameSuspects:
        """At once where it is news when it began; else with what comes in the next seconds."""
        return NameSuspects(incident, due=None if incident in self.changed else storms.next_edit(self.now))

    def entries(self, incident: str) -> list[Entry]:
        return [
            *fired(incident, self.fired[incident]),
            *_lines(incident, [(a, self.now, text) for a, text in self.moved[incident]]),
            *_lines(incident, [(a, a.ends_at or self.now, f"{a.title} cleared") for a in self.cleared[incident]]),
        ]


def fired(incident: str, alerts: Sequence[Alert]) -> list[Entry]:
    """The lines that say so on its timeline."""
    return _lines(incident, [(a, a.starts_at, f"{a.title} fired{measured(a)}") for a in alerts])


def _question(taken: Taken, severity: Severity, number: int, now: datetime) -> Question:
    alert = taken.alert
    return Question(
        id=f"ASK-{number}",
        group=taken.group,
        title=alert.title,
        service=alert.service,
        environment=alert.environment,
        severity=severity,
        at=now,
        onset_at=alert.starts_at,
        roles={str(role): name for role, name in taken.route.roles.items()},
    )


def _asks(question: Question, now: datetime) -> Entry:
    text = f"{question.id} asks whether {question.title} is an incident"
    return Entry(at=now, kind=EntryKind.ALERT, text=text, source=question.id)


def _lines(incident: str, alerts: list[tuple[Alert, datetime, str]]) -> list[Entry]:
    if not alerts:
        return []
    shown = alerts if len(alerts) <= IN_FULL else [min(alerts, key=lambda said: said[1])]
    more = f", and {len(alerts) - 1} more alerts with it" if len(alerts) > IN_FULL else ""
    return [
        Entry(
            incident=incident,
            at=at,
            kind=EntryKind.ALERT,
            by=alert.source or "alert",
            source=alert.url or "",
            text=f"{text}{more}",
        )
        for alert, at, text in shown
    ]
