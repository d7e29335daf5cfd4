"""Alerts that came in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.alerts import triage
from bot.decision import Decision
from bot.model import Alert
from bot.routes import take
from handlers.world import World
from storage.store import Tx


def think(world: World, tx: Tx, now: datetime, alerts: Sequence[Alert]) -> Decision:
    groups = {take(alert, world.policy).group for alert in alerts}
    return triage(alerts, tx.seen(alerts, groups, now - world.policy.cooling), world.policy, now)
