"""How much a source may send in a minute: what comes too fast is asked to come again, and nothing is lost by it."""

from __future__ import annotations

import threading
from datetime import datetime


class Rate:
    """A bucket that holds a minute's worth and fills steadily; each replica has its own."""

    def __init__(self, per_minute: int) -> None:
        self.per_second = per_minute / 60
        self.most = self.left = float(max(per_minute, 1))
        self.at: datetime | None = None
        self.guard = threading.Lock()

    def wait(self, now: datetime) -> float:
        """0.0 and one is taken, or the seconds until there is one."""
        if not self.per_second:
            return 0.0
        with self.guard:
            passed = max(0.0, (now - self.at).total_seconds()) if self.at else 0.0
            self.left = min(self.most, self.left + passed * self.per_second)
            self.at = now
            if self.left < 1:
                return (1 - self.left) / self.per_second
            self.left -= 1
            return 0.0
