"""What others say to a request: they agree, or object with a reason."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from bot.cards import rollout as cards
from bot.consent import must_be_allowed
from bot.decision import Decision
from bot.errors import Refused
from bot.model import Request, RequestState, Rollout, Stable, Vote
from bot.policy import WHO
from bot.preflight import Surroundings
from bot.requests import entry, shown, tell, title
from bot.review import missing, void, what
from bot.rollouts import confirm, must_be_open, withdrawn
from bot.text import brief, esc, mention, plural


def approve(
    request: Request,
    rollout: Rollout,
    votes: Sequence[Vote],
    *,
    by: str,
    allowed: Collection[str],
    others: Sequence[Request],
    now: datetime,
    around: Surroundings | None = None,
    stables: Sequence[Stable] = (),
    who: Sequence[str] = WHO,
) -> Decision:
    """With the last approval that it needs it is due, unless the name has to be typed. Raises Refused."""
    must_be_open(request)
    if by == request.by:
        raise Refused("Nobody approves their own request; somebody else has to agree. Nothing was changed.")
    must_be_allowed(by, allowed, request.called, request.incident, who)
    left = missing(request, votes)
    if not left or any(vote.user == by for vote in votes):
        lacks = f"it needs {plural(left, 'more approval')}" if left else "it needs no more approvals"
        raise Refused(f"{title(request)}: {lacks}, and not yours. Nothing was changed.")
    if why := void(request, rollout, allowed, now):
        return withdrawn(request, now, why)
    vote = Vote(request=request.id, user=by, approves=True, why="", at=now)
    count = f"{request.approvals - left + 1} of {request.approvals}"
    agreed = Decision(save=(vote,), note=(entry(request, now, f"approves {what(request)} ({count})", by),))
    if left > 1 or request.typed:
        # Saved anew, though it is the same: of two who vote at once the second thinks again.
        needs = f"It needs {plural(left - 1, 'more approval')}." if left > 1 else "Now it can be confirmed."
        say = f"You approved the {esc(what(request))}. {needs}"
        return agreed + Decision(save=(request,), do=shown(request), say=say)
    return agreed + confirm(
        request,
        rollout,
        by=by,
        allowed=allowed,
        others=others,
        now=now,
        votes=(*votes, vote),
        around=around,
        stables=stables,
        who=who,
    )


def must_give_a_reason(request: Request, why: str) -> None:
    if not why:
        raise Refused("An objection needs a reason; nothing was changed.", instead=f"/rollout object {request.id} why")


def object_(
    request: Request, why: str, *, by: str, allowed: Collection[str], now: datetime, who: Sequence[str] = WHO
) -> Decision:
    """It ends here; whoever asked is told, and may ask again when the reason is gone. Raises Refused."""
    must_be_open(request)
    if by != request.by:
        must_be_allowed(by, allowed, request.called, request.incident, who)
    must_give_a_reason(request, why)
    gone = replace(request, state=RequestState.CANCELLED, settled_at=now, outcome=f"objected to: {why}")
    vote = Vote(request=request.id, user=by, approves=False, why=why, at=now)
    text = (
        f":hand: {mention(by)} objects to the {esc(what(gone))}, which {mention(gone.by)} asked for: {brief(why, 1000)}"
    )
    return tell(gone, "objection", cards.words(f"{text}. Nothing was changed.")) + Decision(
        save=(gone, vote),
        note=(entry(gone, now, f"objects to {what(gone)}: {why}", by),),
        do=shown(gone),
        say=f"{title(gone)} is stopped; nothing was changed.",
    )
