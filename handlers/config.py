"""What the configuration file may say, key by key, and the Policy that it comes to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from bot import durations, matching
from bot.commands import nearest
from bot.model import PRODUCTION, Audience, Phase, Role, Severity, Verb
from bot.policy import (
    GATES,
    GROUP,
    SEVERITY_WORDS,
    TIMELINE,
    UPDATE_MINUTES,
    WHO,
    Asked,
    Component,
    Contact,
    Destination,
    Expect,
    Group,
    Hook,
    Mailbox,
    Override,
    Policy,
    Probe,
    PublicPage,
    Room,
    Rota,
    Route,
    Rule,
    Service,
    StatusPage,
    Target,
    Then,
    Vendor,
    Verification,
)
from bot.policy import OnCall as OnCallSource
from bot.positions import EVERYBODY, MOST, POSITIONS, Position
from bot.roles import ALIASES
from bot.signals import ERRORS_BY_VERSION, SIGNALS, Signal
from handlers.intake import SENDERS, STAND_INS, Sender, generic
from handlers.intake.fields import environment as as_heard
from handlers.intake.signatures import SCHEMES


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = durations.parse(value)
    if found is None:
        raise ValueError("write a duration as 90s, 30m, 3h or 7d")
    if found > durations.LONGEST:
        raise ValueError("a duration is at most ten years")
    return found


def _severity(value: Any) -> Any:
    text = str(value).strip().lower()
    if text in SEVERITY_WORDS and text.startswith("sev"):
        return SEVERITY_WORDS[text]
    if text.isdigit() and 1 <= int(text) <= 5:
        return Severity(int(text))
    raise ValueError("write a severity as SEV1 to SEV5")


def _patterns(value: Any) -> Any:
    """One value, or a list of such. What YAML takes for a number or for yes and no is text to a label."""
    wanted = value if isinstance(value, list) else [value]
    if not wanted or any(isinstance(each, dict | list) for each in wanted):
        raise ValueError("write a value, a list of values, or ~ and a regular expression")
    texts = ["" if each is None else str(each).lower() if isinstance(each, bool) else str(each) for each in wanted]
    for text in texts:
        matching.check(text)
    return tuple(texts)


Patterns = Annotated[tuple[str, ...], BeforeValidator(_patterns)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Level = Annotated[Severity, BeforeValidator(_severity)]


ROLE = r"[a-z][a-z0-9-]{0,19}"  # its name, as people type it
WHO_MAY = rf"^({ROLE}|{GROUP}S[A-Z0-9]+)$"
WHO_HOLDS = rf"^({EVERYBODY}|owners|oncall|{GROUP}S[A-Z0-9]+)$"
RoleName = Annotated[str, Field(pattern=rf"^{ROLE}$")]
Member = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]+$")]  # a Slack member id


NO_ROLES = frozenset({EVERYBODY, *WHO, *ALIASES})  # words that mean something where roles stand
NAME = r"^[a-z0-9][a-z0-9_-]{0,59}$"
AUTH = (*SCHEMES, "sns", "none")
SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


WEB = r"^https?://[^\s/]+\S*$"


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(_several)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)  # built once, inside of `Config`


# What YAML takes for one of two; as keys of one mapping, Python takes True and 1 for the same.
SWITCHES = {True: ("on", "yes", "true", "1"), False: ("off", "no", "false", "0")}


class MapPart(Part):
    """How the sender `generic` reads a body: JMESPath, and the sender's words for ours."""

    kind: str = "alert"
    each: str = "@"
    fields: dict[str, str]
    statuses: dict[str, str] = {}

    @field_validator("statuses", mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        """YAML reads on, yes and true as one and the same, and 1 as a number: a sender's words are all texts."""
        if not isinstance(value, dict):
            return value
        words = (SWITCHES.get(key, (str(key),)) for key in value)
        return {word: ours for key, ours in zip(words, value.values(), strict=True) for word in key}

    @model_validator(mode="after")
    def _readable(self) -> MapPart:
        self.map().check()
        return self

    def map(self) -> generic.Map:
        return generic.Map(**self.model_dump())


class SenderPart(Part):
    sender: str = ""
    auth: str = ""
    secret_env: str = ""
    previous_secret_env: str = ""
    topics: list[Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]+$")]] = []
    per_minute: int = Field(default=0, ge=0)
    largest_mib: int = Field(default=16, ge=1, le=16)
    map: MapPart | None = None
    expect_every: Duration | None = None

    @model_validator(mode="after")
    def _together(self) -> SenderPart:
        if self.auth:
            _known(self.auth, dict.fromkeys(AUTH), "auth", "scheme")
        if self.previous_secret_env and not self.secret_env:
            raise ValueError("previous_secret_env needs secret_env beside it")
        if self.auth == "sns" and not self.topics:
            raise ValueError("auth: sns needs topics, the ARNs of those you trust")
        if self.auth == "none" and self.secret_env:
            raise ValueError("auth: none lets everybody in; take secret_env out, or write another auth")
        return self

    def of(self, name: str) -> Sender:
        return generic.sender(self.map.map(), name) if self.map else SENDERS[self.sender or name]


class Cluster(Part):
    kubeconfig: str = ""
    context: str = ""
    in_cluster: bool = False

    @model_validator(mode="after")
    def _one(self) -> Cluster:
        if bool(self.kubeconfig) == self.in_cluster:
            raise ValueError("give either kubeconfig or in_cluster: true")
        return self


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_aware)]  # in UTC, where no zone is written


class OverridePart(Part):
    who: Member
    from_: Moment = Field(alias="from")
    to: Moment

    @model_validator(mode="after")
    def _lasts(self) -> OverridePart:
        if self.to <= self.from_:
            raise ValueError("to must be after from")
        return self


class PagerDutyPart(Part):
    schedule: str = Field(default="", pattern=r"^[A-Z0-9]*$")
    escalation_policy: str = Field(default="", pattern=r"^[A-Z0-9]*$")
    token_env: str = Field(min_length=1)
    url: str = Field(default="https://api.pagerduty.com", pattern=WEB)

    @model_validator(mode="after")
    def _whose(self) -> PagerDutyPart:
        if not (self.schedule or self.escalation_policy):
            raise ValueError("give schedule or escalation_policy: an id such as PI7DH85, from its address in PagerDuty")
        return self


class OnCall(Part):
    people: list[Member] = []
    start: Moment = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    turn: Duration = timedelta(days=7)
    overrides: list[OverridePart] = []
    usergroup: str = Field(default="", pattern=r"^(S[A-Z0-9]+)?$")
    ical: str = Field(default="", pattern=rf"^$|^webcal://\S+$|{WEB}")
    ical_env: str = ""
    pagerduty: PagerDutyPart | None = None

    @model_validator(mode="after")
    def _one(self) -> OnCall:
        kinds = (self.people, self.usergroup, self.ical, self.ical_env, self.pagerduty)
        if sum(map(bool, kinds)) != 1:
            raise ValueError(
                "give either people (a rota) or usergroup (a Slack user group's id) or ical or ical_env or pagerduty"
            )
        if self.turn <= timedelta(0):
            raise ValueError("a turn must last longer than nothing")
        if self.overrides and not self.people:
            raise ValueError("overrides are for people; elsewhere they are made where the on-call is kept")
        return self

    def policy(self) -> OnCallSource:
        if self.usergroup:
            return Group(id=self.usergroup)
        if not self.people:
            return Asked(provider="pagerduty" if self.pagerduty else "ical")
        overrides = tuple(Override(who=one.who, start=one.from_, end=one.to) for one in self.overrides)
        return Rota(people=tuple(self.people), start=self.start, turn=self.turn, overrides=overrides)


class AlarmPart(Part):
    routing_key_env: str = Field(min_length=1)
    url: str = Field(default="https://events.pagerduty.com", pattern=WEB)


class PagePart(Part):
    at: Level | None = Severity.SEV2
    escalate_after: Duration = timedelta(minutes=5)
    pagerduty: AlarmPart | None = None

    @model_validator(mode="after")
    def _patient(self) -> PagePart:
        if self.escalate_after < timedelta(seconds=30):
            raise ValueError("escalate_after: 30s is the least; people have to find their telephone")
        return self


class RolePart(Part):
    """What is left out of a role that the bot knows stays as it is there."""

    title: str = Field(default="", max_length=40, pattern=r"^[^<>&*_~`@\r\n]*$")
    required: dict[Level, Duration] = {}
    instructions: str = Field(default="", max_length=2500)
    who: list[Annotated[str, Field(pattern=WHO_HOLDS)]] = Field(default=[EVERYBODY], min_length=1)

    def policy(self, role: Role) -> Position:
        known = POSITIONS.get(role, Position(title=role.capitalize()))
        given = {name: getattr(self, name) for name in self.model_fields_set}
        wanted = replace(known, **given | ({"who": tuple(self.who)} if "who" in given else {}))
        return wanted if wanted.title.strip() else replace(wanted, title=known.title)


class PersonPart(Part):
    name: str = ""
    phone: str = Field(default="", pattern=r"^(\+?[0-9][0-9 ()/.-]{3,30})?$")
    email: str = Field(default="", pattern=r"^([^\s@<>,;]+@[^\s@<>,;]+)?$")

    def policy(self) -> Contact:
        return Contact(name=self.name, phone=self.phone, email=self.email)


Allowed = Annotated[list[Annotated[str, Field(pattern=rf"^{EVERYBODY}$|{WHO_MAY}")]], Field(min_length=1)]


class MayPart(Part):
    declare: Allowed = [EVERYBODY]
    update: Allowed = [EVERYBODY]
    publish: Allowed = [EVERYBODY]
    resolve: Allowed = [EVERYBODY]

    @model_validator(mode="after")
    def _somebody(self) -> MayPart:
        """Before there is an incident nobody has a role in it."""
        if not any(re.fullmatch(WHO_HOLDS, who) for who in self.declare):
            raise ValueError(
                "declare: a role is held in an incident, so nobody could ever declare one; "
                f"add {EVERYBODY}, oncall, owners or {GROUP} and a Slack user group's id"
            )
        return self

    def policy(self) -> dict[str, tuple[str, ...]]:
        return {act: tuple(who) for act, who in self.model_dump().items()}


Emoji = Annotated[str, Field(pattern=r"^[a-z0-9_+'-]{0,100}$")]


class EmojiPart(Part):
    timeline: Emoji = "pushpin"
    task: Emoji = "star"
    followup: Emoji = "repeat"
    question: Emoji = "question"
    receipt: Emoji = "white_check_mark"

    @model_validator(mode="after")
    def _apart(self) -> EmojiPart:
        used = [name for name in self.model_dump().values() if name]
        if twice := next((name for name in used if used.count(name) > 1), ""):
            raise ValueError(f"{twice} stands here twice; one emoji means one thing")
        return self

    def policy(self) -> dict[str, str]:
        means = {self.timeline: TIMELINE, self.task: "task", self.followup: "follow-up", self.question: "question"}
        return {name: what for name, what in means.items() if name}


class RolloutPart(Part):
    provider: str = "argo"
    cluster: str = ""
    namespace: str = "default"
    name: str = ""

    @model_validator(mode="after")
    def _where(self) -> RolloutPart:
        if self.provider != GATES and not self.cluster:
            raise ValueError("name the cluster, one of `clusters` (provider gates needs none)")
        return self

    def policy(self, service: str) -> Target:
        """Who only asks at our gates may live anywhere, unless the configuration says where."""
        anywhere = self.provider == GATES and "namespace" not in self.model_fields_set
        return Target(
            provider=self.provider,
            cluster=self.cluster,
            namespace="" if anywhere else self.namespace,
            name=self.name or service,
        )


class RollbackPart(Part):
    respec: bool = False


class VerifyPart(Part):
    container: str = ""
    up: str = ""
    build_info: str = ""
    version_url: str = Field(default="", pattern=r"^(https?://\S*\{server\}\S*)?$")
    version_field: str = "version"
    config_key: str = ""

    def policy(self) -> Verification:
        return Verification(**self.model_dump())


OF_PEOPLE = ("oncall", "roles", "owners", "broadcast", "depends_on", "rollback")
PLACE = r"^[^\s/]+$"  # one word of a line, and one part of an id


class PlacedPart(Part):
    """A service in one environment."""

    oncall: str = ""
    roles: dict[RoleName, str] = {}
    owners: list[Member] = []
    rollout: RolloutPart | None = None
    broadcast: list[str] = []
    depends_on: list[str] = []
    rollback: RollbackPart | None = None
    servers: list[str] = []
    verify: VerifyPart = VerifyPart()

    def placed(self, name: str, environment: str, rollback: RollbackPart) -> Service:
        return Service(
            name=name,
            environment=environment,
            oncall=self.oncall,
            roles={Role(role): who for role, who in self.roles.items()},
            owners=tuple(self.owners),
            rollout=self.rollout.policy(name) if self.rollout else None,
            broadcast=tuple(self.broadcast),
            depends_on=tuple(self.depends_on),
            respec=(self.rollback or rollback).respec,
            servers=tuple(self.servers),
            verification=self.verify.policy(),
        )


class ServicePart(PlacedPart):
    environment: str = Field(default="production", pattern=PLACE)
    environments: dict[Annotated[str, Field(pattern=PLACE)], PlacedPart] = {}

    @model_validator(mode="before")
    @classmethod
    def _as_above(cls, said: Any) -> Any:
        """What an environment does not say of people and neighbours is as above it, and so is each key of its rollout.

        What tells its servers apart is its own: to look for those of production in staging would find nothing right.
        """
        others = said.get("environments") if isinstance(said, dict) else None
        if not isinstance(others, dict):
            return said
        above = {key: said[key] for key in OF_PEOPLE if key in said}
        return {
            **said,
            "environments": {name: _there(part, above, said.get("rollout")) for name, part in others.items()},
        }

    @model_validator(mode="after")
    def _other_places(self) -> ServicePart:
        for name in self.places:
            if (meant := as_heard(name)) != name:  # no alert and no deploy would ever be there
                raise ValueError(f"environment {name}: what senders call so is read as {meant}; write {meant}")
        if self.environment in self.environments:
            raise ValueError(f"environments.{self.environment}: it is the service's own `environment`; say it above")
        if PRODUCTION in self.environments:
            raise ValueError(
                f"environments.{PRODUCTION}: production is what the name alone means; say it above, and "
                f"{self.environment} here"
            )
        return self

    @property
    def places(self) -> dict[str, PlacedPart]:
        """By environment; its own first."""
        return {self.environment: self, **self.environments}

    def policy(self, name: str, rollback: RollbackPart) -> Service:
        others = {place: part.placed(name, place, rollback) for place, part in self.environments.items()}
        return replace(self.placed(name, self.environment, rollback), elsewhere=others)


def _there(part: Any, above: Mapping[str, Any], rollout: Any) -> Any:
    """A part of `environments` as it is written, filled up."""
    if not isinstance(part, dict):
        return part
    own = part.get("rollout")
    merged = {**rollout, **own} if isinstance(rollout, dict) and isinstance(own, dict) else own
    return {**above, **part, "rollout": merged}


class ConsentPart(Part):
    verbs: list[Verb] = []
    environments: list[str] = []
    who: list[Annotated[str, Field(pattern=WHO_MAY)]] = Field(default=list(WHO), min_length=1)
    approvals: int | None = Field(default=None, ge=0, le=5)
    typed: bool | None = None

    @model_validator(mode="after")
    def _pause_is_free(self) -> ConsentPart:
        if Verb.PAUSE in self.verbs:
            raise ValueError("pausing is one press, for everybody; take pause out")
        return self

    def policy(self) -> Rule:
        return Rule(
            verbs=frozenset(self.verbs),
            environments=frozenset(self.environments),
            who=tuple(self.who),
            approvals=self.approvals,
            typed=self.typed,
        )


class PrometheusPart(Part):
    url: str
    token_env: str = ""
    signals: dict[str, str] = {}
    errors: str = ERRORS_BY_VERSION

    @model_validator(mode="after")
    def _known(self) -> PrometheusPart:
        for name in self.signals:
            _known(name, SIGNALS, "prometheus.signals", "signal")
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("write url with http:// or https://")
        return self

    def policy(self) -> tuple[Signal, ...]:
        """The signals that are plotted, with their queries; an empty query leaves one out."""
        asked = ((signal, self.signals.get(name, signal.query).strip()) for name, signal in SIGNALS.items())
        return tuple(replace(signal, query=query) for signal, query in asked if query)


class Commands(Part):
    incident: str = Field(default="/incident", pattern=r"^/[a-z0-9_-]{1,31}$")
    rollout: str = Field(default="/rollout", pattern=r"^/[a-z0-9_-]{1,31}$")


class VigilPart(Part):
    every: Duration = timedelta(seconds=30)
    lasts: Duration = timedelta(minutes=30)

    @model_validator(mode="after")
    def _looks(self) -> VigilPart:
        if self.every <= timedelta(0):
            raise ValueError("every must be longer than nothing")
        return self


class GitOpsPart(Part):
    argo_namespace: str = "argocd"
    restore_after: Duration = timedelta(hours=4)


class GatesPart(Part):
    close_at: Level | None = Severity.SEV2
    dependencies: bool = True


class FreezesPart(Part):
    longest: Duration = timedelta(hours=24)
    by: list[Member] = []


class FlappingPart(Part):
    times: int = Field(default=4, ge=1, le=100)
    within: Duration = timedelta(minutes=15)


class StormPart(Part):
    incidents: int = Field(default=5, ge=1, le=1000)
    within: Duration = timedelta(minutes=5)


class SilencesPart(Part):
    longest: Duration = timedelta(days=7)


class RoutePart(Part):
    match: dict[str, Patterns]
    service: str = ""
    environment: str = ""
    severity: Level | None = None
    group: str = ""
    roles: dict[RoleName, str] = {}
    then: Then | None = None
    expect_every: Duration | None = None

    def policy(self) -> Route:
        roles = {Role(role): who for role, who in self.roles.items()}
        return Route(**{name: getattr(self, name) for name in RoutePart.model_fields} | {"roles": roles})


class ExpectPart(Part):
    status: int = Field(default=200, ge=100, le=599)
    text: Texts = []
    not_text: Texts = []
    json_: dict[str, Any] = Field(default={}, alias="json")
    smallest: int = Field(default=0, ge=0)
    largest: int = Field(default=0, ge=0, le=1024 * 1024)
    within: Duration = timedelta(seconds=10)
    certificate_days: int = Field(default=14, ge=0)
    asset: str = ""

    @model_validator(mode="after")
    def _readable(self) -> ExpectPart:
        for path in self.json_:
            try:
                jmespath.compile(path)
            except JMESPathError as error:
                raise ValueError(f"json: {path!r} is no JMESPath: {str(error).splitlines()[0]}") from None
        if not timedelta(0) < self.within <= timedelta(minutes=1):
            raise ValueError("within: a page has more than nothing and at most 1m")
        if self.largest and self.largest < self.smallest:
            raise ValueError("largest is less than smallest")
        return self

    def policy(self) -> Expect:
        return Expect(
            status=self.status,
            text=tuple(self.text),
            not_text=tuple(self.not_text),
            json=self.json_,
            smallest=self.smallest,
            largest=self.largest,
            within=self.within,
            certificate_days=self.certificate_days,
            asset=self.asset,
        )


class ProbePart(Part):
    url: str = Field(pattern=WEB)
    service: str
    environment: str = ""
    method: str = Field(default="GET", pattern=r"^(GET|HEAD|POST)$")
    headers: dict[str, str] = {}
    secret_headers: dict[str, str] = {}
    redirects: bool = False
    expect: ExpectPart = ExpectPart()
    every: Duration = timedelta(seconds=30)
    after: int = Field(default=3, ge=1, le=100)
    severity: str = "critical"
    addresses: list[str] = []
    apology: str = Field(default="", pattern=rf"^$|{WEB}")

    @model_validator(mode="after")
    def _careful(self) -> ProbePart:
        if self.every < timedelta(seconds=1):
            raise ValueError("every: 1s is the least")
        if self.redirects and self.secret_headers:
            raise ValueError("redirects: with secret_headers, whoever is redirected to would get them")
        for address in self.addresses:
            try:
                ip_address(address)
            except ValueError:
                raise ValueError(f"addresses: {address!r} is no IP address") from None
        return self

    def policy(self, name: str, environment: str) -> Probe:
        return Probe(
            name=name,
            url=self.url,
            service=self.service,
            environment=self.environment or environment,
            method=self.method,
            headers=self.headers,
            redirects=self.redirects,
            expect=self.expect.policy(),
            every=self.every,
            after=self.after,
            severity=self.severity,
            addresses=tuple(self.addresses),
            apology=self.apology,
        )


class AwayPart(Part):
    webhook_env: str = ""
    email: list[Annotated[str, Field(pattern=r"^[^\s@<>,;/]+@[^\s@<>,;/]+$")]] = []


class LedgerPart(Part):
    channel: str = Field(default="", pattern=r"^(#\S{1,80}|[CG][A-Z0-9]+)?$")


class VendorPart(Part):
    page: str | None = Field(default=None, pattern=WEB)
    feed: str | None = Field(default=None, pattern=WEB)
    components: list[str] = []
    used_by: list[str] = Field(min_length=1)
    every: Duration = timedelta(minutes=2)

    @model_validator(mode="after")
    def _polite(self) -> VendorPart:
        if self.every < timedelta(seconds=10):
            raise ValueError("every: 10s is the least; they ask for a minute or more")
        if bool(self.page) == bool(self.feed):
            raise ValueError("write either page, of Statuspage's form, or feed, of Atom or RSS")
        return self

    def policy(self, name: str) -> Vendor:
        return Vendor(
            name=name,
            page=self.feed or (self.page or "").rstrip("/"),
            feed=bool(self.feed),
            components=tuple(self.components),
            used_by=tuple(self.used_by),
            every=self.every,
        )


class ComponentPart(Part):
    title: str = ""
    group: str = ""
    services: list[str] = []

    def policy(self, name: str) -> Component:
        return Component(name=name, title=self.title or name, group=self.group, services=tuple(self.services))


class PlacePart(Part):
    """One place that copies of the status page go to."""

    folder: str = ""
    bucket: str = ""
    endpoint: str = Field(default="", pattern=rf"^$|{WEB}")
    region: str = "us-east-1"
    prefix: str = ""
    access_key_env: str = "AWS_ACCESS_KEY_ID"
    secret_key_env: str = "AWS_SECRET_ACCESS_KEY"  # noqa: S105  # a name
    command: list[str] = []

    @model_validator(mode="after")
    def _one(self) -> PlacePart:
        if sum(map(bool, (self.folder, self.bucket, self.command))) != 1:
            raise ValueError("give one of folder, bucket and command")
        if self.bucket and not self.endpoint:
            raise ValueError("bucket needs endpoint beside it, such as https://s3.eu-west-1.amazonaws.com")
        if self.command and not any("{folder}" in part for part in self.command):
            raise ValueError("command: {folder} stands for where the files are; say where it belongs")
        return self


class StatusPart(Part):
    title: str = "Status"
    url: str = Field(default="", pattern=rf"^$|{WEB}")
    support: str = Field(default="", pattern=rf"^$|^mailto:\S+@\S+$|{WEB}")
    components: dict[Annotated[str, Field(pattern=NAME)], ComponentPart] = {}
    every: Duration = timedelta(minutes=1)
    stale_after: Duration = timedelta(minutes=10)
    exports: dict[Annotated[str, Field(pattern=NAME)], PlacePart] = {}

    @model_validator(mode="after")
    def _timely(self) -> StatusPart:
        if self.every < timedelta(seconds=10):
            raise ValueError("every: 10s is the least")
        if self.stale_after < 3 * self.every:
            raise ValueError("stale_after: at least three times every, or one lost copy looks like an outage")
        return self

    def policy(self) -> StatusPage:
        return StatusPage(
            title=self.title,
            url=self.url,
            support=self.support,
            components={name: part.policy(name) for name, part in self.components.items()},
            every=self.every,
            stale_after=self.stale_after,
            exports=tuple(self.exports),
        )


class ProxyPart(Part):
    header: str = Field(pattern=r"^[A-Za-z0-9-]+$")
    trusted: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _addresses(self) -> ProxyPart:
        for address in self.trusted:
            try:
                ip_network(address)
            except ValueError:
                raise ValueError(f"trusted: {address!r} is no IP address or network, such as 10.0.0.0/8") from None
        return self


class PagesPart(Part):
    proxy: ProxyPart | None = None
    private: bool = False


class SmtpPart(Part):
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    user: str = ""
    password_env: str = ""
    from_: str = Field(alias="from", pattern=r"^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$")
    tls: Literal["starttls", "tls", "none"] = "starttls"

    @model_validator(mode="after")
    def _together(self) -> SmtpPart:
        if bool(self.user) != bool(self.password_env):
            raise ValueError("user and password_env need each other")
        if self.user and self.tls == "none":
            raise ValueError("tls: none would send the password for everybody to read")
        return self


class BroadcastMatch(Part):
    severity: Level | None = None
    services: list[str] = []


class SlackRoomPart(Part):
    channel: str = Field(pattern=r"^(#\S{1,80}|[CG][A-Z0-9]+)$")
    mode: Literal["edit", "post"] = "edit"


class EmailPart(Part):
    to: list[Annotated[str, Field(pattern=r"^[^\s@<>,]+@[^\s@<>,]+$")]] = Field(min_length=1)


class StatuspagePart(Part):
    page: str = Field(pattern=r"^[a-z0-9]+$")
    token_env: str = Field(min_length=1)
    components: dict[str, list[str]] = {}
    api: str = Field(default="https://api.statuspage.io", pattern=WEB)


class WebhookPart(Part):
    url: str = Field(pattern=WEB)
    secret_env: str = Field(min_length=1)


class BroadcastPart(Part):
    """Exactly one of slack, email, statuspage and webhook."""

    name: str = Field(pattern=NAME)
    audience: Audience
    match: BroadcastMatch = BroadcastMatch()
    slack: SlackRoomPart | None = None
    email: EmailPart | None = None
    statuspage: StatuspagePart | None = None
    webhook: WebhookPart | None = None

    @model_validator(mode="after")
    def _one(self) -> BroadcastPart:
        if sum(way is not None for way in (self.slack, self.email, self.statuspage, self.webhook)) != 1:
            raise ValueError(f"{self.name}: give one of slack, email, statuspage and webhook")
        return self

    def to(self) -> Room | Mailbox | PublicPage | Hook:
        if self.slack:
            return Room(channel=self.slack.channel, in_place=self.slack.mode == "edit")
        if self.email:
            return Mailbox(addresses=tuple(dict.fromkeys(self.email.to)))
        if self.statuspage:
            ids = {service: tuple(found) for service, found in self.statuspage.components.items()}
            return PublicPage(page=self.statuspage.page, components=ids)
        assert self.webhook is not None, "there is one, see above"
        return Hook(url=self.webhook.url)

    def policy(self) -> Destination:
        return Destination(
            name=self.name,
            audience=self.audience,
            to=self.to(),
            severity=self.match.severity,
            services=tuple(self.match.services),
        )


class Config(Part):
    """The whole file. Every key has a default; `config.example.yml` shows each."""

    url: str = ""
    announce: str = "#incidents"
    broadcast: list[str] = []
    broadcasts: list[BroadcastPart] = []
    updates_approval: list[Audience] = []
    opens_at: Level = Severity.SEV3
    escalate: bool = True
    cooling: Duration = timedelta(minutes=30)
    suspect_window: Duration = timedelta(hours=3)
    verify_within: Duration = timedelta(minutes=10)
    channel_prefix: str = Field(default="", pattern=r"^[a-z0-9_-]{0,20}$")
    severities: dict[str, Level] = {}
    updates: dict[Phase, dict[Level, int]] = {}
    commands: Commands = Commands()
    senders: dict[str, SenderPart] | None = None
    routes: list[RoutePart] = []
    silences: SilencesPart = SilencesPart()
    storm: StormPart = StormPart()
    channels_per_hour: int = Field(default=20, ge=1, le=1000)
    flapping: FlappingPart = FlappingPart()
    gates: GatesPart = GatesPart()
    admins: list[str] = []
    freezes: FreezesPart = FreezesPart()
    clusters: dict[str, Cluster] = {}
    prometheus: PrometheusPart | None = None
    oncall: dict[str, OnCall] = {}
    people: dict[Member, PersonPart] = {}
    page: PagePart = PagePart()
    roles: dict[RoleName, RolePart | None] = {}
    services: dict[Annotated[str, Field(pattern=PLACE)], ServicePart] = {}
    rollback: RollbackPart = RollbackPart()
    consent: list[ConsentPart] = [ConsentPart()]
    may: MayPart = MayPart()
    emoji: EmojiPart = EmojiPart()
    vigil: VigilPart = VigilPart()
    gitops: GitOpsPart = GitOpsPart()
    probes: dict[Annotated[str, Field(pattern=NAME)], ProbePart] = {}
    vendors: dict[Annotated[str, Field(pattern=NAME)], VendorPart] = {}
    status: StatusPart | None = None
    pages: PagesPart = PagesPart()
    smtp: SmtpPart | None = None
    away: AwayPart = AwayPart()
    ledger: LedgerPart = LedgerPart()

    @model_validator(mode="after")
    def _names(self) -> Config:
        for name, part in (self.senders or {}).items():
            _known(part.sender or name, SENDERS, f"senders.{name}", "sender")
            if not SOURCE_NAME.fullmatch(name):
                raise ValueError(f"senders: {name!r} is part of an address; write small letters, digits, - and _")
            if part.topics and part.auth not in ("", "sns"):
                raise ValueError(f"senders.{name}.topics: they are for auth: sns")
            if part.map and (part.sender or name) != "generic":
                raise ValueError(f"senders.{name}.map: only the sender generic is mapped")
        for kind, whose in STAND_INS.items():
            if sum((part.sender or name) == kind for name, part in (self.senders or {}).items()) > 1:
                raise ValueError(f"senders: one {whose} address is all there is; let both servers post to one source")
        positions = {str(role): one for role, one in self.positions().items()}
        for number, route in enumerate(self.routes):
            for role, who in route.roles.items():
                _known(role, positions, f"routes.{number}.roles", "role")
                _known(who, self.oncall, f"routes.{number}.roles.{role}", "on-call")
        for name, service in self.services.items():
            for environment, there in service.places.items():
                where = f"services.{name}" + (f".environments.{environment}" if there is not service else "")
                for role in there.roles:
                    _known(role, positions, f"{where}.roles", "role")
                for who in filter(None, (there.oncall, *there.roles.values())):
                    _known(who, self.oncall, where, "on-call")
                if there.rollout and there.rollout.cluster:
                    _known(there.rollout.cluster, self.clusters, f"{where}.rollout.cluster", "cluster")
        if self.services:  # without any, a service is whatever the senders call one
            for name, component in (self.status.components if self.status else {}).items():
                for part_of in component.services:
                    _known(part_of, self.services, f"status.components.{name}.services", "service")
        return self

    @model_validator(mode="after")
    def _one_rollout_each(self) -> Config:
        """Of two with the same place each would be told of, and act on, the other's releases."""
        seen: dict[Target, str] = {}
        policy = Policy(services={name: part.policy(name, self.rollback) for name, part in self.services.items()})
        for service in policy.rollouts():
            target = service.rollout
            if target is None or target.provider == GATES:  # which says where it is only if it likes
                continue
            if target in seen:
                place = f"{target.name} in {target.namespace} of {target.cluster}"
                raise ValueError(f"{policy.key_of(service)}.rollout: {seen[target]} has the same, {place}")
            seen[target] = service.called
        return self

    @model_validator(mode="after")
    def _roles(self) -> Config:
        for name in (name for name, part in self.roles.items() if part is None):  # what is taken out was there
            _known(name, dict.fromkeys(map(str, POSITIONS)), f"roles.{name}", "role")
        positions = self.positions()
        if Role.COMMANDER not in positions:
            raise ValueError("roles.commander: every incident can have one; give it another title instead")
        if len(positions) > MOST:
            raise ValueError(f"roles: at most {MOST}; the card has a button for each")
        if taken := next((name for name in self.roles if name in NO_ROLES), ""):
            raise ValueError(f"roles.{taken}: this word means something else already; take another name")
        titles = [position.title.lower() for position in positions.values()]
        if twice := next((title for title in titles if titles.count(title) > 1), ""):
            raise ValueError(f"roles: two of them are called {twice}; the timeline tells them apart by their titles")
        words = {f"consent.{number}.who": part.who for number, part in enumerate(self.consent)}
        words |= {f"may.{act}": list(who) for act, who in self.may.policy().items()}
        for where, who in words.items():
            for word in who:
                if word not in (EVERYBODY, *WHO) and not word.startswith(GROUP):
                    _known(word, dict.fromkeys((*WHO, *positions)), where, "role")
        return self

    def positions(self) -> dict[Role, Position]:
        """Those that the bot knows, without those that were taken out, and then those of one's own."""
        names = [role for role in (*POSITIONS, *self.roles) if self.roles.get(role, RolePart()) is not None]
        return {Role(name): (self.roles.get(name) or RolePart()).policy(Role(name)) for name in names}

    @model_validator(mode="after")
    def _apart(self) -> Config:
        if self.commands.incident == self.commands.rollout:
            raise ValueError("commands: incident and rollout need different names")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise ValueError("url: write it with http:// or https://")
        names = [part.name for part in self.broadcasts]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"broadcasts: {twice} stands here twice; what went where is known by its name")
        if self.smtp is None and any(part.email for part in self.broadcasts):
            raise ValueError("broadcasts: email needs smtp, the mail server")
        if self.smtp is None and self.away.email:
            raise ValueError("away: email needs smtp, the mail server")
        if Audience.RESPONDERS in self.updates_approval:
            raise ValueError("updates_approval: responders read everything at once")
        if any(minutes < 1 for by_level in self.updates.values() for minutes in by_level.values()):
            raise ValueError("updates: minutes are 1 or more")
        return self

    def policy(self) -> Policy:
        updates = {phase: {**UPDATE_MINUTES.get(phase, {}), **minutes} for phase, minutes in self.updates.items()}
        return Policy(
            severities={**SEVERITY_WORDS, **{word.lower(): level for word, level in self.severities.items()}},
            opens_at=self.opens_at,
            routes=tuple(part.policy() for part in self.routes),
            expected_sources={
                name: part.expect_every for name, part in (self.senders or {}).items() if part.expect_every
            },
            escalates=self.escalate,
            storm_incidents=self.storm.incidents,
            storm_within=self.storm.within,
            channels_per_hour=self.channels_per_hour,
            flaps_after=self.flapping.times,
            flaps_within=self.flapping.within,
            cooling=self.cooling,
            suspect_window=self.suspect_window,
            update_minutes={**UPDATE_MINUTES, **updates},
            announce=self.announce,
            must_announce="announce" in self.model_fields_set,
            broadcast=tuple(self.broadcast),
            broadcasts=tuple(part.policy() for part in self.broadcasts),
            approved=frozenset(self.updates_approval),
            channel_prefix=self.channel_prefix,
            services={name: part.policy(name, self.rollback) for name, part in self.services.items()},
            oncall={name: part.policy() for name, part in self.oncall.items()},
            pages_at=self.page.at,
            escalates_after=self.page.escalate_after,
            people={id: part.policy() for id, part in self.people.items()},
            roles=self.positions(),
            signals=self.prometheus.policy() if self.prometheus else (),
            closes_gates_at=self.gates.close_at,
            gates_follow_dependencies=self.gates.dependencies,
            longest_silence=self.silences.longest,
            longest_freeze=self.freezes.longest,
            admins=tuple(self.admins),
            freezers=tuple(self.freezes.by),
            consent=tuple(part.policy() for part in self.consent),
            may=self.may.policy(),
            emoji=self.emoji.policy(),
            receipt=self.emoji.receipt,
            vendors={name: part.policy(name) for name, part in self.vendors.items()},
            probes={
                name: part.policy(
                    name, self.services[part.service].environment if part.service in self.services else "production"
                )
                for name, part in self.probes.items()
            },
            status=self.status.policy() if self.status else None,
            pages_show_private=self.pages.private,
            ledger_channel=self.ledger.channel,
            verify_within=self.verify_within,
            vigil_every=self.vigil.every,
            vigil_lasts=self.vigil.lasts,
            restore_after=self.gitops.restore_after,
        )


def _known(name: str, known: Mapping[str, Any], where: str, what: str) -> None:
    if name in known:
        return
    close = nearest(name, list(known))
    hint = f"did you mean {close}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
    raise ValueError(f"{where}: unknown {what} {name!r}; {hint}")
