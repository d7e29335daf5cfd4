"""Every test of storage runs on both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from storage.store import Store

Open = Callable[..., Store]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens stores, and closes them after the test."""
    stores: list[Store] = []

    def open_(url: str, **options: Any) -> Store:
        stores.append(Store(url, **options))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def open_store(opened: Open, database: str) -> Open:
    """Opens stores on the same database: other replicas, or the same one after a restart."""
    return partial(opened, database)


@pytest.fixture
def store(open_store: Open) -> Store:
    return open_store()


def together(count: int, work: Callable[[int], object]) -> list[object]:
    """Runs `work` in so many threads that start at the same moment; answers what they answered or raised, in order."""
    start = threading.Barrier(count, timeout=30)
    answers: list[object] = [None] * count

    def run(number: int) -> None:
        start.wait()
        try:
            answers[number] = work(number)
        except Exception as error:  # noqa: BLE001  # the test compares it
            answers[number] = error

    crew = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join(60)
    assert not any(thread.is_alive() for thread in crew), "still at it after a minute"
    return answers
