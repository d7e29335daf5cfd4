"""What will happen to a canary of Flagger's, in words: it does nothing before its next tick."""

from __future__ import annotations

from collections.abc import Iterator

from bot.gated import by_gates
from bot.intents import BY_HAND, Intent, runs_steps, shown
from bot.model import Request, Revision, Rollout
from bot.text import brief, code, plural

TICK = "at its next tick"


def will_happen(request: Request, rollout: Rollout) -> Iterator[str]:
    intent = Intent(request.intent)
    answered = by_gates(intent, request.reviewed_wait, rollout)
    to = brief(request.to_version, 100)
    match intent:
        case Intent.ABORT if answered:
            yield f"Its gate `rollback` answers yes once: {TICK} Flagger sends all traffic back to {to}."
            yield from _lifted(rollout)
        case Intent.ABORT:
            yield f"Flagger is told that its checks have failed: {TICK} it sends all traffic back to {to}."
            yield from _lifted(rollout)
        case Intent.RESUME if request.reviewed_wait == BY_HAND:
            yield f"{'What people hold' if answered else 'The suspension'} is lifted. It goes on {TICK}."
        case Intent.RESUME:
            yield f"Its gate {code(request.reviewed_wait, 60)} opens once, for this revision. It goes on {TICK}."
        case Intent.PROMOTE_FULLY:
            left = plural(max(0, len(rollout.steps) - rollout.step), "remaining step")
            yield f"{left}, every gate and all analysis *are skipped*: {TICK} {to} gets all the traffic."
            yield "Analysis is switched on again when it is through, or overtaken by another release."
        case Intent.UNDO | Intent.UNDO_FULLY:
            yield f"{to} is put back into Deployment {brief(rollout.template_in.partition(' ')[2], 100)}."
            yield from _way_back(rollout, request, fully=intent is Intent.UNDO_FULLY)
        case _:
            yield "It stays where it is."


def _lifted(rollout: Rollout) -> Iterator[str]:
    if rollout.paused:
        yield f"{'What people hold' if rollout.held else 'The suspension'} is lifted with it."


def _way_back(rollout: Rollout, request: Request, *, fully: bool) -> Iterator[str]:
    target = next((r for r in rollout.history if r.hash == request.to_revision), Revision(hash=request.to_revision))
    if not runs_steps(rollout, target):
        yield "That is what its primary runs already, so Flagger starts nothing."
    elif fully:
        yield f"Its new run skips all analysis and gates: {shown(target)} gets all the traffic as soon as it is up."
    else:
        yield f"That is a new canary run through all {len(rollout.steps)} steps, with analysis and gates."
