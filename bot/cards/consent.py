"""The card on which others agree to a request, or object; and the forms that go with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.cards.kit import Block, actions, context, field, form, press, section, words
from bot.cards.rollout import reviewed
from bot.decision import Card, Modal
from bot.model import Request, RequestState, Rollout, Vote
from bot.preflight import Preflight
from bot.promises import noun
from bot.text import brief, fallback, mention, plural, when

CONFIRM, OBJECT = "rollout.confirm", "rollout.object"  # callbacks of the forms
ENDS = {
    RequestState.DONE: ":white_check_mark: *Done*: {why}",
    RequestState.NOTHING: ":no_entry: *Nothing was changed*: {why}",
    RequestState.FAILED: ":warning: *Failed*: {why}",
    RequestState.CANCELLED: ":no_entry: *Withdrawn*, nothing was changed: {why}",
}


def asked(request: Request, rollout: Rollout, checked: Preflight, why: Sequence[str]) -> Card:
    """What does not change on it: what is asked for, by whom, and why others have to agree."""
    blocks = reviewed(request, rollout, checked)
    count = plural(request.approvals, "approval")
    blocks.append(section(f"{mention(request.by)} asks for it. It needs {count} of others: {'; '.join(why)}."))
    text = f"{noun(request)} of {request.called}: {count} needed"
    return Card(text=fallback(brief(text, 300)), blocks=tuple(blocks))


def approval(request: Request, votes: Sequence[Vote], left: int, blocks: Sequence[Block]) -> Card:
    """The whole card as it stands. `blocks` are those of `asked`; `left`: how many approvals it still needs."""
    state = list(_state(request, votes, left))
    moves: list[Block] = [_buttons(request, left)] if request.state is RequestState.PROPOSED else []
    if moves and request.expires_at:
        moves.append(context(f"Open until {when(request.expires_at)}, and only while the rollout stays where it is."))
    text = fallback(f"{brief(noun(request), 40)} of {brief(request.called, 100)}: {state[-1]}")
    return Card(text=text, blocks=(*blocks, section("\n".join(state)), *moves))


def _state(request: Request, votes: Sequence[Vote], left: int) -> Iterator[str]:
    for vote in votes:
        said = ":white_check_mark: approved" if vote.approves else f":hand: objects: {brief(vote.why, 500)}"
        yield f"{mention(vote.user)} {said}"
    match request.state:
        case RequestState.PROPOSED if left:
            yield f"*{plural(left, 'more approval')} needed*" if votes else f"*{plural(left, 'approval')} needed*"
        case RequestState.PROPOSED:
            yield f"*Approved.* {mention(request.by)} or who may do it confirms it with the service's name."
        case RequestState.CONFIRMED | RequestState.ACTING:
            yield "*Agreed*; it is under way."
        case ended:
            yield ENDS[ended].format(why=brief(request.outcome, 1000))


def _buttons(request: Request, left: int) -> Block:
    agree = press("Approve", f"rollout approve {request.id}", "approve", "primary") if left else None
    confirm = None if left else press("Confirm", f"rollout confirm {request.id}", "confirm", "danger")
    stop = press("Object", f"rollout object {request.id}", "object", "" if confirm else "danger")
    return actions(agree, confirm, stop, press("Cancel", f"rollout cancel {request.id}", "cancel"))


def confirm_form(request: Request, what: str) -> Modal:
    """For an act on all of production. `what` is the request in words."""
    hint = f"The {what}. It reaches everybody: type the name, so that it is the one that you mean."
    name = field("name", f"Type {request.called} to confirm", words("service", most=200), hint)
    return Modal(view=form(CONFIRM, request.id, "Confirm", "Confirm", (name,)))


def object_form(request: Request, what: str) -> Modal:
    why = words("v41 cannot read the new orders table", most=1000, multiline=True)
    hint = "It ends the request. Whoever asked reads this, and may ask again."
    return Modal(view=form(OBJECT, request.id, "Object", "Object", (field("why", f"Why not: {what}?", why, hint),)))
