"""What Slack told us of the incident channels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot import events
from bot.decision import Decision
from handlers import home
from handlers.world import Think, World, nothing
from storage.store import Tx


def receive(world: World, body: Mapping[str, Any], ours: tuple[str, ...]) -> Decision:
    """Committed before Slack hears that we have it. Raises Busy, and Slack tells us again.

    What is said in a channel that is no incident's is not kept.
    """
    if user := events.home_of(body):
        return home.look(world, user)
    if not events.is_wanted(body, ours):
        return Decision()
    channel = events.channel_of(body["event"])

    def think(tx: Tx, now: datetime) -> Decision:
        decision = events.received(body, now)
        if tx.incident_in(channel) is None or tx.event(decision.do[0].subject) is not None:
            return Decision()
        return decision

    return world.decide(think)


def handle(world: World, id: str) -> Think:
    event = world.read(lambda tx: tx.event(id))
    if event is None:
        return nothing
    channel, ts = events.channel_of(event.body), events.subject_of(event.body)
    link = world.chat.link(channel, ts) if ts else ""

    def think(tx: Tx, now: datetime) -> Decision:
        known = tx.message(channel, ts) if ts else None
        return events.handle(event, tx.incident_in(channel), known, link)

    return think
