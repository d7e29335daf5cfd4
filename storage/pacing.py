"""What replicas share beside the nouns: the pace of each lane, the ticks that one of them takes, and settled values."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlalchemy import Connection, bindparam, case, select

from storage.outbox import clock
from storage.sql import Insert, insert, insert_on, is_postgresql
from storage.tables import KeptRow, PaceRow, TickRow, table_of

PACE, TICK, KEPT = table_of(PaceRow), table_of(TickRow), table_of(KeptRow)
SHORTEST_WAIT = 0.001  # what rounding may make of a wait must not read as "go"


PACE_OF = select(PACE).where(PACE.c.lane == bindparam("lane"))


def reserve(connection: Connection, lane: str, gap: float, burst: int, now: datetime) -> float:
    """Takes the lane's next slot and answers 0, or takes nothing and answers the seconds to wait.

    The generic cell rate algorithm (ITU-T I.371): `next_at` moves on by `gap` with each slot and may be ahead of
    `now` by `burst` - 1 gaps.
    """
    at, ahead = now.timestamp(), (burst - 1) * gap
    given = {"lane": lane, "next_at": at + gap, "held_until": 0.0, "gap": gap, "at": at, "until": at + ahead}
    taken = connection.execute(_reserving(is_postgresql(connection)), given)
    if taken.rowcount == 1:
        return 0.0
    row = connection.execute(PACE_OF, {"lane": lane}).one()
    wait: float = max(row.next_at - ahead - at, row.held_until - at, SHORTEST_WAIT)
    return wait


@cache
def _reserving(postgres: bool) -> Insert:
    """Made once: this runs for every call to Slack."""
    at, until, gap = (bindparam(name, type_=PACE.c.next_at.type) for name in ("at", "until", "gap"))
    from_ = case((PACE.c.next_at > at, PACE.c.next_at), else_=at)
    return insert_on(postgres, PACE).on_conflict_do_update(
        index_elements=["lane"],
        set_={"next_at": from_ + gap},
        where=(PACE.c.next_at <= until) & (PACE.c.held_until <= at),
    )


def hold(connection: Connection, lane: str, until: datetime) -> None:
    """Nothing in this lane before then; a shorter hold does not end a longer one."""
    new = insert(connection, PACE).values(lane=lane, next_at=0.0, held_until=until.timestamp())
    wanted = new.excluded.held_until
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["lane"], set_={"held_until": wanted}, where=wanted > PACE.c.held_until
        )
    )


def tick(connection: Connection, name: str, slot: str) -> bool:
    """True for exactly one who asks."""
    new = insert(connection, TICK).values(name=name, slot=slot, at=clock(connection))
    return connection.execute(new.on_conflict_do_nothing()).rowcount == 1


def remember(connection: Connection, name: str, value: str) -> str:
    """The value of that name: this one if there was none."""
    connection.execute(insert(connection, KEPT).values(name=name, value=value).on_conflict_do_nothing())
    return kept(connection, name)


def kept(connection: Connection, name: str) -> str:
    """The value of that name, "" if there is none."""
    return connection.scalar(select(KEPT.c.value).where(KEPT.c.name == name)) or ""
