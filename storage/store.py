"""The one door to the database: read, or decide; and what a worker needs to do what was decided."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, text

from bot.decision import Decision
from storage import outbox, pacing, schema
from storage.bell import Bell, SharedBell, notify
from storage.engine import Busy, Conflict, Fenced, Transactions, connect, in_memory, plainly
from storage.group import Group, Work
from storage.outbox import DeadLetter, Job
from storage.pruning import PIECE, prunes
from storage.reads import Tx
from storage.writes import apply

__all__ = ["Busy", "Conflict", "DeadLetter", "Fenced", "Job", "Store", "Tx"]

T = TypeVar("T")

TRIES = 20  # of a think that loses a race
LONGEST_PAUSE = 0.02  # seconds between them


class Store:
    """SQLite for one process, PostgreSQL for several replicas; the same code on both.

    `lease`: a job whose worker has not renewed for so long is given to another. `patience`: how long to wait for a lock
    or a connection before it is Busy. Every method may raise Busy; nothing has been saved then.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: timedelta = timedelta(seconds=20),
        owner: str = "",
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self.engine = connect(url, patience)
        self.lease, self.owner = lease, owner
        self.transactions = Transactions(self.engine)
        self.group = Group(self.transactions) if self.transactions.is_sqlite else None
        self.bell = Bell() if self.transactions.is_sqlite else SharedBell(self.engine)
        self.lock: sqlite3.Connection | None = None

    @property
    def busy(self) -> int:
        """Transactions that are open right now. Nobody may talk to the network meanwhile."""
        return self.transactions.open

    @property
    def absent(self) -> str:
        """The file that SQLite would make at the first word, or ""."""
        path = self.engine.url.database or ":memory:"
        is_there = not self.transactions.is_sqlite or path == ":memory:" or Path(path).exists()
        return "" if is_there else path

    # ------------------------------------------------------------ schema

    def migrate(self) -> None:
        """To this version's schema. Of two replicas that start together one does it and the other waits."""
        with self.transactions.writing() as connection:
            schema.migrate(connection)

    def is_current(self) -> bool:
        with self.transactions.reading() as connection:
            return schema.is_current(connection)

    # ------------------------------------------------------------ the two trips

    def read(self, ask: Callable[[Tx], T]) -> T:
        """One snapshot; nothing can be written."""
        with self.transactions.reading() as connection:
            return ask(Tx(connection))

    def decide(
        self,
        think: Callable[[Tx, datetime], Decision],
        now: datetime,
        receipt: Job | None = None,
        *,
        given_up: str = "",
    ) -> Decision:
        """Read, think and save in one commit, with the receipt of the job that asked for it.

        `given_up`: the job is not done but dead, and why; the decision is what is said about that.

        A think that loses a race thinks again. On SQLite it may run in another thread, which commits for several.
        Raises what the think raises, Fenced if the job is no longer this worker's, and Conflict after many lost races.
        """

        def work(connection: Connection) -> tuple[Decision, datetime | None]:
            if receipt is not None and given_up:
                outbox.bury(connection, receipt, given_up, now)
            elif receipt is not None:
                outbox.finish(connection, receipt, now)
            tx = Tx(connection, writes=True)
            decision = think(tx, now)
            more = apply(connection, decision, now, tx.unseen)
            if more:
                notify(connection)
            return decision, more

        decision, more = self._write(work)
        if more:
            self.bell.ring((more - now).total_seconds())
        return decision

    def _write(self, work: Work[T]) -> T:
        for lost in range(1, TRIES):
            try:
                return self._write_once(work)
            except Conflict:
                if self.group is None:  # on SQLite nobody else can be in the middle of a write
                    time.sleep(random.uniform(0, LONGEST_PAUSE * lost / TRIES))  # noqa: S311
        return self._write_once(work)

    def _write_once(self, work: Work[T]) -> T:
        if self.group is not None:
            return self.group.write(work)
        with self.transactions.writing() as connection, plainly():
            return work(connection)

    # ------------------------------------------------------------ outbox

    def claim(self, now: datetime, kinds: Collection[str] | None = None, limit: int = 1) -> list[Job]:
        """Due jobs, most urgent first, now this worker's for as long as it renews them; at most one of each lane."""
        self.bell.look()
        try:
            jobs = self._write(lambda c: outbox.claim(c, now, kinds, limit, self.lease, self.owner))
        except Conflict:  # others were faster, each time
            return []
        if jobs:
            self.bell.ring()  # there may be more for the next worker
        return jobs

    def renew(self, jobs: Iterable[Job]) -> None:
        held = list(jobs)
        if held:
            self._write(lambda c: outbox.renew(c, held, self.lease))

    def postpone(self, job: Job, until: datetime, why: str, *, counts: bool = True) -> None:
        """Not before `until`. `counts=False`: it was not an attempt. Raises Fenced if it is no longer this worker's."""
        self._write(lambda c: outbox.postpone(c, job, until, why, counts=counts))

    def bury(self, job: Job, why: str, now: datetime) -> None:
        """Given up: kept as a dead letter. Raises Fenced if it is no longer this worker's."""
        self._write(lambda c: outbox.bury(c, job, why, now))

    def dead(self) -> list[DeadLetter]:
        """Oldest first."""
        with self.transactions.reading() as connection:
            return list(outbox.dead_letters(connection))

    def retry(self, id: int, now: datetime) -> bool:
        """Makes a dead letter due again; its job knows that it may have been done. False where there is none."""
        found = self._write(lambda c: outbox.retry(c, id, now))
        if found:
            self.wake()
        return found

    def hasten(self, words: str, now: datetime) -> int:
        """What was put off because of an error with these words is due now. How many jobs that were."""
        found = self._write(lambda c: outbox.hasten(c, words, now))
        if found:
            self.wake()
        return found

    def next_due(self, now: datetime) -> datetime | None:
        """When a worker should look again, if no commit wakes it before: a due time, or the end of a lease."""
        with self.transactions.reading() as connection:
            return outbox.next_due(connection)

    def wait(self, timeout: float) -> None:
        """Until a commit has brought work since this thread's last claim, or for `timeout` seconds."""
        self.bell.wait(timeout)

    def wake(self) -> None:
        """Ends every wait."""
        self.bell.call()

    def take_over(self) -> None:
        """Before work starts. On SQLite: raises Busy where another process has taken over, and ends the leases of
        those who cannot be alive any more. On PostgreSQL leases run out by themselves."""
        if not self.transactions.is_sqlite:
            return
        if not in_memory(self.engine) and self.lock is None:
            self.lock = _only(f"{self.engine.url.database}.lock")
        with self.transactions.writing() as connection:
            if schema.exists(connection):
                outbox.clear_leases(connection)

    # ------------------------------------------------------------ shared by replicas

    def reserve(self, lane: str, gap: float, burst: int, now: datetime) -> float:
        """0.0 if the lane's next slot is taken now, else the seconds to wait; then nothing is reserved."""
        return self._write(lambda c: pacing.reserve(c, lane, gap, burst, now))

    def hold(self, lane: str, until: datetime) -> None:
        """The other side said: nothing in this lane before then."""
        self._write(lambda c: pacing.hold(c, lane, until))

    def tick(self, name: str, slot: str) -> bool:
        """True for exactly one replica."""
        return self._write(lambda c: pacing.tick(c, name, slot))

    def remember(self, name: str, value: str) -> str:
        """The value that is kept under this name: this one if there was none before."""
        return self._write(lambda c: pacing.remember(c, name, value))

    def kept(self, name: str) -> str:
        """What was remembered under this name, "" if nothing was."""
        with self.transactions.reading() as connection:
            return pacing.kept(connection, name)

    # ------------------------------------------------------------ upkeep

    def prune(self, before: datetime) -> int:
        """Deletes finished jobs, handled events, what was heard, old ticks and paces. How many rows that were."""
        total = 0
        for prune in prunes(before):
            gone = PIECE
            while gone == PIECE:
                gone = self._write(prune)
                total += gone
        return total

    def ping(self) -> None:
        """Raises Busy where the database does not answer."""
        with self.transactions.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.bell.close()
        self.engine.dispose()
        if self.lock is not None:
            self.lock.close()
            self.lock = None


def _only(path: str) -> sqlite3.Connection:
    """Holds the lock file until closed, or until the process ends in whatever way: an SQLite lock on every system."""
    try:
        lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise Busy(f"{path} cannot be made ({error}). Does its folder exist, and may this user write there?") from None
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise Busy(
            f"Another Watchkeeper holds {path} ({error}). Stop it first, or use PostgreSQL for several replicas."
        ) from None
    return lock
