"""Gates: asked by controllers and pipelines, steered by people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot import gate_checks, gates, glass
from bot.cards import gates as cards
from bot.cards.rollout import check_card
from bot.commands import Ask
from bot.consent import must_be_allowed
from bot.decision import Decision
from bot.errors import Refused
from bot.gates import TOLD, Facts, Kind, Tick
from bot.heard import heard
from bot.incidents import CHANNEL
from bot.model import Gate, Pass, Verb
from bot.policy import Service
from bot.text import brief, code
from handlers import targets
from handlers.world import World
from storage.store import Tx

STEERED = ("show", "check", "pause", "resume", "promote", "rollback", "abort")
IN_CLUSTER = ("retry", "watch", "verify", "suspend")  # what takes a look at the cluster

# ---------------------------------------------------------------- asked


def ask(world: World, service: Service, tick: Tick) -> Gate:
    """The answer. It is given when it is kept; where nothing is new, nothing is written. Raises Busy."""
    told: list[Gate] = []

    def think(tx: Tx, now: datetime) -> Decision:
        known = facts(world, tx, service, now)
        if tick.gate in TOLD:
            gate, decision = heard(tick, known, now)
        else:
            gate, decision = gates.asked(tick, known, world.policy, now)
        told.append(gate)
        return decision

    if world.read(lambda tx: think(tx, world.now())).save:
        world.decide(think)  # thinks again: another replica may have been told yes meanwhile
    return told[-1]


def facts(world: World, tx: Tx, service: Service, now: datetime) -> Facts:
    name, environment = service.name, service.environment
    return Facts(
        service=service,
        incidents=tx.open_incidents_near(gates.near(service, world.policy), environment),
        freezes=tx.freezes(now),
        holds=tx.holds(name, environment),
        passes=[given for given in tx.passes(name, environment, now) if _wanted(tx, given)],
        seen={gate.gate: gate for gate in tx.gates(name, environment)},
    )


def _wanted(tx: Tx, given: Pass) -> bool:
    """A request may end before its order was heard: overtaken, objected to, or given up."""
    return not given.request or tx.request(given.request).settled_at is None


# ---------------------------------------------------------------- steered


@dataclass(frozen=True)
class Options:
    """What may follow the service. `at`: the revision that was looked at, where it was looked at."""

    full: bool = False
    at: str = ""
    why: str = ""
    broken_glass: str = ""


def steered(world: World, ask: Ask, verb: str, words: str) -> Decision | None:
    """The verb, for a rollout that is only known by what it asks; None for any other."""
    if verb not in (*STEERED, *IN_CLUSTER):
        return None
    service, rest = targets.find(world, ask, words, verb)
    if not targets.asks_only(service):
        return None
    if verb in IN_CLUSTER:
        raise Refused(
            f"{code(service.called)} is known only by what it asks at its gates; no cluster is read, so there is "
            f"nothing to {verb}.",
            instead=f"/rollout show {service.called}",
        )
    if verb == "show":
        return show(world, service)
    if verb == "check":
        return check(world, service, rest)
    options = parse(verb, service, rest)
    if verb == "pause":
        return pause(world, ask, service, options)
    return previewed(world, ask, service, verb, options)


def parse(verb: str, service: Service, words: str) -> Options:
    """`--full`, `--at REVISION`; after a pause, why; after a promotion, why the glass is broken. Raises Refused."""
    if verb == "pause":
        return Options(why=words)
    words, broken_glass = glass.taken_out(words, verb) if verb == "promote" else (words, "")
    full, at, rest = False, "", words.replace("—", "--").split()
    while rest:
        match rest:
            case ["--full", *more] if verb == "promote":
                full, rest = True, more
            case ["--at", revision, *more]:
                at, rest = revision, more
            case _:
                usage = " [--full]" if verb == "promote" else ""
                raise Refused(
                    f"I did not understand {code(' '.join(rest), 60)}; nothing was changed.",
                    instead=f"/rollout {verb} {service.called}{usage}",
                )
    return Options(full=full, at=at, broken_glass=broken_glass)


def show(world: World, service: Service) -> Decision:
    now = world.now()
    return Decision(say=world.read(lambda tx: cards.gates_card(facts(world, tx, service, now), world.policy, now)))


def check(world: World, service: Service, words: str) -> Decision:
    """Every verb that means something here, or the one that is named; nothing is changed. Raises Refused."""
    verbs = (targets.verb(words),) if words else gate_checks.VERBS
    if verbs == (Verb.RETRY,):
        raise Refused(f"{code(service.called)} is steered at its gates, where there is no retry.")
    now = world.now()

    def judge(tx: Tx) -> Decision:
        known = facts(world, tx, service, now)
        results = {verb: gate_checks.check(verb, known, world.policy, now) for verb in verbs}
        return Decision(say=check_card(service.called, cards.summary(known, world.policy, now), results))

    return world.read(judge)


def pause(world: World, ask: Ask, service: Service, options: Options) -> Decision:
    def think(tx: Tx, now: datetime) -> Decision:
        before = tx.find_hold(f"{service.name}/{service.environment}/{ask.by}")
        return gates.pause(facts(world, tx, service, now), before, options.why, ask.by, now)

    return world.decide(think)


def previewed(world: World, ask: Ask, service: Service, verb: str, options: Options) -> Decision:
    """First shown; done when it comes back with the revision that was looked at."""
    circle = targets.circle(world, service, Verb(verb))

    def think(tx: Tx, now: datetime) -> Decision:
        known = facts(world, tx, service, now)
        here = targets.surroundings(tx, ask, service, now).incident
        allowed = circle.allowed(world, tx, here, breaking=bool(options.broken_glass))
        must_be_allowed(ask.by, allowed, service.called, here.id if here else "", circle.rule.who)
        decision = _do(world, known, verb, options, ask.by, tx.count_passes() + 1, now)
        if options.at:
            gates.must_be_at(known, verb, options.at)
            return decision + _alarm(world, tx, ask, known, options, decision, now)
        line = f"{verb} {service.called}" + (" --full" if options.full else "")
        if options.broken_glass:  # a quote would end it early
            line += f' {glass.FLAG} "{options.broken_glass.replace(QUOTE, APOSTROPHE)}"'
        title = f"{TITLES[verb]} {service.called}?"
        at = gates.revision(known, verb)
        against = () if verb in BACK else gates.closers(Kind.PROMOTION, known, world.policy, now)
        return Decision(say=cards.preview(line, at, title, WILL[verb, options.full], known, against, now))

    return world.decide(think) if options.at else world.read(lambda tx: think(tx, world.now()))


def _alarm(
    world: World, tx: Tx, ask: Ask, known: Facts, options: Options, decision: Decision, now: datetime
) -> Decision:
    """Everybody hears of broken glass, once it is. Where nothing is frozen it stays whole."""
    rules = gates.frozen(known, now)
    given = next((noun for noun in decision.save if isinstance(noun, Pass)), None)
    if not options.broken_glass or not rules or given is None:
        return Decision()
    home = gates.home(known)
    return glass.announced(
        given.id,
        f"promotion of {known.service.called} at {gates.revision(known, Verb.PROMOTE)}",
        options.broken_glass,
        "; ".join(brief(rule, 500) for rule in rules),
        by=ask.by,
        incident=home,
        channels=[CHANNEL if home else ask.channel, world.policy.announce],
        number=len(tx.tasks(home)) + 1,
        now=now,
    )


BACK = ("rollback", "abort")  # which nothing holds
QUOTE, APOSTROPHE = '"', "'"
TITLES = {"resume": "Resume", "promote": "Let go on:", "rollback": "Roll back", "abort": "Roll back"}
WILL = {
    ("resume", False): "What people hold is lifted. It goes on at its next tick, unless something else holds it.",
    ("promote", False): "The gate that it asked at last opens for one tick, over what holds it now.",
    ("promote", True): "All gates open for this revision, over what holds them now. Its metrics are still checked.",
    ("rollback", False): "When it asks next whether to roll back, it is told yes, once.",
    ("abort", False): "When it asks next whether to roll back, it is told yes, once.",
}


def _do(
    world: World,
    known: Facts,
    verb: str,
    options: Options,
    by: str,
    number: int,
    now: datetime,
) -> Decision:
    match verb:
        case "resume":
            return gates.resume(known, world.policy, by=by, now=now)
        case "promote":
            full, why = options.full, options.broken_glass
            return gates.promote(known, world.policy, full=full, by=by, number=number, now=now, broken_glass=why)
        case _:
            return gates.rollback(known, by=by, number=number, now=now)


# ---------------------------------------------------------------- shown


def summaries(world: World) -> list[str]:
    """A line for each rollout that is only known by what it asks."""
    services = [service for service in world.policy.rollouts() if targets.asks_only(service)]
    now = world.now()

    def ask(tx: Tx) -> list[str]:
        return [cards.summary(facts(world, tx, service, now), world.policy, now) for service in services]

    return world.read(ask)


def urls(world: World, service: Service) -> dict[str, str]:
    return {kind.value: world.gate_url(service.name, service.environment, kind) for kind in Kind}


def show_urls(world: World, ask: Ask, words: str) -> Decision:
    """To those who may act on the rollout: a URL is a key."""
    service, rest = targets.named(world, ask, words, "gates")
    targets.must_be_all(rest, "gates")
    circle = targets.circle(world, service, Verb.PROMOTE)

    def answer(tx: Tx) -> Decision:
        here = targets.surroundings(tx, ask, service, world.now()).incident
        allowed = circle.allowed(world, tx, here)
        must_be_allowed(ask.by, allowed, service.called, here.id if here else "", circle.rule.who)
        return Decision(say=cards.urls_card(service.called, urls(world, service)))

    return world.read(answer)


def find(world: World, name: str, environment: str) -> Service | None:
    """Any service of the configuration: a gate needs no rollout. Without an environment the one that its name means."""
    lower = {each.lower(): service for each, service in world.policy.services.items()}
    service = lower.get(name.lower())
    places = {there.environment: there for there in service.everywhere} if service else {}
    return places.get(environment) if environment else service
