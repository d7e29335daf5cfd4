"""What a Rollout object of Argo Rollouts and its ReplicaSets say, in our words. Pure; odd objects do not break it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.intents import BLUE_GREEN, INCONCLUSIVE
from bot.model import Revision, Rollout, RolloutPhase
from bot.policy import Target
from handlers.providers.objects import Json, autoscaled, child, images, listed, number, owner_of, version

HASH = "rollouts-pod-template-hash"
DEADLINE = "scale-down-deadline"  # written without a prefix
REVISION = "rollout.argoproj.io/revision"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
UNOBSERVED = "waiting for rollout spec update to be observed"
UNPAUSING = "waiting for rollout to unpause"
GO_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
GO_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|ms|m|s|)")
GO_DURATION = re.compile(r"\d{1,9}|(?:\d{1,6}(?:\.\d{1,9})?(?:h|ms|m|s)){1,4}", re.ASCII)


@dataclass(frozen=True)
class Seen:
    """A Rollout object, the ReplicaSets that it owns, and the workload it refers to; read at one moment."""

    object: Json
    sets: tuple[Json, ...]
    workload: Json = field(default_factory=dict)  # empty where the pod template is its own

    @property
    def meta(self) -> Json:
        return child(self.object, "metadata")

    @property
    def spec(self) -> Json:
        return child(self.object, "spec")

    @property
    def status(self) -> Json:
        return child(self.object, "status")

    @property
    def canary(self) -> Json:
        return child(self.spec, "strategy", "canary")

    @property
    def version(self) -> str:
        """The resource version that it was read at."""
        return str(self.meta.get("resourceVersion") or "")

    @property
    def versions(self) -> tuple[str, ...]:
        return self.version, str(child(self.workload, "metadata").get("resourceVersion") or "")

    @property
    def template(self) -> Json:
        return child(self.workload or self.object, "spec", "template")

    @property
    def template_in(self) -> str:
        """The object that holds the pod template: "Deployment checkout"; "" where that is the rollout."""
        reference = child(self.spec, "workloadRef")
        return f"{reference.get('kind', 'workload')} {reference.get('name', '')}".strip() if reference else ""

    @property
    def blue_green(self) -> bool:
        return "blueGreen" in child(self.spec, "strategy")

    @property
    def steps(self) -> list[Json]:
        return [step for step in listed(self.canary.get("steps")) if isinstance(step, dict)]

    @property
    def index(self) -> int:
        return min(number(self.status.get("currentStepIndex")), len(self.steps))

    def replica_set(self, hash: str) -> Json | None:
        return next((rs for rs in self.sets if hash and hash_of(rs) == hash), None)


def hash_of(replica_set: Json) -> str:
    return str(child(replica_set, "metadata", "labels").get(HASH, ""))


# ---------------------------------------------------------------- the whole


def understand(seen: Seen, target: Target, service: str, environment: str) -> Rollout:
    """The Rollout as people talk about it."""
    status, spec = seen.status, seen.spec
    current, stable = str(status.get("currentPodHash") or ""), str(status.get("stableRS") or "")
    phase, message = phase_of(seen)
    message = "; ".join(filter(None, [message, without_pods(seen)]))
    pause = pause_of(seen)
    wanted = spec.get("replicas")
    return Rollout(
        service=service,
        environment=environment,
        cluster=target.cluster,
        namespace=target.namespace,
        name=target.name,
        strategy=BLUE_GREEN if seen.blue_green else "canary",
        phase=phase,
        message=message,
        current=_revision(seen, current, target.name, service),
        stable=_revision(seen, stable, target.name, service) if stable else None,
        history=_history(seen, target.name, service),
        step=seen.index,
        steps=tuple(in_words(step) for step in seen.steps),
        weight=weight(seen),
        weight_set=weight_set(seen),
        desired=1 if wanted is None else number(wanted),
        updated=number(status.get("updatedReplicas")),
        available=number(status.get("availableReplicas")),
        stable_available=_available(seen.replica_set(stable)),
        paused=spec.get("paused") is True,
        waiting=str(pause.get("reason") or "paused") if pause is not None else "",
        for_person=pause is not None and not _timed(seen),
        goes_on_at=goes_on_at(seen),
        routed=seen.canary.get("trafficRouting") is not None,
        aborted=status.get("abort") is True,
        full_promotion=status.get("promoteFull") is True,
        analysis=_analysis(status),
        owner=owner_of(seen.workload) or owner_of(seen.object),
        autoscaled=autoscaled(seen.meta),
        template_in=seen.template_in,
        observed=observed(seen),
        precondition=seen.version,
    )


def observed(seen: Seen) -> bool:
    """Whether the controller has seen the latest spec, of the rollout and of a workload it refers to."""
    told, generation = seen.status.get("observedGeneration"), number(seen.meta.get("generation"))
    if told in (None, ""):
        return False
    if str(told).isdigit() and number(told) < generation:  # anything else is a hash of a very old controller
        return False
    return not child(seen.spec, "workloadRef") or _followed(seen)


def _followed(seen: Seen) -> bool:
    """The controller has seen the workload. Its note on the rollout is late by one look: the workload knows better."""
    noted = child(seen.meta, "annotations").get(WORKLOAD_GENERATION)
    generation = child(seen.workload, "metadata").get("generation", noted)
    return generation is None or str(generation) == str(seen.status.get("workloadObservedGeneration"))


def phase_of(seen: Seen) -> tuple[RolloutPhase, str]:
    """The phase and message that Argo's own tools would show."""
    status = seen.status
    if not observed(seen):
        return RolloutPhase.PROGRESSING, UNOBSERVED
    if status.get("controllerPause") is True and not listed(status.get("pauseConditions")):
        return RolloutPhase.PROGRESSING, UNPAUSING
    try:
        phase = RolloutPhase(str(status.get("phase", "")).lower())
    except ValueError:  # absent before version 1.0 of the controller
        phase = RolloutPhase.PROGRESSING
    return phase, str(status.get("message") or "")


def without_pods(seen: Seen) -> str:
    """Why pods cannot even be created, most often a quota. The controller's own message is silent about it."""
    conditions = [c for c in listed(seen.status.get("conditions")) if isinstance(c, dict)]
    failures = [c for c in conditions if c.get("type") == "ReplicaFailure" and c.get("status") == "True"]
    return next((f"{c.get('reason', '')}: {c.get('message', '')}".strip(": ") for c in failures), "")


# ---------------------------------------------------------------- revisions


def _revision(seen: Seen, hash: str, *names: str) -> Revision:
    found = seen.replica_set(hash)
    if found is not None:
        return _revision_of(found, *names)
    told = number(child(seen.meta, "annotations").get(REVISION))
    return Revision(hash=hash, number=told, version=version(seen.template, *names), images=images(seen.template))


def _revision_of(replica_set: Json, *names: str) -> Revision:
    return Revision(
        hash=hash_of(replica_set),
        number=number(child(replica_set, "metadata", "annotations").get(REVISION)),
        version=version(child(replica_set, "spec", "template"), *names),
        kept_until=moment(child(replica_set, "metadata", "annotations").get(DEADLINE)),
        created_at=_created(replica_set),
        images=images(child(replica_set, "spec", "template")),
        available=_available(replica_set),
    )


def _history(seen: Seen, *names: str) -> tuple[Revision, ...]:
    revisions = [replace(_revision_of(rs, *names), in_window=_in_window(seen, rs)) for rs in seen.sets if hash_of(rs)]
    return tuple(sorted(revisions, key=lambda r: (-r.number, r.hash)))


def _in_window(seen: Seen, target: Json) -> bool:
    """By the time of creation and not by number, as the controller counts: the way forward again is never in it."""
    window = number(child(seen.spec, "rollbackWindow").get("revisions"))
    created, stable = _created(target), _created(seen.replica_set(str(seen.status.get("stableRS") or "")))
    if not window or created is None or stable is None or created >= stable:
        return False
    return sum(created < other < stable for other in filter(None, map(_created, seen.sets))) < window


def _created(replica_set: Json | None) -> datetime | None:
    return moment(child(replica_set, "metadata").get("creationTimestamp"))


def moment(value: Any) -> datetime | None:
    """A time as Kubernetes writes it; None for anything else."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _available(replica_set: Json | None) -> int:
    return number(child(replica_set, "status").get("availableReplicas")) if replica_set else 0


# ---------------------------------------------------------------- steps and weights


def in_words(step: Json) -> str:
    """ "set weight 20%", "pause 5m", "pause until promoted"."""
    kind, value = next(iter(step.items()), ("empty step", None))
    match kind:
        case "setWeight":
            return f"set weight {number(value)}%"
        case "pause":
            lasts = value.get("duration") if isinstance(value, dict) else None
            return "pause until promoted" if lasts is None else f"pause {_duration(lasts)}"
        case "analysis":
            return "analysis"
        case "experiment":
            lasts = value.get("duration") if isinstance(value, dict) else None
            return "experiment" if lasts is None else f"experiment {_duration(lasts)}"
        case "setCanaryScale":
            return "set canary scale"
        case "setHeaderRoute":
            return "set header route"
        case "setMirrorRoute":
            return "set mirror route"
        case "plugin":
            return f"plugin {child(step, 'plugin').get('name', '')}".strip()
        case _:
            return str(kind)


def _duration(value: Any) -> str:
    """A number of seconds, or Go's way of writing one."""
    if not str(value).isdigit():
        return str(value)
    seconds = int(value)
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def pause_of(seen: Seen) -> Json | None:
    """The pause that holds it: an inconclusive verdict outlasts the pause step that it came in, and stands behind."""
    pauses = [p for p in listed(seen.status.get("pauseConditions")) if isinstance(p, dict)]
    return next((p for p in pauses if p.get("reason") in INCONCLUSIVE), next(iter(pauses), None))


def _timed(seen: Seen) -> bool:
    """The pause it is in ends by itself."""
    reason = (pause_of(seen) or {}).get("reason")
    if reason in INCONCLUSIVE:
        return False
    if seen.blue_green:
        blue_green = child(seen.spec, "strategy", "blueGreen")
        return (
            blue_green.get("autoPromotionEnabled") is not False and number(blue_green.get("autoPromotionSeconds")) > 0
        )
    step = seen.steps[seen.index] if seen.index < len(seen.steps) else {}
    return reason == "CanaryPauseStep" and child(step, "pause").get("duration") is not None


def goes_on_at(seen: Seen) -> datetime | None:
    """When the pause it is in ends by itself. A pause by hand, or an abort, holds it beyond that."""
    began = moment((pause_of(seen) or {}).get("startTime"))
    if began is None or not _timed(seen) or seen.spec.get("paused") is True or seen.status.get("abort") is True:
        return None
    if seen.blue_green:
        return began + timedelta(seconds=number(child(seen.spec, "strategy", "blueGreen").get("autoPromotionSeconds")))
    lasts = go_duration(child(seen.steps[seen.index], "pause").get("duration"))
    return began + lasts if lasts else None


def go_duration(value: Any) -> timedelta | None:
    """Seconds, or Go's way of writing a duration, such as 1h30m; None for anything else."""
    if GO_DURATION.fullmatch(str(value)) is None:
        return None
    parts = GO_PART.findall(str(value))
    return timedelta(seconds=sum(float(n) * GO_UNITS[unit or "s"] for n, unit in parts))


def _per_cent(seen: Seen, weight: Any) -> int:
    """A router may count to more than 100. Rounded up: some traffic is not none."""
    most = number(child(seen.canary, "trafficRouting").get("maxTrafficWeight")) or 100
    return -(-number(weight) * 100 // most)


def weight_set(seen: Seen) -> int:
    """Per cent of the traffic that the current revision is meant to have."""
    if seen.blue_green:
        return _active(seen)
    if seen.status.get("abort") is True:
        return 0
    if seen.index >= len(seen.steps):
        return 100
    before = [step["setWeight"] for step in seen.steps[: seen.index + 1] if "setWeight" in step]
    return _per_cent(seen, before[-1]) if before else 0


def weight(seen: Seen) -> int:
    """Per cent of the traffic that the current revision has: by the router's word, else by its part of the pods."""
    status = seen.status
    told = child(status, "canary", "weights", "canary").get("weight")
    if seen.blue_green:
        return _active(seen)
    if seen.index >= len(seen.steps) and (told is None or status.get("currentPodHash") == status.get("stableRS")):
        return 100  # where pods are missing behind the last step, the router has not given it everything yet
    if seen.canary.get("trafficRouting") is None:
        total = number(status.get("availableReplicas"))
        current = _available(seen.replica_set(str(status.get("currentPodHash") or "")))
        return min(100, current * 100 // total) if total > 0 else 0
    return weight_set(seen) if told is None else _per_cent(seen, told)


def _active(seen: Seen) -> int:
    active = child(seen.status, "blueGreen").get("activeSelector")
    return 100 if active and active == seen.status.get("currentPodHash") else 0


def _analysis(status: Json) -> str:
    runs = (
        child(status, "canary", "currentStepAnalysisRunStatus"),
        child(status, "canary", "currentBackgroundAnalysisRunStatus"),
        child(status, "blueGreen", "prePromotionAnalysisRunStatus"),
        child(status, "blueGreen", "postPromotionAnalysisRunStatus"),
    )
    return ", ".join([*(_run(run) for run in runs if run), *_experiment(child(status, "canary"))])


def _experiment(canary: Json) -> Iterator[str]:
    """Its pods may get a part of the traffic beside that of the canary."""
    name = canary.get("currentExperiment")
    if name:
        beside = [w for w in listed(child(canary, "weights").get("additional")) if isinstance(w, dict)]
        share = sum(number(w.get("weight")) for w in beside)
        yield f"experiment {name}: under way" + (f", with {share} % of the traffic beside that" if share else "")


def _run(run: Json) -> str:
    """ "checkout-5f6-2-1: failed (why)"."""
    why = f" ({run['message']})" if run.get("message") else ""
    return f"{run.get('name', '')}: {str(run.get('status', '')).lower()}{why}"
