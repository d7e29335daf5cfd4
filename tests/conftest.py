from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.databases import database, databases, in_memory, postgres, sqlite_template
from tests.story import Story, told

# How long an example takes says more of the machine than of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

__all__ = ["database", "databases", "postgres", "sqlite_template"]


@pytest.fixture
def story(tmp_path: Path, sqlite_template: Path) -> Iterator[Story]:
    """On SQLite; what differs between the engines is tested in tests/storage."""
    with in_memory() as folder:
        shutil.copy(sqlite_template, folder / "bot.db")
        with told(f"sqlite:///{folder}/bot.db", tmp_path) as story:
            yield story
