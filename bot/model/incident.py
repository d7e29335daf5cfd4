"""The nouns of an incident and of what is heard around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, ClassVar

from bot.model.rollout import Placed

BOT = "watchkeeper"


class Severity(IntEnum):
    """1 is the worst."""

    SEV1 = 1
    SEV2 = 2
    SEV3 = 3
    SEV4 = 4
    SEV5 = 5

    def __str__(self) -> str:
        return self.name


class Phase(StrEnum):
    """Where an incident stands. Going back is allowed."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MITIGATING = "mitigating"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Role(str):
    """A role, by the word that people type. The bot has work for these; the configuration may name others."""

    COMMANDER: ClassVar[Role]
    OPS: ClassVar[Role]
    COMMS: ClassVar[Role]
    SCRIBE: ClassVar[Role]


Role.COMMANDER, Role.OPS = Role("commander"), Role("ops")
Role.COMMS, Role.SCRIBE = Role("comms"), Role("scribe")


class ChangeKind(StrEnum):
    DEPLOY = "deploy"
    CONFIG = "config"
    FLAG = "flag"
    INFRA = "infra"
    JOB = "job"


class ChangeStatus(StrEnum):
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    CANCELLED = "cancelled"


class Migration(StrEnum):
    """What a deploy does to the data, as its pipeline says."""

    NONE = ""
    REVERSIBLE = "reversible"
    IRREVERSIBLE = "irreversible"
    HALF_APPLIED = "half_applied"


class Verdict(StrEnum):
    """What a change has to do with an incident. Only a person says `caused`."""

    SUSPECT = "suspect"
    CAUSED = "caused"
    FIXED = "fixed"
    DISMISSED = "dismissed"


class EntryKind(StrEnum):
    """What sort of fact a timeline line is."""

    ALERT = "alert"
    CHANGE = "change"
    INCIDENT = "incident"
    ROLE = "role"
    SUSPECT = "suspect"
    ACTION = "action"
    UPDATE = "update"
    NOTE = "note"
    TROUBLE = "trouble"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert over its life. `key` identifies it for its sender; `group` is the sender's own grouping.

    `dated`: the sender said when it began; without that `starts_at` is when we first heard of it. `value` is what was
    measured, in the sender's words; `image` is a picture of it.
    """

    key: str
    group: str
    title: str
    severity: str
    service: str
    environment: str
    firing: bool
    starts_at: datetime
    ends_at: datetime | None = None
    url: str | None = None
    source: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    runbook: str | None = None
    value: str = ""
    image: str | None = None
    dated: bool = True
    said_at: datetime | None = None  # when it began by its sender's clock, where that runs ahead of ours
    incident: str = ""
    silenced: str = ""  # the silence that it fits
    asked: str = ""  # the question that it is part of
    fires: tuple[int, ...] = ()  # when it began to fire of late, in seconds of the epoch
    count: int = 1
    last_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Change(Placed):
    """A deploy, configuration change, flag flip, infrastructure change or job run."""

    key: str
    change: ChangeKind
    service: str
    version: str
    environment: str
    status: ChangeStatus
    at: datetime
    title: str = ""
    url: str | None = None
    actor: str = ""
    source: str = ""
    digests: tuple[str, ...] = ()  # of the approved image: its index and every platform's manifest and configuration
    migration: Migration = Migration.NONE
    floor: str = ""  # the oldest version that works with the data as this deploy leaves it
    config_hash: str = ""  # of the approved configuration


@dataclass(frozen=True, kw_only=True)
class Incident:
    id: str
    number: int
    title: str
    service: str
    environment: str
    severity: Severity
    opened_at: datetime
    by: str = BOT
    group: str = ""
    roles: Mapping[str, str] = field(
        default_factory=dict, hash=False
    )  # role → name of the on-call that its route calls
    onset_at: datetime | None = None
    phase: Phase = Phase.INVESTIGATING
    impact: str = ""
    summary: str = ""
    channel: str = ""
    channel_name: str = ""
    card: str = ""
    announcement: str = ""
    announced_in: str = ""
    next_update_at: datetime | None = None
    snoozed_until: datetime | None = None  # no reminder before; the promise stands
    resolved_at: datetime | None = None
    reopened_at: datetime | None = None  # the last time
    reopened_by: str = ""
    private: bool = False  # known only in its own channel, to those invited
    drill: str = ""  # the story that is played; nobody is paged or told in public, and nothing is counted
    merged_into: str = ""  # the incident that it turned out to be
    cancelled: bool = False  # it was none
    version: int = 0

    @property
    def is_open(self) -> bool:
        return self.phase is not Phase.RESOLVED

    @property
    def began(self) -> datetime:
        """The onset, as far as it is known."""
        return self.onset_at or self.opened_at

    @property
    def since(self) -> datetime:
        """Since when people are called for it: each reopening begins anew."""
        return self.reopened_at or self.opened_at


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Who holds a role of an incident; `user` is "" where nobody does."""

    incident: str
    role: Role
    user: str
    by: str
    at: datetime
    version: int = 0

    @property
    def id(self) -> str:
        return f"{self.incident}/{self.role}"


@dataclass(frozen=True, kw_only=True)
class Duty:
    """Who was on call when that was last learned. `unknown`: those who were named and whom nobody knows in Slack."""

    id: str  # the name of the on-call
    people: tuple[str, ...]
    at: datetime
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a change has to do with an incident, with the reasons shown to people."""

    incident: str
    change: str
    verdict: Verdict
    reasons: tuple[str, ...]
    by: str
    at: datetime
    score: float = 0.0
    version: int = 0

    @property
    def id(self) -> str:
        return f"{self.incident}/{self.change}"


@dataclass(frozen=True, kw_only=True)
class Update:
    """A status update as it was published. `text` is what users see; one that was typed has only that.

    `promised_at` is when it had been promised, `next_at` when the next one is.
    """

    incident: str
    number: int
    phase: Phase
    severity: Severity
    text: str
    by: str
    at: datetime
    next_at: datetime | None = None
    scope: str = ""  # who is affected, and who is not
    workaround: str = ""
    changed: str = ""  # since the last one; for colleagues
    ahead: str = ""  # what happens next
    promised_at: datetime | None = None

    @property
    def id(self) -> str:
        return f"{self.incident}/update/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Post:
    """A message to send exactly once. `channel` is an id, or a #name, or @incident for the incident's own."""

    id: str
    incident: str
    channel: str
    text: str
    blocks: tuple[dict[str, Any], ...] = ()
    thread: str = ""
    ts: str = ""
    folded: str = ""  # the post that says it together with others: this one is not sent
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Poll:
    """A proposal, and who objects to it until it ends: silence is consent. `votes` is user → whether they agree."""

    id: str  # "INC-7/poll/2"
    incident: str
    text: str
    by: str
    at: datetime
    ends_at: datetime
    votes: Mapping[str, bool] = field(default_factory=dict, hash=False)
    ts: str = ""
    ended_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What somebody said of a message: it belongs on the timeline, or is a task, a follow-up, an open question."""

    id: str  # "C0INC7/1732172400.000200/task"
    incident: str
    message: str
    what: str
    by: str
    at: datetime
    task: str = ""
    undone_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Message:
    """What somebody wrote in an incident's channel. `thread` is the ts of the thread's first message, or ""."""

    channel: str
    ts: str
    incident: str
    user: str
    text: str
    at: datetime
    thread: str = ""
    pinned: bool = False
    reactions: tuple[str, ...] = ()
    link: str = ""
    deleted: bool = False

    @property
    def id(self) -> str:
        return f"{self.channel}/{self.ts}"


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something Slack told us, kept before Slack was told that we have it."""

    id: str
    kind: str
    body: dict[str, Any]
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of timeline and audit. `at` is when it happened; storage adds `seq` (gapless) and `noted_at`.

    `whom` is the person it is about (shown before the text); `source` is a link or id that proves it.
    """

    at: datetime
    kind: EntryKind
    text: str
    by: str = BOT
    whom: str = ""
    incident: str = ""
    source: str = ""
    seq: int = 0
    noted_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Postmortem:
    incident: str
    markdown: str
    drafted_at: datetime
    by: str
    file: str = ""
    canvas: str = ""
    version: int = 0

    @property
    def id(self) -> str:
        return self.incident
