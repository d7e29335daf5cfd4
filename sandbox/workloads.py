"""A workload as people talk about it, and how a service's traffic is split between its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sandbox.kube.replicas import Set, version_of
from sandbox.kube.store import ROLLOUTS, Object


@dataclass(frozen=True)
class Share:
    """What part of a service's traffic one version gets. `up`: some pod is there to answer it."""

    track: str  # stable or canary
    version: str
    weight: float  # per cent
    up: bool = True


@dataclass(frozen=True)
class Split:
    """How traffic was split from `at` on."""

    at: datetime
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Workload:
    """A Rollout, Deployment or StatefulSet as people talk about it."""

    object: Object
    sets: tuple[Set, ...]
    shares: tuple[Share, ...]

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def status(self) -> Object:
        return dict(self.object.get("status") or {})

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def strategy(self) -> str:
        strategy = self.object["spec"].get("strategy") or {}
        return next((s for s in ("canary", "blueGreen") if s in strategy), "rollingUpdate")

    @property
    def current(self) -> str:
        """The version that the spec asks for."""
        template = self.object["spec"].get("template")
        return version_of(template) if template else self.sets[0].version

    @property
    def stable(self) -> str:
        hash = self.status.get("stableRS")
        if self.kind == "Deployment":
            return self.current if self.phase == "Healthy" else (self.sets[1].version if self.sets[1:] else "")
        if self.kind == "StatefulSet":
            hash = self.status.get("currentRevision")
        return next((s.version for s in self.sets if s.hash == hash), "")

    @property
    def phase(self) -> str:
        if self.kind == "Rollout":
            return str(self.status.get("phase", "Progressing"))
        if self.kind == "StatefulSet":
            done = self.sets[0].ready == self.object["spec"].get("replicas", 1)
            return "Healthy" if done and self.observed else "Progressing"
        reasons = {c["type"]: c["reason"] for c in self.status.get("conditions", [])}
        words = {"NewReplicaSetAvailable": "Healthy", "DeploymentPaused": "Paused"}
        return words.get(reasons.get("Progressing", ""), "Progressing")

    @property
    def message(self) -> str:
        return str(self.status.get("message", ""))

    @property
    def weight(self) -> int:
        """Per cent of traffic on what is not stable."""
        return round(sum(s.weight for s in self.shares if s.track == "canary"))

    @property
    def steps(self) -> list[Object]:
        return list(((self.object["spec"].get("strategy") or {}).get("canary") or {}).get("steps") or [])

    @property
    def step(self) -> int:
        return int(self.status.get("currentStepIndex") or 0)

    @property
    def aborted(self) -> bool:
        return bool(self.status.get("abort"))

    @property
    def paused(self) -> bool:
        return bool(self.object["spec"].get("paused"))

    @property
    def observed(self) -> bool:
        return str(self.status.get("observedGeneration")) == str(self.object["metadata"]["generation"])


def split(obj: Object, sets: Sequence[Set]) -> tuple[Share, ...]:
    """Who gets how much of the traffic: by the router, the switch, or the number of pods that are ready."""
    status = obj.get("status") or {}
    stable = status.get("stableRS") or sets[0].hash
    canary = status.get("currentPodHash")
    ready = {s.hash: s.ready for s in sets}
    weights = weights_of(status, ready)
    shares: dict[tuple[str, str], tuple[float, bool]] = {}
    for s in sets:
        if not (s.ready or weights.get(s.hash)):
            continue
        track = "canary" if s.hash == canary != stable and obj["kind"] == ROLLOUTS.kind else "stable"
        for version, part in parts(s).items():
            weight, up = shares.get((track, version), (0.0, False))
            shares[track, version] = (weight + part * weights.get(s.hash, 0.0), up or s.ready > 0)
    found = tuple(Share(track, version, weight, up) for (track, version), (weight, up) in sorted(shares.items()))
    return found or (Share("stable", sets[0].version, 100.0, up=False),)


def parts(s: Set) -> dict[str, float]:
    """What part of a set's pods runs which version: not all of them run what the set asks for."""
    odd = {version: count / s.ready for version, count in s.odd.items()}
    return {s.version: 1.0 - sum(odd.values())} | odd


def weights_of(status: Object, ready: Mapping[str, int]) -> dict[str, float]:
    if routed := (status.get("canary") or {}).get("weights"):
        weights: dict[str, float] = {}
        for side in ("canary", "stable"):
            hash = routed[side]["podTemplateHash"]
            weights[hash] = weights.get(hash, 0.0) + float(routed[side]["weight"])
        return weights
    if active := (status.get("blueGreen") or {}).get("activeSelector"):
        return {active: 100.0}
    total = sum(ready.values())
    return {hash: 100.0 * count / total for hash, count in ready.items()} if total else {}
