from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from bot.policy import Policy
from handlers.app import console
from tests.databases import Shelf, database, databases, postgres, shelf, sqlite_template
from tests.story import SHOP, Lobby, Story, told

# How long an example takes says more of the machine than of the code. Other examples come with every run; for many at
# once: make test ARGS="--hypothesis-profile=thorough".
ANYWHERE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", ANYWHERE, max_examples=25)
settings.register_profile("thorough", ANYWHERE, max_examples=500)
settings.load_profile("quick")

# The suite makes many small objects and a few circles; to look for these every 700 objects is a seventh of its time.
gc.set_threshold(100_000, 50, 100)


# They begin first: whoever has one of them last keeps everybody waiting.
LONG = (
    "test_kill",
    "test_typed",
    "test_twice",
    "test_incident",
    "test_page",
    "test_stories",
    "test_prometheus",
    "test_start",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in ("scenarios", "browser") or item.path.stem not in LONG)


def pytest_collection_finish() -> None:
    """What is loaded stays, and is not looked through again."""
    gc.collect()
    gc.freeze()


unexpected: list[str] = []  # what was logged with a traceback: bugs, as long as no test says that it provoked them


def notice(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    if event.get("exc_info"):
        unexpected.append(f"{event['event']}: {sys.exc_info()[1]!r}")
    return event


structlog.configure(
    processors=[notice, structlog.processors.add_log_level, structlog.processors.TimeStamper(), console()],
    cache_logger_on_first_use=False,
)

__all__ = ["database", "databases", "postgres", "shelf", "sqlite_template"]


Tell = Callable[..., AbstractContextManager[Story]]


@contextmanager
def opened(shelf: Shelf, lobby: Lobby, folder: Path, policy: Policy = SHOP) -> Iterator[Story]:
    """On SQLite; what differs between the engines is tested in tests/storage."""
    with shelf.lend() as store, told(store, folder, lobby, policy) as story:
        yield story


@pytest.fixture(scope="session")
def lobby() -> Iterator[Lobby]:
    with closing(Lobby()) as lobby:
        yield lobby


@pytest.fixture
def quietly() -> Iterator[None]:
    """No bug may come to light meanwhile."""
    unexpected.clear()
    yield
    assert unexpected == []


@pytest.fixture
def tell(quietly: None, tmp_path: Path, shelf: Shelf, lobby: Lobby) -> Tell:
    """Opens a story under a policy: `with tell(POLICY) as story`."""
    return partial(opened, shelf, lobby, tmp_path)


@pytest.fixture
def story(tell: Tell) -> Iterator[Story]:
    with tell() as story:
        yield story


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf, lobby: Lobby) -> Iterator[Callable[[], Story]]:
    """Opens stories that the tests of a module share, where each has to leave them as they were."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(opened(shelf, lobby, tmp_path_factory.mktemp("lasting")))
