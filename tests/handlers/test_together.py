import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from handlers.together import Together
from storage.store import Busy


class Slow:
    """Stores, but only when it is let; so that others come in meanwhile."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.first, self.go = threading.Event(), threading.Event()

    def __call__(self, items) -> None:
        if not self.first.is_set():
            self.first.set()
            self.go.wait(30)
        if 13 in items:
            raise ValueError("thirteen")
        if 99 in items:
            raise Busy("away")
        self.batches.append(list(items))


def gathered(slow: Slow, together: Together[int], *others: int) -> list[BaseException | None]:
    """One call is being stored while the others come in; what each of them raised."""
    with ThreadPoolExecutor(16) as pool:
        leader = pool.submit(together, [0])
        slow.first.wait(30)
        followers = [pool.submit(together, [n]) for n in others]
        while len(together.waiting) < len(others):
            pass  # they are on their way: threads of this process, with nothing else to do
        slow.go.set()
        leader.result(30)
        return [follower.exception(30) for follower in followers]


def test_what_comes_in_meanwhile_is_stored_in_one_go():
    slow = Slow()
    assert gathered(slow, Together(slow), *range(1, 9)) == [None] * 8
    assert slow.batches[0] == [0]
    assert sorted(slow.batches[1]) == list(range(1, 9))


def test_one_bad_delivery_hurts_nobody_else():
    slow = Slow()
    errors = gathered(slow, Together(slow), 1, 13, 2)
    assert [type(error) for error in errors] == [type(None), ValueError, type(None)]
    assert sorted(n for batch in slow.batches for n in batch) == [0, 1, 2]


def test_when_the_database_is_away_everybody_is_told():
    slow = Slow()
    errors = gathered(slow, Together(slow), 1, 99)
    assert [type(error) for error in errors] == [Busy, Busy]


def test_alone_it_is_a_plain_call():
    slow = Slow()
    slow.go.set()
    together = Together(slow)
    together([1, 2])
    assert slow.batches == [[1, 2]]
    with pytest.raises(ValueError, match="thirteen"):
        together([13])


def test_where_no_thread_can_be_started_nobody_waits_for_ever():
    together = Together[int](lambda items: None)
    together.leader.shutdown()
    for _ in range(2):
        with pytest.raises(Busy, match="nothing was saved"):
            together.submit([1]).result(30)


def test_what_ends_the_thread_is_told_and_the_next_one_is_taken_in():
    def do(items):
        if 1 in items:
            raise SystemExit
        stored.append(list(items))

    stored: list[list[int]] = []
    together = Together[int](do)
    with pytest.raises(Busy, match="could not go on"):
        together.submit([1]).result(30)
    together.submit([2]).result(30)
    assert stored == [[2]]
