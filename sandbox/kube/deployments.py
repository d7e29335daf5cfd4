"""What the Deployment controller does in one pass of a rolling update. Pure, like its neighbour for Argo Rollouts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.kube.replicas import Set
from sandbox.kube.store import Object


@dataclass(frozen=True)
class Plan:
    status: Object
    scale: dict[str, int]


def decide(deployment: Object, sets: Sequence[Set], at: str) -> Plan:
    """Surge by a quarter, keep three quarters available. Paused, only the number of replicas is followed."""
    spec = deployment["spec"]
    new, old = sets[0], sets[1:]
    replicas, paused = spec.get("replicas", 1), bool(spec.get("paused"))
    scale = {s.hash: s.desired for s in sets}
    if not paused:
        roll(scale, new, old, replicas)
    status = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": sum(s.replicas for s in sets),
        "updatedReplicas": new.replicas,
        "readyReplicas": sum(s.ready for s in sets),
        "availableReplicas": sum(s.ready for s in sets),
    }
    done = new.ready >= replicas and status["replicas"] == new.replicas
    reason = "DeploymentPaused" if paused else "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"
    available = status["readyReplicas"] >= replicas - replicas // 4
    status["conditions"] = conditions(deployment.get("status") or {}, reason, available, at)
    return Plan(status, scale)


def roll(scale: dict[str, int], new: Set, old: Sequence[Set], replicas: int) -> None:
    room = replicas + math.ceil(replicas / 4) - sum(s.desired for s in old)
    scale[new.hash] = min(replicas, max(new.desired, room))
    spare = new.ready + sum(s.ready for s in old) - (replicas - replicas // 4)
    for s in reversed(old):
        unready = max(0, s.desired - s.ready)
        drop = min(s.desired, max(0, spare) + unready)
        spare -= drop - unready
        scale[s.hash] = s.desired - drop


def conditions(old: Object, reason: str, available: bool, at: str) -> list[Object]:
    new = [
        {
            "type": "Available",
            "status": str(available),
            "reason": "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
        },
        {"type": "Progressing", "status": "Unknown" if reason == "DeploymentPaused" else "True", "reason": reason},
    ]
    held = {c["type"]: c for c in old.get("conditions", [])}
    same = [held.get(c["type"], {}).get("reason") == c["reason"] for c in new]
    return [
        held[c["type"]] if s else c | {"lastUpdateTime": at, "lastTransitionTime": at}
        for c, s in zip(new, same, strict=True)
    ]
