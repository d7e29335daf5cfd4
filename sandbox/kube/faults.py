"""What can go wrong between a client and the API server, on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatch

HANG_SECONDS = 30.0
STREAM = "stream"  # the verb of what hits a watch that is open


@dataclass
class Fault:
    """Hits the next `times` calls of `verb` (get, list, watch, patch, update, create or *) on a matching resource.

    `status` is an HTTP status of the API server, or
    "html": a proxy in between answers 502 with a page;
    "timeout_after": the server does it, but the answer is 504;
    "dropped": the answer is 200, but an admission webhook has taken the change out again;
    "hang": nothing is done and nothing answered for `seconds`.

    The verb "stream" hits a watch that is open (see `KubeApi.disturb`); its `status` is
    "cut": the connection breaks in the middle of a line;
    410: the version that the watch has reached is forgotten, and it is told so;
    "end": the server ends it, as it does after the asked-for timeout;
    "bookmark": it is told how far it has come;
    "silent": nothing is told any more, though the connection stays.
    """

    verb: str
    status: int | str
    times: int = 1
    resource: str = "*"
    seconds: float = HANG_SECONDS


@dataclass
class Faults:
    waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _released: threading.Event = field(default_factory=threading.Event)

    def add(
        self, verb: str, status: int | str, times: int = 1, resource: str = "*", seconds: float = HANG_SECONDS
    ) -> None:
        with self._lock:
            self._released.clear()
            self.waiting.append(Fault(verb, status, times, resource, seconds))

    def take(self, verb: str, resource: str) -> Fault | None:
        """The fault that hits this call, used up by one."""
        with self._lock:
            for fault in self.waiting:
                if (fault.verb == verb or (fault.verb == "*" and verb != STREAM)) and fnmatch(resource, fault.resource):
                    fault.times -= 1
                    if fault.times <= 0:
                        self.waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self.waiting.clear()
        self.release()

    def release(self) -> None:
        """Let hanging calls go on."""
        self._released.set()

    def hang(self, seconds: float) -> None:
        self._released.wait(seconds)
