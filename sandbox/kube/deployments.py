"""What the Deployment controller does in one pass of a rolling update. Pure, like its neighbour for Argo Rollouts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.kube.replicas import Set, failures_of, parse
from sandbox.kube.store import Object, stamp

PROGRESS_DEADLINE = 600  # seconds; the default of progressDeadlineSeconds
COUNTS = ("replicas", "updatedReplicas", "readyReplicas")


@dataclass(frozen=True)
class Plan:
    """`wake` is when to look again though nothing has happened."""

    status: Object
    scale: dict[str, int]
    wake: datetime | None


def decide(deployment: Object, new: Set | None, old: Sequence[Set], at: datetime) -> Plan:
    """Surge by a quarter, keep three quarters available. Paused, no pod is replaced, and `new` may not exist yet."""
    spec = deployment["spec"]
    sets = [*([new] if new else []), *old]
    replicas = spec.get("replicas", 1)
    scale = {s.hash: s.desired for s in sets}
    if new and not spec.get("paused"):
        recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
        (replace if recreate else roll)(scale, new, old, replicas)
    status = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": sum(s.replicas for s in sets),
        "updatedReplicas": new.replicas if new else 0,
        "readyReplicas": sum(s.ready for s in sets),
        "availableReplicas": sum(s.ready for s in sets),
    }
    reason, wake = progress(deployment, status, new, at)
    available = status["readyReplicas"] >= replicas - replicas // 4
    status["conditions"] = conditions(deployment.get("status") or {}, status, reason, available, stamp(at))
    status["conditions"] += [condition for s in sets for condition in failures_of(s.object)][:1]
    return Plan(status, scale, wake)


def roll(scale: dict[str, int], new: Set, old: Sequence[Set], replicas: int) -> None:
    room = replicas + math.ceil(replicas / 4) - sum(s.desired for s in old)
    scale[new.hash] = min(replicas, max(new.desired, room))
    spare = new.ready + sum(s.ready for s in old) - (replicas - replicas // 4)
    for s in reversed(old):
        unready = max(0, s.desired - s.ready)
        drop = min(s.desired, max(0, spare) + unready)
        spare -= drop - unready
        scale[s.hash] = s.desired - drop


def replace(scale: dict[str, int], new: Set, old: Sequence[Set], replicas: int) -> None:
    """Strategy Recreate: the new pods start when the last old one is gone."""
    scale |= {s.hash: 0 for s in old}
    scale[new.hash] = 0 if any(s.replicas for s in old) else replicas


def progress(deployment: Object, status: Object, new: Set | None, at: datetime) -> tuple[str, datetime | None]:
    """The reason of the condition Progressing. Once complete it stays so, even when pods fail later."""
    spec, old = deployment["spec"], deployment.get("status") or {}
    if spec.get("paused"):
        return "DeploymentPaused", None
    before: Object = next((c for c in old.get("conditions", []) if c["type"] == "Progressing"), {})
    seen_this = old.get("observedGeneration") == status["observedGeneration"]
    all_new = status["replicas"] == status["updatedReplicas"]
    done = new is not None and new.ready >= spec.get("replicas", 1)
    if all_new and (done or (seen_this and before.get("reason") == "NewReplicaSetAvailable")):
        return "NewReplicaSetAvailable", None
    if not seen_this or moved(old, status) or before.get("reason") == "DeploymentPaused":
        return "ReplicaSetUpdated", at + timedelta(seconds=spec.get("progressDeadlineSeconds", PROGRESS_DEADLINE))
    deadline = parse(before["lastUpdateTime"]) + timedelta(
        seconds=spec.get("progressDeadlineSeconds", PROGRESS_DEADLINE)
    )
    overdue = deadline <= at or before["reason"] == "ProgressDeadlineExceeded"
    return ("ProgressDeadlineExceeded", None) if overdue else ("ReplicaSetUpdated", deadline)


def moved(old: Object, status: Object) -> bool:
    return any(old.get(key) != status[key] for key in COUNTS)


def conditions(old: Object, status: Object, reason: str, available: bool, at: str) -> list[Object]:
    """The times of a condition stay while it does; `lastUpdateTime` of Progressing follows progress too."""
    truth = {"DeploymentPaused": "Unknown", "ProgressDeadlineExceeded": "False"}.get(reason, "True")
    new = [
        {
            "type": "Available",
            "status": str(available),
            "reason": "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
        },
        {"type": "Progressing", "status": truth, "reason": reason},
    ]
    held = {c["type"]: c for c in old.get("conditions", [])}
    same = [held.get(c["type"], {}).get("reason") == c["reason"] for c in new]
    same[1] = same[1] and not (reason == "ReplicaSetUpdated" and moved(old, status))
    return [
        held[c["type"]] if s else c | {"lastUpdateTime": at, "lastTransitionTime": at}
        for c, s in zip(new, same, strict=True)
    ]
