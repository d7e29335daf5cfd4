"""What the cluster shows of a request: is it still where it was reviewed, is it done already, is it proven?"""

from __future__ import annotations

from dataclasses import dataclass

from bot.canaries import FLAGGER
from bot.intents import (
    BLUE_GREEN,
    BY_HAND,
    INCONCLUSIVE,
    ON_DELETE,
    WITHOUT_STEPS,
    Intent,
    named,
    replicas,
    step_in_words,
    waits_for,
)
from bot.model import Request, RequestState, Rollout, RolloutPhase

# ---------------------------------------------------------------- still where it was?


def moved(request: Request, rollout: Rollout) -> str:
    """Why the rollout is no longer where `request` was reviewed; "" while it is."""
    if rollout.current.hash != request.from_revision:
        return f"{request.called} is at {named(rollout.current)} now, not at {request.from_version}"
    match Intent(request.intent):
        case Intent.ABORT:
            return _no_longer_to_abort(request, rollout)
        case Intent.ABORT_UNDO:
            return _no_longer_to_abort(request, rollout) or _no_longer_held(request, rollout)
        case Intent.RETRY:
            return _not_to_retry(request, rollout)
        case Intent.PROMOTE_FULLY:
            return _not_to_promote(request, rollout)
        case Intent.UNDO | Intent.UNDO_FULLY:
            return _no_longer_held(request, rollout)
        case Intent.PAUSE:
            return "it was aborted" if rollout.aborted else ""
        case Intent.RESUME if request.reviewed_wait == BY_HAND:
            return ""
        case Intent.RESUME | Intent.SKIP:
            return _elsewhere(request, rollout)


def _no_longer_held(request: Request, rollout: Rollout) -> str:
    held = any(revision.hash == request.to_revision for revision in rollout.history)
    return "" if held else f"the cluster no longer holds {request.to_version}"


def _not_to_retry(request: Request, rollout: Rollout) -> str:
    if not rollout.in_flight:
        return f"{request.from_version} has become stable"
    return "somebody paused it by hand" if rollout.paused else ""


def _not_to_promote(request: Request, rollout: Rollout) -> str:
    """Another step makes no difference to a full promotion; what somebody did to hold it does."""
    held = waits_for(rollout)
    if rollout.aborted:
        return "it was aborted"
    if held == BY_HAND != request.reviewed_wait:
        return "somebody paused it by hand"
    return "its analysis is inconclusive" if held in INCONCLUSIVE and held != request.reviewed_wait else ""


def _no_longer_to_abort(request: Request, rollout: Rollout) -> str:
    if not rollout.in_flight:
        return f"{request.from_version} has become stable"
    if rollout.stable and rollout.stable.hash != request.to_revision:
        return f"its stable revision is {named(rollout.stable)} now, not {request.to_version}"
    return ""


def _elsewhere(request: Request, rollout: Rollout) -> str:
    if rollout.aborted:
        return "it was aborted"
    if rollout.step != request.reviewed_step:
        return f"it has gone on to {step_in_words(rollout) or 'the end of its steps'}"
    if waits_for(rollout) != request.reviewed_wait:
        was, now = request.reviewed_wait or "nothing", waits_for(rollout) or "nothing"
        return f"it waited for {was}, and now for {now}"
    return ""


def fulfilled(request: Request, rollout: Rollout) -> bool:
    """The rollout is as `request` wants it, whoever did it. To send it again would be once too often."""
    here = rollout.current.hash == request.from_revision
    went_on = here and (rollout.step > request.reviewed_step or not rollout.in_flight)
    match Intent(request.intent):
        case Intent.PAUSE:
            return here and rollout.paused
        case Intent.RESUME if request.reviewed_wait == BY_HAND:
            return not rollout.paused  # what was held back may have got a revision of its own by now
        case Intent.RESUME:
            return went_on or (here and not rollout.paused and not rollout.waiting and not rollout.aborted)
        case Intent.SKIP:
            return went_on
        case Intent.ABORT:
            return (here and rollout.aborted) or rollout.current.hash == request.to_revision
        case Intent.RETRY:
            return here and not rollout.aborted
        case Intent.PROMOTE_FULLY:
            return here and not rollout.paused and (rollout.full_promotion or not rollout.in_flight)
        case Intent.UNDO | Intent.UNDO_FULLY | Intent.ABORT_UNDO:
            return rollout.current.hash == request.to_revision


# ---------------------------------------------------------------- proven?


@dataclass(frozen=True)
class Finding:
    """What the cluster proves of a request. ACTING: not yet anything."""

    state: RequestState
    why: str


def failed(why: str) -> Finding:
    return Finding(RequestState.FAILED, why)


def shows(rollout: Rollout) -> str:
    """What the cluster shows, as proof; plain text."""
    where = [f"{rollout.phase}"]
    if rollout.in_flight:
        where.append(f"{named(rollout.current)} at {rollout.weight} % of the traffic")
        where += filter(None, [step_in_words(rollout)])
    where.append(f"stable revision {named(rollout.stable)}" if rollout.stable else "no stable revision yet")
    return ", ".join([*where, replicas(rollout)])


def progress(rollout: Rollout) -> str:
    """ "3 of 5 steps, 50 % of the traffic": how far a rollout that moves has come; "" where it has no way to go."""
    if not rollout.in_flight or rollout.aborted:
        return ""
    steps = [f"{rollout.step} of {len(rollout.steps)} steps"] if rollout.steps else []
    return ", ".join([*steps, f"{rollout.weight} % of the traffic"])


def judge(request: Request, rollout: Rollout) -> Finding:
    """Compares what was wanted with what is there; 200 OK from the API is no proof."""
    if not rollout.observed:
        return Finding(RequestState.ACTING, "the controller has not seen it yet")
    match Intent(request.intent):
        case Intent.PAUSE:
            return _paused(request, rollout)
        case Intent.RESUME | Intent.SKIP:
            return _gone_on(request, rollout)
        case Intent.ABORT:
            return _aborted(request, rollout)
        case Intent.RETRY:
            return _started_over(request, rollout)
        case Intent.PROMOTE_FULLY:
            return _promoted(request, rollout)
        case Intent.UNDO | Intent.UNDO_FULLY | Intent.ABORT_UNDO:
            return _undone(request, rollout)


def _overtaken(request: Request, rollout: Rollout) -> Finding:
    return failed(f"overtaken: {request.called} is at {named(rollout.current)} now")


def _paused(request: Request, rollout: Rollout) -> Finding:
    if rollout.current.hash != request.from_revision:
        return _overtaken(request, rollout)
    if not rollout.paused:
        return failed(f"somebody lifted the pause; the cluster shows {shows(rollout)}")
    return Finding(RequestState.DONE, shows(rollout))


def _gone_on(request: Request, rollout: Rollout) -> Finding:
    if request.reviewed_wait == BY_HAND:
        lifted = not rollout.paused
        return Finding(RequestState.DONE, shows(rollout)) if lifted else failed("it is paused by hand again")
    if rollout.current.hash != request.from_revision:
        return _overtaken(request, rollout)
    switched = rollout.strategy == BLUE_GREEN and rollout.weight == 100
    if rollout.step > request.reviewed_step or switched or not rollout.in_flight:
        return Finding(RequestState.DONE, shows(rollout))
    if rollout.aborted:
        return failed(f"it was aborted; the cluster shows {shows(rollout)}")
    return Finding(RequestState.ACTING, shows(rollout))


def _started_over(request: Request, rollout: Rollout) -> Finding:
    if rollout.current.hash != request.from_revision:
        return _overtaken(request, rollout)
    if rollout.aborted:
        return failed(f"it was aborted again; the cluster shows {shows(rollout)}")
    taken_up = rollout.phase is not RolloutPhase.DEGRADED
    return Finding(RequestState.DONE if taken_up else RequestState.ACTING, shows(rollout))


def _promoted(request: Request, rollout: Rollout) -> Finding:
    if rollout.current.hash != request.from_revision:
        return _overtaken(request, rollout)
    if not rollout.in_flight:
        return Finding(RequestState.DONE, shows(rollout))
    if rollout.aborted:
        return failed(f"it was aborted; the cluster shows {shows(rollout)}")
    return _held_by_hand(rollout) or Finding(RequestState.ACTING, shows(rollout))


def _held_by_hand(rollout: Rollout) -> Finding | None:
    """A pause that was there before is lifted first, so this one came after."""
    return failed(f"somebody paused it by hand; the cluster shows {shows(rollout)}") if rollout.paused else None


def _aborted(request: Request, rollout: Rollout) -> Finding:
    stable = rollout.stable
    if stable is None or stable.hash != request.to_revision:
        if stable and stable.hash == request.from_revision == rollout.current.hash:
            why = f"{request.from_version} became stable first, and the abort was dropped. Roll back again to undo it"
            return Finding(RequestState.NOTHING, why)
        return _overtaken(request, rollout)
    if rollout.current.hash not in (request.from_revision, stable.hash):
        return _overtaken(request, rollout)
    if rollout.in_flight and not rollout.aborted and rollout.strategy == FLAGGER:
        return Finding(RequestState.ACTING, f"{shows(rollout)}; Flagger looks once in its interval")
    if rollout.in_flight and not rollout.aborted:
        return failed(f"the abort did not hold: somebody retried it. The cluster shows {shows(rollout)}")
    share = rollout.weight if rollout.in_flight else 0
    if share or rollout.paused or rollout.stable_available < rollout.desired:
        return Finding(RequestState.ACTING, shows(rollout))
    served = f"{rollout.stable_available}/{rollout.desired} available"
    rest = f". The spec still asks for {request.from_version}" if rollout.in_flight else ""
    return Finding(RequestState.DONE, f"stable revision {named(stable)}, canary weight 0 %, {served}{rest}")


def _undone(request: Request, rollout: Rollout) -> Finding:
    if rollout.current.hash == request.from_revision:
        who = f" by {rollout.owner}" if rollout.owner else ""
        return failed(f"{request.from_version} was put back{who}; the cluster shows {shows(rollout)}")
    if rollout.current.hash != request.to_revision:
        return _overtaken(request, rollout)
    if not rollout.in_flight and rollout.phase is RolloutPhase.HEALTHY:
        both = rollout.available > rollout.desired  # those that were replaced run on for a moment
        served = replicas(rollout) if both else f"{rollout.available}/{rollout.desired} available"
        return Finding(RequestState.DONE, f"stable revision {named(rollout.current)}, healthy, {served}")
    if rollout.aborted:
        return failed(f"its rollout was aborted; the cluster shows {shows(rollout)}")
    if request.intent == Intent.UNDO_FULLY:
        return _held_by_hand(rollout) or Finding(RequestState.ACTING, shows(rollout))
    if rollout.strategy == ON_DELETE:
        return failed(f"not done yet: {rollout.message or 'its pods come up'}. The cluster shows {shows(rollout)}")
    if rollout.strategy in WITHOUT_STEPS and rollout.phase is RolloutPhase.DEGRADED:
        return Finding(RequestState.ACTING, f"{shows(rollout)}; {rollout.message}")
    if rollout.for_person and not rollout.paused:
        # Left open, this request would bar the very promotion that finishes it.
        return failed(f"not done yet: {request.to_version} waits to be promoted. The cluster shows {shows(rollout)}")
    return Finding(RequestState.ACTING, shows(rollout))
