"""The clock: what it wakes, that replicas share it, that nothing ends it. The store is real; nothing else is there."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from bot.decision import Decision, SendPost
from bot.errors import ProviderError
from bot.policy import Policy
from handlers import schedule
from handlers.world import World
from storage.store import Busy
from tests.databases import memory_store
from tests.values import NOON, minutes


class Now:
    at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def world() -> Iterator[World]:
    store = memory_store()
    chat: Any = None
    yield World(store=store, chat=chat, rollouts={}, policy=Policy(), now=Now())
    store.close()


def test_what_is_over_is_deleted_and_slack_is_looked_after(world: World) -> None:
    world.store.decide(lambda tx, now: Decision(do=(SendPost("p"),)), NOON)
    [job] = world.store.claim(NOON)
    world.store.decide(lambda tx, now: Decision(), NOON, job)
    world.now.at = NOON + schedule.KEEP + minutes(1)  # type: ignore[attr-defined]
    watched: list[str] = []
    for job in schedule.build(world, lambda: watched.append("slack")).get_jobs():
        job.func()
    assert watched == ["slack"]
    assert world.store.prune(world.now() - schedule.KEEP) == 0  # what was older than that has gone


def test_of_all_replicas_one_does_it_in_each_slot(world: World) -> None:
    done: list[datetime] = []
    replicas = [schedule.shared(world, "observe", 10, lambda: done.append(world.now())) for _ in range(3)]
    for seconds in (0, 9, 10):
        world.now.at = NOON + minutes(seconds / 60)  # type: ignore[attr-defined]
        for tick in replicas:
            tick()
    assert done == [NOON, NOON + minutes(10 / 60)]


@pytest.mark.parametrize("error", [Busy("away"), ProviderError("Slack", "away"), RuntimeError("a bug")])
def test_a_tick_that_fails_does_not_end_the_clock(error: Exception) -> None:
    def fail() -> None:
        raise error

    schedule.guarded("slack", fail)()
