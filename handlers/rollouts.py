"""Rollouts: what people ask of them, what is done to them, and the proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from bot import changes, glass, rollouts, vigils
from bot.cards import rollout as cards
from bot.commands import Ask, unknown_verb
from bot.decision import Decision
from bot.errors import ProviderError, Refused
from bot.model import Request, RequestState, Rollout, Verb
from bot.policy import Service
from bot.preflight import preflight
from bot.text import code
from handlers import suspensions, targets
from handlers.consent import approve, confirm, find_request, object_
from handlers.world import Think, World, nothing
from storage.store import Tx

log = structlog.get_logger(__name__)

AT_ONCE = 8  # rollouts read at the same time
RECENT = 50  # incidents looked through for earlier rollbacks

# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    """Every verb of /rollout but help. Raises Refused, ProviderError, Busy."""
    verb, words = ask.split()
    match verb:
        case "":
            return Decision(say=cards.tray(sorted(targets.configured(world))))
        case "list":
            return list_(world)
        case "show":
            return show(world, ask, words)
        case "check":
            return check(world, ask, words)
        case "confirm":
            return confirm(world, ask, words)
        case "cancel":
            return cancel(world, ask, words)
        case "suspend":
            return suspensions.suspend(world, ask, words)
        case "restore":
            return suspensions.restore(world, ask, words)
        case "approve":
            return approve(world, ask, words)
        case "object":
            return object_(world, ask, words)
        case "pause" | "resume" | "promote" | "rollback":
            return request(world, ask, Verb(verb), words)
        case _:
            raise unknown_verb("rollout", verb)


def list_(world: World) -> Decision:
    services = sorted(targets.configured(world).values(), key=lambda service: service.name)
    found: list[Rollout] = []
    troubles: dict[str, str] = {}
    for service, result in zip(services, targets.read_all(world, services), strict=True):
        if isinstance(result, ProviderError):
            troubles[service.name] = str(result)
        else:
            found.append(result)
    return Decision(say=cards.rollout_list(found, troubles))


def show(world: World, ask: Ask, words: str) -> Decision:
    service, _ = targets.find(world, ask, words, "show")
    rollout = targets.read(world, service)
    return Decision(say=cards.rollout_card(rollout, world.read(lambda tx: targets.known_good(tx, service))))


def check(world: World, ask: Ask, words: str) -> Decision:
    """Every verb, or the one that is named, judged by the facts at hand; nothing is changed."""
    service, rest = targets.find(world, ask, words, "check")
    word, _, more = rest.partition(" ")
    verbs = tuple(Verb) if not word else (_verb(word),)
    to = _destination(verbs[0], more)
    rollout = targets.examine(world, service, targets.read(world, service))
    figures = targets.figures(world, service)

    def judge(tx: Tx) -> Decision:
        stables, around = targets.known_good(tx, service), targets.surroundings(tx, ask, service, world.now())
        around = replace(around, figures=figures)
        results = {verb: preflight(verb, rollout, stables, around, to=to) for verb in verbs}
        return Decision(say=cards.check_card(rollout, results))

    return world.read(judge)


def _verb(word: str) -> Verb:
    try:
        return Verb(word.lower())
    except ValueError:
        choices = "|".join(Verb)
        raise Refused(
            f"{code(word, 40)} is not a verb to check.", instead=f"/rollout check SERVICE {choices}"
        ) from None


def request(world: World, ask: Ask, verb: Verb, words: str) -> Decision:
    """A pause is done; everything else answers with a preview."""
    words, broken_glass = glass.taken_out(words, verb)
    service, rest = targets.find(world, ask, words, verb)
    to = _destination(verb, rest)
    rollout = targets.read(world, service)
    if verb is not Verb.PAUSE:  # whose press must not wait for more looks
        rollout = targets.examine(world, service, rollout)
    figures = None if verb is Verb.PAUSE else targets.figures(world, service)
    circle = targets.circle(world, service, verb)

    def think(tx: Tx, now: datetime) -> Decision:
        around = replace(targets.surroundings(tx, ask, service, now), figures=figures)
        return rollouts.propose(
            verb,
            rollout,
            targets.known_good(tx, service),
            around,
            by=ask.by,
            channel=ask.channel,
            allowed=circle.allowed(world, tx, around.incident, breaking=bool(broken_glass)),
            number=tx.count_requests() + 1,
            now=now,
            to=to,
            rule=circle.rule,
            broken_glass=broken_glass,
        )

    return world.decide(think)


def _destination(verb: Verb, words: str) -> str:
    """The revision in `--to REV`; "" where none is named."""
    match words.replace("=", " ").split():
        case []:
            return ""
        case ["--to", to] if verb is Verb.ROLLBACK:
            return to
    usage = " [--to REV]" if verb is Verb.ROLLBACK else ""
    raise Refused(f"I did not understand {code(words, 60)}.", instead=f"/rollout {verb} SERVICE{usage}")


def cancel(world: World, ask: Ask, id: str) -> Decision:
    return world.decide(lambda tx, now: rollouts.cancel(find_request(tx, id), ask.by, now))


# ---------------------------------------------------------------- effects


def act(world: World, id: str) -> Think:
    """Does what was confirmed, if the rollout is still where it was reviewed."""
    asked = world.read(lambda tx: tx.request(id))
    if asked.state is not RequestState.CONFIRMED:
        return nothing
    if rollouts.too_late(asked, world.now()):
        late = "the cluster could not be reached in time, and now it is too late to act"
        raise ProviderError("Watchkeeper", late, permanent=True, unknown=True)
    controller, target = targets.provider(world, world.policy.service(asked.service))
    rollout = controller.act(target, asked)

    def think(tx: Tx, now: datetime) -> Decision:
        decision = rollouts.acted(tx.request(id), rollout, now)
        return decision + _vigil(world, tx, decision, now)

    return think


def verify(world: World, id: str) -> Think:
    """Asks the cluster whether it came true."""
    asked, told = world.read(lambda tx: (tx.request(id), tx.find_post(rollouts.slow_post(id)) is not None))
    if asked.state is not RequestState.ACTING:
        return nothing
    try:
        rollout = targets.read(world, world.policy.service(asked.service))
    except ProviderError as error:
        return _unseen(world, id, error)

    def think(tx: Tx, now: datetime) -> Decision:
        decision = rollouts.verify(tx.request(id), rollout, now, told=told)
        settled = next((noun for noun in decision.save if isinstance(noun, Request)), None)
        if settled is None:
            return decision
        recent = tx.changes(now - world.policy.suspect_window, now, [settled.service])
        return decision + changes.rolled_back(settled, recent) + _vigil(world, tx, decision, now)

    return think


def _vigil(world: World, tx: Tx, decision: Decision, now: datetime) -> Decision:
    """Somebody looks on after what was settled."""
    settled = next((noun for noun in decision.save if isinstance(noun, Request)), None)
    if settled is None or settled.settled_at is None:
        return Decision()
    others = tx.open_vigils(settled.service, settled.environment)
    return vigils.begin(settled, others, world.policy, now)


def _unseen(world: World, id: str, error: ProviderError) -> Think:
    """Asked again while there is time; after that people are told that nothing is known."""
    if error.permanent or rollouts.unseen(world.read(lambda tx: tx.request(id)), error, world.now()) is None:
        raise error
    return lambda tx, now: rollouts.unseen(tx.request(id), error, now) or Decision()


def gave_up(world: World, id: str, error: ProviderError) -> Think:
    return lambda tx, now: rollouts.gave_up(tx.request(id), error, now)


def observe(world: World) -> None:
    """Remember which revisions became stable; asked every few seconds. One cluster away does not hide the others."""
    services = list(targets.configured(world).values())
    for service, result in zip(services, targets.read_all(world, services), strict=True):
        if isinstance(result, ProviderError):
            log.warning("rollout not read", service=service.name, error=str(result))
        else:
            _remember(world, service, result)


def _remember(world: World, service: Service, rollout: Rollout) -> None:
    def think(tx: Tx, now: datetime) -> Decision:
        return rollouts.observed(rollout, tx.stables(service.name, service.environment), now)

    if world.read(lambda tx: think(tx, world.now())).save:  # mostly nothing is new: no write for that
        world.decide(think)
