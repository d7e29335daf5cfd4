"""Consent: what is done, or not done, with a request that others were shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot import approvals, glass, review, rollouts
from bot.cards import consent as cards
from bot.commands import Ask, Invalid, Submission
from bot.decision import Decision
from bot.errors import Refused
from bot.model import Incident, Request, RequestState
from bot.text import code
from handlers import targets
from handlers.world import Think, World
from storage.store import Tx

# ---------------------------------------------------------------- commands


def confirm(world: World, ask: Ask, words: str) -> Decision:
    """`confirm ID`, and the service's name where that is asked for: typed, or in a form."""
    id, _, name = words.partition(" ")
    asked, left = world.read(lambda tx: (find_request(tx, id), review.missing(find_request(tx, id), tx.votes(id))))
    rollouts.must_be_open(asked)
    if asked.typed and not name and not left and ask.trigger:
        return Decision(say=cards.confirm_form(asked, rollouts.what(asked)))
    return _confirm(world, asked, ask.by, name.strip())


def _confirm(world: World, asked: Request, by: str, name: str) -> Decision:
    service = targets.of_request(world, asked)
    rollout = targets.read(world, service)
    circle = targets.circle(world, service, asked.verb)

    def think(tx: Tx, now: datetime) -> Decision:
        fresh = tx.request(asked.id)
        doubts = targets.doubts(world, tx, service.name, service.environment, now)
        around = replace(targets.around(tx, incident_of(tx, fresh), service, now), doubts=doubts)
        decision = rollouts.confirm(
            fresh,
            rollout,
            by=by,
            allowed=circle.allowed(world, tx, around.incident, breaking=bool(fresh.broken_glass)),
            others=around.requests,
            now=now,
            votes=tx.votes(fresh.id),
            around=around,
            stables=targets.known_good(tx, service),
            who=circle.rule.who,
            name=name,
        )
        return decision + _alarm(world, tx, decision, now)

    return world.decide(think)


def _alarm(world: World, tx: Tx, decision: Decision, now: datetime) -> Decision:
    """Everybody hears of broken glass, once it is."""
    for noun in decision.save:
        if isinstance(noun, Request) and noun.broken_glass and noun.state is RequestState.CONFIRMED:
            number = len(tx.tasks(noun.incident)) + 1
            return glass.broken(noun, rollouts.what(noun), world.policy.announce, number, now)
    return Decision()


def approve(world: World, ask: Ask, id: str) -> Decision:
    asked = world.read(lambda tx: find_request(tx, id))
    rollouts.must_be_open(asked)
    service = targets.of_request(world, asked)
    rollout = targets.read(world, service)
    circle = targets.circle(world, service, asked.verb)

    def think(tx: Tx, now: datetime) -> Decision:
        fresh = tx.request(id)
        doubts = targets.doubts(world, tx, service.name, service.environment, now)
        around = replace(targets.around(tx, incident_of(tx, fresh), service, now), doubts=doubts)
        return approvals.approve(
            fresh,
            rollout,
            tx.votes(id),
            by=ask.by,
            allowed=circle.allowed(world, tx, around.incident),
            others=around.requests,
            now=now,
            around=around,
            stables=targets.known_good(tx, service),
            who=circle.rule.who,
        )

    return world.decide(think)


def object_(world: World, ask: Ask, words: str) -> Decision:
    """`object ID why`; without a reason, a form for it."""
    id, _, why = words.partition(" ")
    asked = world.read(lambda tx: find_request(tx, id))
    rollouts.must_be_open(asked)
    if not why.strip() and ask.trigger:
        return Decision(say=cards.object_form(asked, rollouts.what(asked)))
    return _object(world, asked, ask.by, why.strip())


def _object(world: World, asked: Request, by: str, why: str) -> Decision:
    approvals.must_give_a_reason(asked, why)
    service = targets.of_request(world, asked)
    circle = targets.circle(world, service, asked.verb)

    def think(tx: Tx, now: datetime) -> Decision:
        fresh = tx.request(asked.id)
        allowed = circle.allowed(world, tx, incident_of(tx, fresh))
        return approvals.object_(fresh, why, by=by, allowed=allowed, now=now, who=circle.rule.who)

    return world.decide(think)


def submit(world: World, form: Submission) -> Decision:
    """A submitted form; a wrong name keeps it open."""
    asked = world.read(lambda tx: find_request(tx, form.subject))
    if form.callback == cards.OBJECT:
        return _object(world, asked, form.by, form.values.get("why", "").strip())
    name = form.values.get("name", "").strip()
    rollouts.must_be_open(asked)
    if not review.is_named(asked, name):
        raise Invalid({"name": f"That is not the service's name. It is {asked.called}; nothing was changed."})
    return _confirm(world, asked, form.by, name)


def find_request(tx: Tx, id: str) -> Request:
    """Raises Refused."""
    if not id:
        raise Refused("Say which request: its card has the buttons, and its id. Nothing was changed.")
    try:
        return tx.request(id)
    except LookupError:
        raise Refused(f"I know of no request {code(id, 60)}.", instead="/rollout list") from None


def incident_of(tx: Tx, request: Request) -> Incident | None:
    return tx.find_incident(request.incident) if request.incident else None


# ---------------------------------------------------------------- effects


def expire(world: World, id: str) -> Think:
    return lambda tx, now: rollouts.expire(tx.request(id), now)
