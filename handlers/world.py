"""The outside world as the bot sees it, and the one way to change what it remembers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from bot.decision import Card, Decision, Effect
from bot.drills import Scenery
from bot.errors import ProviderError
from bot.fleet import Expected, Instance
from bot.home import keeping_up
from bot.model import Keeper, Message, Request, Rollout, Story, Suspension, Verb
from bot.notices import Notice
from bot.outages import Told
from bot.policy import Policy, Probe, Target, Verification
from bot.probes import Answer
from bot.signals import Chart
from handlers.intake.source import Source
from handlers.sealing import Signer
from storage.store import Job, Store, Tx

T = TypeVar("T")
Think = Callable[[Tx, datetime], Decision]


def nothing(tx: Tx, now: datetime) -> Decision:
    """The thought that changes nothing."""
    return Decision()


@dataclass(frozen=True, kw_only=True)
class Channel:
    id: str
    name: str


class Chat(Protocol):
    """Slack, as narrow as our verbs. Every method raises ProviderError, or NotYet when a rate limit says so.

    `answers` never raises: whether Slack answers at all, be it with a no.

    `again`: this effect may have been done before (a crash, a lost reply), so look before creating or posting.
    """

    def answers(self) -> bool: ...
    def open_channel(self, name: str, since: datetime, *, again: bool, private: bool = False) -> Channel: ...
    def find_channel(self, name: str) -> Channel | None: ...
    def post(self, channel: str, card: Card, key: str, *, since: datetime, again: bool, thread: str = "") -> str: ...
    def edit(self, channel: str, ts: str, card: Card) -> None: ...
    def whisper(self, channel: str, user: str, card: Card) -> None: ...
    def react(self, channel: str, ts: str, name: str, *, there: bool) -> None: ...
    def message(self, channel: str, ts: str) -> Message | None: ...
    def pin(self, channel: str, ts: str) -> None: ...
    def set_topic(self, channel: str, topic: str) -> None: ...
    def bookmark(self, channel: str, title: str, link: str) -> None: ...
    def inside(self, channel: str) -> tuple[str, ...]: ...
    def invite(self, channel: str, users: Sequence[str]) -> tuple[str, ...]: ...
    def members(self, group: str) -> tuple[str, ...]: ...
    def find_person(self, address: str) -> str: ...
    def direct(self, user: str) -> str: ...
    def names(self, users: Sequence[str]) -> dict[str, str]: ...
    def is_guest(self, user: str) -> bool: ...
    def is_me(self, user: str) -> bool: ...
    def history(self, channel: str, since: datetime) -> tuple[Message, ...]: ...
    def link(self, channel: str, ts: str) -> str: ...
    def open_view(self, trigger: str, view: dict[str, Any]) -> None: ...
    def publish_home(self, user: str, view: dict[str, Any]) -> None: ...
    def address(self, channel: str) -> str: ...
    def upload(self, channel: str, name: str, title: str, content: str, file: str) -> str: ...
    def attach(self, channel: str, thread: str, name: str, title: str, content: bytes, *, since: datetime) -> str: ...
    def canvas(self, channel: str, markdown: str, canvas: str) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Touched:
    """A rollout that may have changed. Without a name: any of them may have, so look at all."""

    namespace: str = ""
    name: str = ""


class Watch(Protocol):
    """What is touched in one cluster. Iterating waits, and ends when another thread calls `close`.

    It mends itself; it raises ProviderError only where a person has to mend something.
    """

    def __iter__(self) -> Iterator[Touched]: ...
    def close(self) -> None: ...


class Rollouts(Protocol):
    """One kind of rollout controller.

    `act` does at most one intent and only while the rollout is where `request` was reviewed; it raises `Moved`
    (a ProviderError) if it is not. It returns what the cluster shows right after. For a
    request that is ACTING it does nothing but the last part of an intent in parts, once its time has come.

    `take_back` ends what an act had to set for a while, where its time is over; True where something was sent.

    `watch` is of all rollouts in these namespaces of one cluster. `lacking` names the rights that we do not have there.
    """

    supports: frozenset[Verb]

    def get(self, target: Target, service: str, environment: str) -> Rollout: ...
    def act(self, target: Target, request: Request) -> Rollout: ...
    def take_back(self, target: Target) -> bool: ...
    def watch(self, cluster: str, namespaces: Collection[str]) -> Watch: ...
    def lacking(self, cluster: str, namespaces: Collection[str]) -> tuple[str, ...]: ...


class Metrics(Protocol):
    """What is measured of services, by queries in the tongue of the provider. Reads only; raises ProviderError."""

    def query(self, query: str, at: datetime | None = None) -> list[tuple[Mapping[str, str], float]]: ...
    def range(
        self, query: str, start: datetime, end: datetime, step: timedelta
    ) -> list[tuple[Mapping[str, str], tuple[tuple[datetime, float], ...]]]: ...
    def close(self) -> None: ...


class Neighbourhood(Protocol):
    """What stands around a rollout in its cluster, whatever controls it.

    `examine` adds what a closer look shows and never raises; `stop` and `restore` switch GitOps and raise `Moved`
    where it is set otherwise than it was reviewed. Both are done already where they are done. `switched_on` is who has
    switched it on again, "" while it is off. `may_stop`: we have the right to switch it.
    """

    def examine(self, target: Target, rollout: Rollout) -> Rollout: ...
    def stop(self, target: Target, suspension: Suspension) -> None: ...
    def restore(self, target: Target, suspension: Suspension) -> None: ...
    def switched_on(self, target: Target, suspension: Suspension) -> str: ...
    def may_stop(self, target: Target, keeper: Keeper) -> bool: ...


class ByVersion(Protocol):
    """How a service does, by version. Raises ProviderError."""

    @property
    def tells_environments(self) -> bool: ...

    def errors(self, service: str, environment: str) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Instances:
    """Who runs a service, and who, by another source, should."""

    seen: tuple[Instance, ...] = ()
    expected: tuple[Expected, ...] = ()
    notes: tuple[str, ...] = ()


class Pods(Protocol):
    """The pods of a workload. Those of another revision than `revision` are called older. Raises ProviderError."""

    def instances(self, target: Target, verification: Verification, revision: str) -> Instances: ...


class VersionPage(Protocol):
    """The page where a server says its version. Raises ProviderError."""

    def version(self, url: str, field: str) -> str: ...


class Prober(Protocol):
    """Asks for a page of a probe's: what came back, and why nothing did. It never raises.

    `address`: who is asked, under the name in `url`. "" is whoever that name leads to.
    """

    def ask(self, probe: Probe, url: str, address: str = "") -> Answer: ...


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A vendor's page as it came. No `content`: nothing has changed since the etag that was sent."""

    content: bytes | None
    etag: str


class Beyond(Protocol):
    """A way to the on-call that does not lead through Slack. Raises ProviderError."""

    def tell(self, told: Told) -> None: ...


class VendorPages(Protocol):
    """What a vendor says of itself, on a page of Statuspage's form or in a feed. Raises ProviderError."""

    def summary(self, page: str, etag: str) -> Summary: ...
    def feed(self, url: str, etag: str) -> Summary: ...


class Place(Protocol):
    """Where copies of the status page go. The same files again are the same copy. Raises ProviderError.

    `look` says, in words, whether they could go there; no page is put.
    """

    def look(self) -> str: ...
    def put(self, files: Mapping[str, bytes]) -> None: ...


class OnCalls(Protocol):
    """An on-call that somebody else keeps. Raises ProviderError.

    Answered are those on call at that moment, whoever is called first first, as they are named there: with an e-mail
    address, by which Slack may know them, or with the name that stands under `people` in the configuration.
    """

    def on_duty(self, now: datetime) -> tuple[str, ...]: ...


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alert for a tool that calls people. The same `key` is the same alert.

    `action` is trigger, acknowledge or resolve; `severity` critical, error, warning or info.
    """

    action: str
    key: str
    summary: str = ""
    severity: str = "critical"
    source: str = ""
    url: str = ""


class Alarms(Protocol):
    """A tool that calls people, such as PagerDuty. Raises ProviderError. `look` says whether it would take an alarm."""

    def look(self) -> str: ...
    def send(self, alarm: Alarm) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A letter to one address, written `at`. The same `key` again is the same letter; `thread` is the key of the one it
    answers. `html` is the text once more, for those who read that.
    """

    to: str
    subject: str
    text: str
    key: str
    at: datetime
    thread: str = ""
    html: str = ""


class Mailer(Protocol):
    """Sends letters. Raises ProviderError: `unknown` where it may have been sent all the same."""

    def send(self, mail: Mail) -> None: ...


class Page(Protocol):
    """A status page that others serve for us: one incident of ours is one of theirs, found before it is made.

    `publish` says what a notice says, once, and answers the incident's id there; `reference` is that id, "" where it is
    not known yet. Raises ProviderError, NotYet.
    """

    def publish(self, notice: Notice, reference: str) -> str: ...


class Caller(Protocol):
    """Somebody else's address, called with a signature; the same `id` again is the same call. Raises ProviderError."""

    def call(self, id: str, at: datetime, body: bytes) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Who acts on a stage: what a drill has in the place of the real cluster."""

    rollouts: Mapping[str, Rollouts]
    pods: Pods
    metrics: Metrics
    by_version: ByVersion
    neighbourhood: Neighbourhood
    close: Callable[[], None]  # of the connections to the stage


class Stages(Protocol):
    """Where drills are played, each on a stage of its own. Every method but `holds` and `end` raises ProviderError.

    `begin` sets one, once for an incident, and answers its address; it lives as long as this process at most.
    """

    def stories(self) -> tuple[Story, ...]: ...
    def begin(self, incident: str, story: str) -> str: ...
    def holds(self, incident: str) -> bool: ...
    def look(self, address: str) -> Scenery: ...
    def cast(self, address: str) -> Cast: ...
    def end(self, incident: str) -> None: ...
    def close(self) -> None: ...


def nowhere(url: str) -> bytes:
    """For a world without a network. Raises ProviderError."""
    raise ProviderError("the network", "there is none here", permanent=True)


@dataclass(frozen=True)
class World:
    store: Store
    chat: Chat
    rollouts: Mapping[str, Rollouts]
    policy: Policy
    now: Callable[[], datetime]
    commands: Mapping[str, str] = field(default_factory=lambda: {"incident": "/incident", "rollout": "/rollout"})

    pods: Pods | None = None  # None where no cluster is configured
    version_page: VersionPage | None = None

    draft_url: Callable[[str], str] = lambda incident: ""  # where a person may fetch its draft, "" if nowhere
    metrics: Metrics | None = None
    by_version: ByVersion | None = None
    draw: Callable[[Chart], bytes] | None = None  # a chart as PNG

    neighbourhood: Neighbourhood | None = None
    gate_url: Callable[[str, str, str], str] = lambda service, environment, gate: (
        ""
    )  # where a controller asks, its pass included

    beyond: Mapping[str, Beyond] = field(default_factory=dict)  # by name, such as webhook

    vendor_pages: VendorPages | None = None  # None where no vendor is configured
    prober: Prober | None = None  # None where no probe is configured
    exports: Mapping[str, Place] = field(default_factory=dict)  # where copies of the status page go, by name
    status_since: datetime | None = None  # when the status page began to be kept
    status_salt: str = field(default="", repr=False)  # of the ids that customers see
    sources: Mapping[str, Source] = field(default_factory=dict)  # who may post, by name
    unread: dict[str, str] = field(default_factory=dict)  # rollout → why it could not be read, as it is in the log
    fetch: Callable[[str], bytes] = nowhere  # a small page of somebody else's; raises ProviderError
    mailer: Mailer | None = None  # None where no mail server is configured
    oncalls: Mapping[str, OnCalls] = field(default_factory=dict)  # those that are asked elsewhere, by their names
    alarms: Alarms | None = None  # None where no such tool is configured

    stages: Stages | None = None  # None where no drill can be played

    statuspages: Mapping[str, Page] = field(default_factory=dict)  # by the name of the destination
    hooks: Mapping[str, Caller] = field(default_factory=dict)

    signer: Signer | None = None  # None where no ledger is kept

    def read(self, ask: Callable[[Tx], T]) -> T:
        return self.store.read(ask)

    def decide(self, think: Think, receipt: Job | None = None) -> Decision:
        """Read, think, remember, in one transaction. Thinking is pure, so losing a race costs a re-think."""

        def kept_up(tx: Tx, now: datetime) -> Decision:
            return keeping_up(think(tx, now), tx.homes, now)

        return self.store.decide(kept_up, self.now(), receipt)

    def start(self, turns: Sequence[Effect]) -> None:
        """What comes round by itself, for every one that does not wait for its turn: the first, and where one died."""
        idle = self.read(lambda tx: tuple(effect for effect in turns if not tx.is_due(effect)))
        if idle:
            self.decide(lambda tx, now: Decision(do=idle))
