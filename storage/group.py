"""Group commit: SQLite has one writer and a commit costs a sync of the disk, so writers who wait share one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from storage.engine import Busy, Transactions, plainly

T = TypeVar("T")
Work = Callable[[Connection], T]
MOST = 200  # so many share one commit; bounds how long the first of them waits


class Call:
    """A piece of work, and what came of it."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.ended = False
        self.result: Any = None
        self.error: Exception | None = None

    def run(self, connection: Connection) -> None:
        """In a savepoint of its own, so that its failure undoes its own work only."""
        driver: Any = connection.connection.driver_connection
        driver.execute("SAVEPOINT call")
        try:
            with plainly():
                self.result = self.work(connection)
        except Busy:
            raise  # the database itself is in trouble: nobody of this group can be promised anything
        except Exception as error:  # noqa: BLE001  # raised again, in the thread that asked
            driver.execute("ROLLBACK TO call")
            self.error = error
        driver.execute("RELEASE call")


class Group:
    """Whoever finds the writer free leads: it runs all work that waits, in one transaction, for everybody."""

    def __init__(self, transactions: Transactions) -> None:
        self.transactions = transactions
        self.changed = threading.Condition()
        self.waiting: list[Call] = []
        self.led = False
        self.leader = 0

    def write(self, work: Work[T]) -> T:
        if self.leader == threading.get_ident():
            raise RuntimeError("a write inside a write would wait for itself: return its decision instead")
        call = Call(work)
        with self.changed:
            self.waiting.append(call)
            self.changed.wait_for(lambda: call.ended or not self.led)
            if not call.ended:
                self.led, self.leader = True, threading.get_ident()
                batch = self.take(call)
        if not call.ended:
            self.lead(batch)
        if call.error:
            raise call.error
        return cast(T, call.result)

    def take(self, mine: Call) -> list[Call]:
        """The oldest of those who wait, and the leader's own call."""
        batch = self.waiting[:MOST]
        if mine not in batch:
            batch[-1] = mine
        self.waiting = [call for call in self.waiting if call not in batch]
        return batch

    def lead(self, batch: list[Call]) -> None:
        trouble = "The writer was stopped; nothing was saved."
        kept = False
        try:
            with self.transactions.writing() as connection:
                for call in batch:
                    call.run(connection)
            kept = True
        except Busy as error:
            trouble = str(error)
        finally:
            with self.changed:
                for call in batch:
                    call.error = call.error if kept else Busy(trouble)
                    call.ended = True
                self.led, self.leader = False, 0
                self.changed.notify_all()
