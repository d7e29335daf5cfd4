"""Alerts that came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.alerts import Seen, triage
from bot.decision import Decision
from bot.model import Alert
from bot.routes import take
from handlers.world import World
from storage.store import Tx


def think(world: World, tx: Tx, now: datetime, alerts: Sequence[Alert]) -> Decision:
    return triage(alerts, seen(world, tx, now, alerts), world.policy, now)


def seen(world: World, tx: Tx, now: datetime, alerts: Sequence[Alert], without: str = "") -> Seen:
    """What triage needs to know; `without` is a silence that ends now."""
    groups = {take(alert, world.policy).group for alert in alerts}
    known = tx.seen(alerts, groups, now - world.policy.cooling)
    return replace(known, silences=tuple(one for one in tx.silences(now) if one.id != without))
