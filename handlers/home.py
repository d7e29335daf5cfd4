"""App Homes: noticed when they are opened, and published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot import home, roles
from bot.cards import home as cards
from bot.decision import Decision
from bot.policy import Rota
from handlers import authority
from handlers.world import Think, World, nothing
from storage.store import Tx


def look(world: World, user: str) -> Decision:
    """Somebody has opened theirs. Raises Busy, and Slack tells us again."""
    return world.decide(lambda tx, now: home.opened(user, tx.home(user), now))


def show(world: World, user: str) -> Think:
    kept, facts = world.read(lambda tx: (tx.home(user), facts_of(tx, world, user)))
    if kept is None:
        return nothing
    if world.chat.is_guest(user):
        view = cards.closed_view()
    else:
        known = tuple(authority.known(world, facts.incidents, user))
        seen = replace(facts, incidents=known, oncall=on_call(world)).seen_by(user)
        view = cards.home_view(user, seen, world.chat.address)
    shown = cards.fingerprint(view)
    if shown == kept.shown:
        return nothing
    world.chat.publish_home(user, cards.dated(view, world.now()))

    def think(tx: Tx, now: datetime) -> Decision:
        fresh = tx.home(user)
        return home.published(fresh, shown, now) if fresh else Decision()

    return think


def facts_of(tx: Tx, world: World, user: str) -> home.Facts:
    incidents = tx.incidents(open_only=True)
    return home.Facts(
        incidents=incidents,
        held=tx.assignments_of([incident.id for incident in incidents]),
        tasks=tx.tasks_left(user),
        rollouts=tx.sightings_under_way(),
        freezes=tx.freezes(world.now()),
        titles=world.policy.titles,
    )


def on_call(world: World) -> dict[str, Sequence[str]]:
    """Who is called first, by the name of the on-call, as far as it is known here: many Homes must not ask others."""
    found: dict[str, Sequence[str]] = {}
    for name, source in world.policy.oncall.items():
        if isinstance(source, Rota):
            found[name] = roles.on_duty(source, world.now())
        elif kept := world.read(lambda tx, name=name: tx.duty(name)):  # type: ignore[misc]
            found[name] = kept.people
    return found
