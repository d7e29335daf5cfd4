"""Incidents for reading: the list of them, and all that is known of one. Nothing is changed here."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot import links, probes, signals, timeline
from bot.errors import NotYet, ProviderError
from bot.model import (
    Alert,
    Assignment,
    Change,
    Entry,
    Finding,
    Incident,
    Link,
    Message,
    Postmortem,
    PublicUpdate,
    Request,
    Role,
    Severity,
    Task,
    Update,
)
from bot.signals import Chart
from bot.timeline import Line
from handlers.ledger import Covered, covered
from handlers.ledger import receipt as proofs
from handlers.world import Metrics, World
from storage.store import Tx

log = structlog.get_logger(__name__)

MOST = 100  # incidents of one list
AT_ONCE = 4  # incidents whose plots are made at the same time
FRESH = timedelta(seconds=20)  # a plot, for whoever looks at it next
PATIENCE = timedelta(minutes=1)  # before Slack is asked for names again, when it did not answer


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a list is of. None and "" are any."""

    open: bool | None = None
    service: str = ""
    severity: Severity | None = None
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Dossier:
    incident: Incident
    lines: tuple[Line, ...]
    assignments: tuple[Assignment, ...]
    updates: tuple[Update, ...]
    published: tuple[PublicUpdate, ...]
    linked: tuple[tuple[Link, Change], ...]
    requests: tuple[Request, ...]
    alerts: tuple[Alert, ...]
    findings: tuple[Finding, ...]
    tasks: tuple[Task, ...]
    postmortem: Postmortem | None
    names: Mapping[str, str]
    titles: Mapping[Role, str]
    proof: Covered | None = None  # None where no ledger is kept

    def name(self, user: str) -> str:
        return self.names.get(user, user)

    def title(self, role: Role) -> str:
        return self.titles.get(role, role.capitalize())


class Names:
    """Slack's names for ids. A Slack that is away costs one call a minute, and ids are shown meanwhile."""

    def __init__(self, world: World) -> None:
        self.world, self.guard = world, threading.Lock()
        self.away_until: datetime | None = None

    def of(self, users: Collection[str]) -> Mapping[str, str]:
        now = self.world.now()
        with self.guard:
            if not users or (self.away_until and now < self.away_until):
                return {}
        try:
            return self.world.chat.names(sorted(users))
        except (ProviderError, NotYet) as error:
            log.info("names are not known now, ids are shown", error=str(error))
            with self.guard:
                self.away_until = now + PATIENCE
            return {}


def listed(world: World, search: Search) -> tuple[tuple[Incident, ...], Mapping[str, str]]:
    """The newest first, and the commander of each that has one."""

    def ask(tx: Tx) -> tuple[tuple[Incident, ...], Mapping[str, str]]:
        found = tx.found_incidents(
            open=search.open,
            service=search.service,
            severity=search.severity,
            words=search.words,
            private=world.policy.pages_show_private,
            limit=MOST,
        )
        return found, tx.commanders([one.id for one in found])

    return world.read(ask)


def shown(world: World, tx: Tx, id: str) -> Incident | None:
    """None where there is none, and where it is not to be seen: nobody learns which."""
    incident = tx.find_incident(id)
    hidden = incident is None or (incident.private and not world.policy.pages_show_private)
    return None if hidden else incident


def dossier(world: World, id: str, names: Names) -> Dossier | None:
    """All that is known, in a number of queries that does not grow with it."""
    found = world.read(lambda tx: _read(world, tx, id))
    if found is None:
        return None
    read, entries, messages = found
    people = {m.user for m in messages} | {who for e in entries for who in (e.by, e.whom)}
    people |= {a.user for a in read.assignments} | {r.by for r in read.requests} | {u.by for u in read.updates}
    known = names.of({who for who in people if who})
    lines = timeline.timeline(read.incident, entries, messages, read.assignments, known, titles=read.titles)
    return replace(read, lines=lines, names=known)


def _read(world: World, tx: Tx, id: str) -> tuple[Dossier, tuple[Entry, ...], tuple[Message, ...]] | None:
    incident = shown(world, tx, id)
    if incident is None:
        return None
    tied = tx.links(id)
    changes = tx.changes_of([link.change for link in tied])
    pairs = [(link, changes[link.change]) for link in tied if link.change in changes]
    findings = tx.findings(incident.service, incident.environment)
    read = Dossier(
        incident=incident,
        lines=(),
        assignments=tx.assignments(id),
        updates=tx.updates(id),
        published=tx.published(id),
        linked=tuple(links.ranked(pairs)),
        requests=tx.requests(id),
        alerts=tx.alerts(id),
        findings=probes.standing(findings, world.policy),
        tasks=tx.tasks(id),
        postmortem=tx.postmortem(id),
        names={},
        titles=world.policy.titles,
    )
    entries = tx.entries(id)
    if world.signer is not None:
        read = replace(read, proof=covered(tx, entries, world.signer.keys))
    return read, entries, tx.messages(id)


def postmortem(world: World, id: str) -> Postmortem | None:
    return world.read(lambda tx: tx.postmortem(id) if shown(world, tx, id) else None)


def receipt(world: World, id: str) -> str | None:
    """Its lines with their proofs; None where there is no such incident, or no ledger.

    Raises Unproven where nothing of it is sealed yet, or where it is not what it was; Unreadable where a checkpoint is.
    """
    signer = world.signer
    if signer is None:
        return None

    def ask(tx: Tx) -> str | None:
        return proofs(tx, id, tx.entries(id), signer.keys) if shown(world, tx, id) else None

    return world.read(ask)


# ---------------------------------------------------------------- plot


def is_plotted(world: World) -> bool:
    return bool(world.metrics and world.draw and world.policy.signals)


def plot(world: World, id: str) -> bytes | None:
    """What was measured around it as PNG; None where nothing was. Raises ProviderError."""
    chart = world.read(lambda tx: _chart(world, tx, id))
    if chart is None or world.metrics is None or world.draw is None:
        return None
    chart = _measured(world.metrics, chart)
    return None if chart.is_empty else world.draw(chart)


class Plots:
    """One drawing of an incident at a time, for all who look at its page meanwhile and a little later."""

    def __init__(self, world: World) -> None:
        self.world, self.guard = world, threading.Lock()
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="plots")
        self.drawn: dict[str, tuple[datetime, Future[bytes | None]]] = {}

    def of(self, id: str) -> bytes | None:
        """None where there is nothing to draw. Raises ProviderError, NotYet."""
        now = self.world.now()
        with self.guard:
            self.drawn = {known: one for known, one in self.drawn.items() if _still_good(*one, now)}
            if id not in self.drawn:
                self.drawn[id] = now, self.pool.submit(plot, self.world, id)
            _, drawing = self.drawn[id]
        return drawing.result()


def _still_good(at: datetime, drawing: Future[bytes | None], now: datetime) -> bool:
    """What failed is tried again by whoever asks next."""
    return not drawing.done() or (drawing.exception() is None and now - at < FRESH)


def _chart(world: World, tx: Tx, id: str) -> Chart | None:
    incident = shown(world, tx, id)
    if incident is None or not incident.service or incident.drill:  # whose figures are those of its stage
        return None
    now = world.now()
    ended = incident.resolved_at or now
    began = max(incident.began, ended - timedelta(days=2))
    here = tx.changes(began - signals.AROUND, now, [incident.service], incident.environment)
    where = (incident.service, incident.environment)
    here = tuple(change for change in here if (change.service, change.environment) == where)
    asked = world.policy.signals_of(*where)
    return signals.incident_chart(*where, began, min(ended + signals.AROUND, now), here, tx.requests(id), asked)


def _measured(metrics: Metrics, chart: Chart) -> Chart:
    panels = [
        signals.measured(
            panel,
            metrics.range(panel.signal.asked_of(chart.service, chart.environment), chart.start, chart.end, chart.step),
            "",
            "",
        )
        for panel in chart.panels
    ]
    return replace(chart, panels=tuple(panels))
