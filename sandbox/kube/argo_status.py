"""What the Argo Rollouts controller reports of a rollout: counts, conditions, phase and message."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.kube.replicas import failures_of, parse
from sandbox.kube.store import Object, stamp

if TYPE_CHECKING:
    from sandbox.kube.argo import Turn

PROGRESS_DEADLINE = 600  # seconds; the default of progressDeadlineSeconds


class Report:
    """Fills in the status when a turn has decided everything else."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn

    def fill_in(self) -> None:
        """Fill in what every strategy reports; what is false or empty is left out, as Go's omitempty does."""
        turn = self.turn
        status = turn.plan.status
        status |= {
            "currentPodHash": turn.hash,
            "stableRS": turn.stable_hash,
            "replicas": sum(s.replicas for s in turn.sets),
            "updatedReplicas": turn.new.replicas,
            "readyReplicas": sum(s.ready for s in turn.sets),
            "availableReplicas": sum(s.ready for s in turn.sets),
            "HPAReplicas": sum(s.replicas for s in turn.sets),
            "selector": ",".join(f"{k}={v}" for k, v in turn.spec["selector"]["matchLabels"].items()),
        }
        if turn.steps:
            status |= {"currentStepIndex": turn.index, "currentStepHash": turn.step_hash}
        optional = {
            "pauseConditions": turn.pauses,
            "controllerPause": bool(turn.pauses),
            "abort": turn.aborted,
            "abortedAt": (turn.old.get("abortedAt") or stamp(turn.at)) if turn.aborted else None,
            "promoteFull": turn.full,
        }
        status |= {key: value for key, value in optional.items() if value}
        status["conditions"] = self.conditions()
        status["phase"], status["message"] = phase(status, turn.spec, turn.replicas)
        self.conclude_healthy()
        if not status["message"]:
            del status["message"]

    def conditions(self) -> list[Object]:
        turn = self.turn
        available = sum(s.ready for s in turn.sets) >= turn.replicas - math.ceil(turn.replicas / 4)
        has = "has" if available else "does not have"
        wanted = [
            ("Available", available, "AvailableReason", f"Rollout {has} minimum availability"),
            ("Paused", bool(turn.pauses or turn.paused_by_user), "RolloutPaused", "Rollout is paused"),
            ("Completed", turn.idle, "RolloutCompleted", "RolloutCompleted"),
            self.progressing(),
        ]
        failures = [failure for s in turn.sets for failure in failures_of(s.object)][:1]
        return [*(self.condition(*w) for w in wanted), *failures]

    def progressing(self) -> tuple[str, bool, str, str]:
        turn = self.turn
        subject = f'ReplicaSet "{turn.name}-{turn.hash}"'
        if turn.aborted:
            return "Progressing", False, "RolloutAborted", turn.abort_message
        if turn.idle and turn.new.ready >= turn.replicas:
            return "Progressing", True, "NewReplicaSetAvailable", f"{subject} has successfully progressed."
        if turn.pauses or turn.paused_by_user:
            return "Progressing", True, "RolloutPaused", "Rollout is paused"
        if self.overdue():
            return "Progressing", False, "ProgressDeadlineExceeded", f"{subject} has timed out progressing."
        return "Progressing", True, "ReplicaSetUpdated", f"{subject} is progressing."

    def overdue(self) -> bool:
        """No pod came up and no step was done for `progressDeadlineSeconds`."""
        last = next((c for c in self.turn.old.get("conditions", []) if c["type"] == "Progressing"), None)
        if last is None or self.progressed():
            return False
        allowed = timedelta(seconds=self.turn.spec.get("progressDeadlineSeconds", PROGRESS_DEADLINE))
        deadline = parse(last["lastUpdateTime"]) + allowed
        if deadline > self.turn.at:
            self.turn.plan.wake_at(deadline)
        return deadline <= self.turn.at or last["reason"] == "ProgressDeadlineExceeded"

    def progressed(self) -> bool:
        status = self.turn.plan.status
        keys = ("currentPodHash", "currentStepIndex", "updatedReplicas", "readyReplicas", "replicas", "stableRS")
        paused = bool(self.turn.old.get("pauseConditions")) != bool(self.turn.pauses)
        return paused or any(self.turn.old.get(key) != status.get(key) for key in keys)

    def condition(self, type: str, truth: bool, reason: str, message: str) -> Object:
        """Keep the times of a condition that did not change; `lastUpdateTime` of Progressing follows progress."""
        old = next((c for c in self.turn.old.get("conditions", []) if c["type"] == type), None)
        now = stamp(self.turn.at)
        new = {"type": type, "status": "True" if truth else "False", "reason": reason, "message": message}
        same = old is not None and all(old[k] == v for k, v in new.items())
        if old is not None and same and not (type == "Progressing" and self.progressed()):
            return dict(old)
        moved = old is None or old["status"] != new["status"]
        return new | {
            "lastUpdateTime": now,
            "lastTransitionTime": now if moved or not old else old["lastTransitionTime"],
        }

    def conclude_healthy(self) -> None:
        healthy = self.turn.plan.status["phase"] == "Healthy"
        message = f"Rollout is {'' if healthy else 'not '}healthy"
        self.turn.plan.status["conditions"].insert(0, self.condition("Healthy", healthy, "RolloutHealthy", message))


def phase(status: Object, spec: Object, replicas: int) -> tuple[str, str]:
    """The phase and message that the controller writes; the first that applies."""
    for condition in status["conditions"]:
        if condition["reason"] in ("RolloutAborted", "ProgressDeadlineExceeded"):
            return "Degraded", f"{condition['reason']}: {condition['message']}"
    if spec.get("paused"):
        return "Paused", "manually paused"
    if status.get("pauseConditions"):
        return "Paused", status["pauseConditions"][0]["reason"]
    waiting = still_waiting_for(status, "blueGreen" in spec["strategy"], replicas, spec["strategy"])
    return ("Progressing", waiting) if waiting else ("Healthy", "")


def still_waiting_for(status: Object, blue_green: bool, replicas: int, strategy: Object) -> str:
    updated, current = status["updatedReplicas"], status["currentPodHash"]
    if updated < replicas:
        return "more replicas need to be updated"
    if status["availableReplicas"] < updated:
        return "updated replicas are still becoming available"
    if blue_green:
        if (status.get("blueGreen") or {}).get("activeSelector") != current:
            return "active service cutover pending"
        if status["stableRS"] == current:
            return ""
        after = "postPromotionAnalysisRunStatus" in status["blueGreen"]
        return f"waiting for {'post-promotion verification' if after else 'analysis'} to complete"
    if not (strategy.get("canary") or {}).get("trafficRouting") and status["replicas"] > updated:
        return "old replicas are pending termination"
    return "" if status["stableRS"] == current else "waiting for all steps to complete"
