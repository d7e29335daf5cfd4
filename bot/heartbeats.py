"""Heartbeats: who is expected and is silent is an alert by itself, which clears when they are heard of again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.decision import CheckHeartbeat, Decision
from bot.matching import in_words
from bot.model import Alert, Entry, EntryKind, Heartbeat
from bot.policy import Policy, Route
from bot.routes import take
from bot.text import span

SOURCE = "heartbeat"
FINE = 10  # a part of the interval; what is heard more often is not written down each time


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What a heartbeat comes to: what to remember, and the alerts that it raises or clears."""

    decision: Decision = field(default_factory=Decision)
    alerts: tuple[Alert, ...] = ()


def expected(policy: Policy) -> Mapping[str, timedelta]:
    """Who is to be heard of, and how often at least: sources by name, watchdog alerts by what their route matches."""
    routes = {name_of(route): route.expect_every for route in policy.routes if route.expect_every}
    return {**policy.expected_sources, **routes}


def name_of(route: Route) -> str:
    return in_words(route.match)[:200] or "any alert"


def heard_of(sources: Iterable[str], alerts: Sequence[Alert], policy: Policy) -> tuple[str, ...]:
    """Whose signs of life these are."""
    heard = dict.fromkeys(source for source in sources if source in policy.expected_sources)
    if any(route.expect_every for route in policy.routes):
        routes = (take(alert, policy).route for alert in alerts if alert.firing)
        heard |= dict.fromkeys(name_of(route) for route in routes if route.expect_every)
    return tuple(heard)


def begins(id: str, before: Heartbeat | None, every: timedelta, now: datetime) -> Decision:
    """From now on, since what came while we were away is not known; one that is silent stays so until it is heard."""
    beat = replace(before, last_at=now) if before else Heartbeat(id=id, last_at=now)
    if beat.silent_since:
        return Decision()
    return Decision(save=(beat,), do=(CheckHeartbeat(id, due=now + every),))


def heard(id: str, before: Heartbeat | None, every: timedelta, now: datetime) -> Beat:
    if before and not before.silent_since and now - before.last_at < every / FINE:
        return Beat()
    beat = replace(before, last_at=now, silent_since=None) if before else Heartbeat(id=id, last_at=now)
    if before and not before.silent_since:
        return Beat(decision=Decision(save=(beat,)))  # the look at it is due already
    decision = Decision(save=(beat,), do=(CheckHeartbeat(id, due=now + every),))
    if before is None or before.silent_since is None:
        return Beat(decision=decision)
    said = f"{id} is heard of again after {span(now - before.last_at)}"
    return Beat(
        decision=decision + Decision(note=(_entry(id, said, now),)), alerts=(_alert(before, every, now, firing=False),)
    )


def looked(before: Heartbeat, every: timedelta | None, now: datetime) -> Beat:
    """`every` is None where it is not expected any more."""
    if every is None or before.silent_since:
        return Beat()
    if now < before.last_at + every:
        return Beat(decision=Decision(do=(CheckHeartbeat(before.id, due=before.last_at + every),)))
    silent = replace(before, silent_since=before.last_at)
    said = f"nothing is heard of {before.id}, which is expected every {span(every)}"
    decision = Decision(save=(silent,), note=(_entry(before.id, said, now),))
    return Beat(decision=decision, alerts=(_alert(before, every, now, firing=True),))


def _entry(id: str, text: str, now: datetime) -> Entry:
    return Entry(at=now, kind=EntryKind.ALERT, text=text, source=id)


def _alert(beat: Heartbeat, every: timedelta, now: datetime, *, firing: bool) -> Alert:
    """A route may say whose it is: `match: {heartbeat: alertmanager}`."""
    return Alert(
        key=f"{SOURCE}/{beat.id}",
        group=f"{SOURCE}/{beat.id}",
        title=f"Nothing is heard of {beat.id}, which is expected every {span(every)}",
        severity="critical",
        service="",
        environment="production",
        firing=firing,
        starts_at=beat.last_at,
        ends_at=None if firing else now,
        source=SOURCE,
        labels={"alertname": "Silent", "heartbeat": beat.id},
    )
