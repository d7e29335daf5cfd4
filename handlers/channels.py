"""The channel of an incident, for what is to be said there: waited for while it is not open, and ever more seldom."""

from __future__ import annotations

from datetime import datetime

from bot.errors import NotYet
from bot.model import Incident
from handlers.world import World

SOONEST, SELDOM = 5.0, 600.0  # seconds between two looks
PART = 10  # of what it has taken already: so nothing comes later by more than a tenth


def must_be_open(world: World, incident: Incident) -> str:
    """Raises NotYet. What waits is never given up: a channel that could not be opened is a dead letter, tried again."""
    if not incident.channel:
        raise NotYet(pause(incident.opened_at, world.now()), waits_for(incident.id))
    return incident.channel


def waits_for(id: str) -> str:
    """In the errors of what is put off, which is due at once when the channel opens."""
    return f"{id}'s channel is not open yet"


def pause(since: datetime, now: datetime) -> float:
    """Seconds until the next look at what should be there since then."""
    return min(SELDOM, max(SOONEST, (now - since).total_seconds() / PART))
