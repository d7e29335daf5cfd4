"""A Canary of Flagger's in our words: which revision it serves, which it tries, how far it is, and what it waits for.

Flagger keeps hashes that only it can compute. So what is stable is told from the templates: the primary's is a copy of
the target's, with other names in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from bot.canaries import FLAGGER
from bot.gates import Kind
from bot.model import PRODUCTION, Revision, Rollout, RolloutPhase
from bot.policy import Target
from handlers.providers.deployment import HASH, available, hash_of, number_of, revision_of
from handlers.providers.gitops import moment, writer
from handlers.providers.objects import PRIMARY, Json, autoscaled, child, images, listed, number, owner_of, version
from handlers.providers.workloads import UNOBSERVED, caught_up, plain, unmade, version_of

ALL = 100
FLAGGER_ID = "flagger-id"  # on the primary's template, so that each promotion rolls it
RESTARTED = "kubectl.kubernetes.io/restartedAt"  # on a template whose pods somebody had replaced
SKIPPED_FOR = "watchkeeper/analysis-skipped-for"  # the revision that skipAnalysis was set for, by us
WAITS = {"Waiting": Kind.START.value, "WaitingPromotion": Kind.PROMOTION.value}
UNDER_ANALYSIS = ("Progressing", "Waiting", "WaitingPromotion")
AT_REST = ("Initialized", "Succeeded")  # the primary is a copy of what is asked for, or that is still to be looked at
BEFORE = ("", "Initializing")  # there is no primary yet that serves


@dataclass(frozen=True)
class Seen:
    """A Canary, its two Deployments, and the ReplicaSets of the one that people change, read at one moment."""

    object: Json
    target: Json
    primary: Json
    sets: tuple[Json, ...]

    @property
    def versions(self) -> tuple[str, ...]:
        return version_of(self.object), version_of(self.target)

    @property
    def spec(self) -> Json:
        return child(self.object, "spec")

    @property
    def status(self) -> Json:
        return child(self.object, "status")

    @property
    def phase(self) -> str:
        return str(self.status.get("phase") or "")

    @property
    def analysis(self) -> Json:
        return child(self.spec, "analysis")

    @property
    def suspended(self) -> bool:
        return self.spec.get("suspend") is True

    @property
    def skips_analysis(self) -> bool:
        return self.spec.get("skipAnalysis") is True

    @property
    def skipped_for(self) -> str:
        return str(child(self.object, "metadata", "annotations").get(SKIPPED_FOR) or "")

    @property
    def failed_checks(self) -> int:
        return number(self.status.get("failedChecks"))

    @property
    def threshold(self) -> int:
        return max(1, number(self.analysis.get("threshold")))

    @cached_property
    def template(self) -> Json:
        return plain(child(self.target, "spec", "template"))

    @cached_property
    def current(self) -> Json | None:
        return next((rs for rs in self.sets if template_of(rs) == self.template), None)

    @cached_property
    def promoted(self) -> Json | None:
        """The target's ReplicaSet of the template that the primary runs.

        The primary may have been restarted since it was copied, and so may what is under analysis: then that is a
        revision of its own, and none before it has gone.
        """
        if not self.primary:
            return None
        served = child(self.primary, "spec", "template")
        wanted = common(served)
        if exact := next((rs for rs in self.sets if common(template_of(rs)) == wanted), None):
            return exact
        copied = common(served, RESTARTED)
        alike = [rs for rs in self.sets if common(template_of(rs), RESTARTED) == copied]
        tried = self.current if self.phase not in AT_REST else None
        return max(alike, key=lambda rs: (rs is not tried, number_of(rs)), default=None)

    @property
    def observed(self) -> bool:
        """Flagger looks once in an interval, and writes the time when it has done something.

        Afterwards a template that is not the promoted one is news to a Canary that has nothing to do.
        """
        if not caught_up(self.target) or self.current is None:
            return False
        if self.phase in AT_REST:
            return self.current is self.promoted
        seen = moment(str(self.status.get("lastTransitionTime") or ""))
        made = {id(rs): moment(str(child(rs, "metadata").get("creationTimestamp") or "")) for rs in self.sets}
        mine = made[id(self.current)]
        if seen and mine and mine < seen and all(other is None or other <= mine for other in made.values()):
            return True  # the newest template, and Flagger has written since: what was touched later is not that
        written = writer(self.target)["written_at"]
        return written is None or seen is None or written <= seen or self.current is self.promoted

    @property
    def weight(self) -> int:
        """What the router sends to the canary. While it waits for its promotion the status says 0, wrongly."""
        if self.phase == "WaitingPromotion":
            return max_weight(self.analysis)
        if self.analysis.get("iterations") and self.analysis.get("match"):
            return ALL if number(self.status.get("iterations")) else 0
        return number(self.status.get("canaryWeight"))


def common(template: Json, *marks: str) -> Any:
    """A pod template without what Flagger changes in its copy: the names with -primary at their ends, and its mark.

    `marks`: other annotations that make no difference.
    """
    return _common(plain(template, HASH), {FLAGGER_ID, *marks})


def _common(value: Any, marks: Collection[str]) -> Any:
    if isinstance(value, dict):
        kept = {key: _common(inner, marks) for key, inner in value.items() if key not in marks}
        return {key: inner for key, inner in kept.items() if inner not in ({}, None)}
    if isinstance(value, list):
        return [_common(inner, marks) for inner in value]
    return value.removesuffix(PRIMARY) if isinstance(value, str) else value


def template_of(replica_set: Json) -> Json:
    return plain(child(replica_set, "spec", "template"), HASH)


# ---------------------------------------------------------------- in our words


def understand(seen: Seen, target: Target, service: str, environment: str) -> Rollout:
    names = (target.name, service)
    current = revision_of(seen.current, *names) if seen.current else _asked_for(seen, *names)
    stable = _stable(seen, *names)
    here = stable is not None and current.hash == stable.hash
    in_flight = stable is not None and not here
    if stable and here:
        current = stable
    phase, message = phase_of(seen, here)
    side = child(seen.target, "status") if in_flight and seen.phase in UNDER_ANALYSIS else child(seen.primary, "status")
    failed = f"{seen.failed_checks} of {seen.threshold} checks failed" if in_flight and seen.failed_checks else ""
    return Rollout(
        service=service,
        environment=environment,
        cluster=target.cluster,
        namespace=target.namespace,
        name=target.name,
        kind="Canary",
        strategy=FLAGGER,
        phase=phase,
        message=message,
        current=current,
        stable=stable,
        history=_history(seen, stable, *names),
        step=step_of(seen),
        steps=steps_of(seen.analysis),
        weight=seen.weight if in_flight else ALL,
        weight_set=seen.weight if in_flight else ALL,
        desired=_desired(seen),
        updated=number(side.get("updatedReplicas")),
        available=_available(seen.primary) + _available(seen.target),
        stable_available=stable.available if stable else 0,
        paused=seen.suspended,
        waiting=WAITS.get(seen.phase, "") if in_flight else "",
        for_person=in_flight and seen.phase in WAITS,
        aborted=in_flight and seen.phase == "Failed" and seen.observed,
        full_promotion=in_flight and seen.skips_analysis,
        analysis=failed,
        owner=owner_of(seen.target) or owner_of(seen.object),
        observed=seen.observed,
        precondition=version_of(seen.object),
        autoscaled=bool(child(seen.spec, "autoscalerRef")) or autoscaled(child(seen.target, "metadata")),
        template_in=f"Deployment {child(seen.target, 'metadata').get('name')}",
        routed=True,
        gates=gates_of(seen.analysis, service, environment),
        skips=seen.skipped_for if seen.skips_analysis else "",
    )


def phase_of(seen: Seen, here: bool) -> tuple[RolloutPhase, str]:
    """`here`: what is asked for is what the primary runs."""
    if not seen.observed:
        return RolloutPhase.PROGRESSING, UNOBSERVED
    if seen.suspended and seen.phase in (*UNDER_ANALYSIS, "Promoting", "Finalising"):
        return RolloutPhase.PAUSED, "suspended: Flagger neither goes on nor rolls back by itself"
    if seen.phase in WAITS:
        return RolloutPhase.PAUSED, f"waiting at its gate {WAITS[seen.phase]}"
    if seen.phase == "Failed" and not here:
        return RolloutPhase.DEGRADED, "Flagger has rolled it back: its traffic is on the primary"
    if seen.phase == "Progressing" and seen.failed_checks >= seen.threshold:
        return RolloutPhase.PROGRESSING, "its failed checks are at the threshold: it is rolled back at the next tick"
    if seen.phase in ("Initialized", "Succeeded", "Failed"):
        return _at_rest(seen)
    return RolloutPhase.PROGRESSING, f"Flagger says {seen.phase or 'nothing yet'}"


def _at_rest(seen: Seen) -> tuple[RolloutPhase, str]:
    """All that serves is the primary, which is an ordinary Deployment that may still be rolling."""
    wanted, status = _desired(seen), child(seen.primary, "status")
    if number(status.get("availableReplicas")) < wanted:
        return RolloutPhase.PROGRESSING, f"{number(status.get('availableReplicas'))} of {wanted} primary pods available"
    if number(status.get("updatedReplicas")) < wanted or not caught_up(seen.primary):
        return RolloutPhase.PROGRESSING, "the pods of its primary are being replaced"
    return RolloutPhase.HEALTHY, ""


def _stable(seen: Seen, *names: str) -> Revision | None:
    """What the primary serves, by the name that the target's ReplicaSet of it has, if it is still there."""
    if not seen.primary or seen.phase in BEFORE:
        return None
    serving = _available(seen.primary)
    if seen.promoted:
        known = revision_of(seen.promoted, *names)
        return replace(known, available=serving + (known.available if seen.promoted is seen.current else 0))
    template = child(seen.primary, "spec", "template")
    return Revision(
        hash=unmade(common(template)),
        version=version(template, *names),
        images=images(template),
        available=serving,
    )


def _history(seen: Seen, stable: Revision | None, *names: str) -> tuple[Revision, ...]:
    found = [revision_of(rs, *names) for rs in seen.sets]
    found = [stable if stable and revision.hash == stable.hash else revision for revision in found]
    return tuple(sorted(found, key=lambda revision: (-revision.number, revision.hash)))


def _asked_for(seen: Seen, *names: str) -> Revision:
    return Revision(hash=unmade(seen.template), version=version(seen.template, *names), images=images(seen.template))


def _desired(seen: Seen) -> int:
    wanted = child(seen.primary or seen.target, "spec").get("replicas")
    return 1 if wanted is None else number(wanted)


def _available(deployment: Json) -> int:
    return available(deployment)


# ---------------------------------------------------------------- steps and gates


def max_weight(analysis: Json) -> int:
    if weights := listed(analysis.get("stepWeights")):
        return min(ALL, number(weights[-1]))
    return number(analysis.get("maxWeight")) or ALL


def weights_of(analysis: Json) -> list[int]:
    """The weights that it goes through."""
    if given := [number(weight) for weight in listed(analysis.get("stepWeights"))]:
        return given
    step, most = number(analysis.get("stepWeight")), max_weight(analysis)
    return [min(ALL, weight) for weight in range(step, most + step, step)] if step > 0 else []


def steps_of(analysis: Json) -> tuple[str, ...]:
    """From the start to the promotion, in words."""
    return ("start", *_middle(analysis), "promote")


def _middle(analysis: Json) -> Iterator[str]:
    if count := number(analysis.get("iterations")):
        yield from (f"iteration {n} of {count}" for n in range(1, count + 1))
    else:
        yield from (f"set weight {weight}%" for weight in weights_of(analysis))


def step_of(seen: Seen) -> int:
    """How many of them are complete."""
    count = len(steps_of(seen.analysis))
    if not seen.observed:
        return 0  # what the status says is of the revision before
    match seen.phase:
        case "Waiting":
            return 0
        case "Progressing" if seen.analysis.get("iterations"):
            return min(count - 1, 1 + number(seen.status.get("iterations")))
        case "Progressing":
            return 1 + sum(weight <= seen.weight for weight in weights_of(seen.analysis))
        case "WaitingPromotion":
            return count - 1
        case "Failed":
            return 0
        case _:
            return count


def gates_of(analysis: Json, service: str, environment: str) -> tuple[str, ...]:
    """Those of its webhooks that ask at the gates of this service there, whatever our address is."""
    hooks = [hook for hook in listed(analysis.get("webhooks")) if isinstance(hook, dict)]
    asked = {str(hook.get("type")) for hook in hooks if _is_ours(hook, service, environment)}
    return tuple(kind.value for kind in Kind if kind in asked)


def _is_ours(hook: Json, service: str, environment: str) -> bool:
    try:
        path = urlsplit(str(hook.get("url") or "")).path
    except ValueError:
        return False
    places = [f"{service}/{environment}", *([service] if environment == PRODUCTION else [])]
    return any(path.rstrip("/").endswith(f"/gates/{place}/{hook.get('type')}") for place in places)


def known(seen: Seen, revision: str) -> Json | None:
    """The target's ReplicaSet of a revision."""
    return next((rs for rs in seen.sets if hash_of(rs) == revision), None)
