"""What can go wrong between an app and Slack, on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from typing import Any, Literal, get_args

Kind = Literal["ratelimited", "error", "http", "html500", "drop_before", "drop_after", "hang", "hang_after", "race"]
KINDS = frozenset(get_args(Kind))
LONGEST_HANG = 60.0


@dataclass
class Fault:
    """Hits the next `times` calls of a method whose name fits the glob `method`.

    ratelimited: 429 with `retry_after` · error: ok=false with `error` · http: `status` with an empty body ·
    html500: a page of HTML · drop_before: the connection closes, nothing was done · drop_after: it was done, then the
    connection closes · hang: nothing is done or said for `seconds`, then the connection closes · hang_after: it was
    done, nothing is said · race: conversations.create does not see the channel that has the name already.

    Not only Web API methods can be hit: "response_url", "files.upload" and "link" (the socket) are names too.
    """

    method: str
    kind: Kind
    times: int = 1
    error: str = "internal_error"
    status: int = 503
    retry_after: int = 1
    seconds: float = LONGEST_HANG


def hits(fault: Fault, method: str) -> bool:
    return fnmatch(method, fault.method) and (fault.kind != "race" or method == "conversations.create")


class Faults:
    def __init__(self, taken: Callable[[], None] = lambda: None) -> None:
        """`taken` is called whenever a fault has hit a call."""
        self.taken = taken
        self.waiting: list[Fault] = []
        self.duplicate_events = False
        self.is_cut = False
        self.on_cut: list[Callable[[], None]] = []
        self._holding: list[Callable[[], None]] | None = None
        self._lock = threading.Lock()
        self._released = threading.Event()

    def add(self, method: str = "*", kind: Kind = "error", times: int = 1, **more: Any) -> Fault:
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind}: it is one of {', '.join(sorted(KINDS))}")
        fault = Fault(method, kind, times, **more)
        with self._lock:
            self._released.clear()
            self.waiting.append(fault)
        return fault

    def take(self, method: str) -> Fault | None:
        """The fault that hits this call, used up by one."""
        with self._lock:
            found = next((fault for fault in self.waiting if hits(fault, method)), None)
            if found is None:
                return None
            found.times -= 1
            if found.times <= 0:
                self.waiting.remove(found)
        self.taken()
        return found

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self.waiting.clear()
        self.duplicate_events = False
        self.release()
        self.cut(False)
        self.hold_events(False)

    def cut(self, cut: bool) -> None:
        """Whether Slack is gone: every connection is closed, and nothing gets in or out."""
        self.is_cut = cut
        for hook in self.on_cut if cut else ():
            hook()

    def release(self) -> None:
        """Let the calls go on that hang."""
        self._released.set()

    def hang(self, fault: Fault) -> None:
        self._released.wait(min(fault.seconds, LONGEST_HANG))

    # ------------------------------------------------------------ events

    def hold_events(self, hold: bool) -> None:
        """Keep events back; when they are let go, the newest comes first."""
        with self._lock:
            if hold and self._holding is None:
                self._holding = []
            held, self._holding = (self._holding, [] if hold else None) if not hold else ([], self._holding)
        for send in reversed(held or []):
            send()

    def pass_on(self, send: Callable[[], None]) -> None:
        with self._lock:
            if self._holding is not None:
                self._holding.append(send)
                return
        send()

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            waiting = [asdict(fault) for fault in self.waiting]
        held = self._holding is not None
        return {"cut": self.is_cut, "duplicate_events": self.duplicate_events, "hold_events": held, "faults": waiting}
