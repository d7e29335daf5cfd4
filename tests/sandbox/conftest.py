"""A pretend world whose clock a test moves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sandbox.clock import FrozenClock
from sandbox.cluster import Cluster
from sandbox.world import Sandbox


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))


@pytest.fixture
def world(clock: FrozenClock) -> Sandbox:
    return Sandbox.build(clock)


@pytest.fixture
def cluster(world: Sandbox) -> Cluster:
    return world.cluster
