"""What a Rollout object of Argo Rollouts and its ReplicaSets say, in our words. Pure; odd objects do not break it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.intents import BLUE_GREEN
from bot.model import Revision, Rollout, RolloutPhase
from bot.policy import Target

Json = dict[str, Any]

HASH = "rollouts-pod-template-hash"
REVISION = "rollout.argoproj.io/revision"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
UNOBSERVED = "waiting for rollout spec update to be observed"
UNPAUSING = "waiting for rollout to unpause"
GO_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
GO_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|ms|m|s|)")
GO_DURATION = re.compile(r"\d{1,9}|(?:\d{1,6}(?:\.\d{1,9})?(?:h|ms|m|s)){1,4}", re.ASCII)
GITOPS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}


@dataclass(frozen=True)
class Seen:
    """A Rollout object and the ReplicaSets that it owns, read at one moment."""

    object: Json
    sets: tuple[Json, ...]

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


# ---------------------------------------------------------------- odd JSON


def child(tree: Any, *keys: str) -> Json:
    """The mapping below `keys`; empty where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def number(value: Any) -> int:
    """Some numbers are strings in a Rollout's status."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def hash_of(replica_set: Json) -> str:
    return str(child(replica_set, "metadata", "labels").get(HASH, ""))


def owned(rollout: Json, sets: Sequence[Json]) -> tuple[Json, ...]:
    """The ReplicaSets that this rollout controls."""
    uid = child(rollout, "metadata").get("uid")

    def ours(replica_set: Json) -> bool:
        owners = listed(child(replica_set, "metadata").get("ownerReferences"))
        return any(isinstance(o, dict) and o.get("controller") and o.get("uid") == uid for o in owners)

    return tuple(rs for rs in sets if isinstance(rs, dict) and ours(rs))


def selector(rollout: Json) -> str:
    """Its pods' labels as a query; "" where only the controller knows them and has not said."""
    if written := child(rollout, "status").get("selector"):
        return str(written)
    wanted = child(rollout, "spec", "selector")
    parts = [f"{key}={value}" for key, value in child(wanted, "matchLabels").items()]
    parts += [_expression(e) for e in listed(wanted.get("matchExpressions")) if isinstance(e, dict)]
    return ",".join(filter(None, parts))


def _expression(expression: Json) -> str:
    key, values = expression.get("key", ""), ",".join(str(v) for v in listed(expression.get("values")))
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    return str(forms.get(expression.get("operator", ""), ""))


# ---------------------------------------------------------------- the whole


def understand(seen: Seen, target: Target, service: str, environment: str) -> Rollout:
    """The Rollout as people talk about it."""
    status, spec = seen.status, seen.spec
    current, stable = str(status.get("currentPodHash") or ""), str(status.get("stableRS") or "")
    phase, message = phase_of(seen)
    pauses = [p for p in listed(status.get("pauseConditions")) if isinstance(p, dict)]
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
        ready=number(status.get("readyReplicas")),
        available=number(status.get("availableReplicas")),
        stable_available=_available(seen.replica_set(stable)),
        paused=spec.get("paused") is True,
        waiting=str(pauses[0].get("reason") or "paused") if pauses else "",
        for_person=bool(pauses) and not _timed(seen),
        goes_on_at=goes_on_at(seen),
        routed=seen.canary.get("trafficRouting") is not None,
        aborted=status.get("abort") is True,
        full_promotion=status.get("promoteFull") is True,
        analysis=_analysis(status),
        owner=owner_of(seen.object),
        autoscaled=_autoscaled(seen.meta),
        template_in=_template_in(spec),
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
    workload = child(seen.meta, "annotations").get(WORKLOAD_GENERATION)
    followed = seen.status.get("workloadObservedGeneration")
    return not child(seen.spec, "workloadRef") or workload is None or str(workload) == str(followed)


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


# ---------------------------------------------------------------- revisions


def _revision(seen: Seen, hash: str, *names: str) -> Revision:
    found = seen.replica_set(hash)
    if found is not None:
        return _revision_of(found, *names)
    told = number(child(seen.meta, "annotations").get(REVISION))
    template = child(seen.spec, "template")
    return Revision(hash=hash, number=told, version=version(template, *names), images=images(template))


def _revision_of(replica_set: Json, *names: str) -> Revision:
    return Revision(
        hash=hash_of(replica_set),
        number=number(child(replica_set, "metadata", "annotations").get(REVISION)),
        version=version(child(replica_set, "spec", "template"), *names),
        images=images(child(replica_set, "spec", "template")),
        available=_available(replica_set),
    )


def _history(seen: Seen, *names: str) -> tuple[Revision, ...]:
    revisions = [_revision_of(rs, *names) for rs in seen.sets if hash_of(rs)]
    return tuple(sorted(revisions, key=lambda r: (-r.number, r.hash)))


def containers(template: Json) -> list[Json]:
    return [c for c in listed(child(template, "spec").get("containers")) if isinstance(c, dict)]


def images(template: Json) -> tuple[str, ...]:
    """What its containers run, as the spec names it."""
    return tuple(str(c.get("image") or "") for c in containers(template))


def version(template: Json, *names: str) -> str:
    """The image tag of the main container: the one called like the service, else the first."""
    found = containers(template)
    main = next((c for c in found if c.get("name") in names), found[0] if found else {})
    return tag(str(main.get("image") or ""))


def tag(image: str) -> str:
    """ "v42" of host:5000/shop/checkout:v42@sha256:…; a digest alone is shortened; "" for neither."""
    name, _, digest = image.partition("@")
    _, colon, tagged = name.rpartition("/")[2].partition(":")
    if colon:
        return tagged
    return digest.replace("sha256:", "")[:12]


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
            return "experiment"
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


def _timed(seen: Seen) -> bool:
    """The pause it is in ends by itself."""
    if seen.blue_green:
        blue_green = child(seen.spec, "strategy", "blueGreen")
        return (
            blue_green.get("autoPromotionEnabled") is not False and number(blue_green.get("autoPromotionSeconds")) > 0
        )
    reason = child({"first": (listed(seen.status.get("pauseConditions")) or [None])[0]}, "first").get("reason")
    step = seen.steps[seen.index] if seen.index < len(seen.steps) else {}
    return reason == "CanaryPauseStep" and child(step, "pause").get("duration") is not None


def goes_on_at(seen: Seen) -> datetime | None:
    """When the pause it is in ends by itself. A pause by hand, or an abort, holds it beyond that."""
    pauses = [p for p in listed(seen.status.get("pauseConditions")) if isinstance(p, dict)]
    began = moment(pauses[0].get("startTime")) if pauses else None
    if began is None or not _timed(seen) or seen.spec.get("paused") is True or seen.status.get("abort") is True:
        return None
    if seen.blue_green:
        return began + timedelta(seconds=number(child(seen.spec, "strategy", "blueGreen").get("autoPromotionSeconds")))
    lasts = go_duration(child(seen.steps[seen.index], "pause").get("duration"))
    return began + lasts if lasts else None


def moment(value: Any) -> datetime | None:
    """A time as Kubernetes writes it; None for anything else."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None


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
    if seen.blue_green:
        return _active(seen)
    if seen.index >= len(seen.steps):
        return 100
    if seen.canary.get("trafficRouting") is None:
        total = number(status.get("availableReplicas"))
        current = _available(seen.replica_set(str(status.get("currentPodHash") or "")))
        return min(100, current * 100 // total) if total > 0 else 0
    told = child(status, "canary", "weights", "canary").get("weight")
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
    return ", ".join(f"{run.get('name', '')}: {str(run.get('status', '')).lower()}" for run in runs if run)


# ---------------------------------------------------------------- who else writes it


def owner_of(rollout: Json) -> str:
    """What else writes this object: "Argo CD app shop"; "" where nothing is known to."""
    meta = child(rollout, "metadata")
    notes, labels = child(meta, "annotations"), child(meta, "labels")
    return _by_mark(notes, labels) or _by_field(meta) or _by_helm(notes, labels)


def _by_mark(notes: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    if tracked := notes.get("argocd.argoproj.io/tracking-id"):
        return f"Argo CD app {str(tracked).partition(':')[0]}"
    if app := labels.get("argocd.argoproj.io/instance"):
        return f"Argo CD app {app}"
    for kind, words in (("kustomize", "Flux Kustomization"), ("helm", "Flux HelmRelease")):
        if name := labels.get(f"{kind}.toolkit.fluxcd.io/name"):
            return f"{words} {labels.get(f'{kind}.toolkit.fluxcd.io/namespace', '')}/{name}"
    return ""


def _by_field(meta: Json) -> str:
    """The manager that owns the template, as far as it is a GitOps controller."""
    for entry in listed(meta.get("managedFields")):
        tool = GITOPS.get(str(child({"entry": entry}, "entry").get("manager")), "")
        if tool and "f:template" in child(entry, "fieldsV1", "f:spec"):
            app = child(meta, "labels").get("app.kubernetes.io/instance")  # a weak hint; the manager is not
            return f"{tool} app {app}" if app and tool == "Argo CD" else tool
    return ""


def _by_helm(notes: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    release = notes.get("meta.helm.sh/release-name")
    return f"Helm release {release}" if release and labels.get("app.kubernetes.io/managed-by") == "Helm" else ""


def _autoscaled(meta: Json) -> bool:
    """An autoscaler writes the replicas through the scale subresource; a person's `scale` is not by that manager."""
    return any(
        isinstance(entry, dict)
        and entry.get("subresource") == "scale"
        and entry.get("manager") == "kube-controller-manager"
        for entry in listed(meta.get("managedFields"))
    )


def _template_in(spec: Json) -> str:
    reference = child(spec, "workloadRef")
    return f"{reference.get('kind', 'workload')} {reference.get('name', '')}".strip() if reference else ""
