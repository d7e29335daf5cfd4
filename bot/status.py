"""The status page as data: how each component does, what is going on, what was and what is planned.

It is made of what was published to customers and of nothing else, so nothing else can get out.
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256

from bot.model import ComponentState, Maintenance, Phase, PublicUpdate
from bot.policy import Component, StatusPage
from bot.text import clean, one_line, span

DAYS = 90
HISTORY = timedelta(days=DAYS)
LATELY = timedelta(days=14)  # what is over for longer has a page of its own, but no place on the first one
DAY = timedelta(days=1)

PHASES: Mapping[Phase, str] = {
    Phase.INVESTIGATING: "Investigating",
    Phase.IDENTIFIED: "Identified",
    Phase.MITIGATING: "Fix under way",
    Phase.MONITORING: "Monitoring",
    Phase.RESOLVED: "Resolved",
}
OPERATIONAL = ComponentState.OPERATIONAL


def date_words(day: date) -> str:
    """ "5 March"."""
    return f"{day.day} {day:%B}"


@dataclass(frozen=True, kw_only=True)
class Said:
    """One update, in words that are ready to be shown."""

    phase: str
    text: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class PublicIncident:
    """What customers know of an incident, the latest word first."""

    id: str  # says nothing of how many incidents there are
    title: str
    phase: Phase
    said: tuple[Said, ...]
    components: Mapping[str, ComponentState]  # of those that are not well, by name
    touched: tuple[str, ...]  # the titles of all that it had to do with
    began: datetime
    ended: datetime | None

    @property
    def is_open(self) -> bool:
        return self.ended is None

    @property
    def lasted(self) -> timedelta:
        return (self.ended or self.began) - self.began

    @property
    def phase_words(self) -> str:
        return PHASES[self.phase]


@dataclass(frozen=True, kw_only=True)
class Window:
    """Maintenance, for customers."""

    id: str
    components: tuple[str, ...]  # titles
    text: str
    announced_at: datetime
    starts_at: datetime
    until: datetime
    under_way: bool


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day of a component. No state: it was before anything was recorded."""

    day: date
    state: ComponentState | None
    bad: timedelta = timedelta(0)

    @property
    def words(self) -> str:
        """ "5 March: partial outage, 42 min"."""
        if self.state is None:
            return f"{date_words(self.day)}: not recorded"
        how = self.state.words.lower() if self.state is not OPERATIONAL else "nothing reported"
        return f"{date_words(self.day)}: {how}" + (f", {span(self.bad)}" if self.bad else "")


@dataclass(frozen=True, kw_only=True)
class Row:
    component: Component
    state: ComponentState
    days: tuple[Day, ...]

    @property
    def troubled(self) -> tuple[Day, ...]:
        """The latest first."""
        return tuple(day for day in reversed(self.days) if day.state in TROUBLED)

    @property
    def summary(self) -> str:
        """What the bars say, for those who do not see them."""
        known = [day for day in self.days if day.state is not None]
        bad = self.troubled
        if len(known) < 2:
            return "Trouble today" if bad else "Nothing reported today"
        return f"Trouble on {len(bad)} of {len(known)} days" if bad else f"Nothing reported in {len(known)} days"


TROUBLED = (ComponentState.DEGRADED, ComponentState.PARTIAL, ComponentState.MAJOR)


@dataclass(frozen=True, kw_only=True)
class Page:
    title: str
    url: str
    support: str
    as_of: datetime
    stale_after: timedelta
    state: ComponentState
    headline: str
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    open: tuple[PublicIncident, ...]
    past: tuple[PublicIncident, ...]  # the latest first
    maintenance: tuple[Window, ...]

    @property
    def lately(self) -> tuple[PublicIncident, ...]:
        return tuple(one for one in self.past if one.ended and self.as_of - one.ended <= LATELY)

    @property
    def earlier(self) -> tuple[PublicIncident, ...]:
        return self.past[len(self.lately) :]

    @property
    def incidents(self) -> tuple[PublicIncident, ...]:
        return *self.open, *self.past


def page(
    settings: StatusPage,
    updates: Iterable[PublicUpdate],
    maintenances: Sequence[Maintenance],
    since: datetime,
    now: datetime,
    salt: str = "",
) -> Page:
    """`since`: when this page began to be kept; nobody knows how it was before. `salt`: of the ids, kept for ever."""
    told: dict[str, list[PublicUpdate]] = defaultdict(list)
    for update in sorted(updates, key=lambda one: one.number):
        told[update.incident].append(update)
    incidents = [_incident(several, settings.components, salt) for several in told.values()]
    going = sorted((one for one in incidents if one.is_open), key=lambda one: one.began, reverse=True)
    past = sorted((one for one in incidents if one.ended), key=lambda one: one.ended or now, reverse=True)
    stretches = _stretches(told.values(), maintenances, now)
    rows = [_row(component, stretches[name], since, now) for name, component in settings.components.items()]
    worst = max((row.state for row in rows), key=lambda state: state.rank, default=OPERATIONAL)
    return Page(
        title=one_line(settings.title),
        url=settings.url,
        support=settings.support,
        as_of=now,
        stale_after=settings.stale_after,
        state=worst,
        headline=_headline(worst, going, rows),
        groups=_grouped(rows),
        open=tuple(going),
        past=tuple(past),
        maintenance=tuple(_windows(maintenances, settings.components, now)),
    )


def public_id(first: PublicUpdate, salt: str) -> str:
    """The same for ever. Of the incident's number it says nothing: without the salt nobody can try them all."""
    known = hmac.new(salt.encode(), first.incident.encode(), sha256).hexdigest()
    return f"{first.at.astimezone(UTC):%Y-%m-%d}-{known[:12]}"


def _incident(updates: Sequence[PublicUpdate], known: Mapping[str, Component], salt: str) -> PublicIncident:
    first, last = updates[0], updates[-1]
    over = last.phase is Phase.RESOLVED
    touched = dict.fromkeys(name for update in updates for name in update.components if name in known)
    return PublicIncident(
        id=public_id(first, salt),
        title=one_line(last.title),
        phase=last.phase,
        said=tuple(Said(phase=PHASES[one.phase], text=clean(one.text), at=one.at) for one in reversed(updates)),
        components={
            name: ComponentState(state)
            for name in touched
            if (state := last.components.get(name, OPERATIONAL)) != OPERATIONAL
        },
        touched=tuple(known[name].title for name in touched),
        began=first.at,
        ended=last.at if over else None,
    )


def _windows(maintenances: Sequence[Maintenance], known: Mapping[str, Component], now: datetime) -> Iterator[Window]:
    for one in maintenances:
        if one.ended_at is None and now < one.until:
            yield Window(
                id=one.id,
                components=tuple(known[name].title for name in one.components if name in known),
                text=clean(one.text),
                announced_at=one.at,
                starts_at=one.starts_at,
                until=one.until,
                under_way=one.starts_at <= now,
            )


def _headline(worst: ComponentState, going: Sequence[PublicIncident], rows: Sequence[Row]) -> str:
    if worst is not OPERATIONAL:
        return "Maintenance under way" if worst is ComponentState.MAINTENANCE else worst.words
    if going:
        return "An incident is being worked on"
    return "All systems operational" if rows else "No incident is known"


def _grouped(rows: Iterable[Row]) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """In the order of the configuration."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.component.group].append(row)
    return tuple((title, tuple(several)) for title, several in groups.items())


# ---------------------------------------------------------------- history


@dataclass(frozen=True)
class Stretch:
    """A component was in this state from `start` to `end`; an `ongoing` one is so now."""

    state: ComponentState
    start: datetime
    end: datetime
    ongoing: bool


def _stretches(
    told: Iterable[Sequence[PublicUpdate]], maintenances: Iterable[Maintenance], now: datetime
) -> Mapping[str, list[Stretch]]:
    found: dict[str, list[Stretch]] = defaultdict(list)
    for updates in told:
        for update, following in zip(updates, [*updates[1:], None], strict=True):
            if update.phase is Phase.RESOLVED:
                continue
            end = following.at if following else now
            for name, state in update.components.items():
                found[name].append(Stretch(ComponentState(state), update.at, end, following is None))
    for one in maintenances:
        end = min(one.ended_at or one.until, now)
        if one.starts_at <= now and one.starts_at <= end:
            ongoing = one.ended_at is None and now < one.until
            for name in one.components:
                found[name].append(Stretch(ComponentState.MAINTENANCE, one.starts_at, end, ongoing))
    return found


def _row(component: Component, stretches: Sequence[Stretch], since: datetime, now: datetime) -> Row:
    today = now.astimezone(UTC).date()
    began = since.astimezone(UTC).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return Row(
        component=component,
        state=_worst(one.state for one in stretches if one.ongoing),
        days=tuple(_day(day, stretches) if day >= began else Day(day=day, state=None) for day in days),
    )


def _worst(states: Iterable[ComponentState]) -> ComponentState:
    return max(states, key=lambda state: state.rank, default=OPERATIONAL)


def _day(day: date, stretches: Sequence[Stretch]) -> Day:
    start = datetime.combine(day, time(), UTC)
    end = start + DAY
    here = [one for one in stretches if one.start < end and one.end >= start and one.state is not OPERATIONAL]
    bad = [(max(one.start, start), min(one.end, end)) for one in here if one.state in TROUBLED]
    return Day(day=day, state=_worst(one.state for one in here), bad=_together(bad))


def _together(parts: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """How long it was in all; what overlaps counts once."""
    total, until = timedelta(0), datetime.min.replace(tzinfo=UTC)
    for start, end in sorted(parts):
        total += max(timedelta(0), end - max(start, until))
        until = max(until, end)
    return total
