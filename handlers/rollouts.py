"""Rollouts: what people ask of them, what is done to them, and the proof."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from bot import changes, glass, probes, rollouts, vigils
from bot.cards import rollout as cards
from bot.commands import Ask, unknown_verb
from bot.decision import Decision
from bot.errors import ProviderError, Refused
from bot.freezes import reason
from bot.model import Request, RequestState, Rollout, Verb
from bot.preflight import preflight
from bot.text import code, one_line
from handlers import fleet, freezes, gates, live, sightings, steering, suspensions, targets
from handlers.consent import approve, confirm, find_request, object_
from handlers.world import Think, World, nothing
from storage.store import Tx

DASH = re.compile(r"(?<!\S)[—–](?=\w)")  # what some keyboards make of two
WHY = re.compile(r"(?:--|[—–])why[\s=]+(.+)", re.IGNORECASE)
OPTIONS = {Verb.PROMOTE: " [--full]", Verb.ROLLBACK: " [--to REV] [--now]"}

# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    """Every verb of /rollout but help. Raises Refused, ProviderError, Busy."""
    verb, words = ask.split()
    if (steered := gates.steered(world, ask, verb, words)) is not None:
        return steered
    match verb:
        case "":
            return Decision(say=cards.tray(sorted(service.called for service in world.policy.rollouts())))
        case "list":
            return list_(world)
        case "show":
            return show(world, ask, words)
        case "check":
            return check(world, ask, words)
        case "watch":
            return live.watch(world, ask, words)
        case "unwatch":
            return live.unwatch(world, ask, words)
        case "verify":
            return fleet.show(world, ask, words)
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
        case "freeze":
            return freezes.freeze(world, ask, words)
        case "thaw":
            return freezes.thaw(world, ask, words)
        case "freezes":
            return freezes.list_(world)
        case "gates":
            return gates.show_urls(world, ask, words)
        case "pause" | "resume" | "promote" | "abort" | "retry" | "rollback":
            return request(world, ask, Verb(verb), words)
        case _:
            raise unknown_verb("rollout", verb)


def list_(world: World) -> Decision:
    services = sorted(targets.in_clusters(world), key=lambda service: service.called)
    found: list[Rollout] = []
    troubles: dict[str, str] = {}
    for service, result in zip(services, targets.read_all(world, services), strict=True):
        if isinstance(result, ProviderError):
            troubles[service.called] = str(result)
        else:
            found.append(result)
    frozen, asking = world.read(lambda tx: tx.freezes(world.now())), gates.summaries(world)
    return Decision(say=cards.rollout_list(found, troubles, [reason(freeze) for freeze in frozen], asking))


def show(world: World, ask: Ask, words: str) -> Decision:
    service, rest = targets.find(world, ask, words, "show")
    targets.must_be_all(rest, "show")
    rollout = targets.read(world, service)
    return Decision(say=cards.rollout_card(rollout, world.read(lambda tx: targets.known_good(tx, service))))


def check(world: World, ask: Ask, words: str) -> Decision:
    """Every verb, or the one that is named, judged by the facts at hand; nothing is changed."""
    service, rest = targets.find(world, ask, words, "check")
    word, _, more = rest.partition(" ")
    verbs = tuple(Verb) if not rest else (targets.verb(word),)
    to, full = _options(verbs[0], more)
    rollout = targets.examine(world, service, targets.read(world, service))
    figures = targets.figures(world, service)

    def judge(tx: Tx) -> Decision:
        stables, around = targets.known_good(tx, service), targets.surroundings(tx, ask, service, world.now())
        doubts = targets.doubts(world, tx, service.name, service.environment, world.now())
        around = replace(around, figures=figures, doubts=doubts)
        around = replace(around, vendors=targets.vendor_troubles(world, tx, service.name, world.now()))
        results = {verb: preflight(verb, rollout, stables, around, to=to, full=full) for verb in verbs}
        return Decision(say=cards.check_card(service.called, cards.summary(rollout), results))

    return world.read(judge)


def request(world: World, ask: Ask, verb: Verb, words: str) -> Decision:
    """A pause is done; everything else answers with a preview."""
    words, broken_glass = glass.taken_out(words, verb)
    service, rest = targets.find(world, ask, words, verb)
    why = reason_to_pause(rest) if verb is Verb.PAUSE else ""
    to, full = _options(verb, "" if why else rest)
    rollout = targets.read(world, service)
    if verb is not Verb.PAUSE:  # whose press must not wait for more looks
        rollout = targets.examine(world, service, rollout)
    figures = None if verb is Verb.PAUSE else targets.figures(world, service)
    circle = targets.circle(world, service, verb)

    def think(tx: Tx, now: datetime) -> Decision:
        doubts = targets.doubts(world, tx, service.name, service.environment, now)
        others = targets.vendor_troubles(world, tx, service.name, now)
        around = targets.surroundings(tx, ask, service, now)
        around = replace(around, figures=figures, doubts=doubts, vendors=others)
        if around.incident:
            around = replace(around, near=targets.is_near(world, around.incident, service))
        return _looks(world, service.name, service.environment, now) + rollouts.propose(
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
            full=full,
            rule=circle.rule,
            broken_glass=broken_glass,
            why=why,
        )

    return world.decide(think)


def reason_to_pause(words: str) -> str:
    """Whoever stops something in a hurry may say why. "" for an option, and for one word: that may be a place."""
    why = one_line(words)
    if given := WHY.match(why):
        return given[1].strip("\"“”'")
    return why if " " in why and not DASH.sub("--", why).startswith("--") else ""


def _options(verb: Verb, words: str) -> tuple[str, bool]:
    """The revision in `--to REV`, "" where none is named, and whether `--full` or `--now` skips the steps."""
    match verb, DASH.sub("--", words.replace("=", " ")).split():
        case _, []:
            return "", False
        case Verb.PROMOTE, ["--full"]:
            return "", True
        case Verb.ROLLBACK, ["--now"]:
            return "", True
        case Verb.ROLLBACK, ["--to", to]:
            return to, False
        case Verb.ROLLBACK, ["--to", to, "--now"] | ["--now", "--to", to]:
            return to, True
        case Verb.ROLLBACK, [to] if not to.startswith("-"):
            raise Refused(f"I did not understand {code(to, 60)}.", instead=f"/rollout rollback SERVICE --to {to[:60]}")
    usage = OPTIONS.get(verb, "")
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
    tell = steering.act(world, world.policy.service(asked.service, asked.environment), asked) or _tell(world, asked)

    def think(tx: Tx, now: datetime) -> Decision:
        decision = tell(tx, now)
        looks = _looks(world, asked.service, asked.environment, now)
        return decision + _vigil(world, tx, decision, now) + looks

    return think


def _tell(world: World, asked: Request) -> Think:
    controller, target = targets.provider(world, world.policy.service(asked.service, asked.environment))
    rollout = controller.act(target, asked)
    return lambda tx, now: rollouts.acted(tx.request(asked.id), rollout, now)


def verify(world: World, id: str) -> Think:
    """Asks the cluster whether it came true."""
    asked, told = world.read(lambda tx: (tx.request(id), tx.find_post(rollouts.slow_post(id)) is not None))
    if asked.state is not RequestState.ACTING:
        return nothing
    try:
        rollout = _look(world, asked)
    except ProviderError as error:
        return _unseen(world, id, error)

    def think(tx: Tx, now: datetime) -> Decision:
        decision = rollouts.verify(tx.request(id), rollout, now, told=told)
        settled = next((noun for noun in decision.save if isinstance(noun, Request)), None)
        if settled is None:
            return decision
        recent = tx.changes(now - world.policy.suspect_window, now, [settled.service], settled.environment)
        looks = _looks(world, settled.service, settled.environment, now)
        return decision + changes.rolled_back(settled, recent) + _vigil(world, tx, decision, now) + looks

    return think


def _looks(world: World, service: str, environment: str, now: datetime) -> Decision:
    """Its probes look before, during and after what is done to it."""
    return probes.run_all(world.policy.probes_of(service, environment), now)


def _vigil(world: World, tx: Tx, decision: Decision, now: datetime) -> Decision:
    """Somebody looks on after what was settled."""
    settled = next((noun for noun in decision.save if isinstance(noun, Request)), None)
    if settled is None or settled.settled_at is None:
        return Decision()
    others = tx.open_vigils(settled.service, settled.environment)
    return vigils.begin(settled, others, world.policy, now)


def _look(world: World, asked: Request) -> Rollout:
    """Reads it, and sends what had to wait until the controller had seen the call before."""
    service = world.policy.service(asked.service, asked.environment)
    controller, target = targets.provider(world, service)
    if not rollouts.in_parts(asked, world.now()):
        return targets.read(world, service)
    return controller.act(target, asked)


def _unseen(world: World, id: str, error: ProviderError) -> Think:
    """Asked again while there is time; after that people are told that nothing is known."""
    if error.permanent or rollouts.unseen(world.read(lambda tx: tx.request(id)), error, world.now()) is None:
        raise error
    return lambda tx, now: rollouts.unseen(tx.request(id), error, now) or Decision()


def gave_up(world: World, id: str, error: ProviderError) -> Think:
    return lambda tx, now: rollouts.gave_up(tx.request(id), error, now)


def observe(world: World) -> None:
    """Look at every rollout: what the watches have missed, if anything. One cluster away does not hide the others."""
    sightings.look_at(world, targets.in_clusters(world))
