"""Who wants to hear of an incident or a service: asked for and ended by the person themselves."""

from __future__ import annotations

from datetime import datetime

from bot import subscriptions
from bot.commands import Ask, incident_id
from bot.decision import Decision
from bot.model import Subscription
from handlers.world import World
from storage.store import Tx


def run(world: World, ask: Ask) -> Decision:
    """subscribe | unsubscribe [SERVICE|INC-n]. Raises Refused."""
    verb, words = ask.split()

    def think(tx: Tx, now: datetime) -> Decision:
        about = subscriptions.topic(words, tx.incident_in(ask.channel), world.policy)
        incident = tx.incident(about) if incident_id(about) else None
        found = tx.subscription(Subscription(user=ask.by, topic=about, at=now).id)
        if verb == "unsubscribe":
            return subscriptions.unsubscribe(about, found)
        return subscriptions.subscribe(about, incident, found, ask.by, now)

    return world.decide(think)
