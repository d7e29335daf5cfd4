"""Whether a database has this version's schema. Alembic is loaded where it has not: it is a tenth of the start."""

from __future__ import annotations

import importlib
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from storage.sql import is_postgresql
from storage.tables import OutboxRow

VERSIONS = Path(__file__).parent / "migrations" / "versions"
HEAD = max(path.name[1:5] for path in VERSIONS.glob("v[0-9]*.py"))  # v0001_tables.py is the revision 0001
LOCK = 727_368_001  # of PostgreSQL's advisory locks; any number that nothing else in this database uses


def migrate(connection: Connection) -> None:
    """All in the caller's transaction. Raises ValueError for a database of a newer version."""
    if is_postgresql(connection):
        for limit in ("lock_timeout", "statement_timeout"):  # another replica, or a large table, may be long about it
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    if not is_current(connection):
        importlib.import_module("storage.migrating").upgrade(connection)


def is_current(connection: Connection) -> bool:
    """By the table in which Alembic keeps it."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return set(connection.scalars(text("SELECT version_num FROM alembic_version"))) == {HEAD}


def exists(connection: Connection) -> bool:
    return inspect(connection).has_table(str(OutboxRow.__tablename__))
