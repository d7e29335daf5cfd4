"""The status page: what customers are told, planned work, and the copies that stand elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog
from prometheus_client import Counter, Gauge

from bot import copies, linting, maintenances, publishing, status
from bot.cards.publishing import AS_BEFORE, publish_modal
from bot.commands import Ask, Invalid, Submission
from bot.decision import Decision, Modal
from bot.errors import ProviderError
from bot.linting import Words
from bot.model import Audience, ComponentState, Maintenance, Phase
from bot.policy import StatusPage
from bot.status import HISTORY, Page
from handlers import status_files, targets
from handlers.incidents import find
from handlers.world import Think, World, nothing
from storage.store import Tx

log = structlog.get_logger(__name__)

COPIED = Gauge("watchkeeper_status_copied_at", "When a copy of the status page was put there last", ["place"])
FAILED = Counter("watchkeeper_status_copies_failed_total", "Copies of the status page that could not be put", ["place"])


# ---------------------------------------------------------------- the page


def page(world: World, settings: StatusPage) -> Page:
    now = world.now()
    since = world.status_since or now
    updates, planned = world.read(lambda tx: (tx.published_since(now - HISTORY), tx.maintenances(now - HISTORY)))
    return status.page(settings, updates, planned, since, now, world.status_salt)


# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    """`/incident publish` and `/incident maintenance`. Raises Refused."""
    verb, words = ask.split()
    if verb == "publish":
        return publish(world, ask, words)
    first, _, rest = words.partition(" ")
    if first == "end":
        return world.decide(lambda tx, now: maintenances.end(rest, coming(tx, now), ask.by, world.policy, now))
    if not first:
        publishing.settings(world.policy)
        return Decision(say=maintenances.listed(world.read(lambda tx: coming(tx, world.now()))))
    wanted = maintenances.parse(words, world.policy, world.now())
    return world.decide(
        lambda tx, now: maintenances.announce(wanted, tx.count_maintenances() + 1, ask.by, world.policy, now)
    )


def coming(tx: Tx, now: datetime) -> tuple[Maintenance, ...]:
    return maintenances.coming(tx.maintenances(now), now)


def publish(world: World, ask: Ask, words: str) -> Decision:
    """With words it is published as it is, without them it is a form."""
    settings = publishing.settings(world.policy)
    incident, rest = world.read(lambda tx: find(tx, ask, words))
    publishing.may_be_told(incident)
    if not rest and ask.trigger:
        return Decision(say=publish_modal(incident, world.read(lambda tx: tx.published(incident.id)), settings))
    wanted = publishing.parse(rest, settings)
    decision = _publish(world, incident.id, wanted, ask.by)
    advice = world.read(lambda tx: advise(world, tx, wanted))
    return Decision(say=linting.afterwards(str(decision.say), advice))


def advise(world: World, tx: Tx, wanted: publishing.Wanted) -> tuple[linting.Advice, ...]:
    """What customers could be told better."""
    return linting.lint(Words(text=wanted.text), {Audience.PUBLIC}, (), targets.vendor_names(world, tx))


def submit(world: World, form: Submission) -> Decision:
    """Looked through before it is published; submitted again it goes out as it is."""
    id, _, advised = form.subject.partition("|")
    settings = publishing.settings(world.policy)
    try:
        phase = Phase(form.values.get("phase", ""))
    except ValueError:
        raise Invalid({"phase": "Choose a phase."}) from None
    wanted = publishing.Wanted(
        text=form.values.get("text", ""),
        title=form.values.get("title", ""),
        phase=phase,
        components=_chosen(form.values, settings),
    )
    again = None if advised else world.read(lambda tx: _advised(world, tx, id, wanted, settings))
    return Decision(say=again) if again else _publish(world, id, wanted, form.by)


def _advised(world: World, tx: Tx, id: str, wanted: publishing.Wanted, settings: StatusPage) -> Modal | None:
    """The form once more, with what could be better; None where nothing could, or where it is refused anyway."""
    incident, before = tx.incident(id), tx.published(id)
    publishing.publish(incident, wanted, before, "", world.policy, world.now())
    advice = advise(world, tx, wanted)
    return publish_modal(incident, before, settings, wanted, advice) if advice else None


def _chosen(values: Mapping[str, str], settings: StatusPage) -> dict[str, ComponentState]:
    """Of every component: those that were left out are well again."""
    chosen = values.get("components", "").split("\n")
    how = values.get("state", "")
    if how == AS_BEFORE:
        return {name: ComponentState.OPERATIONAL for name in settings.components if name not in chosen}
    state = ComponentState(how or ComponentState.DEGRADED)
    return {name: state if name in chosen else ComponentState.OPERATIONAL for name in settings.components}


def _publish(world: World, id: str, wanted: publishing.Wanted, by: str) -> Decision:
    return world.decide(
        lambda tx, now: publishing.publish(tx.incident(id), wanted, tx.published(id), by, world.policy, now)
    )


# ---------------------------------------------------------------- copies


def beat(world: World) -> None:
    """A new copy everywhere, though nothing has changed: a page that is old says so."""
    if world.exports:
        world.decide(lambda tx, now: Decision(do=publishing.exports(world.policy)))


def export(world: World, name: str) -> Think:
    """One copy. A place that cannot be reached is tried again soon, and then at every beat."""
    place, settings = world.exports.get(name), world.policy.status
    if place is None or settings is None:  # no longer configured
        return nothing
    as_of = world.now()
    try:
        place.put(status_files.files(page(world, settings)))
    except ProviderError as error:
        why = str(error)
        FAILED.labels(name).inc()
        log.warning("the status page could not be copied", place=name, error=why)
        return lambda tx, now: copies.failed(name, tx.export(name), why, now)
    COPIED.labels(name).set(as_of.timestamp())
    return lambda tx, now: copies.done(name, tx.export(name), as_of)
