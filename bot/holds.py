"""Holds that people put on a rollout: each is for the release that was under way, and ends with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.decision import Decision
from bot.model import BOT, Entry, EntryKind, Hold
from bot.text import is_person


def outlived(holds: Sequence[Hold], over_at: datetime) -> tuple[Hold, ...]:
    """Of the holds that stand, those of people that were there when their release was over: the next one would stand
    still for a reason that nobody has any more. What a check or an incident holds has its own end.
    """
    return tuple(hold for hold in holds if is_person(hold.holder) and hold.lifted_at is None and hold.at < over_at)


def ended(holds: Sequence[Hold], why: str, incident: str, now: datetime) -> Decision:
    """`why`: how their release ended, in plain text."""
    return Decision(
        save=tuple(replace(hold, lifted_at=now, lifted_by=BOT) for hold in holds),
        note=tuple(
            Entry(
                at=now,
                kind=EntryKind.ACTION,
                text=f"the hold of {hold.called} is lifted, as {why}",
                incident=incident,
                source=hold.id,
            )
            for hold in holds
        ),
    )
