"""Which rollout is meant, how it is read, and what is known around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot import consent, freezes, probes, vendors
from bot.canaries import FLAGGER, with_gates
from bot.commands import Ask, again, nearest
from bot.dangers import Figures
from bot.errors import NotYet, ProviderError, Refused
from bot.intents import good
from bot.model import Assignment, Incident, Request, Role, Rollout, Stable, Verb, is_stage, rollout_id
from bot.policy import GATES, GROUP, Group, Rule, Service, Target
from bot.preflight import Surroundings
from bot.rollouts import remembered, unsure
from bot.text import code
from bot.vendors import Trouble
from handlers import oncalls
from handlers.world import Rollouts, World
from storage.store import Tx

log = structlog.get_logger(__name__)

MISSPELLED = 0.85  # how much a word is like an environment: more than "stalling", which may begin a reason
# What makes a sentence of the word before it: "staging is slow", and not "staging please" or "staging now".
SENTENCE = re.compile(
    r"(?:is|isn['’]?t|was|wasn['’]?t|has|hasn['’]?t|had|does|doesn['’]?t|did|didn['’]?t|can|can['’]?t|cannot|will|won['’]?t"
    r"|looks?|seems|shows|keeps|fails|failed|broke|breaks|burns|needs|went|goes|got|gets)\b",
    re.IGNORECASE,
)
AT_ONCE = 8  # rollouts read at the same time
DEPLOYS = timedelta(days=30)  # how long ago a version that is still to be promoted, or left, may have been deployed


# ---------------------------------------------------------------- what is meant


def in_clusters(world: World) -> list[Service]:
    """Those that can be read; of the others we know what they ask at their gates."""
    return [service for service in world.policy.rollouts() if not asks_only(service)]


def asks_only(service: Service) -> bool:
    return service.rollout is not None and service.rollout.provider == GATES


def find(world: World, ask: Ask, words: str, verb: str) -> tuple[Service, str]:
    """SERVICE [ENVIRONMENT], or what the incident is about in whose channel it was asked; and the words that remain."""
    service, rest = named(world, ask, words, verb)
    return _with_rollout(world, service), rest


def named(world: World, ask: Ask, words: str, verb: str) -> tuple[Service, str]:
    """The same for what needs no rollout. Raises Refused."""
    first, _, rest = words.strip().partition(" ")
    if not first or first.startswith("--"):
        return _of_channel(world, ask, verb), words.strip()
    known = {name.lower(): name for name in world.policy.services}
    name = known.get(first.lower())
    if name is None:
        close = nearest(first.lower(), list(known))
        instead = f"/rollout {verb} {known[close]}" if close else "/rollout list"
        raise Refused(f"I know no service {code(first, 60)}.", instead=instead)
    return placed(world, world.policy.services[name], rest.strip(), verb)


def placed(world: World, service: Service, words: str, verb: str) -> tuple[Service, str]:
    """The first word counts if it is an environment of the service, or might be meant for one. Raises Refused."""
    word, _, rest = words.partition(" ")
    if there := service.meant_by(word):
        return there, rest.strip()
    places = {there.environment.lower(): there for there in service.everywhere}
    others = {there.environment.lower() for there in world.policy.everywhere()}
    meant = places.get(nearest(word.lower(), list(places), MISSPELLED)) if len(places) > 1 else None
    pauses = verb == Verb.PAUSE and bool(rest.strip())
    reason = pauses and bool(SENTENCE.match(rest.strip()))  # "staging is slow" is why, where it is not in staging
    if meant or (word.lower() in others and not reason):
        line = f"/rollout {verb} {service.called} --why {again(words)}"
        why = f" Where that is why: `{line}`." if pauses else ""
        raise Refused(
            f"{code(service.name)} has no environment {code(word, 60)}: it is in {in_words(service)}. "
            f"Nothing was changed.{why}",
            instead=f"/rollout {verb} {(meant or service).called}",
        )
    return service, words


def in_words(service: Service) -> str:
    """The environments of a service, as mrkdwn."""
    return " and ".join(code(there.environment, 60) for there in service.everywhere)


def must_be_all(words: str, verb: str) -> None:
    """Raises Refused where words remain: an environment that is spelled wrong must not be overheard."""
    if words:
        raise Refused(
            f"I did not understand {code(words, 60)}; nothing was changed.", instead=f"/rollout {verb} SERVICE"
        )


def verb(word: str) -> Verb:
    """Raises Refused."""
    try:
        return Verb(word.lower())
    except ValueError:
        choices = "|".join(Verb)
        raise Refused(
            f"{code(word, 40)} is not a verb to check.", instead=f"/rollout check SERVICE {choices}"
        ) from None


def _of_channel(world: World, ask: Ask, verb: str) -> Service:
    incident = world.read(lambda tx: tx.incident_in(ask.channel)) if ask.channel else None
    service = world.policy.services.get(incident.service) if incident else None
    if incident is None or service is None:
        raise Refused("Say which service.", instead=f"/rollout {verb} {_example(world)}")
    there = next((there for there in service.everywhere if there.environment == incident.environment), None)
    if there is None:
        raise Refused(
            f"{incident.id} is about {code(service.name)} in {code(incident.environment, 60)}, and its rollout is that "
            f"in {in_words(service)}. Nothing was changed. Name the service if you mean that one.",
            instead="/rollout list",
        )
    return there


def _example(world: World) -> str:
    return min((service.called for service in world.policy.rollouts()), default="SERVICE")


def _with_rollout(world: World, service: Service) -> Service:
    if service.rollout is None:
        key = code(f"{world.policy.key_of(service)}.rollout")
        raise Refused(
            f"No rollout is configured for {code(service.called)}: add {key} with "
            "its cluster and namespace to the configuration.",
            instead="/rollout list",
        )
    return service


def of_request(world: World, asked: Request) -> Service:
    """Raises Refused where the configuration no longer has it."""
    return _with_rollout(world, world.policy.service(asked.service, asked.environment))


def provider(world: World, service: Service) -> tuple[Rollouts, Target]:
    """Raises ProviderError where the configuration no longer has one: there is nobody to tell but the channel."""
    target = service.rollout
    if target is None:
        raise ProviderError("Watchkeeper", f"no rollout is configured for {service.called}", permanent=True)
    if target.provider not in world.rollouts:
        raise ProviderError("Watchkeeper", f"the rollout provider {target.provider} is not running", permanent=True)
    return world.rollouts[target.provider], target


def read(world: World, service: Service) -> Rollout:
    controller, target = provider(world, service)
    return complete(world, service, controller.get(target, service.name, service.environment))


def complete(world: World, service: Service, rollout: Rollout) -> Rollout:
    """With what no cluster knows: what was stable, and what is held at our gates."""
    if rollout.strategy == FLAGGER and rollout.gates:
        return world.read(lambda tx: _at_gates(tx, service, rollout))
    if not unsure(rollout):
        return rollout
    return remembered(rollout, world.read(lambda tx: known_good(tx, service)))


def _at_gates(tx: Tx, service: Service, rollout: Rollout) -> Rollout:
    holds = tx.holds(service.name, service.environment)
    return with_gates(rollout, holds, {gate.gate: gate for gate in tx.gates(service.name, service.environment)})


def read_all(world: World, services: list[Service]) -> list[Rollout | ProviderError]:
    """One slow cluster must not hold up the list of all."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rollouts") as pool:
        return list(pool.map(lambda service: _try_read(world, service), services))


def _try_read(world: World, service: Service) -> Rollout | ProviderError:
    try:
        return read(world, service)
    except ProviderError as error:
        return error


def examine(world: World, service: Service, rollout: Rollout) -> Rollout:
    """The rollout, looked at closely: who keeps it, an autoscaler, room for its pods."""
    if world.neighbourhood is None or service.rollout is None:
        return rollout
    return world.neighbourhood.examine(service.rollout, rollout)


def is_own(world: World, service: Service) -> bool:
    """Whether it is where its name alone says that it is."""
    return world.policy.own(service.name).environment == service.environment


def figures(world: World, service: Service) -> Figures:
    """Errors by version, or why there are none."""
    if world.by_version is None:
        return Figures(configured=False)
    if not (world.by_version.tells_environments or is_own(world, service)):
        return Figures(
            missing="the query prometheus.errors names no {environment}, so it would measure other environments too"
        )
    try:
        found = world.by_version.errors(service.name, service.environment)
    except ProviderError as error:
        return Figures(missing=str(error))
    return Figures(by_version=found, missing="" if found else "Prometheus has no data")


# ---------------------------------------------------------------- what is known around it


def surroundings(tx: Tx, ask: Ask, service: Service, now: datetime) -> Surroundings:
    here = tx.incident_in(ask.channel) if ask.channel else None
    newest = next(iter(tx.open_incident_of(service.name, service.environment)), None)
    return around(tx, here if here and here.is_open else newest, service, now)


def around(tx: Tx, incident: Incident | None, service: Service, now: datetime) -> Surroundings:
    """The same for an incident that is known already."""
    skew = tx.skew(rollout_id(service.name, service.environment))
    return Surroundings(
        incident=incident,
        others=tx.open_incident_of(service.name, service.environment),
        changes=tx.changes(incident.began, now, [service.name], service.environment) if incident else (),
        requests=tx.open_requests(service.name, service.environment),
        deploys=tx.changes(now - DEPLOYS, now, [service.name], service.environment),
        respec=service.respec,
        freezes=()
        if is_stage(service.environment)
        else freezes.standing(tx.freezes(now), service.name, service.environment, now),
        holds=tx.holds(service.name, service.environment),
        skew=skew if skew and skew.settled_at is None else None,
    )


def doubts(world: World, tx: Tx, service: str, environment: str, now: datetime) -> tuple[str, ...]:
    """Why one cannot say that all is well with a service, by its probes."""
    return probes.doubts(tx.findings(service, environment), world.policy, now)


def vendor_troubles(world: World, tx: Tx, service: str, now: datetime) -> tuple[Trouble, ...]:
    """What vendors that a service uses say is not well with them."""
    pages = [page for vendor in vendors.used_by(world.policy, service) if (page := tx.vendor_page(vendor.name))]
    said = {page.id: (page, tx.vendor_components(vendors.prefix(page.page))) for page in pages if page.page}
    return vendors.troubles(service, world.policy, said, now)


def vendor_names(world: World, tx: Tx) -> tuple[str, ...]:
    """Of all vendors that are read, as the configuration and their pages call them."""
    titles = (page.title or name for name in world.policy.vendors if (page := tx.vendor_page(name)))
    return *world.policy.vendors, *titles


def known_good(tx: Tx, service: Service) -> tuple[Stable, ...]:
    """The revisions that were stable and were not rolled back from since, newest first."""
    stables = tx.stables(service.name, service.environment)
    if len(stables) < 2:
        return stables
    return good(stables, tx.requests_of(service.name, service.environment, stables[-1].at))


def roles_in(world: World, tx: Tx, incident: Incident | None, service: Service) -> tuple[Assignment, ...]:
    """Only a role in an incident of this service, or of one that depends on it, gives a say in its rollout."""
    return tx.assignments(incident.id) if incident and is_near(world, incident, service) else ()


def is_near(world: World, incident: Incident, service: Service) -> bool:
    """It is about this service, or about one that depends on it, in the same environment."""
    near = {incident.service, *world.policy.service(incident.service, incident.environment).depends_on}
    return incident.environment == service.environment and service.name in near


@dataclass(frozen=True, kw_only=True)
class Circle:
    """Who may ask for a verb on a service, and agree to it. What Slack says of it is asked before the transaction."""

    service: Service
    rule: Rule
    oncall: frozenset[str]
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def allowed(self, world: World, tx: Tx, incident: Incident | None, *, breaking: bool = False) -> frozenset[str]:
        """`breaking` the glass is also the commander's, whatever the configuration says."""
        held = roles_in(world, tx, incident, self.service)
        commander = {a.user for a in held if breaking and a.user and a.role == Role.COMMANDER}
        return consent.who_may(self.service, held, self.oncall, self.rule.who, self.groups) | commander


def circle(world: World, service: Service, verb: Verb) -> Circle:
    rule = world.policy.rule(verb, service.environment)
    ids = [word.removeprefix(GROUP) for word in rule.who if word.startswith(GROUP)]
    groups = {id: frozenset(_members(world, Group(id=id))) for id in ids}
    called = oncall(world, service) if "oncall" in rule.who else frozenset[str]()
    return Circle(service=service, rule=rule, oncall=called, groups=groups)


def oncall(world: World, service: Service) -> frozenset[str]:
    """Who is on call for a service now. Where nobody says so, owners and role holders still may."""
    names = {service.oncall, *service.roles.values()} - {""}
    return frozenset().union(*(oncalls.may(world, name) for name in sorted(names)))


def _members(world: World, group: Group) -> set[str]:
    try:
        return set(world.chat.members(group.id))
    except (ProviderError, NotYet) as error:
        log.warning("group unreadable, its members may not act", group=group.id, error=str(error))
        return set()
