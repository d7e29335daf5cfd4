"""The tables. Rows never leave this package: `store` hands out nouns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, Index, Integer, MetaData, Table, text
from sqlmodel import Field, SQLModel

from storage.types import UTC, Json, Key, Words

# Literals, since neither engine uses a partial index for a condition that is a bound parameter.
IS_OPEN = "phase <> 'resolved'"
PENDING, RUNNING, DONE, DEAD = "pending", "running", "done", "dead"


def words(**other: Any) -> Any:
    return Field(sa_type=Words, **other)


def indexed(**other: Any) -> Any:
    return Field(sa_type=Key, **other)


def time(**other: Any) -> Any:
    return Field(sa_type=UTC, **other)


def where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Row(SQLModel):
    model_config = {"defer_build": True}  # rows are read and written as tables: nothing is validated here
    metadata = MetaData(
        naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"},
    )


def table_of(row: type[SQLModel]) -> Table:
    table: Table = row.__table__  # type: ignore[attr-defined]  # set by SQLModel's metaclass
    return table


class AlertRow(Row, table=True):
    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_silenced", "silenced", **where("silenced <> ''")),
        Index("ix_alert_asked", "asked", **where("asked <> ''")),
    )

    key: str = indexed(primary_key=True)
    group: str = indexed()
    title: str = words()
    severity: str = words()
    service: str = indexed()
    environment: str = indexed()
    firing: bool
    starts_at: datetime = time()
    ends_at: datetime | None = time()
    url: str | None = words()
    source: str = words()
    labels: dict[str, str] = Field(sa_type=Json)
    runbook: str | None = words()
    value: str = words()
    image: str | None = words()
    dated: bool
    said_at: datetime | None = time()
    incident: str = indexed(index=True)
    silenced: str = indexed()
    asked: str = indexed()
    fires: list[int] = Field(sa_type=Json)
    count: int
    last_at: datetime | None = time()


class ChangeRow(Row, table=True):
    __tablename__ = "change"

    key: str = indexed(primary_key=True)
    change: str = words()
    service: str = indexed()
    version: str = words()
    environment: str = indexed()
    status: str = words()
    at: datetime = time(index=True)
    title: str = words()
    url: str | None = words()
    actor: str = words()
    source: str = words()
    digests: list[str] = Field(sa_type=Json)
    migration: str = words()
    floor: str = words()
    config_hash: str = words()


class DutyRow(Row, table=True):
    __tablename__ = "duty"

    id: str = indexed(primary_key=True)
    people: list[str] = Field(sa_type=Json)
    at: datetime = time()
    unknown: list[str] = Field(sa_type=Json)


class VendorStatusRow(Row, table=True):
    __tablename__ = "vendor_status"
    __table_args__ = (Index("ix_vendor_status_at", "at"),)

    key: str = indexed(primary_key=True)
    vendor: str = indexed()
    component: str = words()
    status: str = words()
    title: str = words()
    at: datetime = time()
    url: str | None = words()
    source: str = words()


class VendorPageRow(Row, table=True):
    __tablename__ = "vendor_page"

    id: str = indexed(primary_key=True)
    page: str = words()
    title: str = words()
    etag: str = words()
    checked_at: datetime = time()
    told: list[str] = Field(sa_type=Json)
    trouble: str = words()
    version: int


class FindingRow(Row, table=True):
    __tablename__ = "finding"
    __table_args__ = (Index("ix_finding_service", "service", "environment"),)

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    faults: list[str] = Field(sa_type=Json)
    kinds: list[str] = Field(sa_type=Json)
    around: str = words()
    in_a_row: int
    since: datetime = time()
    checked_at: datetime = time()
    last_good_at: datetime | None = time()
    alerted_at: datetime | None = time()
    red_since: datetime | None = time()
    kept: int
    version: int


class EvidenceRow(Row, table=True):
    __tablename__ = "evidence"

    id: str = indexed(primary_key=True)
    probe: str = indexed(index=True)
    at: datetime = time(index=True)
    incident: str = words()
    faults: list[str] = Field(sa_type=Json)
    status: int
    seconds: float = Field(sa_type=Float)
    size: int
    headers: dict[str, str] = Field(sa_type=Json)
    beginning: str = words()


class HeardRow(Row, table=True):
    __tablename__ = "heard"

    id: str = indexed(primary_key=True)
    at: datetime = time(index=True)


class UnparsedRow(Row, table=True):
    __tablename__ = "unparsed"

    id: str = indexed(primary_key=True)
    source: str = words()
    at: datetime = time()
    last_at: datetime = time(index=True)
    reason: str = words()
    headers: dict[str, str] = Field(sa_type=Json)
    body: bytes
    truncated: bool
    unread: list[int] = Field(sa_type=Json)
    listed: int
    count: int
    replayed_at: datetime | None = time()


class SilenceRow(Row, table=True):
    __tablename__ = "silence"
    __table_args__ = (Index("ix_silence_standing", "until", **where("ended_at IS NULL")),)

    id: str = indexed(primary_key=True)
    terms: list[str] = Field(sa_type=Json)
    starts_at: datetime = time()
    until: datetime = time()
    reason: str = words()
    by: str = words()
    at: datetime = time()
    ended_at: datetime | None = time()
    ended_by: str = words()
    version: int


class HeartbeatRow(Row, table=True):
    __tablename__ = "heartbeat"

    id: str = indexed(primary_key=True)
    last_at: datetime = time()
    silent_since: datetime | None = time()
    version: int


class QuestionRow(Row, table=True):
    __tablename__ = "question"
    __table_args__ = (Index("one_open_question_per_group", "group", unique=True, **where("answer = ''")),)

    id: str = indexed(primary_key=True)
    group: str = indexed(index=True)
    title: str = words()
    service: str = indexed()
    environment: str = indexed()
    severity: int
    at: datetime = time()
    onset_at: datetime = time()
    roles: dict[str, str] = Field(sa_type=Json)
    count: int
    channel: str = indexed()
    ts: str = words()
    answer: str = words()
    incident: str = indexed()
    answered_by: str = words()
    answered_at: datetime | None = time()
    version: int


class IncidentRow(Row, table=True):
    __tablename__ = "incident"
    __table_args__ = (
        Index("one_open_incident_per_group", "group", unique=True, **where(f"\"group\" <> '' AND {IS_OPEN}")),
        Index("one_incident_per_channel", "channel", unique=True, **where("channel <> ''")),
        Index("one_incident_per_number", "number", unique=True),
        Index("ix_incident_open", "service", "environment", **where(IS_OPEN)),
        Index("ix_incident_recent", "group", "resolved_at"),
        Index("ix_incident_opened", "opened_at"),
    )

    id: str = indexed(primary_key=True)
    number: int
    title: str = words()
    service: str = indexed()
    environment: str = indexed()
    severity: int
    opened_at: datetime = time()
    by: str = words()
    group: str = indexed()
    roles: dict[str, str] = Field(sa_type=Json)
    onset_at: datetime | None = time()
    phase: str = words()
    impact: str = words()
    summary: str = words()
    channel: str = indexed()
    channel_name: str = words()
    card: str = words()
    announcement: str = words()
    announced_in: str = words()
    next_update_at: datetime | None = time()
    snoozed_until: datetime | None = time()
    resolved_at: datetime | None = time()
    reopened_at: datetime | None = time()
    reopened_by: str = words()
    private: bool
    drill: str = words()
    merged_into: str = indexed()
    cancelled: bool
    version: int


class AssignmentRow(Row, table=True):
    __tablename__ = "assignment"

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    role: str = words()
    user: str = words()
    by: str = words()
    at: datetime = time()
    version: int


class DrillRow(Row, table=True):
    __tablename__ = "drill"

    id: str = indexed(primary_key=True)
    story: str = words()
    title: str = words()
    service: str = words()
    by: str = words()
    at: datetime = time()
    acts: list[str] = Field(sa_type=Json)
    address: str = words()
    seen_at: datetime | None = time()
    heard: int
    shown_at: datetime | None = time()
    recovered_at: datetime | None = time()
    ended_at: datetime | None = time()
    version: int


class LinkRow(Row, table=True):
    __tablename__ = "link"

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    change: str = words()
    verdict: str = words()
    reasons: list[str] = Field(sa_type=Json)
    by: str = words()
    at: datetime = time()
    score: float
    version: int


class UpdateRow(Row, table=True):
    __tablename__ = "status_update"

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    number: int
    phase: str = words()
    severity: int
    text: str = words()
    by: str = words()
    at: datetime = time()
    next_at: datetime | None = time()
    scope: str = words()
    workaround: str = words()
    changed: str = words()
    ahead: str = words()
    promised_at: datetime | None = time()


class DeliveryRow(Row, table=True):
    __tablename__ = "delivery"

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    update: int
    destination: str = words()
    audience: str = words()
    at: datetime = time()
    address: str = words()
    state: str = words()
    reference: str = words()
    error: str = words()
    by: str = words()
    version: int


class SubscriptionRow(Row, table=True):
    __tablename__ = "subscription"

    id: str = indexed(primary_key=True)
    user: str = indexed()
    topic: str = indexed(index=True)
    at: datetime = time()
    ended: bool


class PostRow(Row, table=True):
    __tablename__ = "post"

    id: str = indexed(primary_key=True)
    incident: str = indexed()
    channel: str = indexed()
    text: str = words()
    blocks: list[dict[str, Any]] = Field(sa_type=Json)
    thread: str = words()
    ts: str = words()
    folded: str = words()
    version: int


class PollRow(Row, table=True):
    __tablename__ = "poll"

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    text: str = words()
    by: str = words()
    at: datetime = time()
    ends_at: datetime = time()
    votes: dict[str, bool] = Field(sa_type=Json)
    ts: str = words()
    ended_at: datetime | None = time()
    version: int


class MarkRow(Row, table=True):
    __tablename__ = "mark"

    id: str = indexed(primary_key=True)
    incident: str = indexed()
    message: str = indexed(index=True)
    what: str = words()
    by: str = words()
    at: datetime = time()
    task: str = words()
    undone_at: datetime | None = time()
    version: int


class MessageRow(Row, table=True):
    __tablename__ = "message"
    __table_args__ = (Index("ix_message_channel_at", "channel", "at"),)

    id: str = indexed(primary_key=True)
    channel: str = indexed()
    ts: str = words()
    incident: str = indexed(index=True)
    user: str = words()
    text: str = words()
    at: datetime = time()
    thread: str = words()
    pinned: bool
    reactions: list[str] = Field(sa_type=Json)
    link: str = words()
    deleted: bool


class EventRow(Row, table=True):
    __tablename__ = "event"

    id: str = indexed(primary_key=True)
    kind: str = words()
    body: dict[str, Any] = Field(sa_type=Json)
    received_at: datetime = time(index=True)


class PostmortemRow(Row, table=True):
    __tablename__ = "postmortem"

    id: str = indexed(primary_key=True)
    incident: str = indexed()
    markdown: str = words()
    drafted_at: datetime = time()
    by: str = words()
    file: str = words()
    canvas: str = words()
    version: int


class StableRow(Row, table=True):
    __tablename__ = "stable"
    __table_args__ = (Index("ix_stable_service_at", "service", "environment", "at"),)

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    revision: str = words()
    version: str = words()
    at: datetime = time()


class RequestRow(Row, table=True):
    __tablename__ = "request"
    __table_args__ = (
        Index(
            "one_request_in_action",
            "service",
            "environment",
            unique=True,
            **where("state IN ('confirmed', 'acting')"),
        ),
        Index("ix_request_service_state", "service", "environment", "state"),
    )

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    verb: str = words()
    service: str = indexed()
    environment: str = indexed()
    intent: str = words()
    from_revision: str = words()
    from_version: str = words()
    to_revision: str = words()
    to_version: str = words()
    reviewed_step: int
    reviewed_wait: str = words()
    channel: str = indexed()
    by: str = words()
    at: datetime = time()
    state: str = words()
    confirmed_by: str = words()
    acted_at: datetime | None = time()
    settled_at: datetime | None = time()
    outcome: str = words()
    version: int
    verdict: str = words()
    reasons: list[str] = Field(sa_type=Json)
    approvals: int
    typed: bool
    broken_glass: str = words()
    expires_at: datetime | None = time()


class VoteRow(Row, table=True):
    __tablename__ = "vote"

    id: str = indexed(primary_key=True)
    request: str = indexed(index=True)
    user: str = words()
    approves: bool
    why: str = words()
    at: datetime = time()


class FreezeRow(Row, table=True):
    __tablename__ = "freeze"
    __table_args__ = (Index("ix_freeze_standing", "until", **where("thawed_at IS NULL")),)

    id: str = indexed(primary_key=True)
    scope: str = words()
    reason: str = words()
    by: str = words()
    at: datetime = time()
    until: datetime = time()
    thawed_at: datetime | None = time()
    thawed_by: str = words()
    version: int


class HoldRow(Row, table=True):
    __tablename__ = "hold"
    __table_args__ = (Index("ix_hold_standing", "service", "environment", **where("lifted_at IS NULL")),)

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    holder: str = words()
    why: str = words()
    at: datetime = time()
    lifted_at: datetime | None = time()
    lifted_by: str = words()
    version: int


class PassRow(Row, table=True):
    __tablename__ = "gate_pass"
    __table_args__ = (Index("ix_gate_pass_open", "service", "environment", "gate", **where("used_at IS NULL")),)

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    gate: str = indexed()
    checksum: str = words()
    once: bool
    by: str = words()
    at: datetime = time()
    until: datetime = time()
    request: str = words()
    used_at: datetime | None = time()
    over: list[str] = Field(sa_type=Json)
    version: int


class GateRow(Row, table=True):
    __tablename__ = "gate"
    __table_args__ = (Index("ix_gate_service", "service", "environment"),)

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    gate: str = words()
    checksum: str = words()
    phase: str = words()
    open: bool
    why: str = words()
    at: datetime = time()
    version: int


class TaskRow(Row, table=True):
    __tablename__ = "task"
    __table_args__ = (Index("ix_task_open", "due_at", **where("done_at IS NULL")),)

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    kind: str = words()
    text: str = words()
    owner: str = words()
    by: str = words()
    at: datetime = time()
    due_at: datetime | None = time()
    done_at: datetime | None = time()
    reminded_at: datetime | None = time()
    version: int


class PageRow(Row, table=True):
    __tablename__ = "page"

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    to: list[str] = Field(sa_type=Json)
    why: str = words()
    by: str = words()
    at: datetime = time()
    turn_at: datetime = time()
    turn: int
    state: str = words()
    settled_by: str = words()
    settled_at: datetime | None = time()
    alarmed: bool
    troubles: list[str] = Field(sa_type=Json)
    messages: dict[str, str] = Field(sa_type=Json)
    version: int


class VigilRow(Row, table=True):
    __tablename__ = "vigil"
    __table_args__ = (Index("ix_vigil_open", "service", "environment", **where("ended_at IS NULL")),)

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    incident: str = indexed()
    channel: str = indexed()
    revision: str = words()
    revision_version: str = words()
    since: datetime = time()
    until: datetime = time()
    broken_at: datetime | None = time()
    told: str = words()
    ended_at: datetime | None = time()
    version: int


class SuspensionRow(Row, table=True):
    __tablename__ = "suspension"
    __table_args__ = (Index("ix_suspension_open", "service", "environment", unique=True, **where("state <> 'ended'")),)

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    incident: str = indexed()
    channel: str = indexed()
    tool: str = words()
    kind: str = words()
    namespace: str = words()
    name: str = words()
    setting: str = words()
    commit: str = words()
    by: str = words()
    at: datetime = time()
    state: str = words()
    ended_by: str = words()
    outcome: str = words()
    version: int


class SkewRow(Row, table=True):
    __tablename__ = "skew"

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    approved: str = words()
    matching: int
    seen: int
    expected: int
    text: str = words()
    since: datetime = time()
    checked_at: datetime = time()
    alerted_at: datetime | None = time()
    settled_at: datetime | None = time()
    elsewhere: list[str] = Field(sa_type=Json)
    in_a_row: int
    version: int


class SightingRow(Row, table=True):
    __tablename__ = "sighting"

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    revision: str = words()
    revision_version: str = words()
    stable: str = words()
    stable_version: str = words()
    phase: str = words()
    step: int
    weight: int
    paused: bool
    aborted: bool
    at: datetime = time()
    version: int


class LiveCardRow(Row, table=True):
    __tablename__ = "live_card"

    id: str = indexed(primary_key=True)
    service: str = indexed()
    environment: str = indexed()
    at: datetime = time()
    shown_at: datetime = time()
    quiet_since: datetime | None = time()
    unread_since: datetime | None = time()
    stopped_at: datetime | None = time()
    stopped_by: str = words()
    revision: str = words()
    stable: str = words()
    step: int
    held: str = words()
    aborted: bool
    marks: list[str] = Field(sa_type=Json)
    plotted: list[str] = Field(sa_type=Json)
    version: int


class PublicUpdateRow(Row, table=True):
    __tablename__ = "public_update"

    id: str = indexed(primary_key=True)
    incident: str = indexed(index=True)
    number: int
    phase: str = words()
    title: str = words()
    text: str = words()
    by: str = words()
    at: datetime = time(index=True)
    components: dict[str, str] = Field(sa_type=Json)


class MaintenanceRow(Row, table=True):
    __tablename__ = "maintenance"

    id: str = indexed(primary_key=True)
    components: list[str] = Field(sa_type=Json)
    text: str = words()
    starts_at: datetime = time()
    until: datetime = time(index=True)
    by: str = words()
    at: datetime = time()
    ended_at: datetime | None = time()
    version: int


class ExportRow(Row, table=True):
    __tablename__ = "export"

    id: str = indexed(primary_key=True)
    done_at: datetime | None = time()
    failing_since: datetime | None = time()
    failures: int
    trouble: str = words()
    told: bool
    version: int


class ReachRow(Row, table=True):
    __tablename__ = "reach"

    id: str = indexed(primary_key=True)
    since: datetime = time()
    failures: int
    away: bool
    version: int


class HomeRow(Row, table=True):
    __tablename__ = "home"
    __table_args__ = (Index("ix_home_opened_at", "opened_at"),)

    id: str = indexed(primary_key=True)
    opened_at: datetime = time()
    shown_at: datetime | None = time()
    shown: str = words()
    version: int


class EntryRow(Row, table=True):
    """Append-only: triggers refuse UPDATE and DELETE. `seq` has no gap, so a missing line is noticed."""

    __tablename__ = "entry"
    __table_args__ = (Index("ix_entry_incident_at", "incident", "at", "seq"),)

    seq: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    at: datetime = time()
    kind: str = words()
    text: str = words()
    by: str = words()
    whom: str = words()
    incident: str = indexed()
    source: str = words()
    noted_at: datetime = time()


class CheckpointRow(Row, table=True):
    """What was signed of the entries, one after the other."""

    __tablename__ = "checkpoint"

    number: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    size: int
    root: str = words()
    note: str = words()
    at: datetime = time()


class TileRow(Row, table=True):
    """The hashes of 256 entries, so that a proof need not read them all, and a changed one is known by its number."""

    __tablename__ = "tile"

    number: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    hash: str = words()
    leaves: str = words()


class CounterRow(Row, table=True):
    """A number that is taken in the same commit as what it numbers."""

    __tablename__ = "counter"

    name: str = indexed(primary_key=True)
    value: int


class OutboxRow(Row, table=True):
    """One effect from its decision to its receipt.

    `tries` counts every hand-out, and a dead job of the same key as one more; it is the fencing token as well.
    `attempts` is what counts towards giving up, so a rate limit takes none. Ids are never used twice.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("one_pending_twin", "key", unique=True, **where("state = 'pending'")),
        Index("one_running_per_lane", "lane", unique=True, **where("state = 'running'")),
        Index("ix_outbox_due", "priority", "due_at", "id", **where("state = 'pending'")),
        Index("ix_outbox_dead", "lane", **where("state = 'dead'")),
        Index("ix_outbox_done", "ended_at", **where("state = 'done'")),
        Index("ix_outbox_unfinished", "subject", **where("state <> 'done'")),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(primary_key=True)
    key: str = indexed()
    kind: str = words()
    subject: str = indexed()
    due: datetime | None = time()
    lane: str = indexed()
    priority: int
    state: str = words()
    due_at: datetime = time()
    attempts: int
    tries: int
    owner: str = words()
    lease_until: datetime | None = time()
    created_at: datetime = time()
    ended_at: datetime | None = time()
    error: str = words()


class PaceRow(Row, table=True):
    """When a lane is free again, in seconds since 1970: `next_at` by our own pace, `held_until` by the other side's."""

    __tablename__ = "pace"

    lane: str = indexed(primary_key=True)
    next_at: float = Field(sa_type=Float)
    held_until: float = Field(sa_type=Float)


class TickRow(Row, table=True):
    """A turn of the clock that one replica has taken."""

    __tablename__ = "tick"

    name: str = indexed(primary_key=True)
    slot: str = indexed(primary_key=True)
    at: datetime = time(index=True)


class KeptRow(Row, table=True):
    """A value that the first replica to start has settled for all."""

    __tablename__ = "kept"

    name: str = indexed(primary_key=True)
    value: str = words()
