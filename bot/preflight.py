"""What speaks against doing it: SAFE, RISKY or BLOCKED, with every reason named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot import freezes
from bot.canaries import FLAGGER, can_be_held
from bot.dangers import Figures, data, kept, room, sickness
from bot.errors import Refused
from bot.gated import by_gates
from bot.intents import (
    BACK,
    BLUE_GREEN,
    BY_DELETING,
    FORWARD,
    INCONCLUSIVE,
    ON_DELETE,
    STATEFUL,
    UNDER_WAY,
    UNDOES,
    WITHOUT_STEPS,
    Intent,
    Plan,
    plan,
    replicas,
    runs_steps,
    shown,
    step_in_words,
)
from bot.model import (
    Change,
    ChangeStatus,
    Freeze,
    Hold,
    Incident,
    Request,
    Rollout,
    RolloutPhase,
    Severity,
    Skew,
    Stable,
    Verb,
)
from bot.reasons import Reason as Reason
from bot.reasons import Safety as Safety
from bot.reasons import blocking as blocking
from bot.reasons import firm as firm
from bot.reasons import good
from bot.text import brief, esc, is_person, mention
from bot.vendors import Trouble, hint


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """There is always a reason, the heaviest first. `plan` is absent where the verb means nothing here."""

    reasons: tuple[Reason, ...]
    plan: Plan | None = None

    @property
    def verdict(self) -> Safety:
        return max((reason.weight for reason in self.reasons), key=WEIGHTS.index)

    @property
    def overridable(self) -> bool:
        """Whether breaking the glass would let it be done."""
        return self.plan is not None and not any(reason.firm for reason in self.reasons)


WEIGHTS = tuple(Safety)
MOVES_ON = frozenset({Verb.RESUME, Verb.PROMOTE, Verb.RETRY})


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What else is going on around a rollout."""

    incident: Incident | None = None  # the one that asks
    near: bool = True  # that one is of the service, or of one that depends on it, in the same environment
    others: Sequence[Incident] = ()  # every open incident of the service
    changes: Sequence[Change] = ()  # of the service, since the onset
    requests: Sequence[Request] = ()  # not yet settled, for this rollout
    freezes: Sequence[Freeze] = ()  # that stand, and cover it
    holds: Sequence[Hold] = ()  # that stand, of this rollout
    skew: Skew | None = None  # the check of its servers, while it is not settled
    deploys: Sequence[Change] = ()  # of the service, also long before the onset: what they do to the data
    figures: Figures | None = None  # errors by version; None where nobody asked
    doubts: Sequence[str] = ()  # why all is not well with it, by its probes
    vendors: Sequence[Trouble] = ()  # what others say is not well with them, and is used here
    respec: bool = False  # the policy: a rollback in flight also puts the stable template back

    @property
    def emergency(self) -> bool:
        """The way back takes no steps then: with these severities each minute counts more than their care."""
        return any(other.is_open and other.severity in (Severity.SEV1, Severity.SEV2) for other in self.others)


def meant_by(
    verb: Verb,
    rollout: Rollout,
    stables: Sequence[Stable],
    around: Surroundings,
    *,
    to: str = "",
    full: bool = False,
) -> Plan:
    """What the verb means here and in this situation. Raises Refused."""
    at_once = full or (verb is Verb.ROLLBACK and around.emergency)
    return plan(verb, rollout, stables, to, full=at_once, respec=around.respec)


def preflight(
    verb: Verb,
    rollout: Rollout,
    stables: Sequence[Stable] = (),
    around: Surroundings | None = None,
    *,
    to: str = "",
    full: bool = False,
) -> Preflight:
    """SAFE, RISKY or BLOCKED, every reason named. The same facts always give the same answer."""
    around = _in_order(around or Surroundings())
    stables = sorted(stables, key=lambda stable: (stable.at, stable.id), reverse=True)
    busy = [firm(_under_way(request)) for request in around.requests if request.state in UNDER_WAY]
    try:
        meant = meant_by(verb, rollout, stables, around, to=to, full=full)
    except Refused as refusal:
        return Preflight(reasons=(firm(refusal.why), *busy))
    trusted = {stable.revision for stable in stables}
    risks = [*_cluster_risks(meant, rollout, trusted), *_human_risks(meant, rollout, around)]
    dangers = [
        *kept(meant, rollout),
        *data(meant, rollout, around.deploys),
        *room(meant, rollout),
        *sickness(meant, rollout, around.figures),
    ]
    hints = [Reason(hint(trouble, rollout.service)) for trouble in around.vendors if meant.intent in BACK]
    reasons = [
        *busy,
        *_held(verb, around),
        *_probed(verb, around),
        *_mixed(meant, around),
        *map(Reason, risks),
        *hints,
        *dangers,
    ]
    if all(reason.weight is Safety.SAFE for reason in reasons):
        reasons = [*map(good, _calm(rollout)), *reasons]
    reasons.sort(key=lambda reason: -WEIGHTS.index(reason.weight))  # stable: as found, within one weight
    return Preflight(reasons=tuple(reasons), plan=meant)


def _in_order(around: Surroundings) -> Surroundings:
    """The order in which facts come must not make a difference."""
    return replace(
        around,
        others=sorted(around.others, key=lambda incident: -incident.number),
        changes=sorted(around.changes, key=lambda change: (change.at, change.key)),
        requests=sorted(around.requests, key=lambda request: (request.at, request.id, request.state)),
        freezes=sorted(around.freezes, key=lambda freeze: (freeze.at, freeze.id)),
        holds=sorted(around.holds, key=lambda hold: (hold.at, hold.id)),
    )


def _held(verb: Verb, around: Surroundings) -> list[Reason]:
    """Freezes and holds are about going forward: nothing keeps people from stopping, or from going back."""
    if verb not in MOVES_ON:
        return []
    frozen = [blocking(freezes.reason(freeze)) for freeze in around.freezes]
    # To resume is to lift what people hold.
    holds = [hold for hold in around.holds if verb is not Verb.RESUME or not is_person(hold.holder)]
    return frozen + [blocking(_hold(hold), _lifts(hold)) for hold in holds]


def _probed(verb: Verb, around: Surroundings) -> list[Reason]:
    """What customers see is broken: nothing is given to more of them. Going back may be the cure."""
    said = [brief(doubt, 300) for doubt in around.doubts]
    return [blocking(doubt) if verb in MOVES_ON else good(doubt) for doubt in said]


def _hold(hold: Hold) -> str:
    return f"{mention(hold.holder)} holds it" + (f": {brief(hold.why, 300)}" if hold.why else "")


def _lifts(hold: Hold) -> str:
    return f"/rollout resume {hold.called}" if is_person(hold.holder) else ""


def _mixed(meant: Plan, around: Surroundings) -> list[Reason]:
    """Some servers run the old version: whatever fails may fail there, and going back would spread it."""
    skew = around.skew
    if skew is None or meant.intent not in BACK or str(meant.to) not in skew.elsewhere:
        return []
    text = (
        f"{brief(skew.text, 200)}: {shown(meant.to)} is what the odd server runs. If the errors come from there, "
        f"going back puts them on all {skew.expected}. Mend that server first"
    )
    return [blocking(text) if skew.alerted_at else Reason(text)]


def _under_way(request: Request) -> str:
    return f"{esc(request.id)} ({request.verb} by {mention(request.by)}) is under way"


def _cluster_risks(meant: Plan, rollout: Rollout, stables: Collection[str]) -> tuple[str, ...]:
    forward = meant.intent in FORWARD
    undo = meant.intent in UNDOES
    said_stable = rollout.stable and rollout.strategy not in WITHOUT_STEPS  # else it is only what serves
    stable = rollout.stable.hash if rollout.stable and said_stable else ""
    trusted = meant.to.hash in stables or meant.to.hash == stable
    rows = (
        (undo and not trusted, f"I never saw {shown(meant.to)} being stable"),
        (
            meant.intent is Intent.UNDO and runs_steps(rollout, meant.to) and _pauses(rollout),
            f"its steps run again, with {_pauses(rollout)} pauses",
        ),
        (meant.intent is Intent.UNDO_FULLY, "the steps and the analysis of the way back are skipped"),
        (meant.intent is Intent.PROMOTE_FULLY, "all remaining steps and analysis are skipped"),
        (undo and rollout.strategy == ON_DELETE, f"it is {BY_DELETING}"),
        (undo and _blocked(rollout), f"the way back may be blocked: {brief(rollout.message, 300)}"),
        *_under_flagger(meant, rollout),
        (_freezes_scaling(meant, rollout), "its autoscaler stands still while it is paused"),
        (forward and rollout.waiting in INCONCLUSIVE, "its analysis is inconclusive"),
        (forward and rollout.phase is RolloutPhase.DEGRADED, f"it is degraded: {brief(rollout.message, 300)}"),
        (meant.intent is Intent.SKIP, f"{brief(step_in_words(rollout), 100)} is still running and is skipped"),
        (forward and rollout.available < rollout.desired, f"{rollout.available}/{rollout.desired} replicas available"),
    )
    return tuple(reason for risky, reason in rows if risky)


def _under_flagger(meant: Plan, rollout: Rollout) -> tuple[tuple[bool, str], ...]:
    flagger = rollout.strategy == FLAGGER
    going_back = flagger and meant.intent is Intent.ABORT
    return (
        (
            flagger and meant.intent is Intent.PAUSE and not can_be_held(rollout),
            "it is suspended: until somebody resumes it, Flagger does not roll back by itself either",
        ),
        (
            flagger and meant.intent is Intent.UNDO and runs_steps(rollout, meant.to),
            f"{shown(meant.to)} goes through a new canary run, from its first step",
        ),
        (
            going_back and not by_gates(meant.intent, "", rollout),
            "Flagger does not ask whether to roll back, so it is made to count its checks as failed, which it may "
            "stop to heed in a later version",
        ),
        (
            going_back and rollout.current.available < rollout.updated,
            "its new pods are not all ready: until they are, or miss their deadline, Flagger hears no order",
        ),
    )


def _pauses(rollout: Rollout) -> int:
    return sum(step.startswith("pause") for step in rollout.steps)


def _blocked(rollout: Rollout) -> bool:
    """Pods that are replaced in order wait for the one that never becomes ready, whatever the spec says by then."""
    return rollout.strategy == STATEFUL and rollout.phase is RolloutPhase.DEGRADED


def _freezes_scaling(meant: Plan, rollout: Rollout) -> bool:
    """A canary that is paused by hand is not scaled either; a pause step does not do that."""
    scaled_apart = rollout.strategy in (BLUE_GREEN, FLAGGER) or rollout.strategy in WITHOUT_STEPS
    return meant.intent is Intent.PAUSE and rollout.autoscaled and not scaled_apart


def _human_risks(meant: Plan, rollout: Rollout, around: Surroundings) -> tuple[str, ...]:
    forward = meant.intent in FORWARD
    asking = around.incident
    reasons = [
        f"{other.id} is open for {esc(other.service)} too"
        for other in around.others
        if other.is_open and (asking is None or other.id != asking.id)
    ]
    if asking and asking.service and asking.service != rollout.service:
        reasons.append(f"{asking.id} is about {esc(asking.service)}, not {esc(rollout.service)}")
    if asking and asking.service == rollout.service:
        if asking.environment != rollout.environment:
            places = f"in {esc(asking.environment)}, not in {esc(rollout.environment)}"
            reasons.append(f"{asking.id} is about {esc(asking.service)} {places}")
        elif forward and asking.is_open:
            reasons.append(f"{asking.id} is still open for it")
    if asking and meant.intent in BACK:
        reasons += [_newer(change) for change in around.changes if _landed_since(change, asking, rollout)]
    return tuple(reasons)


def _landed_since(change: Change, incident: Incident, rollout: Rollout) -> bool:
    """A deploy after the onset cannot have caused it: rolling back may undo the repair."""
    if incident.drill and incident.onset_at is None:  # it was opened before anything was wrong
        return False
    onset = incident.began
    alive = change.status in (ChangeStatus.STARTED, ChangeStatus.SUCCEEDED)
    mine = (change.service, change.environment) == (rollout.service, rollout.environment)
    return alive and mine and change.at > onset and not _starts_over(change, onset, rollout)


def _starts_over(change: Change, onset: datetime, rollout: Rollout) -> bool:
    """What was made before the onset and is the newest of all only goes on: a retry of it is no repair.

    An older build that is put back after the onset may be one.
    """
    made = {revision.hash: revision.created_at for revision in rollout.history if revision.created_at}
    mine = made.get(rollout.current.hash)
    newest = mine is not None and all(other <= mine for other in made.values())
    return newest and mine is not None and mine <= onset and change.version == rollout.current.version


def _newer(change: Change) -> str:
    return f"{esc(change.called)} {esc(change.version)} landed after the onset: rolling back may undo a repair"


def _calm(rollout: Rollout) -> tuple[str, ...]:
    serving = rollout.stable or rollout.current
    alone = "" if rollout.keeper or rollout.owner else ", and nothing else is known to write it"
    return (f"{shown(serving)} is stable, {replicas(rollout)}", f"nothing else is under way{alone}")
