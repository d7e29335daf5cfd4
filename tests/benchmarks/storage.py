"""How many alerts a second storage keeps: one by one from 8 threads, and in batches of 100, on both engines."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.alerts import triage
from bot.model import Alert
from bot.policy import Policy
from bot.routes import group_of
from storage.store import Store
from tests.storage import server
from tests.values import NOON, alert

THREADS = 8
SINGLE = 4_000
BATCHES, BATCH = 100, 100
KNOWN = 500  # alerts repeat, as they do in a storm


@dataclass(frozen=True)
class Result:
    engine: str
    what: str
    alerts: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.engine:<11} {self.what:<34} {self.alerts / self.seconds:>9,.0f} alerts/s"


def storm(number: int) -> Alert:
    """Of 20 services, some firing again and some cleared."""
    key = number % KNOWN
    return alert(
        f"alert-{key}",
        service=f"service-{key % 20}",
        firing=number // KNOWN % 4 != 3,
        starts_at=NOON + timedelta(seconds=number),
    )


def receive(store: Store, alerts: list[Alert]) -> None:
    groups = {group_of(one) for one in alerts}
    since = NOON - timedelta(minutes=30)
    store.decide(lambda tx, now: triage(alerts, tx.seen(alerts, groups, since), Policy(), now), NOON)


def timed(work: Callable[[list[Alert]], None], deliveries: Iterable[list[Alert]], threads: int) -> float:
    """Seconds until all deliveries are committed."""
    waiting: Iterator[list[Alert]] = iter(list(deliveries))
    guard = threading.Lock()

    def loop() -> None:
        while True:
            with guard:
                delivery = next(waiting, None)
            if delivery is None:
                return
            work(delivery)

    crew = [threading.Thread(target=loop) for _ in range(threads)]
    began = time.perf_counter()
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return time.perf_counter() - began


def measure(engine: str, url: str) -> list[Result]:
    store = Store(url)
    store.migrate()
    try:
        single = timed(lambda some: receive(store, some), ([storm(n)] for n in range(SINGLE)), THREADS)
        batches = ([storm(SINGLE + n * BATCH + k) for k in range(BATCH)] for n in range(BATCHES))
        batched = timed(lambda some: receive(store, some), batches, THREADS)
    finally:
        store.close()
    return [
        Result(engine, f"one by one, {THREADS} threads", SINGLE, single),
        Result(engine, f"batches of {BATCH}, {THREADS} threads", BATCHES * BATCH, batched),
    ]


@contextmanager
def durable_postgres() -> Iterator[str]:
    """A server of our own that syncs every commit, as one in production does."""
    folder = server.new_folder()
    running = server.Server(folder, durable=True)
    try:
        running.create()
        running.start()
        yield running.url("postgres")
    finally:
        running.stop()
        server.remove(folder)


def results() -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        yield from measure("SQLite", f"sqlite:///{Path(folder) / 'watchkeeper.db'}")
    try:
        with durable_postgres() as url:
            yield from measure("PostgreSQL", url)
    except server.NoServer as error:
        print(f"PostgreSQL  not measured: {error}")


def main() -> None:
    for result in results():
        print(result)


if __name__ == "__main__":
    main()
