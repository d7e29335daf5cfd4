"""Wakes workers when a commit has brought work: in this process by a condition, from other replicas by LISTEN."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from storage.sql import is_postgresql

log = logging.getLogger(__name__)

CHANNEL = "watchkeeper_outbox"
NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', '')")
RECONNECT_AFTER = 1.0  # seconds
PROBE_AFTER = 30.0  # seconds of silence; a server that vanished says nothing either


class Bell:
    """A ring wakes one worker, who rings again if it finds work: a storm of commits is not a storm of searches.

    A ring that nobody waits for is kept for the next who would wait, so none is missed.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.rung = False
        self.calls = 0
        self.ends: list[float] = []  # when those who wait would stop by themselves
        self.mine = threading.local()

    def ring(self, within: float = 0.0) -> None:
        """There may be work for one, in so many seconds: who looks by then anyway is left alone."""
        with self.changed:
            if within > 0 and any(end <= time.monotonic() + within for end in self.ends):
                return
            self.rung = True
            self.changed.notify()

    def call(self) -> None:
        """Everybody stops waiting, also who is just about to."""
        with self.changed:
            self.calls += 1
            self.changed.notify_all()

    def look(self) -> None:
        """This thread is up and about; calls from now on end its next wait."""
        self.mine.heard = self.calls

    def wait(self, timeout: float) -> None:
        heard = getattr(self.mine, "heard", self.calls)
        end = time.monotonic() + timeout
        with self.changed:
            self.ends.append(end)
            self.changed.wait_for(lambda: self.rung or self.calls != heard, timeout)
            self.ends.remove(end)
            self.rung = False
        self.look()

    def close(self) -> None:
        self.call()


class SharedBell(Bell):
    """A bell that PostgreSQL rings for all replicas. Between two connections rings are lost: workers also poll."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.guard = threading.Lock()
        self.listener: threading.Thread | None = None
        self.closing = threading.Event()
        self.stop, self.stopped = socket.socketpair()

    def wait(self, timeout: float) -> None:
        self.listen()
        super().wait(timeout)

    def listen(self) -> None:
        """Starts the listener with the first who waits: a process that never works needs none."""
        with self.guard:
            if self.listener is None and not self.closing.is_set():
                self.listener = threading.Thread(target=self.listen_on, name="outbox-bell", daemon=True)
                self.listener.start()

    def listen_on(self) -> None:
        while not self.closing.is_set():
            try:
                self.hear()
            except (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error, OSError) as error:
                log.info("not hearing of other replicas' work, only polling: %s", error)
            self.closing.wait(RECONNECT_AFTER)

    def hear(self) -> None:
        """Rings for every notification, until closed or cut off."""
        with self.engine.connect() as connection, selectors.DefaultSelector() as ready:
            driver: Any = connection.execution_options(isolation_level="AUTOCOMMIT").connection.driver_connection
            try:
                driver.execute(f"LISTEN {CHANNEL}")
                self.ring()  # for what was committed while nobody listened
                ready.register(driver.fileno(), selectors.EVENT_READ)
                ready.register(self.stopped, selectors.EVENT_READ)
                while not self.closing.is_set():
                    if not ready.select(PROBE_AFTER):
                        driver.execute("SELECT 1")
                    if list(driver.notifies(timeout=0)):
                        self.ring()
            finally:
                connection.invalidate()  # it would go on listening in the pool

    def close(self) -> None:
        with self.guard:
            if self.closing.is_set():
                return
            self.closing.set()
        self.stop.send(b"x")
        if self.listener is not None:
            self.listener.join(timeout=5)
        self.stop.close()
        self.stopped.close()
        super().close()


def notify(connection: Connection) -> None:
    """Wakes the other replicas when this transaction commits."""
    if is_postgresql(connection):
        connection.execute(NOTIFY)
