"""Argo's Experiments: versions that run side by side for a while, beside the release, until there is a verdict.

    experiments = Experiments(store)
    experiments.verdicts["checkout"] = "Inconclusive"

Its pods are not modelled: an experiment runs for its duration and ends as it was told to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.kube.replicas import duration, owner_reference, parse
from sandbox.kube.store import EXPERIMENTS, STATUS, Object, Store, stamp

CONTROLLER = "rollouts-controller"
FINISHED = ("Successful", "Failed", "Error", "Inconclusive")


@dataclass
class Experiments:
    """The Experiment controller. `verdicts`: how those of a Rollout end, where not well."""

    store: Store
    verdicts: dict[str, str] = field(default_factory=dict)

    def of(self, rollout: Object) -> dict[str, Object]:
        return {one["metadata"]["name"]: one for one in self.store.owned(EXPERIMENTS, rollout)}

    def settle(self, rollout: Object, at: datetime) -> datetime | None:
        """End those whose time is up; answers when the next one's is. Without a duration one runs until it is ended."""
        verdict = self.verdicts.get(rollout["metadata"]["name"], "Successful")
        running = [one for one in self.of(rollout).values() if phase_of(one) not in FINISHED]
        waits = [self._look(one, verdict, at) for one in running]
        return min((w for w in waits if w), default=None)

    def _look(self, experiment: Object, verdict: str, at: datetime) -> datetime | None:
        lasts = duration(experiment["spec"].get("duration"))
        if lasts is None:
            return None
        ends = parse(experiment["status"]["availableAt"]) + timedelta(seconds=lasts)
        if ends > at:
            return ends
        self._end(experiment, verdict, f"its analyses assessed {verdict}")
        return None

    def follow(self, rollout: Object, wanted: Mapping[str, Object], alive: Collection[str], at: datetime) -> None:
        """Begin what is wanted, and end what the rollout no longer waits for."""
        for name, experiment in self.of(rollout).items():
            if name not in alive and phase_of(experiment) not in FINISHED:
                self._end(experiment, "Successful", "Experiment terminated")
        for name, block in wanted.items():
            meta = {
                "name": name,
                "namespace": rollout["metadata"]["namespace"],
                "ownerReferences": [owner_reference(rollout)],
            }
            made = self.store.create(EXPERIMENTS, {"metadata": meta, "spec": dict(block)}, CONTROLLER)
            status = {"phase": "Running", "availableAt": stamp(at)}
            self.store.update(EXPERIMENTS, made | {"status": status}, CONTROLLER, STATUS)

    def _end(self, experiment: Object, phase: str, message: str) -> None:
        status = experiment["status"] | {"phase": phase, "message": message}
        self.store.update(EXPERIMENTS, experiment | {"status": status}, CONTROLLER, STATUS)


def phase_of(experiment: Object) -> str:
    return str((experiment.get("status") or {}).get("phase", ""))
