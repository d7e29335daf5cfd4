"""Tasks: the reminder when one is due."""

from __future__ import annotations

from bot import tasks
from handlers.world import Think, World


def remind(world: World, id: str) -> Think:
    elsewhere = world.policy.announce
    return lambda tx, now: tasks.remind(tx.task(id), elsewhere, now)
