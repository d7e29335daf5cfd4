"""Changes that came in, and what they have to do with the incidents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot import changes, twins
from bot.decision import Decision
from bot.judgement.suspects import GRACE
from bot.model import Change
from handlers import targets
from handlers.world import Think, World
from storage.store import Tx


def think(world: World, tx: Tx, now: datetime, news: Sequence[Change]) -> Decision:
    news = [joined(tx, change) for change in news]
    known = {change.key: before for change in news if (before := tx.change(change.key))}
    open_ones = tx.incidents(open_only=True)
    return changes.receive(news, known, open_ones, world.policy, now, tx.told_changes(open_ones, now))


def joined(tx: Tx, change: Change) -> Change:
    """Under the name by which the cluster, or CI before, has told of the same deploy."""
    before = tx.change(change.key)
    return twins.joined(change, before, () if before else tx.deploys(change.service, change.environment))


def name_suspects(world: World, id: str) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        incident = tx.incident(id)
        onset = incident.began
        near = tx.changes(onset - world.policy.suspect_window, onset + GRACE, environment=incident.environment)
        others = targets.vendor_troubles(world, tx, incident.service, now)
        looks = tx.findings(incident.service, incident.environment)
        return changes.suspects_named(incident, near, tx.links(id), world.policy, now, probes=looks, vendors=others)

    return think
