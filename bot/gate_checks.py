"""What speaks for and against a verb on a rollout that is known only by what it asks at its gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bot import gates
from bot.decision import Decision
from bot.errors import Refused
from bot.gates import FLAGGERS, Facts, Kind, closers, deaf, frozen, latest
from bot.model import BOT, Verb
from bot.policy import Policy
from bot.preflight import Preflight
from bot.reasons import Reason, blocking, firm, good
from bot.text import brief, is_person

VERBS = (Verb.PAUSE, Verb.RESUME, Verb.PROMOTE, Verb.ROLLBACK)


def check(verb: Verb, facts: Facts, policy: Policy, now: datetime) -> Preflight:
    """SAFE, RISKY or BLOCKED, every reason named. Nothing is changed."""
    reasons = sorted(CHECKS[verb](facts, policy, now), key=lambda reason: (not reason.firm, reason.weight))
    return Preflight(reasons=tuple(reasons))


def _pause(facts: Facts, policy: Policy, now: datetime) -> list[Reason]:
    return [good("its gates answer no from then on; its metrics are still checked, and it still rolls back by itself")]


def _resume(facts: Facts, policy: Policy, now: datetime) -> list[Reason]:
    if why := _refused(lambda: gates.resume(facts, policy, by=BOT, now=now)):
        return [firm(why)]
    left = [c for c in closers(Kind.PROMOTION, facts, policy, now) if not _is_persons(c.id, facts)]
    return [Reason(f"it stays closed: {brief(c.text, 500)}") for c in left] or [good("it goes on at its next tick")]


def _is_persons(id: str, facts: Facts) -> bool:
    return any(id.startswith(f"{hold.id}/") and is_person(hold.holder) for hold in facts.holds)


def _promote(facts: Facts, policy: Policy, now: datetime) -> list[Reason]:
    """What it would be let through is a rule of ours, or an incident that people have to weigh."""

    def promote() -> Decision:
        return gates.promote(facts, policy, full=False, by=BOT, number=0, now=now, broken_glass="only looked at")

    if why := _refused(promote):
        return [firm(why)]
    cold = frozen(facts, now)
    seen = latest(facts)
    over = closers(Kind(seen.gate), facts, policy, now) if seen else ()
    return [*(blocking(brief(text, 500)) for text in cold)] + [
        Reason(f"it is let through although {brief(closer.text, 500)}") for closer in over if closer.text not in cold
    ]


def _rollback(facts: Facts, policy: Policy, now: datetime) -> list[Reason]:
    if why := _refused(lambda: gates.rollback(facts, by=BOT, number=0, now=now)):
        return [firm(why)]
    seen = latest(facts, FLAGGERS)
    unheard = deaf(facts, seen) if seen else ""
    return [Reason(unheard)] if unheard else [good("it is told to roll back when it asks next, once")]


def _refused(act: Callable[[], Decision]) -> str:
    try:
        act()
    except Refused as refusal:
        return refusal.why
    return ""


CHECKS: Mapping[Verb, Callable[[Facts, Policy, datetime], list[Reason]]] = {
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.PROMOTE: _promote,
    Verb.ROLLBACK: _rollback,
    Verb.ABORT: _rollback,
}
