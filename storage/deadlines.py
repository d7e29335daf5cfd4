"""A connection to PostgreSQL that gives a server up which lives and does not answer: a frozen disk, a stopped process.

TCP finds nothing wrong with such a server, and its own statement_timeout stands still with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg


def patient(seconds: float) -> Callable[..., psycopg.Connection[Any]]:
    """Connects as psycopg does. What then waits for longer than so many seconds without a word is cut off.

    `connection.seconds` may be changed, by who knows that the server has much to do.
    """
    allowed = seconds

    class Patient(psycopg.Connection[Any]):
        seconds = allowed

        def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
            return super().wait(self.until(gen), *args, **kwargs)

        def until(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
            """The same, but for its end: psycopg asks in vain ten times a second."""
            end = time.monotonic() + self.seconds
            try:
                state = next(gen)
                while True:
                    ready = yield state
                    if ready:
                        end = time.monotonic() + self.seconds
                    elif time.monotonic() > end:
                        self.pgconn.finish()  # nobody takes it out of the pool again
                        raise psycopg.OperationalError(f"the server has not answered for {self.seconds:g} s")
                    state = gen.send(ready)
            except StopIteration as over:
                return over.value

    return Patient.connect
