"""What a verb means for a rollout as it stands: the intent, and what it goes to. Refused where it means nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.canaries import FLAGGER, must_be_heard
from bot.errors import Refused
from bot.model import Request, RequestState, Revision, Rollout, Stable, Verb
from bot.text import brief, code

BY_HAND = "by hand"  # what a rollout waits for when a person paused it, whatever its step waits for
BLUE_GREEN = "blue-green"
ROLLING, RECREATE, STATEFUL, ON_DELETE = "rolling update", "recreate", "stateful", "on delete"
WITHOUT_STEPS = frozenset({ROLLING, RECREATE, STATEFUL, ON_DELETE})  # nothing in the cluster says which one is stable
BY_DELETING = "updated on delete: each pod changes when somebody deletes it, and nothing goes on by itself"
FIXED = "PodTemplate "  # what a rollout may take its pods from, and we leave alone: it counts no generations
UNDECIDED_EXPERIMENT = "InconclusiveExperiment"
INCONCLUSIVE = frozenset({"InconclusiveAnalysisRun", UNDECIDED_EXPERIMENT})
LEAVES = frozenset({Verb.ABORT, Verb.ROLLBACK})  # the revision that they were asked on, as it does harm
UNDER_WAY = frozenset({RequestState.CONFIRMED, RequestState.ACTING})


class Intent(StrEnum):
    """What is done to the cluster. One verb means different things in different states."""

    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip step"
    PROMOTE_FULLY = "promote fully"
    ABORT = "abort"
    RETRY = "retry"
    UNDO = "undo"
    UNDO_FULLY = "undo, then promote fully"
    ABORT_UNDO = "abort, then undo"


FORWARD = frozenset({Intent.RESUME, Intent.SKIP, Intent.PROMOTE_FULLY, Intent.RETRY})
UNDOES = frozenset({Intent.UNDO, Intent.UNDO_FULLY, Intent.ABORT_UNDO})
BACK = UNDOES | {Intent.ABORT}
FULLY = frozenset({Intent.PROMOTE_FULLY, Intent.UNDO_FULLY})  # without the steps that are left


@dataclass(frozen=True, kw_only=True)
class Plan:
    intent: Intent
    to: Revision


# ---------------------------------------------------------------- in words


def named(revision: Revision) -> str:
    """ "v42 (revision 7)": one version may have been built twice."""
    return f"{revision} (revision {revision.number})" if revision.number else str(revision)


def shown(revision: Revision) -> str:
    """The same for a card or a refusal."""
    return brief(named(revision), 100)


def waits_for(rollout: Rollout) -> str:
    """What holds the rollout: BY_HAND, the reason of its pause, or ""."""
    return BY_HAND if rollout.paused else rollout.waiting


def step_in_words(rollout: Rollout) -> str:
    """ "step 2 of 5 (pause until promoted)"; "" where there are no steps left."""
    if rollout.step >= len(rollout.steps):
        return ""
    return f"step {rollout.step + 1} of {len(rollout.steps)} ({rollout.steps[rollout.step]})"


def replicas(rollout: Rollout) -> str:
    """ "4/4 replicas available"; a canary beside a whole stable set makes more of them than are wanted."""
    if rollout.available <= rollout.desired:
        return f"{rollout.available}/{rollout.desired} replicas available"
    return f"{rollout.available} replicas available for {rollout.desired} wanted, as both versions run"


# ---------------------------------------------------------------- what a verb means here


def plan(
    verb: Verb,
    rollout: Rollout,
    stables: Sequence[Stable] = (),
    to: str = "",
    *,
    full: bool = False,
    respec: bool = False,
) -> Plan:
    """What `verb` means for this rollout. `stables`: known good revisions, newest first (see `good`).

    `full`: skip every step and analysis on the way. `respec`: after an abort, put the stable template back too.
    Raises Refused where the cluster would ignore it, or do something else than the word says.
    """
    if rollout.strategy in WITHOUT_STEPS:
        return _without_steps(verb, rollout, stables, to)
    if rollout.strategy == FLAGGER:
        must_be_heard(verb, rollout, full=full)
        respec = False  # before it has failed, the stable template would be analysed as the canary
    match verb:
        case Verb.PAUSE:
            return _pause(rollout)
        case Verb.RESUME:
            return _resume(rollout)
        case Verb.PROMOTE:
            return _promote_fully(rollout) if full else _promote(rollout)
        case Verb.ABORT:
            return _abort(rollout)
        case Verb.RETRY:
            return _retry(rollout)
        case Verb.ROLLBACK:
            return _rollback(rollout, stables, to, full=full, respec=respec)


def _without_steps(verb: Verb, rollout: Rollout, stables: Sequence[Stable], to: str) -> Plan:
    """Pods are replaced until all are new: that can be stopped, let go on, and turned round."""
    match verb:
        case Verb.ROLLBACK:
            _must_be_observed(rollout)
            if to:
                return _back_to(find(rollout, to), rollout, full=False, respec=False)
            ours = rollout.stable if rollout.in_flight and rollout.stable else _last_good(rollout, stables)
            return _undo(rollout, ours)
        case Verb.PAUSE | Verb.RESUME if rollout.strategy == ON_DELETE:
            raise Refused(f"{code(rollout.called)} is {BY_DELETING}.", instead=_show(rollout))
        case Verb.PAUSE:
            _must_have_a_pod_left(rollout)
            return _pause(rollout)
        case Verb.RESUME:
            return _resume(rollout)
    raise _no_steps(verb, rollout)


def _must_have_a_pod_left(rollout: Rollout) -> None:
    """A partition holds back only pods that are not replaced yet."""
    all_new = rollout.in_flight and rollout.observed and rollout.updated >= rollout.desired
    if rollout.strategy == STATEFUL and all_new:
        why = f"Every pod of {code(rollout.service)} is at {shown(rollout.current)} by now"
        raise Refused(f"{why}; nothing is left to hold back.", instead=f"/rollout rollback {rollout.called}")


def _no_steps(verb: Verb, rollout: Rollout) -> Refused:
    how = BY_DELETING if rollout.strategy == ON_DELETE else "replaced as new pods become available"
    why = f"{code(rollout.called)} is a {rollout.kind}, which has no steps to {verb}: it is {how}."
    back = verb is Verb.ABORT
    return Refused(why, instead=f"/rollout rollback {rollout.called}" if back else _show(rollout))


def _pause(rollout: Rollout) -> Plan:
    called = rollout.called
    if rollout.paused:
        raise Refused(f"{code(called)} is already paused by hand.", instead=f"/rollout resume {called}")
    if rollout.aborted:
        # A pause by hand stops the controller from scaling: the bad pods would stay.
        why = f"{code(called)} is aborted and on its way back; a pause would stop that."
        raise Refused(why, instead=_show(rollout))
    if rollout.stable and not rollout.in_flight and rollout.observed:
        raise Refused(f"{code(called)} is {rollout.phase}; there is nothing to pause.", instead=_show(rollout))
    return Plan(intent=Intent.PAUSE, to=rollout.current)


def _resume(rollout: Rollout) -> Plan:
    called = rollout.called
    if rollout.paused:
        return Plan(intent=Intent.RESUME, to=rollout.current)
    _not_aborted(rollout, Verb.RESUME)
    if not rollout.waiting:
        raise Refused(f"{code(called)} is not paused; there is nothing to resume.", instead=_show(rollout))
    _must_be_observed(rollout)
    return Plan(intent=Intent.RESUME, to=rollout.current)


def _promote(rollout: Rollout) -> Plan:
    called = rollout.called
    _must_be_promotable(rollout)
    if rollout.paused:
        raise Refused(f"Somebody paused {code(called)} by hand. Lift that first.", instead=f"/rollout resume {called}")
    if rollout.full_promotion:
        raise Refused(f"{code(called)} is already being promoted fully.", instead=_show(rollout))
    if rollout.waiting:
        return Plan(intent=Intent.RESUME, to=rollout.current)
    _must_have_a_step_left(rollout)
    return Plan(intent=Intent.SKIP, to=rollout.current)


def _promote_fully(rollout: Rollout) -> Plan:
    """Possible while paused by hand: the pause is lifted first, as the controller does not finish it otherwise."""
    _must_be_promotable(rollout, full=True)
    if rollout.full_promotion and not rollout.paused:
        raise Refused(f"{code(rollout.called)} is already being promoted fully.", instead=_show(rollout))
    if rollout.strategy != BLUE_GREEN and not rollout.waiting and not rollout.full_promotion:
        _must_have_a_step_left(rollout)
    return Plan(intent=Intent.PROMOTE_FULLY, to=rollout.current)


def _must_be_promotable(rollout: Rollout, *, full: bool = False) -> None:
    called = rollout.called
    if full and rollout.aborted and rollout.strategy != FLAGGER:
        raise Refused(
            f"{shown(rollout.current)} of {code(called)} was aborted; to promote it fully would drop the abort and "
            "give it all the traffic. Start it over if you trust it again.",
            instead=f"/rollout retry {called}",
        )
    _not_aborted(rollout, Verb.PROMOTE)
    _must_be_observed(rollout)
    if not rollout.stable:
        why = f"This is the first deploy of {code(called)}; there is nothing to promote it over."
        raise Refused(why, instead=_show(rollout))
    if not rollout.in_flight:
        raise Refused(f"{code(called)} is fully promoted: {shown(rollout.current)} is stable.", instead=_show(rollout))


def _must_have_a_step_left(rollout: Rollout) -> None:
    if rollout.step >= len(rollout.steps):
        raise Refused(
            f"{code(rollout.called)} has no step left to promote; its pods are becoming available.",
            instead=_show(rollout),
        )


def _abort(rollout: Rollout) -> Plan:
    """Traffic back to stable, the spec as it is: the one way back that nothing fights, as it is never in Git."""
    stable = _something_to_go_back_to(rollout)
    if not rollout.in_flight:
        raise Refused(
            f"{code(rollout.called)} is fully promoted: {shown(stable)} is stable, and the controller would drop an "
            "abort without a word.",
            instead=f"/rollout rollback {rollout.called}",
        )
    if _switched(rollout):
        raise Refused(
            f"{code(rollout.called)} has switched to {shown(rollout.current)}; the controller puts an abort off "
            "while the new pods are not all up. Roll it back.",
            instead=f"/rollout rollback {rollout.called}",
        )
    _not_yet_back(rollout, stable)
    return Plan(intent=Intent.ABORT, to=stable)


def _retry(rollout: Rollout) -> Plan:
    called = rollout.called
    if not rollout.aborted:
        raise Refused(f"{code(called)} is not aborted; there is nothing to start over.", instead=_show(rollout))
    _must_be_observed(rollout)
    if not rollout.in_flight:
        raise Refused(f"{code(called)} is fully promoted: {shown(rollout.current)} is stable.", instead=_show(rollout))
    if rollout.paused:
        raise Refused(
            f"Somebody paused {code(called)} by hand, so its abort is not finished. Lift that first.",
            instead=f"/rollout resume {called}",
        )
    return Plan(intent=Intent.RETRY, to=rollout.current)


def _rollback(rollout: Rollout, stables: Sequence[Stable], to: str, *, full: bool, respec: bool) -> Plan:
    stable = _something_to_go_back_to(rollout)
    if to:
        return _back_to(find(rollout, to), rollout, full=full, respec=respec)
    if rollout.in_flight:
        return _back_to_stable(rollout, stable, respec=respec)
    return _undo(rollout, _last_good(rollout, stables), full=full)


def _something_to_go_back_to(rollout: Rollout) -> Revision:
    if rollout.stable is None:
        raise Refused(
            f"This is the first deploy of {code(rollout.called)}; there is nothing to roll back to.",
            instead=_show(rollout),
        )
    _must_be_observed(rollout)
    return rollout.stable


def _back_to_stable(rollout: Rollout, stable: Revision, *, respec: bool) -> Plan:
    if _switched(rollout):
        # After the switch an abort is put off while the new pods are not all up: just when they crash.
        return _undo(rollout, stable)
    # Whoever else writes the object would put the bad template back, and with it start over what was aborted.
    if respec and not rollout.owner and not rollout.template_in.startswith(FIXED):
        return _undo(rollout, stable) if rollout.aborted else Plan(intent=Intent.ABORT_UNDO, to=stable)
    _not_yet_back(rollout, stable)
    return Plan(intent=Intent.ABORT, to=stable)


def _not_yet_back(rollout: Rollout, stable: Revision) -> None:
    """An abort that hangs on a pause by hand is still to be finished."""
    if rollout.aborted and not rollout.paused:
        raise Refused(
            f"{code(rollout.called)} is already aborted: traffic goes to {shown(stable)}. Its spec still asks for "
            f"{shown(rollout.current)}; to change that too, name the revision.",
            instead=f"/rollout rollback {rollout.called} --to {stable}",
        )


def _switched(rollout: Rollout) -> bool:
    return rollout.strategy == BLUE_GREEN and rollout.weight == 100


def _back_to(target: Revision, rollout: Rollout, *, full: bool, respec: bool) -> Plan:
    if target.hash == rollout.current.hash:
        raise Refused(f"{code(rollout.called)} is already at {shown(target)}.", instead=_show(rollout))
    stepped = rollout.strategy not in WITHOUT_STEPS
    if stepped and rollout.stable and target.hash == rollout.stable.hash and not rollout.aborted:
        return _back_to_stable(rollout, rollout.stable, respec=respec)
    return _undo(rollout, target, full=full)


def _undo(rollout: Rollout, target: Revision, *, full: bool = False) -> Plan:
    if rollout.template_in.startswith(FIXED):
        elsewhere = brief(rollout.template_in, 100)
        raise Refused(
            f"{code(rollout.called)} takes its pods from {elsewhere}, which I do not change. "
            f"Deploy {shown(target)} again the way it is usually deployed.",
            instead=_show(rollout),
        )
    return Plan(intent=Intent.UNDO_FULLY if full and runs_steps(rollout, target) else Intent.UNDO, to=target)


def runs_steps(rollout: Rollout, target: Revision) -> bool:
    """Whether going to `target` takes the steps, or the pause before a switch, that any new version takes."""
    if rollout.stable and target.hash == rollout.stable.hash:
        return False
    return rollout.strategy == BLUE_GREEN or (bool(rollout.steps) and not target.in_window)


def _last_good(rollout: Rollout, stables: Sequence[Stable]) -> Revision:
    """The newest revision that we saw being stable. Never the second-highest number: that may have been aborted."""
    held = {revision.hash: revision for revision in rollout.history}
    for stable in stables:
        if stable.revision in held and stable.revision != rollout.current.hash:
            return held[stable.revision]
    others = [shown(revision) for revision in rollout.history if revision.hash != rollout.current.hash]
    have = f"It still holds {', '.join(others[:5])}; name the one you trust." if others else "It holds no other one."
    raise Refused(
        f"I have not seen an earlier revision of {code(rollout.called)} being stable. {have}",
        instead=f"/rollout rollback {rollout.called} --to REVISION" if others else _show(rollout),
    )


def find(rollout: Rollout, word: str) -> Revision:
    """The revision in the cluster with this version, number or hash. Raises Refused, also where two fit."""
    found = [r for r in rollout.history if word in (r.hash, r.version, str(r.number))]
    exact = [r for r in found if word == r.hash] or found
    if len(exact) == 1:
        return exact[0]
    known = ", ".join(shown(r) for r in rollout.history[:10]) or "none"
    what = "names more than one revision; say its number" if exact else "is not a revision the cluster still holds"
    raise Refused(f"{code(word, 60)} {what}. It holds: {known}.", instead=_show(rollout))


def _not_aborted(rollout: Rollout, verb: Verb) -> None:
    """Promoting an aborted rollout does nothing; promoting it fully ships the bad version to everybody."""
    if rollout.aborted and rollout.strategy == FLAGGER:
        raise Refused(
            f"Flagger has rolled {shown(rollout.current)} of {code(rollout.called)} back, and looks at it again only "
            f"when its template changes; to {verb} it would do nothing. Deploy it again when it is mended.",
            instead=_show(rollout),
        )
    if rollout.aborted:
        raise Refused(
            f"{shown(rollout.current)} of {code(rollout.called)} was aborted; to {verb} it would do nothing. "
            "Deploy it again when it is mended, or start it over.",
            instead=f"/rollout retry {rollout.called}",
        )


def _must_be_observed(rollout: Rollout) -> None:
    if not rollout.observed:
        raise Refused(
            f"{code(rollout.called)} was changed a moment ago and its controller has not seen that yet. "
            "Ask again in a few seconds.",
            instead=_show(rollout),
        )


def _show(rollout: Rollout) -> str:
    return f"/rollout show {rollout.called}"


def good(stables: Iterable[Stable], requests: Iterable[Request]) -> tuple[Stable, ...]:
    """Without those that were rolled back from since they were last stable: going back there helps nobody.

    A rollback or abort that was sent and not proven counts too: somebody wanted to leave that revision.
    """
    left: dict[str, datetime] = {}
    for request in requests:
        if request.verb in LEAVES and request.acted_at:
            left[request.from_revision] = max(request.acted_at, left.get(request.from_revision, request.acted_at))
    return tuple(s for s in stables if s.revision not in left or left[s.revision] < s.at)
