"""Freezes: asked for, ended, listed; and who may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bot import freezes
from bot.commands import Ask
from bot.consent import who_may
from bot.decision import Card, Decision
from bot.errors import ProviderError
from bot.model import Change, Freeze, Role
from bot.policy import Service
from handlers import targets
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

# ---------------------------------------------------------------- commands


def freeze(world: World, ask: Ask, words: str) -> Decision:
    if words.strip().lower() in ("show", "list"):
        return list_(world)
    wanted = freezes.parse(words, world.policy)
    called = on_call(world, wanted.scope, ask.by)

    def think(tx: Tx, now: datetime) -> Decision:
        freezes.must_be_allowed(ask.by, may(world, tx, wanted.scope) | called, wanted.scope)
        return freezes.freeze(wanted, tx.count_freezes() + 1, ask.by, now, home(tx, ask))

    return world.decide(think)


def thaw(world: World, ask: Ask, words: str) -> Decision:
    found = world.read(lambda tx: freezes.find(words, tx.freezes(world.now()), world.policy))
    called = frozenset().union(*(on_call(world, one.scope, ask.by) for one in found))

    def think(tx: Tx, now: datetime) -> Decision:
        decision = Decision()
        said: list[str] = []
        for one in freezes.find(words, tx.freezes(now), world.policy):
            freezes.must_be_allowed(ask.by, may(world, tx, one.scope) | called | {one.by}, one.scope)
            ended = freezes.thaw(one, through(tx, one, now), ask.by, now, home(tx, ask))
            decision, said = decision + ended, [*said, str(ended.say)]
        return replace(decision, say="\n".join(said))

    return world.decide(think)


def list_(world: World) -> Decision:
    return Decision(say=world.read(lambda tx: in_words(tx, world.now())))


def in_words(tx: Tx, now: datetime) -> str:
    standing = tx.freezes(now)
    return freezes.listed(standing, [through(tx, one, now) for one in standing], now)


def through(tx: Tx, freeze: Freeze, now: datetime) -> tuple[Change, ...]:
    """What slipped through it."""
    return freezes.slipped(freeze, tx.changes(freeze.at, min(now, freeze.until)), now)


def home(tx: Tx, ask: Ask) -> str:
    """The incident in whose channel it was asked."""
    here = tx.incident_in(ask.channel) if ask.channel else None
    return here.id if here and here.is_open else ""


# ---------------------------------------------------------------- who may


def may(world: World, tx: Tx, scope: str) -> frozenset[str]:
    """Who may freeze and thaw this scope, but for those on call: Slack knows them, and is not asked in here."""
    people = set(world.policy.freezers)
    open_ones = [incident for incident in tx.incidents(open_only=True) if not incident.drill]
    for id in freezes.commanders(open_ones, world.policy):
        holder = tx.assignment(id, Role.COMMANDER)
        people |= {holder.user} if holder and holder.user else set()
    for service in services_in(world, scope):
        incident = next(
            (i for i in open_ones if (i.service, i.environment) == (service.name, service.environment)), None
        )
        people |= who_may(service, targets.roles_in(world, tx, incident, service), ())
    return frozenset(people)


def on_call(world: World, scope: str, by: str) -> frozenset[str]:
    """`by`, if on call for something in the scope."""
    return frozenset({by} if any(by in targets.oncall(world, service) for service in services_in(world, scope)) else ())


def services_in(world: World, scope: str) -> Iterable[Service]:
    """Whose people may speak for the scope: nobody's alone speak for everything."""
    if scope == freezes.ALL:
        return ()
    if scope.startswith(freezes.ENVIRONMENT):
        name = scope.removeprefix(freezes.ENVIRONMENT)
        return [service for service in world.policy.everywhere() if service.environment == name]
    return [world.policy.service(*freezes.rollout_of(scope))]


# ---------------------------------------------------------------- effects


def end(world: World, id: str) -> Think:
    """Its time is up. It holds nothing any more in any case; this says so."""

    def think(tx: Tx, now: datetime) -> Decision:
        freeze = tx.freeze(id)
        return freezes.expired(freeze, through(tx, freeze, now), now)

    return think


def proclaim(world: World, id: str, job: Job) -> Think:
    post = world.read(lambda tx: tx.post(id))
    if post.ts or not world.policy.announce:
        return nothing
    channel = world.chat.find_channel(world.policy.announce)
    if channel is None and not world.policy.must_announce:
        return nothing
    if channel is None:
        raise ProviderError(
            "Slack", f"I am not in {world.policy.announce}: invite me there, then retry", permanent=True
        )
    ts = world.chat.post(channel.id, Card(text=post.text), post.id, since=job.created_at, again=job.again)
    return lambda tx, now: Decision(save=(replace(tx.post(id), ts=ts),))
