from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.handlers.slack.desk import Desk
from tests.providers.shops import Front


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    """One HTTP server for the clusters of a module's tests."""
    front = Front()
    yield front
    front.close()
