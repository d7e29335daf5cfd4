from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import database, databases, postgres, sqlite_template
from tests.story import Story, told

__all__ = ["database", "databases", "postgres", "sqlite_template"]


@pytest.fixture
def story(tmp_path: Path, sqlite_template: Path) -> Iterator[Story]:
    """On SQLite; what differs between the engines is tested in tests/storage."""
    path = tmp_path / "bot.db"
    path.write_bytes(sqlite_template.read_bytes())
    with told(f"sqlite:///{path}", tmp_path) as story:
        yield story
