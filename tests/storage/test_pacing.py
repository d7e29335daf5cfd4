"""Replicas share one pace, one clock and their first decisions."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from storage.store import Store
from tests.storage.conftest import Open, together
from tests.storage.helpers import later
from tests.values import NOON


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


def test_a_free_lane_goes_at_once(store: Store) -> None:
    assert store.reserve("slack chat.postMessage C1", 1.0, 1, NOON) == 0.0
    assert store.reserve("slack chat.postMessage C2", 1.0, 1, NOON) == 0.0


def test_the_next_slot_is_a_gap_later(store: Store) -> None:
    store.reserve("x", 1.0, 1, NOON)
    assert store.reserve("x", 1.0, 1, NOON) == pytest.approx(1.0, abs=1e-5)
    assert store.reserve("x", 1.0, 1, NOON + seconds(0.75)) == pytest.approx(0.25, abs=1e-5)
    assert store.reserve("x", 1.0, 1, NOON + seconds(1.00001)) == 0.0


def test_a_refusal_reserves_nothing(store: Store) -> None:
    store.reserve("x", 1.0, 1, NOON)
    waits = [store.reserve("x", 1.0, 1, NOON) for _ in range(5)]
    assert max(waits) == pytest.approx(1.0, abs=1e-5)


def test_a_burst_goes_at_once_and_then_at_the_pace(store: Store) -> None:
    got = [store.reserve("x", 2.0, 3, NOON) for _ in range(4)]
    assert got == [0.0, 0.0, 0.0, pytest.approx(2.0, abs=1e-5)]
    assert store.reserve("x", 2.0, 3, NOON + seconds(2.00001)) == 0.0
    assert store.reserve("x", 2.0, 3, NOON + seconds(2.00001)) > 1.9


def test_a_quiet_time_saves_up_one_burst_and_no_more(store: Store) -> None:
    store.reserve("x", 1.0, 2, NOON)
    got = [store.reserve("x", 1.0, 2, later(60)) for _ in range(3)]
    assert got == [0.0, 0.0, pytest.approx(1.0, abs=1e-5)]


def test_a_wait_is_never_nothing(store: Store) -> None:
    """0.0 means go: what rounding leaves of a wait must not read so."""
    store.reserve("x", 1.0, 1, NOON)
    for microseconds in range(999_990, 1_000_000):
        wait = store.reserve("x", 1.0, 1, NOON + timedelta(microseconds=microseconds))
        assert wait == 0.0 or wait >= 0.001
        if wait == 0.0:
            break


def test_a_held_lane_waits(store: Store) -> None:
    store.hold("x", NOON + seconds(30))
    assert store.reserve("x", 1.0, 5, NOON) == pytest.approx(30, abs=1e-5)
    assert store.reserve("x", 1.0, 5, NOON + seconds(30.00001)) == 0.0
    assert store.reserve("y", 1.0, 5, NOON) == 0.0


def test_a_shorter_hold_does_not_end_a_longer_one(store: Store) -> None:
    store.hold("x", NOON + seconds(30))
    store.hold("x", NOON + seconds(5))
    assert store.reserve("x", 1.0, 5, NOON + seconds(6)) == pytest.approx(24, abs=1e-5)


def test_a_hold_keeps_the_pace(store: Store) -> None:
    store.reserve("x", 60.0, 1, NOON)
    store.hold("x", NOON + seconds(5))
    assert store.reserve("x", 60.0, 1, NOON) == pytest.approx(60, abs=1e-5)


def test_no_gap_is_short_however_many_ask(store: Store, open_store: Open) -> None:
    """Two replicas with four threads each; each reserves at the earliest moment that it is told."""
    replicas = [store, open_store() if store.group is None else store]
    start = NOON.timestamp()

    def reserve(number: int) -> list[float]:
        at, slots = NOON, []
        while len(slots) < 5:
            wait = replicas[number % 2].reserve("x", 1.0, 1, at)
            if wait == 0.0:
                slots.append(at.timestamp() - start)
            at += seconds(wait + 1e-5)
        return slots

    answers = together(8, reserve)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    slots = sorted(slot for answer in answers for slot in answer)  # type: ignore[attr-defined]
    gaps = [second - first for first, second in pairwise(slots)]
    assert len(slots) == 40
    assert min(gaps) >= 0.999


def test_one_replica_takes_a_tick(store: Store, open_store: Open) -> None:
    replicas = [store, open_store() if store.group is None else store]
    assert sorted(map(bool, together(8, lambda n: replicas[n % 2].tick("prune", "1")))) == [False] * 7 + [True]
    assert store.tick("prune", "2")
    assert store.tick("observe", "1")


def test_the_first_value_stays(store: Store, open_store: Open) -> None:
    """Replicas that start together and each make a token agree on one."""
    replicas = [store, open_store() if store.group is None else store]
    kept = set(together(8, lambda n: replicas[n % 2].remember("hook token", f"made by {n}")))
    assert len(kept) == 1
    assert store.remember("hook token", "later") in kept
    assert store.remember("other", "value") == "value"
