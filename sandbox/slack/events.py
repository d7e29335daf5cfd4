"""What is delivered to the app, and how: commands and presses once, events again until somebody has them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from sandbox.clock import Clock
from sandbox.slack.faults import Faults
from sandbox.slack.model import Json

ACK_SECONDS = 3.0
RETRY_AFTER = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5))
DISPATCH_FAILED, TIMED_OUT = "dispatch_failed", "operation_timeout"


@dataclass(frozen=True)
class Delivery:
    """One payload on its way to the app. `id` names this delivery, so every attempt has another."""

    id: str
    kind: Literal["events_api", "slash_commands", "interactive"]
    payload: Json
    accepts_response: bool = False
    attempt: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Ack:
    payload: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The app did not take it. `reason` is what events carry when they are sent again."""

    error: str = DISPATCH_FAILED
    reason: str = "http_error"
    again: bool = True


Result = Ack | Failed | None  # None: it did not answer in time
Transport = Callable[[Delivery], "Result | Future[Result]"]
NOBODY = Failed(DISPATCH_FAILED, "connection_failed")
LATE = Failed(TIMED_OUT, "timeout")


@dataclass
class Sent:
    """An event that was handed over and not acknowledged yet."""

    delivery: Delivery
    deadline: datetime


class Courier:
    """Hands payloads to one of the connected transports, in turn, as Slack does with the sockets of an app."""

    def __init__(self, clock: Clock, faults: Faults, changed: Callable[[], None] = lambda: None) -> None:
        self.clock, self.faults, self.changed = clock, faults, changed
        self.ack_seconds = ACK_SECONDS
        self.transports: list[Transport] = []
        self._unacked: dict[str, Sent] = {}
        self._retries: list[tuple[datetime, Delivery]] = []
        self._lock = threading.RLock()
        self._count = self._turn = 0

    def connect(self, transport: Transport) -> None:
        with self._lock:
            self.transports.append(transport)

    def disconnect(self, transport: Transport) -> None:
        with self._lock:
            if transport in self.transports:
                self.transports.remove(transport)

    def ask(self, kind: Literal["slash_commands", "interactive"], payload: Json, accepts: bool = True) -> Ack | Failed:
        """Deliver once and wait for the answer."""
        started = self.clock.now()
        result = self._hand_over(Delivery(self._id(), kind, payload, accepts))
        if isinstance(result, Future):
            try:
                result = result.result(self.ack_seconds)
            except NotInTime:
                result = None
        if result is None or (self.clock.now() - started).total_seconds() > self.ack_seconds:
            return LATE
        return result

    def send(self, event: Json) -> None:
        """Deliver an event, later again if nobody acknowledges it."""
        self.faults.pass_on(lambda: self._try(Delivery(self._id(), "events_api", event)))
        if self.faults.duplicate_events:
            again = Delivery(self._id(), "events_api", event, attempt=1, reason="timeout")
            self.faults.pass_on(lambda: self._try(again))

    def due(self) -> list[datetime]:
        """When there will be something to do, the soonest first."""
        with self._lock:
            return sorted([at for at, _ in self._retries] + [sent.deadline for sent in self._unacked.values()])

    def run_due(self) -> int:
        """Give up waiting for late acknowledgements, and send again what is due. Returns how many were sent."""
        now = self.clock.now()
        with self._lock:
            late = [sent.delivery for sent in self._unacked.values() if sent.deadline <= now]
        for delivery in late:
            self._settle(delivery, None)
        with self._lock:
            ready = [delivery for at, delivery in self._retries if at <= now]
            self._retries = [(at, delivery) for at, delivery in self._retries if at > now]
        for delivery in ready:
            self._try(delivery)
        return len(ready)

    # ------------------------------------------------------------

    def _id(self) -> str:
        with self._lock:
            self._count += 1
            return f"{self._count:08x}-0000-4000-8000-{self._count:012x}"

    def _hand_over(self, delivery: Delivery) -> Result | Future[Result]:
        with self._lock:
            if self.faults.is_cut or not self.transports:
                return NOBODY
            self._turn += 1
            transport = self.transports[self._turn % len(self.transports)]
        return transport(delivery)

    def _try(self, delivery: Delivery) -> None:
        deadline = self.clock.now() + timedelta(seconds=self.ack_seconds)
        with self._lock:
            self._unacked[delivery.id] = Sent(delivery, deadline)
        result = self._hand_over(delivery)
        if isinstance(result, Future):
            result.add_done_callback(lambda done: self._settle(delivery, done.result()))
        else:
            self._settle(delivery, result if self.clock.now() <= deadline else None)

    def _settle(self, delivery: Delivery, result: Result) -> None:
        with self._lock:
            if self._unacked.pop(delivery.id, None) is not None and not isinstance(result, Ack):
                self._plan(delivery, result or LATE)
        self.changed()

    def _plan(self, delivery: Delivery, failed: Failed) -> None:
        """When to send it again, if at all."""
        if failed.again and delivery.attempt < len(RETRY_AFTER):
            again = replace(delivery, id=self._id(), attempt=delivery.attempt + 1, reason=failed.reason)
            self._retries.append((self.clock.now() + RETRY_AFTER[delivery.attempt], again))


def wait_until(condition: threading.Condition, true: Callable[[], bool], timeout: float) -> bool:
    """Waits in real time, woken by every change."""
    end = time.monotonic() + timeout
    with condition:
        while not true():
            left = end - time.monotonic()
            if left <= 0:
                return False
            condition.wait(left)
    return True
