"""The schema and its migrations, which ship inside the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text

from storage.sql import is_postgresql
from storage.tables import OutboxRow

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 727_368_001  # of PostgreSQL's advisory locks; any number that nothing else in this database uses


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection) -> None:
    """All in the caller's transaction. Raises ValueError for a database of a newer version."""
    if is_postgresql(connection):
        for limit in ("lock_timeout", "statement_timeout"):  # another replica, or a large table, may be long about it
            connection.execute(text(f"SET LOCAL {limit} = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise ValueError(f"It was made by a newer Watchkeeper; run that one ({error}).") from None


def is_current(connection: Connection) -> bool:
    scripts = ScriptDirectory.from_config(configuration(connection))
    return set(MigrationContext.configure(connection).get_current_heads()) == set(scripts.get_heads())


def exists(connection: Connection) -> bool:
    return inspect(connection).has_table(str(OutboxRow.__tablename__))
