"""Storms: when too much would open at once, one incident takes the rest in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.policy import Policy
from bot.text import plural, span

STORM = "watchkeeper/storm"  # the group of the incident that takes the rest in
HOUR = timedelta(hours=1)
EDITS = 5  # seconds between two edits of its card


def why(opened: Sequence[datetime], policy: Policy, now: datetime) -> str:
    """ "more than 5 incidents within 5 min", "" if there is none. `opened`: when alerts opened incidents of late."""
    if sum(at >= now - policy.storm_within for at in opened) >= policy.storm_incidents:
        return f"more than {plural(policy.storm_incidents, 'incident')} within {span(policy.storm_within)}"
    if sum(at >= now - HOUR for at in opened) >= policy.channels_per_hour:
        return f"more than {plural(policy.channels_per_hour, 'incident')} within an hour"
    return ""


def looks_back(policy: Policy) -> timedelta:
    return max(HOUR, policy.storm_within)


def next_edit(now: datetime) -> datetime:
    """When its card is edited next, whatever comes until then."""
    slot = int(now.timestamp()) // EDITS + 1
    return datetime.fromtimestamp(slot * EDITS, UTC)
