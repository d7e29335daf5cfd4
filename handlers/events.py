"""What Slack told us of the incident channels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from bot import catchup, events
from bot.decision import Decision
from bot.errors import ProviderError
from bot.text import is_person
from handlers import home, marks
from handlers.incidents import catchup_of
from handlers.world import Think, World, nothing
from storage.store import Tx

log = structlog.get_logger(__name__)


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
    if event.kind == "member_joined_channel":
        return catch_up(world, channel, str(event.body.get("user") or ""), event.received_at)
    meant = marks.reacted(world, event) if event.kind in events.REACTIONS else nothing

    def think(tx: Tx, now: datetime) -> Decision:
        known = tx.message(channel, ts) if ts else None
        return events.handle(event, tx.incident_in(channel), known, link) + meant(tx, now)

    return think


def catch_up(world: World, channel: str, who: str, at: datetime) -> Think:
    """Whoever joins later is told what goes on, for them alone."""
    incident = world.read(lambda tx: tx.incident_in(channel))
    if incident is None or not catchup.is_wanted(incident, at) or not is_person(who):
        return nothing
    try:
        world.chat.whisper(channel, who, world.read(lambda tx: catchup_of(tx, incident, world)))
    except ProviderError as error:
        if not error.permanent:
            raise
        log.info("nobody to catch up", channel=channel, error=str(error))  # they have left again
    return nothing
