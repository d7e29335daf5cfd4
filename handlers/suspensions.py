"""GitOps switched off and on again, on behalf of people."""

from __future__ import annotations

from datetime import datetime

import structlog

from bot import suspensions
from bot.commands import Ask
from bot.decision import Decision
from bot.errors import Moved, ProviderError
from bot.model import SuspensionState, Verb
from handlers import targets
from handlers.world import Think, World, nothing
from storage.store import Tx

log = structlog.get_logger(__name__)


def suspend(world: World, ask: Ask, words: str) -> Decision:
    """Whoever may roll back may switch off what undoes that."""
    service, rest = targets.find(world, ask, words, "suspend")
    targets.must_be_all(rest, "suspend")
    rollout = targets.examine(world, service, targets.read(world, service))
    circle = targets.circle(world, service, Verb.ROLLBACK)

    def think(tx: Tx, now: datetime) -> Decision:
        around = targets.surroundings(tx, ask, service, now)
        return suspensions.suspend(
            rollout,
            tx.suspension_of(service.name, service.environment),
            around.incident,
            by=ask.by,
            channel=ask.channel,
            allowed=circle.allowed(world, tx, around.incident),
            number=tx.count_suspensions() + 1,
            now=now,
            who=circle.rule.who,
        )

    return world.decide(think)


def restore(world: World, ask: Ask, words: str) -> Decision:
    service, rest = targets.find(world, ask, words, "restore")
    targets.must_be_all(rest, "restore")
    circle = targets.circle(world, service, Verb.ROLLBACK)

    def think(tx: Tx, now: datetime) -> Decision:
        incident = targets.surroundings(tx, ask, service, now).incident
        return suspensions.restore(
            tx.suspension_of(service.name, service.environment),
            service.called,
            by=ask.by,
            allowed=circle.allowed(world, tx, incident),
            incident=incident.id if incident else "",
            now=now,
            who=circle.rule.who,
        )

    return world.decide(think)


def set_gitops(world: World, id: str) -> Think:
    """Does what the suspension wants; done already is done."""
    held = world.read(lambda tx: tx.suspension(id))
    _, target = targets.provider(world, world.policy.service(held.service, held.environment))
    if world.neighbourhood is None:
        raise ProviderError("GitOps", "no cluster is connected", permanent=True)
    match held.state:
        case SuspensionState.WANTED:
            world.neighbourhood.stop(target, held)
        case SuspensionState.RESTORING:
            world.neighbourhood.restore(target, held)
        case _:
            return nothing

    def think(tx: Tx, now: datetime) -> Decision:
        return suspensions.was_set(tx.suspension(id), tx.tasks(held.incident), world.policy, now)

    return think


def look(world: World, id: str) -> Think:
    """Whether somebody else has switched it on again meanwhile."""
    held = world.read(lambda tx: tx.suspension(id))
    if held.state is not SuspensionState.OFF or world.neighbourhood is None:
        return nothing
    try:
        _, target = targets.provider(world, world.policy.service(held.service, held.environment))
        on_by = world.neighbourhood.switched_on(target, held)
    except ProviderError as error:
        log.info("not known whether GitOps is still off", suspension=id, error=str(error))
        return lambda tx, now: suspensions.unseen(tx.suspension(id), now)
    return lambda tx, now: suspensions.looked(tx.suspension(id), on_by, tx.tasks(held.incident), now)


def look_after(world: World) -> None:
    """All that is switched off, in case nobody does: an earlier version did not, and a look may have been given up."""
    if world.read(lambda tx: tx.suspensions_off()):
        world.decide(lambda tx, now: suspensions.looked_after(tx.suspensions_off()))


def gave_up(world: World, id: str, error: ProviderError) -> Think:
    why = error.message if isinstance(error, Moved) else str(error)
    moved = isinstance(error, Moved)

    def think(tx: Tx, now: datetime) -> Decision:
        held = tx.suspension(id)
        return suspensions.gave_up(held, why, tx.tasks(held.incident), now, moved=moved)

    return think
