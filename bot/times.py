"""Times and durations as people type them, and what they read where it is none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from bot import durations
from bot.errors import Refused
from bot.text import code

CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


def lasting(word: str, unchanged: str, usage: str) -> timedelta:
    """30m, 2h or 1d. Raises Refused; `unchanged` says what was not done."""
    lasts = durations.parse(word)
    if not lasts:
        raise Refused(f"{code(word, 40)} is no duration: write 30m, 2h or 1d. {unchanged}", instead=usage)
    return lasts


def starting(word: str, now: datetime, ahead: timedelta, unchanged: str) -> datetime:
    """Now, "22:00" (the next, in UTC), "30m" from now, or "2026-03-06T22:00"; at most `ahead`. Raises Refused."""
    if not word:
        return now
    if (wait := durations.parse(word)) is not None:
        at = now + wait
    elif match := CLOCK.fullmatch(word):
        at = now.astimezone(UTC).replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
        at += timedelta(days=1) if at < now else timedelta(0)
    else:
        at = _exact(word, unchanged)
    if not now <= at <= now + ahead:
        raise Refused(f"{code(word, 40)} is not within the next {ahead.days} days. {unchanged}")
    return at


def _exact(word: str, unchanged: str) -> datetime:
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        raise Refused(
            f"{code(word, 40)} is no time: write 22:00 (UTC), 30m from now, or 2026-03-06T22:00. {unchanged}"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
