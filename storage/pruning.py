"""Retention: what has served its purpose is deleted, a piece at a time. Nouns, entries and dead letters stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, select, text, tuple_

from bot.decision import ExportStatus, PlayDrill, PollVendor, RunProbe
from bot.model import Event, Evidence, Heard, Unparsed
from storage.pacing import PACE, TICK
from storage.rows import table
from storage.sql import OUTBOX
from storage.tables import DONE

PIECE = 2000  # rows of one transaction, so that other writers wait for milliseconds only
EVENT, EVIDENCE, HEARD, UNPARSED = table(Event), table(Evidence), table(Heard), table(Unparsed)
# What is done every few seconds, day and night, is kept for so much less long.
ROUTINE = (ExportStatus.__name__, PlayDrill.__name__, PollVendor.__name__, RunProbe.__name__)
EARLIER = timedelta(days=29)
UNFINISHED = exists(select(1).where(OUTBOX.c.subject == EVENT.c.id, text(f"outbox.state <> '{DONE}'")))

Prune = Callable[[Connection], int]


def prunes(before: datetime) -> list[Prune]:
    """Each deletes at most a PIECE of rows when called, and answers how many."""
    at = before.timestamp()
    return [
        _prune(OUTBOX, text(f"outbox.state = '{DONE}'"), OUTBOX.c.ended_at < before),
        _prune(
            OUTBOX, text(f"outbox.state = '{DONE}'"), OUTBOX.c.kind.in_(ROUTINE), OUTBOX.c.ended_at < before + EARLIER
        ),
        _prune(EVIDENCE, EVIDENCE.c.at < before),
        _prune(EVENT, EVENT.c.received_at < before, ~UNFINISHED),
        _prune(HEARD, HEARD.c.at < before),
        _prune(UNPARSED, UNPARSED.c.last_at < before),
        _prune(TICK, TICK.c.at < before),
        _prune(PACE, PACE.c.next_at < at, PACE.c.held_until < at),
    ]


def _prune(table: Table, *where: ColumnElement[bool] | object) -> Prune:
    keys = tuple(table.primary_key)
    old = select(*keys).where(*where).limit(PIECE)  # type: ignore[arg-type]  # text is a condition as well
    statement = delete(table).where(tuple_(*keys).in_(old) if len(keys) > 1 else keys[0].in_(old))
    return lambda connection: connection.execute(statement).rowcount
