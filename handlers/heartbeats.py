"""Heartbeats: signs of life as they come, and the look whether one is overdue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot import heartbeats
from bot.decision import Decision
from bot.heartbeats import Beat
from bot.model import Alert
from handlers import alerts
from handlers.world import Think, World
from storage.store import Tx


def begin(world: World) -> None:
    """At the start: everybody who is expected has the whole interval."""

    def think(tx: Tx, now: datetime) -> Decision:
        wanted = heartbeats.expected(world.policy).items()
        return sum((heartbeats.begins(id, tx.heartbeat(id), every, now) for id, every in wanted), Decision())

    world.decide(think)


def heard(world: World, tx: Tx, now: datetime, sources: Iterable[str], news: Sequence[Alert]) -> Beat:
    """What the signs of life in a delivery come to."""
    known = heartbeats.expected(world.policy)
    decision, cleared = Decision(), tuple[Alert, ...]()
    for id in heartbeats.heard_of(sources, news, world.policy):
        beat = heartbeats.heard(id, tx.heartbeat(id), known[id], now)
        decision, cleared = decision + beat.decision, cleared + beat.alerts
    return Beat(decision=decision, alerts=cleared)


def look(world: World, id: str) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        before = tx.heartbeat(id)
        if before is None:
            return Decision()
        beat = heartbeats.looked(before, heartbeats.expected(world.policy).get(id), now)
        return beat.decision + (alerts.think(world, tx, now, beat.alerts) if beat.alerts else Decision())

    return think
