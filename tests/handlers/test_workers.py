"""The workers outlive what happens to them. The store here says what a database says at its worst."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.decision import NameSuspects
from handlers.outbox import Workers
from storage.store import Busy, Job

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
JOB = Job(id=1, effect=NameSuspects("INC-1"), attempts=1, token="1", claimed_at=NOW, created_at=NOW)


class Store:
    """Fails `claim` and `renew` with `errors` first; then gives one job out, and counts."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.renewals = list(errors), list(errors)
        self.claimed, self.renewed = threading.Event(), threading.Event()

    def claim(self, now: datetime) -> list[Job]:
        if self.errors:
            raise self.errors.pop(0)
        if self.claimed.is_set():
            return []
        self.claimed.set()
        return [JOB]

    def renew(self, jobs: list[Job]) -> None:
        if self.renewals:
            raise self.renewals.pop(0)
        if jobs:
            self.renewed.set()

    def next_due(self, now: datetime) -> datetime | None:
        return None

    def wait(self, timeout: float) -> None:
        threading.Event().wait(0.001)

    def wake(self) -> None: ...


class World:
    def __init__(self, store: Store, until: threading.Event) -> None:
        self.store, self.until = store, until
        self.decided = threading.Event()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=1)

    def decide(self, think: Any, receipt: Any = None) -> None:
        assert self.until.wait(10)
        self.decided.set()


@pytest.mark.parametrize("error", [Busy("away"), RuntimeError("a bug")])
def test_a_worker_outlives_what_claim_raises(error):
    store = Store(error)
    world = World(store, store.claimed)
    workers = Workers(world, threads=1, renew_every=60)  # type: ignore[arg-type]
    workers.start()
    assert world.decided.wait(10)
    workers.stop()


@pytest.mark.parametrize("error", [Busy("away"), RuntimeError("a bug")])
def test_leases_are_renewed_while_a_job_runs_whatever_renewing_raised_before(error):
    store = Store()
    store.renewals = [error]
    world = World(store, store.renewed)  # the job ends only when its lease has been renewed
    workers = Workers(world, threads=1, renew_every=0.005)  # type: ignore[arg-type]
    workers.start()
    assert world.decided.wait(10)
    workers.stop()


def test_leases_are_kept_while_stopping():
    store = Store()
    world = World(store, store.renewed)
    workers = Workers(world, threads=1, renew_every=0.05)  # type: ignore[arg-type]
    workers.start()
    assert store.claimed.wait(10)
    workers.stop()
    assert world.decided.is_set()
