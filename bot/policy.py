"""What the configuration says, as the bot sees it. The defaults are the policy of no configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from bot.matching import Match
from bot.model import PRODUCTION, Audience, Incident, Phase, Role, Severity, Verb, named, rollout_id, spelled_out
from bot.positions import EVERYBODY, POSITIONS, Position
from bot.signals import ENVIRONMENT, Signal

SEVERITY_WORDS: Mapping[str, Severity] = MappingProxyType(
    {f"sev{s.value}": s for s in Severity}
    | {f"sev-{s.value}": s for s in Severity}
    | {f"p{s.value}": s for s in Severity}
    | {
        **dict.fromkeys(("critical", "crit", "page", "fatal", "emergency", "disaster"), Severity.SEV2),
        **dict.fromkeys(("error", "high", "major", "urgent"), Severity.SEV3),
        "warning": Severity.SEV4,
        "warn": Severity.SEV4,
        "info": Severity.SEV5,
    }
)

# Minutes between updates by phase and severity; a phase or severity that is absent has no clock.
# Investigating and identified follow GitLab's communications handbook, as does monitoring.
UPDATE_MINUTES: Mapping[Phase, Mapping[Severity, int]] = MappingProxyType(
    {
        Phase.INVESTIGATING: {Severity.SEV1: 10, Severity.SEV2: 15, Severity.SEV3: 15},
        Phase.IDENTIFIED: {Severity.SEV1: 10, Severity.SEV2: 30, Severity.SEV3: 30},
        Phase.MITIGATING: {Severity.SEV1: 10, Severity.SEV2: 30, Severity.SEV3: 30},
        Phase.MONITORING: {Severity.SEV1: 30, Severity.SEV2: 60, Severity.SEV3: 60},
    }
)


GATES = "gates"  # the provider of a rollout that is only known by what its controller asks at our gates


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a service's rollout lives. `provider` is a name of `handlers.providers.ROLLOUTS`, or GATES."""

    provider: str
    cluster: str
    namespace: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How one learns what the servers of a service run. Pods are looked at anyway; the rest is asked where it is given.

    `up` and `build_info` are PromQL, `version_url` has {server} in it, `version_field` is a key of the JSON it answers
    ("" for plain text), `config_key` an annotation or label of the pods and a label of `build_info`.
    """

    container: str = ""
    up: str = ""
    build_info: str = ""
    version_url: str = ""
    version_field: str = "version"
    config_key: str = ""


@dataclass(frozen=True, kw_only=True)
class Override:
    """Somebody stands in, from `start` until `end`, whoever's turn it is."""

    who: str
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Rota:
    """People who take turns, each for `turn`, the first from `start` on. Of overrides that overlap the last counts."""

    people: tuple[str, ...]
    start: datetime
    turn: timedelta
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Group:
    """A Slack user group; its members in Slack's order."""

    id: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An on-call that somebody else keeps. `provider` is a name of `handlers.providers.ONCALLS`."""

    provider: str


OnCall = Rota | Group | Asked


@dataclass(frozen=True, kw_only=True)
class Contact:
    """How a person is known and reached outside Slack."""

    name: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, kw_only=True)
class Service:
    name: str
    environment: str = PRODUCTION
    oncall: str = ""
    roles: Mapping[Role, str] = field(default_factory=dict)  # role → name of an on-call
    owners: tuple[str, ...] = ()  # Slack ids that may act on its rollout at any time
    rollout: Target | None = None
    broadcast: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    respec: bool = False  # a rollback in flight also puts the stable template back into the spec
    servers: tuple[str, ...] = ()  # who should be there, where a list of it is kept
    verification: Verification = field(default_factory=Verification)
    elsewhere: Mapping[str, Service] = field(default_factory=dict, hash=False)  # environment → the same service there

    @property
    def called(self) -> str:
        return named(self.name, self.environment)

    @property
    def id(self) -> str:
        return rollout_id(self.name, self.environment)

    @property
    def everywhere(self) -> tuple[Service, ...]:
        """It, and the same service in its other environments."""
        return (self, *self.elsewhere.values())

    def meant_by(self, word: str) -> Service | None:
        """The one of them whose environment somebody types, in whatever case, or as they abbreviate it."""
        words = (word.lower(), spelled_out(word))
        return next((there for there in self.everywhere if there.environment.lower() in words), None)

    def at(self, environment: str) -> Service:
        """The service there. Where nothing is configured it has the same people, and no rollout."""
        if environment == self.environment:
            return self
        alike = replace(self, environment=environment, rollout=None, servers=(), verification=Verification())
        return self.elsewhere.get(environment, alike)


@dataclass(frozen=True, kw_only=True)
class Expect:
    """What a page should be. `text` and `not_text` are parts of it; `json` is JMESPath → value; sizes are in bytes."""

    status: int = 200
    text: tuple[str, ...] = ()
    not_text: tuple[str, ...] = ()
    json: Mapping[str, Any] = field(default_factory=dict)
    smallest: int = 0
    largest: int = 0  # 0: any size
    within: timedelta = timedelta(seconds=10)
    certificate_days: int = 14
    asset: str = ""  # an address, or words of one in the page, that must answer too


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A page that is looked at again and again, as a customer would. `after` bad looks in a row it is an alert."""

    name: str
    url: str
    service: str
    environment: str = "production"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    redirects: bool = False
    expect: Expect = field(default_factory=Expect)
    every: timedelta = timedelta(seconds=30)
    after: int = 3
    severity: str = "critical"
    addresses: tuple[str, ...] = ()  # each is asked by itself, under the same name
    apology: str = ""  # the page that customers should see when all else is down


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """Somebody else's service that ours use. No `components` are all of its page, which may be a `feed`."""

    name: str
    page: str
    feed: bool = False  # `page` is Atom or RSS, and none of Statuspage's form
    components: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    every: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Component:
    """A part of the product, as customers know it. `services` are those of ours that it is made of."""

    name: str
    title: str
    group: str = ""
    services: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StatusPage:
    """What customers are shown. `exports` names the places that copies of it go to."""

    title: str = "Status"
    url: str = ""  # where customers read it
    support: str = ""  # a page, or mailto:
    components: Mapping[str, Component] = field(default_factory=dict)
    every: timedelta = timedelta(minutes=1)  # a new copy, though nothing has changed
    stale_after: timedelta = timedelta(minutes=10)  # a copy older than this says so itself
    exports: tuple[str, ...] = ()


GROUP = "group:"  # before a Slack group's id, among who may
WHO = ("roles", "owners", "oncall")
TIMELINE = "timeline"
# An emoji on a message → what it makes of it: a line of the timeline, or a task of that kind.
EMOJI: Mapping[str, str] = MappingProxyType(
    {"pushpin": TIMELINE, "star": "task", "repeat": "follow-up", "question": "question"}
)
ANYBODY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    dict.fromkeys(("declare", "update", "publish", "resolve"), (EVERYBODY,))
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who may do what where. No verbs or environments are all of them; None leaves it to the table of `bot/consent`."""

    verbs: frozenset[Verb] = frozenset()
    environments: frozenset[str] = frozenset()
    who: tuple[str, ...] = WHO  # those, or a role, or group:S0SRE
    approvals: int | None = None
    typed: bool | None = None

    def fits(self, verb: Verb, environment: str) -> bool:
        return (not self.verbs or verb in self.verbs) and (not self.environments or environment in self.environments)


class Then(StrEnum):
    """What an alert does where no incident of its group is open."""

    OPEN = "open"
    ASK = "ask"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class Route:
    """What is said of the alerts that `match` fits; "" and None leave it to their labels and the policy."""

    match: Match = field(default_factory=dict)
    service: str = ""
    environment: str = ""
    severity: Severity | None = None
    group: str = ""  # alerts of one group are one incident; {label} is filled in
    roles: Mapping[Role, str] = field(default_factory=dict)  # role → name of an on-call
    then: Then | None = None
    expect_every: timedelta | None = None  # that it is silent for so long is an alert


@dataclass(frozen=True, kw_only=True)
class Room:
    """A Slack channel. `in_place`: one message of an incident, edited, with its updates as a thread; else new posts."""

    channel: str
    in_place: bool = True


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """Addresses; each gets a letter of its own."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PublicPage:
    """A page at Atlassian Statuspage; `components` is service → ids of what customers call it there."""

    page: str
    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Hook:
    """Somebody else's address, called with a signature."""

    url: str


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where updates go, and for whom they are written. No `severity` and no `services`: those of every incident."""

    name: str
    audience: Audience
    to: Room | Mailbox | PublicPage | Hook
    severity: Severity | None = None  # this severe, or more
    services: tuple[str, ...] = ()

    def fits(self, incident: Incident) -> bool:
        severe = self.severity is None or incident.severity <= self.severity
        return severe and (not self.services or incident.service in self.services)


@dataclass(frozen=True, kw_only=True)
class Policy:
    severities: Mapping[str, Severity] = field(default_factory=lambda: SEVERITY_WORDS)
    opens_at: Severity = Severity.SEV3
    routes: tuple[Route, ...] = ()  # the first that fits counts
    expected_sources: Mapping[str, timedelta] = field(default_factory=dict)  # name → how often it has to be heard of
    escalates: bool = True  # an alert that gets worse raises the severity of its incident
    storm_incidents: int = 5  # so many that alerts have opened
    storm_within: timedelta = timedelta(minutes=5)  # in this time make a storm of the next ones
    channels_per_hour: int = 20  # that alerts open
    flaps_after: int = 4  # an alert that fires more often than this
    flaps_within: timedelta = timedelta(minutes=15)  # in this time flaps
    cooling: timedelta = timedelta(minutes=30)
    suspect_window: timedelta = timedelta(hours=3)
    update_minutes: Mapping[Phase, Mapping[Severity, int]] = field(default_factory=lambda: UPDATE_MINUTES)
    announce: str = "#incidents"
    must_announce: bool = False  # somebody asked for it: where it fails, the card says so
    broadcast: tuple[str, ...] = ()
    broadcasts: tuple[Destination, ...] = ()
    approved: frozenset[Audience] = frozenset()  # audiences that read only what the commander has agreed to
    channel_prefix: str = ""
    services: Mapping[str, Service] = field(default_factory=dict)
    oncall: Mapping[str, OnCall] = field(default_factory=dict)
    people: Mapping[str, Contact] = field(default_factory=dict)  # by Slack id
    roles: Mapping[Role, Position] = field(default_factory=lambda: POSITIONS)  # in the order of the card
    pages_at: Severity | None = (
        Severity.SEV2
    )  # an incident as severe as this, or more, pages its on-call; None: none does
    escalates_after: timedelta = timedelta(minutes=5)  # when a page that nobody answers goes to the next one
    closes_gates_at: Severity | None = Severity.SEV2  # an open incident as severe as this, or more; None: none does
    gates_follow_dependencies: bool = True
    longest_freeze: timedelta = timedelta(hours=24)
    longest_silence: timedelta = timedelta(days=7)
    admins: tuple[str, ...] = ()  # Slack ids that may see what senders posted
    freezers: tuple[str, ...] = ()  # Slack ids that may freeze everything at any time
    vigil_every: timedelta = timedelta(seconds=30)  # after an act: how often to look whether it is still so
    vigil_lasts: timedelta = timedelta(minutes=30)
    restore_after: timedelta = timedelta(hours=4)  # when whoever switched GitOps off is reminded
    consent: tuple[Rule, ...] = (Rule(),)  # the first that fits counts
    signals: tuple[Signal, ...] = ()  # what is plotted of a release; nothing without Prometheus
    probes: Mapping[str, Probe] = field(default_factory=dict)
    vendors: Mapping[str, Vendor] = field(default_factory=dict)
    may: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: ANYBODY)  # who may do what
    emoji: Mapping[str, str] = field(default_factory=lambda: EMOJI)
    receipt: str = "white_check_mark"  # our reaction to a message that was marked; "": none
    status: StatusPage | None = None  # None: customers are told nothing
    pages_show_private: bool = False  # private incidents are on the internal pages
    ledger_channel: str = ""  # where checkpoints of the ledger are posted; "": nowhere
    verify_within: timedelta = timedelta(minutes=10)  # from the end of a rollout, until all servers have to be right

    def severity_of(self, word: str) -> Severity:
        """What a sender's severity word means here; an unknown word is a warning."""
        return self.severities.get(word.strip().lower(), Severity.SEV4)

    def service(self, name: str, environment: str) -> Service:
        """The service as it is there, or one with defaults: services need no configuration to have incidents."""
        return self.own(name).at(environment)

    def own(self, name: str) -> Service:
        """The service in its own environment, which its name alone means."""
        return self.services.get(name) or Service(name=name)

    def everywhere(self) -> tuple[Service, ...]:
        """Every service, once for each of its environments."""
        return tuple(there for service in self.services.values() for there in service.everywhere)

    def key_of(self, service: Service) -> str:
        """Where the configuration says it: "services.checkout.environments.staging"."""
        own = self.own(service.name).environment == service.environment
        return f"services.{service.name}" + ("" if own else f".environments.{service.environment}")

    def signals_of(self, service: str, environment: str) -> tuple[Signal, ...]:
        """What is plotted of it there: elsewhere than in its own environment only what tells environments apart."""
        own = self.services.get(service, Service(name=service, environment=environment)).environment == environment
        return tuple(signal for signal in self.signals if own or ENVIRONMENT in signal.query)

    def rollouts(self) -> tuple[Service, ...]:
        """Those that have one."""
        return tuple(service for service in self.everywhere() if service.rollout)

    def title(self, role: Role) -> str:
        """As people read it; of a role that is no longer configured, its name."""
        return self.roles[role].title if role in self.roles else role.capitalize()

    @property
    def titles(self) -> Mapping[Role, str]:
        return {role: position.title for role, position in self.roles.items()}

    def probes_of(self, service: str, environment: str) -> tuple[str, ...]:
        """The names of the probes that look at it."""
        here = (service, environment)
        return tuple(name for name, probe in self.probes.items() if (probe.service, probe.environment) == here)

    def rule(self, verb: Verb, environment: str) -> Rule:
        return next((rule for rule in self.consent if rule.fits(verb, environment)), Rule())

    def next_update(self, incident: Incident, now: datetime) -> datetime | None:
        minutes = self.update_minutes.get(incident.phase, {}).get(incident.severity)
        return now + timedelta(minutes=minutes) if minutes else None
