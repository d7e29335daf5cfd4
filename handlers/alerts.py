"""Alerts that came in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.alerts import group_of, triage
from bot.decision import Decision
from bot.model import Alert
from handlers.world import World
from storage.store import Tx


def think(world: World, tx: Tx, now: datetime, alerts: Sequence[Alert]) -> Decision:
    groups = {group_of(alert) for alert in alerts}
    return triage(alerts, tx.seen(alerts, groups, now - world.policy.cooling), world.policy, now)
