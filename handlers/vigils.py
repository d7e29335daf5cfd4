"""Vigils: somebody looks on after what was done to a rollout."""

from __future__ import annotations

from datetime import datetime

from bot import vigils
from bot.decision import Decision
from bot.errors import ProviderError
from bot.intents import UNDER_WAY
from handlers import targets
from handlers.world import Think, World, nothing
from storage.store import Tx


def look(world: World, id: str) -> Think:
    """Reads the rollout; closely only where it is not as wanted."""
    vigil, asked = world.read(lambda tx: (tx.vigil(id), tx.request(id)))
    if vigil.ended_at is not None:
        return nothing
    service = world.policy.service(vigil.service, vigil.environment)
    try:
        rollout = targets.read(world, service)
    except ProviderError as error:
        why = str(error)
        return lambda tx, now: vigils.unseen(tx.vigil(id), asked, why, world.policy, now)
    if vigils.looks_broken(asked, rollout):
        rollout = targets.examine(world, service, rollout)
    at_the_end = world.now() + world.policy.vigil_every >= vigil.until  # it is judged by them then, and only then
    figures = targets.figures(world, service) if at_the_end else None

    def think(tx: Tx, now: datetime) -> Decision:
        others = tx.open_requests(vigil.service, vigil.environment)
        acting = any(other.state in UNDER_WAY for other in others if other.id != id)
        probed = world.policy.probes_of(service.name, service.environment)
        doubts = targets.doubts(world, tx, service.name, service.environment, now) if probed else None
        return vigils.looked(tx.vigil(id), asked, rollout, figures, world.policy, now, acting=acting, doubts=doubts)

    return think
