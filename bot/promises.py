"""What an act on a rollout promises, whether it is so, and what breaks it."""

from __future__ import annotations

from bot.intents import INCONCLUSIVE, LEAVES, named
from bot.model import Request, Rollout, RolloutPhase, Verb
from bot.text import clip, one_line

NOUNS = {Verb.PROMOTE: "promotion"}  # of the verbs that are none themselves


def title(request: Request) -> str:
    """ "rollback of checkout to v41", "pause of checkout at v42"; plain text."""
    there = "at" if request.verb is Verb.PAUSE else "to"
    return f"{noun(request)} of {request.called} {there} {request.to_version}"


def noun(request: Request) -> str:
    return NOUNS.get(request.verb, request.verb.value)


def holds(request: Request, rollout: Rollout) -> bool:
    """A paused release stands still. Otherwise the wanted revision serves alone.

    An aborted rollout's spec may ask for another one, as long as that gets no traffic.
    """
    if not rollout.observed:
        return False
    if request.verb is Verb.PAUSE:
        return rollout.current.hash == request.to_revision and rollout.paused
    if rollout.stable is None or rollout.stable.hash != request.to_revision:
        return False
    return not rollout.in_flight or (rollout.aborted and rollout.weight == 0)


def put_back(request: Request, rollout: Rollout) -> bool:
    """What was left is asked for again, and is not on its way out."""
    if not rollout.observed or request.verb not in LEAVES or rollout.current.hash != request.from_revision:
        return False
    return rollout.current.hash != request.to_revision and not rollout.aborted


def overtaken(request: Request, rollout: Rollout) -> str:
    """Why the promise is void; "" while it stands. A newer release breaks none."""
    if not rollout.observed:
        return ""
    if rollout.current.hash in (request.to_revision, request.from_revision):
        return "it was aborted" if request.verb is Verb.PAUSE and rollout.aborted else ""
    if request.verb not in LEAVES and _is_older(rollout, request.to_revision):
        return ""
    return f"{request.called} is at {named(rollout.current)} now"


def broken(request: Request, rollout: Rollout) -> str:
    """What keeps a pause from standing, or a release from coming through; "" where nothing does. Plain text."""
    if not rollout.observed or request.verb in LEAVES or holds(request, rollout):
        return ""
    if rollout.current.hash != request.to_revision:
        return f"{named(rollout.current)} was put back by {rollout.written_by or 'somebody'}"
    if request.verb is Verb.PAUSE:
        return _resumed(rollout)
    if rollout.aborted:
        return f"{named(rollout.current)} was aborted{_says(rollout)}"
    if rollout.paused:
        return "somebody paused it by hand"
    if rollout.waiting in INCONCLUSIVE:
        return f"it stopped short, as its analysis is inconclusive{_says(rollout)}"
    return f"it stopped short{_says(rollout)}" if rollout.phase is RolloutPhase.DEGRADED else ""


def _resumed(rollout: Rollout) -> str:
    keeper = rollout.keeper
    too = f". {keeper} writes it, too, and may have done it" if keeper and keeper.acts else ""
    if not rollout.in_flight:
        return f"somebody promoted it, and {named(rollout.current)} is stable{too}"
    return f"somebody resumed it, and {named(rollout.current)} gets {rollout.weight} % of the traffic{too}"


def _says(rollout: Rollout) -> str:
    said = clip(one_line(rollout.message), 200)
    return f": {said}" if said else ""


def _is_older(rollout: Rollout, than: str) -> bool:
    """By when its pods' set was made: the number of one that is used again is new."""
    made = {revision.hash: revision.created_at for revision in rollout.history}
    then, now = made.get(than), rollout.current.created_at
    return bool(then and now and now < then)
