"""Alerts that came in."""

from __future__ import annotations

from collections.abc import Sequence

from bot.alerts import group_of, triage
from bot.decision import Decision
from bot.model import Alert
from handlers.world import World


def receive(world: World, alerts: Sequence[Alert]) -> Decision:
    """One delivery, in one commit."""
    groups = {group_of(alert) for alert in alerts}
    return world.decide(
        lambda tx, now: triage(alerts, tx.seen(alerts, groups, now - world.policy.cooling), world.policy, now)
    )
