"""Durations as people write them, in commands and in the configuration: 90s, 30m, 2h or 7d, and "5 minutes"."""

from __future__ import annotations

import re
from datetime import timedelta

WRITTEN = re.compile(r"(\d{1,12})\s*(s|sec|secs|seconds?|m|min|mins|minutes?|h|hrs?|hours?|d|days?)", re.ASCII)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = timedelta(days=3650)  # nobody means more; whoever has a limit has a shorter one


def parse(word: str) -> timedelta | None:
    """None where it is no duration. What is longer than ten years is a day longer than that."""
    match = WRITTEN.fullmatch(word.strip())
    if match is None:
        return None
    most = (LONGEST + timedelta(days=1)).total_seconds()
    return timedelta(seconds=min(int(match[1]) * SECONDS[match[2][0]], most))
