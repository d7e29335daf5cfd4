"""The nouns of what senders post, beside alerts and changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.model.incident import Severity


class VendorState(StrEnum):
    """How a component of somebody else's service is, in the words of Statuspage."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded_performance"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"
    MAINTENANCE = "under_maintenance"


@dataclass(frozen=True, kw_only=True)
class VendorStatus:
    """What a vendor says of one component. `key` identifies the component, or the vendor's incident, for its sender."""

    key: str
    vendor: str
    component: str
    status: VendorState
    title: str
    at: datetime
    url: str | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class VendorPage:
    """A vendor's page as it was read last. `told`: what was last said of it to those who use it."""

    id: str  # the vendor's name in the configuration
    page: str  # as its own keys name it
    title: str
    etag: str
    checked_at: datetime
    told: tuple[str, ...] = ()
    trouble: str = ""  # why it could not be read since
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A request that was taken in, so that the same request again is nothing. Kept for some days."""

    id: str  # "github/72d3162e-cc78-11e3-81ab-4c9367dc0958": the source, and its id of the request
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Unparsed:
    """A request that was not understood, kept for a replay after a fix. The same bytes again are counted only."""

    id: str  # "U-1f0c9a2b77": of the source and the bytes
    source: str
    at: datetime
    last_at: datetime
    reason: str
    headers: Mapping[str, str]  # without those that hold secrets
    body: bytes
    truncated: bool  # the body is only its beginning, and cannot be replayed
    unread: tuple[int, ...] = ()  # places in its list, if the other items were taken in
    listed: int = 0  # how many items that list had
    count: int = 1
    replayed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Alerts that fit `terms` ("team=shop", a key with one of its values) open nothing until it ends."""

    id: str  # SIL-3
    terms: tuple[str, ...]
    starts_at: datetime
    until: datetime
    reason: str
    by: str
    at: datetime
    ended_at: datetime | None = None
    ended_by: str = ""
    version: int = 0


class Answer(StrEnum):
    """What a person said that a question is. NONE while it waits."""

    NONE = ""
    OPENED = "opened"
    JOINED = "joined"
    DISMISSED = "dismissed"


@dataclass(frozen=True, kw_only=True)
class Question:
    """Is this an incident? Asked once for the alerts of a group, and answered once."""

    id: str  # ASK-3
    group: str
    title: str
    service: str
    environment: str
    severity: Severity
    at: datetime
    onset_at: datetime
    roles: Mapping[str, str] = field(default_factory=dict, hash=False)  # for the incident, as its route says
    count: int = 1
    channel: str = ""
    ts: str = ""
    answer: Answer = Answer.NONE
    incident: str = ""
    answered_by: str = ""
    answered_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """When a source, or a watchdog alert, that is expected was last heard of."""

    id: str
    last_at: datetime
    silent_since: datetime | None = None  # while it is overdue
    version: int = 0
