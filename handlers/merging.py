"""Two incidents that are one: merged when people see it."""

from __future__ import annotations

from datetime import datetime

from bot import merging
from bot.commands import Ask, incident_id
from bot.decision import Decision
from bot.errors import Refused
from handlers.incidents import find
from handlers.world import World
from storage.store import Tx


def run(world: World, ask: Ask) -> Decision:
    """`merge INC-3` in a channel, `merge INC-7 INC-3` anywhere. Raises Refused."""
    *first, last = ask.split()[1].split() or [""]
    other = incident_id(last)
    if other is None or len(first) > 1:
        raise Refused("Say which incident it turned out to be; nothing was changed.", instead=merging.USAGE)

    def think(tx: Tx, now: datetime) -> Decision:
        incident, _ = find(tx, ask, f"{first[0]} " if first else "")
        return merging.merge(incident, tx.incident(other), tx.alerts(incident.id), ask.by, world.policy, now)

    return world.decide(think)
