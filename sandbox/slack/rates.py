"""Slack's rate limits: so many calls a minute of each method, and about one message a second in each channel."""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque

from sandbox.clock import Clock

MINUTE = 60.0
UNLIMITED = 0
IN_A_CHANNEL = 1.0  # messages per second
CHANNEL_BURST = 5


class Rates:
    def __init__(self, clock: Clock) -> None:
        self.clock, self.enforced = clock, True
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def wait(self, method: str, per_minute: int) -> int:
        """0 and the call is counted, or the whole seconds to wait first: no minute sees more than `per_minute`."""
        return self._wait(method, per_minute, MINUTE) if per_minute else 0

    def wait_in(self, channel: str) -> int:
        """The same for a message in a channel: a small burst, then one a second."""
        return self._wait(f"in {channel}", CHANNEL_BURST, CHANNEL_BURST / IN_A_CHANNEL)

    def _wait(self, lane: str, most: int, window: float) -> int:
        if not self.enforced:
            return 0
        now = self.clock.now().timestamp()
        with self._lock:
            calls = self._calls[lane]
            while calls and calls[0] <= now - window:
                calls.popleft()
            if len(calls) >= most:
                return max(1, math.ceil(calls[0] + window - now))
            calls.append(now)
        return 0
