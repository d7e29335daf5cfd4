"""Alerts that came in."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from bot.alerts import Seen, triage
from bot.decision import Decision
from bot.model import Alert, Incident
from bot.policy import Then
from bot.routes import take
from bot.storms import STORM, looks_back
from handlers.world import World
from storage.store import Tx


def think(world: World, tx: Tx, now: datetime, alerts: Sequence[Alert]) -> Decision:
    return triage(alerts, seen(world, tx, now, alerts), world.policy, now)


def seen(world: World, tx: Tx, now: datetime, alerts: Sequence[Alert], without: str = "") -> Seen:
    """What triage needs to know; `without` is a silence that ends now."""
    groups = {take(alert, world.policy).group for alert in alerts}
    known = tx.seen(alerts, {*groups, STORM}, now - world.policy.cooling)
    if not groups <= known.open.keys():  # else nothing can open
        known = replace(known, opened=tx.opened(now - looks_back(world.policy), world.policy.channels_per_hour))
    known = followed(tx, known, groups, now - world.policy.cooling)
    silences = tuple(one for one in tx.silences(now) if one.id != without)
    if not any(route.then is Then.ASK for route in world.policy.routes):
        return replace(known, silences=silences)
    questions = tx.questions(groups, now - world.policy.cooling)
    number = tx.count_questions() + 1
    return joined(tx, replace(known, silences=silences, questions=questions, next_question=number))


def joined(tx: Tx, known: Seen) -> Seen:
    """What people joined to the incident of another group goes on in it, while it is open."""
    there = {group: tx.find_incident(one.incident) for group, one in known.questions.items() if one.incident}
    led = {group: root(tx, incident) for group, incident in there.items() if incident}
    also = {group: incident for group, incident in led.items() if incident.is_open}
    return replace(known, open={**also, **known.open})


def followed(tx: Tx, known: Seen, groups: AbstractSet[str], since: datetime) -> Seen:
    """What belonged to an incident that was merged into another one goes on in that one, or opens anew."""
    there = {group: root(tx, gone) for group, gone in tx.merged(groups - known.open.keys()).items()}
    open_ = {group: incident for group, incident in there.items() if incident.is_open}
    recent = {g: i for g, i in there.items() if not i.is_open and i.resolved_at and i.resolved_at >= since}
    others = {group: incident for group, incident in known.recent.items() if group not in there}
    return replace(known, open={**open_, **known.open}, recent={**others, **recent})


def root(tx: Tx, incident: Incident) -> Incident:
    """The incident that it was merged into, in the end."""
    while incident.merged_into:
        incident = tx.incident(incident.merged_into)
    return incident
