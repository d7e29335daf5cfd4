"""Whether a database has this version's schema. Alembic is loaded where it has not: it is a tenth of the start."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from storage.sql import is_postgresql
from storage.tables import OutboxRow

VERSIONS = Path(__file__).parent / "migrations" / "versions"
HEAD = max(path.name[1:5] for path in VERSIONS.glob("v[0-9]*.py"))  # v0001_tables.py is the revision 0001
LOCK = 727_368_001  # of PostgreSQL's advisory locks; any number that nothing else in this database uses


def migrate(connection: Connection) -> None:
    """All in the caller's transaction. Raises ValueError for a database of a newer version."""
    with _unhurried(connection):
        if not is_current(connection):
            importlib.import_module("storage.migrating").upgrade(connection)


@contextmanager
def _unhurried(connection: Connection) -> Iterator[None]:
    """Another replica, or a large table, may be long about it: neither the server nor we give up."""
    if not is_postgresql(connection):
        yield
        return
    driver: Any = connection.connection.driver_connection
    before, driver.seconds = driver.seconds, math.inf
    try:
        for limit in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"):
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield
    finally:
        driver.seconds = before


def is_current(connection: Connection) -> bool:
    """By the table in which Alembic keeps it."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return set(connection.scalars(text("SELECT version_num FROM alembic_version"))) == {HEAD}


def exists(connection: Connection) -> bool:
    return inspect(connection).has_table(str(OutboxRow.__tablename__))
