"""Whether what is asked of a canary is done by what it is answered at our gates, or by a call to its cluster."""

from __future__ import annotations

from bot.canaries import can_be_held
from bot.gates import Kind
from bot.intents import BY_HAND, Intent
from bot.model import Rollout


def by_gates(intent: Intent, wait: str, rollout: Rollout) -> bool:
    """`wait`: what it waited for when it was reviewed. While it is suspended it asks nothing."""
    suspended = rollout.paused and not rollout.held
    match intent:
        case Intent.PAUSE:
            return can_be_held(rollout)
        case Intent.RESUME if wait == BY_HAND:
            return not suspended
        case Intent.RESUME:
            return wait in rollout.gates and not suspended
        case Intent.ABORT:
            return Kind.ROLLBACK in rollout.gates and not suspended
        case _:
            return False
