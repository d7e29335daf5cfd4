"""Alembic's part: runs the migrations, which ship inside the package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """All in the caller's transaction. Raises ValueError for a database of a newer version."""
    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise ValueError(f"It was made by a newer Watchkeeper; run that one ({error}).") from None
