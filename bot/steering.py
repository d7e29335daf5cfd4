"""A canary that asks at our gates is steered by what it is answered: what a request comes to there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from html import unescape

from bot import gates
from bot.decision import Decision
from bot.errors import Refused
from bot.gates import Facts
from bot.intents import BACK, BY_HAND, Intent
from bot.model import Entry, EntryKind, Hold, Pass, Request, RequestState, Rollout
from bot.policy import Policy
from bot.proof import Finding, fulfilled
from bot.rollouts import acted, settle
from bot.text import is_person

LIFTS = BACK | {Intent.PROMOTE_FULLY}  # what people held has no more reason then


def steered(
    request: Request,
    rollout: Rollout,
    known: Facts,
    before: Hold | None,
    policy: Policy,
    *,
    answered: bool,
    number: int,
    now: datetime,
) -> Decision:
    """What is kept so that it is answered so from now on, and the request as sent.

    `rollout`: after what was sent to the cluster. `answered`: nothing was, as its gates' answers do it.
    `before`: an earlier hold of whoever asks.
    """
    already = answered and fulfilled(request, rollout)
    steers = answered and not already
    try:
        answers = _answers(request, known, before, policy, number, now) if steers else Decision()
    except Refused as refusal:
        return settle(request, Finding(RequestState.NOTHING, unescape(refusal.why)), now)
    lifted = tuple(_lifted(request, known, now))
    notes = tuple(_entry(request, now, f"lifts the hold of {hold.called}", hold.id) for hold in lifted)
    held = replace(rollout, paused=_stays_paused(request, rollout, steers))
    return (
        _for(request, answers)
        + Decision(save=lifted, note=notes)
        + acted(request, held, now, how=_how(answered, already))
    )


def _how(answered: bool, already: bool) -> str:
    """ "" where the cluster was told."""
    if not answered:
        return ""
    return "nothing was to do, as it is so already" if already else "its gates answer so from now on"


def _for(request: Request, answers: Decision) -> Decision:
    """Leave, or an order, that is worth nothing when the request has ended."""
    save = tuple(replace(noun, request=request.id) if isinstance(noun, Pass) else noun for noun in answers.save)
    return replace(answers, save=save, say="")


def _stays_paused(request: Request, rollout: Rollout, answered: bool) -> bool:
    """After the answer; what was read before it does not show it yet."""
    if not answered:
        return rollout.paused
    return request.intent == Intent.PAUSE


def _answers(
    request: Request, known: Facts, before: Hold | None, policy: Policy, number: int, now: datetime
) -> Decision:
    match Intent(request.intent):
        case Intent.PAUSE:
            return gates.pause(known, before, "", request.by, now)
        case Intent.ABORT:
            return gates.rollback(known, by=request.by, number=number, now=now)
        case Intent.RESUME if request.reviewed_wait != BY_HAND:
            why, at = request.broken_glass, request.reviewed_wait
            return gates.promote(
                known, policy, full=False, by=request.by, number=number, now=now, broken_glass=why, at=at
            )
        case _:
            return Decision()


def _lifted(request: Request, known: Facts, now: datetime) -> Iterator[Hold]:
    intent = Intent(request.intent)
    if intent in LIFTS or (intent is Intent.RESUME and request.reviewed_wait == BY_HAND):
        for hold in known.holds:
            if hold.lifted_at is None and is_person(hold.holder):
                yield replace(hold, lifted_at=now, lifted_by=request.by)


def _entry(request: Request, now: datetime, text: str, source: str) -> Entry:
    return Entry(at=now, kind=EntryKind.ACTION, text=text, by=request.by, incident=request.incident, source=source)
