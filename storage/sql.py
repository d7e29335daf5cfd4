"""Statements that each engine words in its own way; those that run for every alert are made once, which is slow."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from storage.tables import PENDING, OutboxRow, table_of

Insert = postgresql.Insert | sqlite.Insert
OUTBOX = table_of(OutboxRow)


def is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def insert(connection: Connection, table: Table) -> Insert:
    return insert_on(is_postgresql(connection), table)


def upsert(connection: Connection, table: Table) -> Insert:
    """The whole row, be it new or known."""
    return _upsert(is_postgresql(connection), table)


def enqueue(connection: Connection) -> Insert:
    """A pending twin takes the newest `due`; without one it takes the earlier time. One that is due already stays
    untouched, and so does one that was handed out and put off, after an error or for a rate limit: news must not use
    up its patience, and in a storm there is news all the time.
    """
    return _enqueue(is_postgresql(connection))


@cache
def insert_on(postgres: bool, table: Table) -> Insert:
    new: Insert = postgresql.insert(table) if postgres else sqlite.insert(table)
    return new.execution_options(preserve_rowcount=True)  # without, it is known of UPDATE and DELETE only


@cache
def _upsert(postgres: bool, table: Table) -> Insert:
    new = insert_on(postgres, table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: new.excluded[column.name] for column in table.c if column.name not in keys}
    return new.on_conflict_do_update(index_elements=keys, set_=others)


@cache
def _enqueue(postgres: bool) -> Insert:
    new = insert_on(postgres, OUTBOX)
    wanted = new.excluded
    return new.on_conflict_do_update(
        index_elements=["key"],
        index_where=text(f"state = '{PENDING}'"),
        set_={"due": wanted.due, "due_at": wanted.due_at, "priority": wanted.priority},
        where=wanted.due.is_not(None) | ((wanted.due_at < OUTBOX.c.due_at) & (OUTBOX.c.tries == 0)),
    )
