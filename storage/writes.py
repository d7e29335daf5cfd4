"""A decision becomes rows: receipt, nouns, effects and entries, in that order, in the caller's transaction.

The order is the same for everybody, so that two replicas do not wait for each other: the receipt is its worker's
alone, nouns go by kind, effects as they were decided, since that is the order in which they are done; the
counter of the entries, which all share, comes last and is held the shortest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, Table, bindparam, update

from bot.decision import Decision, Noun
from bot.model import Alert, Checkpoint, Entry, Event, Heard, PublicUpdate, Tile, Update
from storage import outbox
from storage.engine import Conflict
from storage.rows import VERSIONED, id_of, table, to_row
from storage.sql import insert, upsert
from storage.tables import CounterRow, table_of
from storage.types import fit

COUNTER = table_of(CounterRow)
INSERT_ONLY = (Checkpoint, Event, Heard, PublicUpdate, Tile, Update)
ENTRIES = (
    update(COUNTER)
    .where(COUNTER.c.name == "entry")
    .values(value=COUNTER.c.value + bindparam("more", type_=COUNTER.c.value.type))
    .returning(COUNTER.c.value)
)


def save(connection: Connection, nouns: Iterable[Noun], unseen: Collection[str]) -> None:
    """Raises Conflict where somebody saved first. `unseen`: keys of alerts that the think took for new."""
    kinds: dict[type, list[Any]] = defaultdict(list)
    for noun in nouns:
        kinds[type(noun)].append(noun)
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        if kind in VERSIONED:
            _save_versioned(connection, table(kind), kinds[kind])
        elif kind in INSERT_ONLY:
            _insert(connection, table(kind), [to_row(noun) for noun in kinds[kind]])
        elif kind is Alert:
            _save_alerts(connection, kinds[kind], unseen)
        else:
            _upsert(connection, table(kind), kinds[kind])


def _save_versioned(connection: Connection, into: Table, nouns: list[Any]) -> None:
    by_id = {noun.id: noun for noun in nouns}
    if len(by_id) < len(nouns):
        raise ValueError(f"one decision saves a noun of {sorted(by_id)} twice; only one of them could be kept")
    # In the order of the decision: the end of one action on a rollout makes room for the next in the same commit.
    for id in by_id:
        row = to_row(by_id[id])
        before, row["version"] = row["version"], row["version"] + 1
        if before == 0:
            _insert(connection, into, [row])
        else:
            _replace(connection, into, row, before)


def _replace(connection: Connection, into: Table, row: dict[str, Any], version: int) -> None:
    if connection.execute(_replacing(into), {**row, "same": row["id"], "before": version}).rowcount != 1:
        raise Conflict(f"{row['id']} is no longer at version {version}")


@cache
def _replacing(into: Table) -> Executable:
    return update(into).where(into.c.id == bindparam("same"), into.c.version == bindparam("before"))


def _save_alerts(connection: Connection, alerts: list[Alert], unseen: Collection[str]) -> None:
    """An alert that was new to the think must be new: another replica may have learned of it meanwhile."""
    new: list[Alert] = []
    known: list[Alert] = []
    for alert in {alert.key: alert for alert in alerts}.values():
        (new if fit(alert.key) in unseen else known).append(alert)
    _insert(connection, table(Alert), [to_row(alert) for alert in sorted(new, key=id_of)])
    _upsert(connection, table(Alert), known)


def _insert(connection: Connection, into: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(connection, into), rows)


def _upsert(connection: Connection, into: Table, nouns: list[Any]) -> None:
    rows = {id_of(noun): to_row(noun) for noun in nouns}
    if rows:
        connection.execute(upsert(connection, into), [rows[id] for id in sorted(rows)])


def note(connection: Connection, entries: tuple[Entry, ...], now: datetime) -> None:
    """Numbers are taken in the transaction that saves the entries, so a number is never lost."""
    if not entries:
        return
    last = connection.execute(ENTRIES, {"more": len(entries)}).scalar_one()
    numbered = enumerate(entries, last - len(entries) + 1)
    _insert(connection, table(Entry), [to_row(replace(entry, seq=seq, noted_at=now)) for seq, entry in numbered])


def apply(connection: Connection, decision: Decision, now: datetime, unseen: Collection[str] = ()) -> datetime | None:
    """When workers should look at the outbox, if they should."""
    save(connection, decision.save, unseen)
    more = outbox.add(connection, decision.do, now)
    note(connection, decision.note, now)
    return more
