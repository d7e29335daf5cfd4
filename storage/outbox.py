"""The outbox: effects wait here from the commit of their decision to the commit of their receipt.

A job is pending, running under a lease, done, or dead. Of one lane at most one runs (a unique index sees to that), and
of one key at most one is pending. Whoever finishes a job must still hold its token.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, get_args

from sqlalchemy import (
    Connection,
    RowMapping,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    text,
    update,
)

from bot.decision import Effect
from storage.engine import Fenced
from storage.sql import OUTBOX, enqueue, is_postgresql
from storage.tables import DEAD, DONE, PENDING, RUNNING

EFFECTS: Mapping[str, type[Any]] = {effect.__name__: effect for effect in get_args(Effect)}
KNOWN = tuple(sorted(EFFECTS))

OTHER = OUTBOX.alias("other")
CLAIMS = text("SELECT pg_advisory_xact_lock(727368002)")  # a number that nothing else here uses
CLOCK = select(func.clock_timestamp(type_=OUTBOX.c.due_at.type))
# Literals, as in the partial indexes.
IS_PENDING, IS_RUNNING, IS_DEAD = (text(f"outbox.state = '{state}'") for state in (PENDING, RUNNING, DEAD))
OTHER_IS_RUNNING, OTHER_IS_DEAD = (text(f"other.state = '{state}'") for state in (RUNNING, DEAD))
LANE_IS_FREE = ~exists(select(1).where(OTHER.c.lane == OUTBOX.c.lane, OTHER_IS_RUNNING))


@dataclass(frozen=True)
class Job:
    """An effect that this worker may perform while it holds the token. `attempts` is 1 the first time."""

    id: int
    effect: Effect
    attempts: int
    token: str
    claimed_at: datetime
    created_at: datetime
    tried: bool = False

    @property
    def again(self) -> bool:
        """It was handed out before, so it may have been done before: look first."""
        return self.tried or self.attempts > 1


@dataclass(frozen=True)
class DeadLetter:
    """An effect that was given up, and why."""

    id: int
    kind: str
    subject: str
    attempts: int
    error: str
    died_at: datetime


# ---------------------------------------------------------------- in: with a decision


def add(connection: Connection, effects: Iterable[Effect], now: datetime) -> datetime | None:
    """Makes these pending; twins merge. When workers should look, where that has made or moved a job."""
    rows: dict[str, dict[str, Any]] = {}
    for effect in effects:
        row = _row(effect, now)
        before = rows.get(row["key"])
        if before and row["due"] is None:
            row["due_at"] = min(row["due_at"], before["due_at"])
        rows[row["key"]] = row
    if not rows or not connection.execute(enqueue(connection), list(rows.values())).rowcount:
        return None
    soonest: datetime = min(row["due_at"] for row in rows.values())
    return soonest


def _row(effect: Effect, now: datetime) -> dict[str, Any]:
    return {
        "key": effect.key,
        "kind": type(effect).__name__,
        "subject": effect.subject,
        "due": None if effect.soon else effect.due,
        "lane": effect.lane,
        "priority": effect.priority,
        "state": PENDING,
        "due_at": effect.due or now,
        "attempts": 0,
        "tries": 0,
        "owner": "",
        "created_at": now,
        "error": "",
    }


# ---------------------------------------------------------------- out: to a worker


def clock(connection: Connection) -> datetime:
    """The database's time, since replicas need not agree on theirs. SQLite's is this machine's."""
    if is_postgresql(connection):
        time: datetime = connection.execute(CLOCK).scalar_one()
        return time
    return datetime.now(UTC)


def claim(
    connection: Connection, now: datetime, kinds: Collection[str] | None, limit: int, lease: timedelta, owner: str
) -> list[Job]:
    """Jobs whose worker is gone, then due ones, of the kinds that this version knows."""
    known = KNOWN if kinds is None else tuple(sorted(EFFECTS.keys() & set(kinds)))
    one_by_one(connection)
    time = clock(connection)
    given = {"by": owner, "until": time + lease, "time": time, "now": now}
    jobs: list[Job] = []
    while len(jobs) < limit and (row := connection.execute(taking(known), given).mappings().first()):
        jobs.append(_job(row, now))
    return jobs


def one_by_one(connection: Connection) -> None:
    """Who claims at the same time would take the next job of the same lane, wait, and lose against the unique index."""
    if is_postgresql(connection):
        connection.execute(CLAIMS)


def of(kinds: tuple[str, ...]) -> Any:
    """Written out: to bind some fifty names each time takes longer than the search. All are names of our classes."""
    return text(f"outbox.kind IN ({', '.join(repr(kind) for kind in kinds)})") if kinds else false()


def _first(*fit: Any) -> Any:
    in_order = OUTBOX.c.priority, OUTBOX.c.due_at, OUTBOX.c.id
    # SKIP LOCKED: a decision is merging into that one, and rings when it has. SQLite leaves the words out.
    found = select(OUTBOX.c.id).where(*fit).order_by(*in_order).limit(1).with_for_update(skip_locked=True)
    return found.scalar_subquery()


# Made once: workers ask these all the time.
TIME, NOW = (bindparam(name, type_=OUTBOX.c.due_at.type) for name in ("time", "now"))
NEXT_DUE = select(func.min(OUTBOX.c.due_at)).where(IS_PENDING, of(KNOWN), LANE_IS_FREE)
NEXT_OVER = select(func.min(OUTBOX.c.lease_until)).where(IS_RUNNING, of(KNOWN))
NEXT = select(NEXT_DUE.scalar_subquery(), NEXT_OVER.scalar_subquery())
# A dead job of the same key may have been done, with the reply lost.
DIED_BEFORE = exists(select(1).where(OTHER.c.lane == OUTBOX.c.lane, OTHER.c.key == OUTBOX.c.key, OTHER_IS_DEAD))


@cache
def taking(kinds: tuple[str, ...]) -> Any:
    """Makes the first job whose worker is gone this worker's, or else the first that is due."""
    abandoned = _first(IS_RUNNING, OUTBOX.c.lease_until <= TIME, of(kinds))
    due = _first(IS_PENDING, OUTBOX.c.due_at <= NOW, LANE_IS_FREE, of(kinds))
    return (
        update(OUTBOX)
        .where(OUTBOX.c.id == func.coalesce(abandoned, due))
        .values(
            state=RUNNING,
            attempts=OUTBOX.c.attempts + 1,
            tries=OUTBOX.c.tries + case((DIED_BEFORE, 2), else_=1),
            owner=bindparam("by"),
            lease_until=bindparam("until"),
        )
        .returning(OUTBOX)
    )


def _job(row: RowMapping, now: datetime) -> Job:
    return Job(
        id=row["id"],
        effect=EFFECTS[row["kind"]](row["subject"], due=row["due"]),
        attempts=row["attempts"],
        token=str(row["tries"]),
        claimed_at=now,
        created_at=row["created_at"],
        tried=row["tries"] > 1,
    )


def next_due(connection: Connection) -> datetime | None:
    """When there will be something to claim: the earliest due time in a free lane, or end of a lease."""
    return min((at for at in connection.execute(NEXT).one() if at), default=None)


# ---------------------------------------------------------------- back: from the worker


# Still this worker's. Not so when its lease ran out and another has claimed the job since.
HELD = and_(OUTBOX.c.id == bindparam("job"), OUTBOX.c.tries == bindparam("token"), IS_RUNNING)
CHANGE = update(OUTBOX).where(HELD)


def _held(job: Job) -> dict[str, int]:
    return {"job": job.id, "token": int(job.token)}


def _change(connection: Connection, job: Job, **values: Any) -> None:
    if connection.execute(CHANGE, {**_held(job), **values}).rowcount != 1:
        raise Fenced(f"Job {job.id} ({job.effect.key}) was taken over by another worker; nothing was saved.")


def finish(connection: Connection, job: Job, now: datetime) -> None:
    _change(connection, job, state=DONE, ended_at=now, error="")


def renew(connection: Connection, jobs: Iterable[Job], lease: timedelta) -> None:
    until = clock(connection) + lease
    for job in jobs:
        connection.execute(CHANGE, {**_held(job), "lease_until": until})


def postpone(connection: Connection, job: Job, until: datetime, why: str, *, counts: bool) -> None:
    attempts = job.attempts if counts else job.attempts - 1
    twin = _twin(connection, job.effect.key)
    if twin is None:
        _change(connection, job, state=PENDING, due_at=until, attempts=attempts, error=why, lease_until=None)
        return
    # The world is not ready before `until`, whichever of the two asks.
    _change(connection, job, state=DONE)
    later = case((OUTBOX.c.due_at < until, literal(until, OUTBOX.c.due_at.type)), else_=OUTBOX.c.due_at)
    _inherit(connection, twin, job.id, due_at=later, attempts=attempts, error=why)


def bury(connection: Connection, job: Job, why: str, now: datetime) -> None:
    _change(connection, job, state=DEAD, ended_at=now, error=why)


def dead_letters(connection: Connection, lane: str | None = None) -> tuple[DeadLetter, ...]:
    """Oldest first; of one lane or all."""
    query = select(OUTBOX).where(IS_DEAD).order_by(OUTBOX.c.ended_at, OUTBOX.c.id)
    rows = connection.execute(query if lane is None else query.where(OUTBOX.c.lane == lane)).mappings()
    return tuple(
        DeadLetter(r["id"], r["kind"], r["subject"], r["attempts"], r["error"], died_at=r["ended_at"]) for r in rows
    )


def unfinished(connection: Connection, lane: str, kinds: Collection[str], before: int | None = None) -> tuple[str, ...]:
    """Subjects of the lane's effects that wait or run, in the order in which they were decided."""
    waits = select(OUTBOX.c.subject).where(OUTBOX.c.lane == lane, OUTBOX.c.kind.in_(kinds), or_(IS_PENDING, IS_RUNNING))
    earlier = waits if before is None else waits.where(OUTBOX.c.id < before)
    return tuple(connection.scalars(earlier.order_by(OUTBOX.c.id)))


def untried(connection: Connection, kinds: Collection[str]) -> list[tuple[str, datetime]]:
    """Subjects of effects that wait without an attempt, and since when; in the order in which they were decided."""
    waits = select(OUTBOX.c.subject, OUTBOX.c.created_at).where(IS_PENDING, OUTBOX.c.kind.in_(kinds))
    return [
        (row.subject, row.created_at)
        for row in connection.execute(waits.where(OUTBOX.c.attempts == 0).order_by(OUTBOX.c.id))
    ]


def hasten(connection: Connection, words: str, now: datetime) -> int:
    """What was put off with these words in its error is due now. How much that was."""
    waits = (IS_PENDING, OUTBOX.c.due_at > now, OUTBOX.c.error.contains(words, autoescape=True))
    return connection.execute(update(OUTBOX).where(*waits).values(due_at=now)).rowcount


def retry(connection: Connection, id: int, now: datetime) -> bool:
    """A dead letter is due again, as if new but for `again`. False where there is none of that id."""
    key = connection.scalar(select(OUTBOX.c.key).where(OUTBOX.c.id == id, IS_DEAD).with_for_update())
    if key is None:
        return False
    if twin := _twin(connection, key):
        _inherit(connection, twin, id, due_at=now)
    else:
        values = {"state": PENDING, "due_at": now, "attempts": 0, "ended_at": None, "lease_until": None}
        connection.execute(update(OUTBOX).where(OUTBOX.c.id == id).values(**values))
    return True


def _twin(connection: Connection, key: str) -> int | None:
    """The pending job of the same key, locked."""
    return connection.scalar(select(OUTBOX.c.id).where(OUTBOX.c.key == key, IS_PENDING).with_for_update())


def _inherit(connection: Connection, twin: int, id: int, **values: Any) -> None:
    """The twin goes on for job `id`, which is removed. It remembers that the effect may have been done, since when."""
    old = connection.execute(select(OUTBOX.c.tries, OUTBOX.c.created_at).where(OUTBOX.c.id == id)).one()
    connection.execute(delete(OUTBOX).where(OUTBOX.c.id == id))
    connection.execute(
        update(OUTBOX).where(OUTBOX.c.id == twin).values(tries=old.tries, created_at=old.created_at, **values)
    )


def clear_leases(connection: Connection) -> None:
    """Nobody else can be at work: what was running when the last process ended may be claimed at once."""
    connection.execute(update(OUTBOX).where(IS_RUNNING).values(lease_until=datetime.min.replace(tzinfo=UTC)))
