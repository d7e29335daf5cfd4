"""Acts on a canary that asks at our gates, as far as its answers do it; the rest is sent to the cluster."""

from __future__ import annotations

from datetime import datetime

from bot import steering
from bot.canaries import FLAGGER
from bot.decision import Decision
from bot.errors import Moved, ProviderError
from bot.gated import by_gates
from bot.intents import Intent
from bot.model import Request, RequestState, Rollout
from bot.policy import Service
from bot.proof import fulfilled, moved
from handlers import gates, targets
from handlers.world import Think, World
from storage.store import Tx


def act(world: World, service: Service, asked: Request) -> Think | None:
    """None where the cluster alone is told. Raises Moved, ProviderError."""
    controller, target = targets.provider(world, service)
    shown = controller.get(target, service.name, service.environment)
    if shown.strategy != FLAGGER or not shown.gates:
        return None
    answered = by_gates(Intent(asked.intent), asked.reviewed_wait, shown)
    rollout = targets.complete(world, service, shown)
    if answered:
        _must_be_where_it_was(asked, rollout)
    else:
        rollout = controller.act(target, asked)
    return lambda tx, now: _steered(world, tx, service, asked.id, rollout, answered, now)


def _must_be_where_it_was(asked: Request, rollout: Rollout) -> None:
    """As every provider sees to it before it sends anything."""
    if fulfilled(asked, rollout):
        return
    if not rollout.observed and asked.intent != Intent.PAUSE:
        raise ProviderError("Flagger", "it has not looked since the latest change, and does so once in its interval")
    if why := moved(asked, rollout):
        raise Moved("Flagger", why)


def _steered(
    world: World, tx: Tx, service: Service, id: str, rollout: Rollout, answered: bool, now: datetime
) -> Decision:
    request = tx.request(id)
    if request.state is not RequestState.CONFIRMED:
        return Decision()
    return steering.steered(
        request,
        rollout,
        gates.facts(world, tx, service, now),
        tx.find_hold(f"{service.name}/{service.environment}/{request.by}"),
        world.policy,
        answered=answered,
        number=tx.count_passes() + 1,
        now=now,
    )
