"""Rollouts: what people ask of them, what is done to them, and the proof."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog

from bot import changes, roles, rollouts
from bot.cards import rollout as cards
from bot.commands import Ask, nearest, unknown_verb
from bot.decision import Decision
from bot.errors import NotYet, ProviderError, Refused
from bot.model import Assignment, Incident, Request, RequestState, Rollout, Stable, Verb
from bot.policy import Group, Rota, Service, Target
from bot.preflight import Surroundings, good, preflight
from bot.text import code
from handlers.world import Rollouts, Think, World, nothing
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
            return Decision(say=cards.tray(sorted(configured(world))))
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
        case "pause" | "resume" | "promote" | "rollback":
            return request(world, ask, Verb(verb), words)
        case _:
            raise unknown_verb("rollout", verb)


def list_(world: World) -> Decision:
    services = sorted(configured(world).values(), key=lambda service: service.name)
    found: list[Rollout] = []
    troubles: dict[str, str] = {}
    for service, result in zip(services, _read_all(world, services), strict=True):
        if isinstance(result, ProviderError):
            troubles[service.name] = str(result)
        else:
            found.append(result)
    return Decision(say=cards.rollout_list(found, troubles))


def _read_all(world: World, services: list[Service]) -> list[Rollout | ProviderError]:
    """One slow cluster must not hold up the list of all."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rollouts") as pool:
        return list(pool.map(lambda service: _try_read(world, service), services))


def _try_read(world: World, service: Service) -> Rollout | ProviderError:
    try:
        return read(world, service)
    except ProviderError as error:
        return error


def show(world: World, ask: Ask, words: str) -> Decision:
    service, _ = find(world, ask, words, "show")
    rollout = read(world, service)
    return Decision(say=cards.rollout_card(rollout, world.read(lambda tx: known_good(tx, service))))


def check(world: World, ask: Ask, words: str) -> Decision:
    """Every verb, or the one that is named, judged by the facts at hand; nothing is changed."""
    service, rest = find(world, ask, words, "check")
    verbs = tuple(Verb) if not rest else (_verb(rest),)
    rollout = read(world, service)

    def judge(tx: Tx) -> Decision:
        stables, around = known_good(tx, service), surroundings(tx, ask, service, world.now())
        results = {verb: preflight(verb, rollout, stables, around) for verb in verbs}
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
    service, rest = find(world, ask, words, verb)
    to = _destination(verb, rest)
    rollout = read(world, service)
    called = oncall(world, service)

    def think(tx: Tx, now: datetime) -> Decision:
        around = surroundings(tx, ask, service, now)
        return rollouts.propose(
            verb,
            rollout,
            known_good(tx, service),
            around,
            by=ask.by,
            channel=ask.channel,
            allowed=rollouts.who_may(service, _roles(world, tx, around.incident, service), called),
            number=tx.count_requests() + 1,
            now=now,
            to=to,
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


def confirm(world: World, ask: Ask, id: str) -> Decision:
    asked = world.read(lambda tx: find_request(tx, id))
    rollouts.must_be_open(asked)
    service = _service(world, asked)
    rollout = read(world, service)
    called = oncall(world, service)

    def think(tx: Tx, now: datetime) -> Decision:
        fresh = find_request(tx, id)
        incident = tx.find_incident(fresh.incident) if fresh.incident else None
        return rollouts.confirm(
            fresh,
            rollout,
            by=ask.by,
            allowed=rollouts.who_may(service, _roles(world, tx, incident, service), called),
            others=tx.open_requests(fresh.service, fresh.environment),
            now=now,
        )

    return world.decide(think)


def cancel(world: World, ask: Ask, id: str) -> Decision:
    return world.decide(lambda tx, now: rollouts.cancel(find_request(tx, id), ask.by, now))


def find_request(tx: Tx, id: str) -> Request:
    try:
        return tx.request(id)
    except LookupError:
        raise Refused(f"I know of no request {code(id, 60)}.", instead="/rollout list") from None


# ---------------------------------------------------------------- what is meant


def configured(world: World) -> dict[str, Service]:
    return {name: service for name, service in world.policy.services.items() if service.rollout}


def find(world: World, ask: Ask, words: str, verb: str) -> tuple[Service, str]:
    """The service that is named, or that of the incident in whose channel it was asked, and the words that remain."""
    first, _, rest = words.strip().partition(" ")
    if not first or first.startswith("--"):
        first, rest = _of_channel(world, ask), words
    if not first:
        raise Refused("Say which service.", instead=f"/rollout {verb} {_example(world)}")
    known = {name.lower(): name for name in world.policy.services}
    name = known.get(first.lower())
    if name is None:
        close = nearest(first.lower(), list(known))
        instead = f"/rollout {verb} {known[close]}" if close else "/rollout list"
        raise Refused(f"I know no service {code(first, 60)}.", instead=instead)
    return _with_rollout(world.policy.services[name]), rest.strip()


def _of_channel(world: World, ask: Ask) -> str:
    incident = world.read(lambda tx: tx.incident_in(ask.channel)) if ask.channel else None
    return incident.service if incident and incident.service in configured(world) else ""


def _example(world: World) -> str:
    return next(iter(sorted(configured(world))), "SERVICE")


def _with_rollout(service: Service) -> Service:
    if service.rollout is None:
        raise Refused(
            f"No rollout is configured for {code(service.name)}: add {code(f'services.{service.name}.rollout')} with "
            "its cluster and namespace to the configuration.",
            instead="/rollout list",
        )
    return service


def _service(world: World, asked: Request) -> Service:
    """Raises Refused where the configuration no longer has it."""
    return _with_rollout(world.policy.service(asked.service))


def provider(world: World, service: Service) -> tuple[Rollouts, Target]:
    """Raises ProviderError where the configuration no longer has one: there is nobody to tell but the channel."""
    target = service.rollout
    if target is None:
        raise ProviderError("Watchkeeper", f"no rollout is configured for {service.name}", permanent=True)
    if target.provider not in world.rollouts:
        raise ProviderError("Watchkeeper", f"the rollout provider {target.provider} is not running", permanent=True)
    return world.rollouts[target.provider], target


def read(world: World, service: Service) -> Rollout:
    controller, target = provider(world, service)
    return controller.get(target, service.name, service.environment)


# ---------------------------------------------------------------- what is known around it


def surroundings(tx: Tx, ask: Ask, service: Service, now: datetime) -> Surroundings:
    others = tx.open_incident_of(service.name, service.environment)
    here = tx.incident_in(ask.channel) if ask.channel else None
    incident = here if here and here.is_open else next(iter(others), None)
    return Surroundings(
        incident=incident,
        others=others,
        changes=tx.changes(incident.onset_at or incident.opened_at, now, [service.name]) if incident else (),
        requests=tx.open_requests(service.name, service.environment),
    )


def known_good(tx: Tx, service: Service) -> tuple[Stable, ...]:
    """The revisions that were stable and were not rolled back from since, newest first."""
    stables = tx.stables(service.name, service.environment)
    if len(stables) < 2:
        return stables
    where = ["", *(incident.id for incident in tx.incidents(limit=RECENT))]
    mine = (service.name, service.environment)
    asked = [r for id in where for r in tx.requests(id) if (r.service, r.environment) == mine]
    return good(stables, asked)


def _roles(world: World, tx: Tx, incident: Incident | None, service: Service) -> tuple[Assignment, ...]:
    """Only a role in an incident of this service, or of one that depends on it, gives a say in its rollout."""
    if incident is None or incident.environment != service.environment:
        return ()
    near = {incident.service, *world.policy.service(incident.service).depends_on}
    return tx.assignments(incident.id) if service.name in near else ()


def oncall(world: World, service: Service) -> frozenset[str]:
    """Who is on call for a service now. Without Slack its groups are unknown; owners and role holders still may."""
    names = {service.oncall, *service.roles.values()} - {""}
    people: set[str] = set()
    for source in (world.policy.oncall.get(name) for name in sorted(names)):
        match source:
            case Rota():
                people |= set(roles.on_duty(source, world.now())[:1])
            case Group():
                people |= _members(world, source)
    return frozenset(people)


def _members(world: World, group: Group) -> set[str]:
    try:
        return set(world.chat.members(group.id))
    except (ProviderError, NotYet) as error:
        log.warning("group unreadable, its members may not act", group=group.id, error=str(error))
        return set()


# ---------------------------------------------------------------- effects


def act(world: World, id: str) -> Think:
    """Does what was confirmed, if the rollout is still where it was reviewed."""
    asked = world.read(lambda tx: tx.request(id))
    if asked.state is not RequestState.CONFIRMED:
        return nothing
    if rollouts.too_late(asked, world.now()):
        late = "the cluster could not be reached in time, and now it is too late to act"
        raise ProviderError("Watchkeeper", late, permanent=True, unknown=True)
    controller, target = provider(world, world.policy.service(asked.service))
    rollout = controller.act(target, asked)
    return lambda tx, now: rollouts.acted(tx.request(id), rollout, now)


def verify(world: World, id: str) -> Think:
    """Asks the cluster whether it came true."""
    asked, told = world.read(lambda tx: (tx.request(id), tx.find_post(rollouts.slow_post(id)) is not None))
    if asked.state is not RequestState.ACTING:
        return nothing
    try:
        rollout = read(world, world.policy.service(asked.service))
    except ProviderError as error:
        return _unseen(world, id, error)

    def think(tx: Tx, now: datetime) -> Decision:
        decision = rollouts.verify(tx.request(id), rollout, now, told=told)
        settled = next((noun for noun in decision.save if isinstance(noun, Request)), None)
        if settled is None:
            return decision
        recent = tx.changes(now - world.policy.suspect_window, now, [settled.service])
        return decision + changes.rolled_back(settled, recent)

    return think


def _unseen(world: World, id: str, error: ProviderError) -> Think:
    """Asked again while there is time; after that people are told that nothing is known."""
    if error.permanent or rollouts.unseen(world.read(lambda tx: tx.request(id)), error, world.now()) is None:
        raise error
    return lambda tx, now: rollouts.unseen(tx.request(id), error, now) or Decision()


def gave_up(world: World, id: str, error: ProviderError) -> Think:
    return lambda tx, now: rollouts.gave_up(tx.request(id), error, now)


def observe(world: World) -> None:
    """Remember which revisions became stable; asked every few seconds. One cluster away does not hide the others."""
    services = list(configured(world).values())
    for service, result in zip(services, _read_all(world, services), strict=True):
        if isinstance(result, ProviderError):
            log.warning("rollout not read", service=service.name, error=str(result))
        else:
            _remember(world, service, result)


def _remember(world: World, service: Service, rollout: Rollout) -> None:
    def think(tx: Tx, now: datetime) -> Decision:
        return rollouts.observed(rollout, tx.stables(service.name, service.environment), now)

    if world.read(lambda tx: think(tx, world.now())).save:  # mostly nothing is new: no write for that
        world.decide(think)
