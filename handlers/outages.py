"""Slack being away: looked for every few seconds, told by other ways, made up for when it is back."""

from __future__ import annotations

from datetime import datetime

import structlog

from bot import outages
from bot.decision import Decision
from bot.model import Reach
from handlers.world import Think, World, nothing
from storage.store import Tx

log = structlog.get_logger(__name__)


def look(world: World) -> Decision:
    """Whether Slack answers, asked by one replica at a time and remembered for all."""
    well, ways = world.chat.answers(), tuple(world.beyond)

    def think(tx: Tx, now: datetime) -> Decision:
        reach, open_ = tx.reach(outages.SLACK), tx.incidents(open_only=True)
        if not well:
            return outages.unanswered(reach, open_, ways, now)
        waiting = tx.untried() if reach and reach.away else ()
        return outages.answered(reach, open_, waiting, ways, now)

    before = world.read(lambda tx: tx.reach(outages.SLACK))
    if well and not (before and before.failures):
        return Decision()
    decision = world.decide(think)
    after = next((noun for noun in decision.save if isinstance(noun, Reach)), None)
    if after and after.away:
        log.warning("Slack is away", since=after.since.isoformat())
    elif well and before and before.away:
        log.warning("Slack is back", since=world.now().isoformat())
        world.store.hasten("Slack", world.now())
    return decision


def is_failing(tx: Tx) -> bool:
    reach = tx.reach(outages.SLACK)
    return reach is not None and reach.failures > 0


def is_away(tx: Tx) -> bool:
    reach = tx.reach(outages.SLACK)
    return reach is not None and reach.away


def tell(world: World, subject: str) -> Think:
    way = world.beyond.get(subject.rpartition("/")[2])
    reach, open_ = world.read(lambda tx: (tx.reach(outages.SLACK), tx.incidents(open_only=True)))
    real = [incident for incident in open_ if not incident.drill]
    told = outages.telling(subject, reach, real) if reach else None
    if way and told:
        way.tell(told)
    return nothing
