"""Who is on call: asked where it is kept, and remembered, so that whoever is away still gives yesterday's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import structlog

from bot import oncall, roles
from bot.decision import Decision
from bot.errors import NotYet, ProviderError
from bot.model import Duty
from bot.oncall import Answer
from bot.policy import Asked, Group, Rota
from bot.text import is_person
from handlers.world import World

log = structlog.get_logger(__name__)


def on_duty(world: World, name: str) -> Answer:
    """Raises ProviderError or NotYet where it cannot be asked and never was."""
    match world.policy.oncall.get(name):
        case Rota() as rota:
            return Answer(roles.on_duty(rota, world.now()))
        case Group(id=id):
            return remembered(world, name, lambda: (world.chat.members(id), ()))  # what Slack said it keeps itself
        case Asked():
            if kept := fresh(world, name):
                return Answer(kept.people, unknown=kept.unknown)
            return remembered(world, name, lambda: found(world, world.oncalls[name].on_duty(world.now())))
        case None:
            return Answer()


def fresh(world: World, name: str) -> Duty | None:
    kept = world.read(lambda tx: tx.duty(name))
    return kept if oncall.is_fresh(kept, world.now()) else None


def remembered(world: World, name: str, ask: Callable[[], tuple[Sequence[str], Sequence[str]]]) -> Answer:
    kept = world.read(lambda tx: tx.duty(name))
    try:
        people, unknown = ask()
    except (ProviderError, NotYet) as error:
        if kept is None:
            raise
        log.warning("on-call unreadable, its last answer is taken", oncall=name, error=str(error))
        return Answer(kept.people, kept.at, str(error), kept.unknown)
    if not (oncall.same(kept, people, unknown) and oncall.is_fresh(kept, world.now())):
        duty = Duty(id=name, people=tuple(people), at=world.now(), unknown=tuple(unknown))
        world.decide(lambda tx, now: Decision(save=(duty,)))
    return Answer(tuple(people), unknown=tuple(unknown))


def found(world: World, said: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Slack ids of those who were named, and those whom nobody knows."""
    ids = {one: oncall.known(one, world.policy.people) or looked_up(world, one) for one in said}
    people = dict.fromkeys(id for id in ids.values() if is_person(id))
    return tuple(people), tuple(one for one, id in ids.items() if not id)


def looked_up(world: World, said: str) -> str:
    address = oncall.address(said)
    return world.chat.find_person(address) if address else ""


def ask_all(world: World, names: Iterable[str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Who is on call by each name, and what to say of those that cannot be asked: one must not silence the others.

    Raises ProviderError or NotYet where asking again will help.
    """
    people: dict[str, tuple[str, ...]] = {}
    said: list[str] = []
    for name in sorted(set(names)):
        try:
            answer = on_duty(world, name)
        except ProviderError as error:
            if not error.permanent:
                raise
            said.append(f"the on-call {name} could not be read ({error.message}): call its people by hand")
            continue
        people[name] = answer.people
        said += oncall.troubles(name, answer)
    return people, said


def refresh(world: World) -> None:
    """Asked ahead, so that there is an answer of today when nobody can be asked."""
    for name, source in world.policy.oncall.items():
        if isinstance(source, Rota):
            continue
        try:
            on_duty(world, name)
        except (ProviderError, NotYet) as error:
            log.warning("on-call unreadable, and it never was read", oncall=name, error=str(error))


def may(world: World, name: str) -> frozenset[str]:
    """Who is on call there now, and so may act. What is older than a day says nothing of that."""
    source = world.policy.oncall.get(name)
    try:
        answer = on_duty(world, name)
    except (ProviderError, NotYet) as error:
        log.warning("on-call unreadable, its people may not act", oncall=name, error=str(error))
        return frozenset()
    if answer.at is not None and world.now() - answer.at > oncall.TRUSTED:
        return frozenset()
    return frozenset(answer.people[:1] if isinstance(source, Rota) else answer.people)
