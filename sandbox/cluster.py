"""The pretend cluster: a Kubernetes API, and controllers whose work depends on the clock alone, not on who looks when.

    cluster = Cluster(clock)
    cluster.deploy("checkout", image="shop/checkout:v42")
    cluster.rollouts["checkout"].phase

Nothing runs in the background. Every read first catches up: whatever the controllers would have done since the last
one, they do now, each thing at the moment when it was due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from sandbox.clock import Clock
from sandbox.kube import argo, deployments, gitops, patch, services
from sandbox.kube.analysis import Analyses
from sandbox.kube.api import KubeApi
from sandbox.kube.faults import Faults
from sandbox.kube.replicas import ARGO, PLAIN, Flavour, Replicas, Set, short_hash, version_of
from sandbox.kube.requests import Call
from sandbox.kube.stateful import StatefulSets
from sandbox.kube.store import (
    ANALYSIS_TEMPLATES,
    APPLICATIONS,
    AUTOSCALERS,
    DEPLOYMENTS,
    EVENTS,
    HELM_RELEASES,
    KUSTOMIZATIONS,
    MAIN,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    SERVICES,
    STATEFUL_SETS,
    Kind,
    Object,
    Store,
    fresh,
    stamp,
)

NAMESPACE = "shop"
MANIFESTS = Path(__file__).with_name("manifests.yml")
AGE = timedelta(hours=1)  # how long ago the shop was deployed
LAG = 0.2  # seconds until a controller has seen a write
PASSES, MOMENTS, EVENTS_KEPT = 50, 10_000, 300
MANAGERS = {
    ROLLOUTS: "rollouts-controller",
    DEPLOYMENTS: "kube-controller-manager",
    STATEFUL_SETS: "kube-controller-manager",
}
REFERABLE = (DEPLOYMENTS, REPLICA_SETS)  # where a Rollout may take its pod template from
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
Key = tuple[Kind, str, str]


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


class Cluster:
    """`lag` is how many seconds of clock time pass before a controller sees a write; 0 makes it see it at once.

    `lags` is the same for the workloads it names: one whose controller is slow.
    """

    def __init__(self, clock: Clock, manifests: Sequence[Object] | None = None, lag: float = LAG) -> None:
        self.clock, self.lag = clock, lag
        self.lags: dict[str, float] = {}
        self.store = Store(self.time)
        self.replicas = Replicas(self.store, tell=self._event)
        self.stateful = StatefulSets(self.store, self.replicas)
        self.analyses = Analyses(self.store)
        self.faults = Faults()
        self.before_call: Callable[[str], None] = lambda verb: None  # called at the start of every API call
        self.api = KubeApi(self.store, self.faults, self.reconcile, self.write, lambda verb: self.before_call(verb))
        self._moment: datetime | None = None  # the past moment that is being caught up with
        self._due: dict[Key, datetime] = {}
        self._sliced = 0  # the store's version that the EndpointSlices are of
        self._splits: dict[str, list[Split]] = {}
        self._kept: dict[Key, gitops.Repository] = {}  # what GitOps keeps, by the object that does
        with self._at(clock.now() - AGE):
            for manifest in yaml.safe_load(MANIFESTS.read_text()) if manifests is None else manifests:
                self.create(manifest)
        self.reconcile()

    def time(self) -> datetime:
        return self._moment or self.clock.now()

    @property
    def calls(self) -> Sequence[Call]:
        """Every call that came in over the API, oldest first."""
        return self.api.calls

    # --- what people, pipelines and tests do

    def create(self, manifest: Object, by: str = "ci") -> None:
        kind = next(k for k in (*MANAGERS, SERVICES, ANALYSIS_TEMPLATES) if k.kind == manifest["kind"])
        made = self.store.create(kind, manifest, by)
        if kind in MANAGERS:
            self._touch(kind, made)

    def deploy(self, name: str, image: str, by: str = "ci") -> None:
        """Put another image into the pod template, as a pipeline does: with a commit, where GitOps keeps it."""
        if repository := self.repository(name):
            template = fresh(repository.templates[name])
            template["spec"]["containers"][0]["image"] = image
            self.commit(repository, {name: template})
            return
        self.patch(name, {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}, by=by)

    def keep_old_image(self, node: str, image: str, old: str) -> None:
        """The node has `old` under the name of `image`, from when the tag meant that, and does not pull it again."""
        self.replicas.cached[node, image] = old

    def clean_node(self, node: str) -> None:
        """Somebody empties the node's cache and starts its pods anew: they run what they should."""
        with self.store.lock:
            self.reconcile()
            self.replicas.clean(node)
            for kind in MANAGERS:
                for obj in self.store.all(kind):
                    self._touch(kind, obj)

    def stray(self, name: str, image: str, service: str) -> None:
        """A pod that nobody's controller knows, with the labels that get it the service's traffic."""
        labels = self.workload(service).object["spec"]["selector"]["matchLabels"]
        self.replicas.by_hand(name, NAMESPACE, labels, image)

    def pods(self, service: str) -> list[Object]:
        """Those that get the traffic of a service, by name."""
        with self.store.lock:
            self.reconcile()
            front = self.store.find(SERVICES, NAMESPACE, service)
            return [pod for pod in self.store.all(PODS, NAMESPACE) if front and services.selects(front, pod)]

    def patch(self, name: str, body: Object, subresource: str = MAIN, by: str = "kubectl") -> None:
        """Merge `body` into a workload (members of named lists by their name), with no precondition."""
        with self.store.lock:
            self.reconcile()
            kind, obj = self._find(name)
            self.write(kind, patch.strategic(obj, body), by, subresource)

    def write(self, kind: Kind, obj: Object, manager: str, subresource: str = MAIN, dry_run: bool = False) -> Object:
        """The way in for every write that is not a controller's: the controller will see it after `lag`."""
        with self.store.lock:
            written = self.store.update(kind, obj, manager, subresource, dry_run)
            if not dry_run:
                self._notify(kind, written)
            if not dry_run and kind in MANAGERS and (kept := self.repository(written["metadata"]["name"])):
                self._wake_keepers(kept)
            return written

    def delete_pod(self, name: str) -> None:
        """What `kubectl delete pod` does; whoever owns it makes another."""
        with self.store.lock:
            self.reconcile()
            self.replicas.stop(self.store.get(PODS, NAMESPACE, name))
            for kind in MANAGERS:
                for obj in self.store.all(kind, NAMESPACE):
                    self._touch(kind, obj)

    # --- GitOps

    def argo_cd(self, *names: str, app: str = "shop", automated: Object | None = None) -> gitops.Repository:
        """From now on an Application of Argo CD keeps these workloads; `automated` is that of its syncPolicy."""
        url = gitops.Repository().url
        return self._keep(APPLICATIONS, gitops.application(app, NAMESPACE, url, automated), names)

    def flux(self, *names: str, kustomization: str = "shop", interval: str = "10m") -> gitops.Repository:
        """From now on a Kustomization of Flux keeps these workloads."""
        return self._keep(KUSTOMIZATIONS, gitops.kustomization(kustomization, interval), names)

    def helm_release(self, *names: str, release: str = "shop", drift: bool = False) -> gitops.Repository:
        """From now on a HelmRelease of Flux keeps these workloads; with `drift` it puts them back by itself."""
        return self._keep(HELM_RELEASES, gitops.helm_release(release, drift), names)

    def helm(self, name: str, release: str = "shop") -> None:
        """Somebody installed a workload with Helm by hand: it has the marks, and nobody who looks after it."""
        kind, workload = self._find(name)
        self.write(kind, patch.strategic(workload, {"metadata": gitops.helm_marks(release, NAMESPACE)}), "helm")

    def _keep(self, kind: Kind, keeper: Object, names: Sequence[str]) -> gitops.Repository:
        with self.store.lock:
            self.reconcile()
            made, repository = self.store.create(kind, keeper, "kubectl"), gitops.Repository()
            for name in names:
                workload_kind, workload = self._find(name)
                marked = patch.strategic(workload, {"metadata": gitops.marks(made, workload)})
                self.write(workload_kind, marked, gitops.MANAGERS[kind])
            repository.commit({name: self._find(name)[1]["spec"]["template"] for name in names})
            self._kept[kind, made["metadata"]["namespace"], made["metadata"]["name"]] = repository
            self._touch(kind, made)
            return repository

    def repository(self, name: str) -> gitops.Repository | None:
        """Where a workload's template is kept, if it is in Git."""
        return next((r for r in self._kept.values() if name in r.templates), None)

    def commit(self, repository: gitops.Repository, templates: Mapping[str, Object]) -> str:
        """Push; a webhook tells the keepers, which look within `lag`."""
        with self.store.lock:
            self.reconcile()
            id = repository.commit(templates)
            self._wake_keepers(repository)
            return id

    def revert(self, repository: gitops.Repository) -> str:
        """`git revert HEAD`, pushed."""
        return self.commit(repository, repository.commits[-2][1])

    def _wake_keepers(self, repository: gitops.Repository) -> None:
        for key, kept in self._kept.items():
            if kept is repository:
                self._touch(key[0], self.store.get(*key))

    def _sync(self, key: Key) -> None:
        """One look of a GitOps controller."""
        kind, repository = key[0], self._kept[key]
        keeper = self.store.get(*key)
        found = {name: self._find(name) for name in repository.templates}
        turn = gitops.decide(keeper, repository, {name: obj for name, (_, obj) in found.items()}, self.time())
        for name in turn.apply:
            workload_kind, obj = found[name]
            wanted = obj | {"spec": obj["spec"] | {"template": repository.templates[name]}}
            self._notify(workload_kind, self.store.update(workload_kind, wanted, gitops.MANAGERS[kind]))
        self.store.update(kind, keeper | {"status": turn.status}, gitops.MANAGERS[kind], "status")
        if turn.wake:
            self._due[key] = min(turn.wake, self._due.get(key, turn.wake))

    def autoscale(self, name: str, least: int = 2, most: int = 10) -> None:
        """A HorizontalPodAutoscaler that targets a workload; it is content with the replicas as they are."""
        _, workload = self._find(name)
        target = {"apiVersion": workload["apiVersion"], "kind": workload["kind"], "name": name}
        spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}
        self.store.create(AUTOSCALERS, {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}, "kubectl")

    @property
    def workloads(self) -> Mapping[str, Workload]:
        """Every Rollout, Deployment and StatefulSet by its name, as of now."""
        with self.store.lock:
            self.reconcile()
            found = [(kind, obj) for kind in MANAGERS for obj in self.store.all(kind, NAMESPACE)]
            return {obj["metadata"]["name"]: self._workload(kind, obj) for kind, obj in found}

    @property
    def rollouts(self) -> Mapping[str, Workload]:
        return {name: w for name, w in self.workloads.items() if w.kind == "Rollout"}

    def workload(self, name: str) -> Workload:
        with self.store.lock:
            self.reconcile()
            return self._workload(*self._find(name))

    def traffic(self, name: str) -> Sequence[Split]:
        """How a service's traffic was split, since it exists."""
        self.reconcile()
        return self._splits.get(name, ())

    def close(self) -> None:
        """End every watch and release every hanging call."""
        self.faults.release()
        self.api.close()

    def _workload(self, kind: Kind, obj: Object) -> Workload:
        history = self._splits.get(obj["metadata"]["name"])
        return Workload(obj, tuple(self._sets(kind, obj)), history[-1].shares if history else ())

    def _sets(self, kind: Kind, obj: Object) -> list[Set]:
        return self.stateful.sets(obj) if kind is STATEFUL_SETS else self.replicas.sets(obj, flavour_of(kind))

    def _find(self, name: str) -> tuple[Kind, Object]:
        for kind in MANAGERS:
            if found := self.store.find(kind, NAMESPACE, name):
                return kind, found
        raise KeyError(f"there is no workload {name!r} in namespace {NAMESPACE}")

    # --- catching up

    def reconcile(self) -> None:
        """Do what the controllers would have done by now, each thing at its moment and in the order of moments."""
        with self.store.lock:
            if self._moment:
                return
            now = self.clock.now()
            for _ in range(MOMENTS):
                key = min(self._due, key=lambda k: self._due[k], default=None)
                if key is None or self._due[key] > now:
                    break
                with self._at(self._due.pop(key)):
                    self._run(key)
            if self._sliced != self.store.version:
                services.follow(self.store)
                self._sliced = self.store.version

    def _run(self, key: Key) -> None:
        """Let one controller work until it is content with this moment."""
        kind, namespace, name = key
        if kind in gitops.MANAGERS:
            if key in self._kept:
                self._sync(key)
            return
        for _ in range(PASSES):
            before = self.store.version
            obj = self.store.get(kind, namespace, name)
            wake = self._controller(kind)(obj)
            if self.store.version == before:
                break
        if wake:
            self._due[key] = min(wake, self._due.get(key, wake))
        self._record_split(kind, self.store.get(kind, namespace, name))

    def _controller(self, kind: Kind) -> Callable[[Object], datetime | None]:
        return {ROLLOUTS: self._argo, DEPLOYMENTS: self._plain, STATEFUL_SETS: self._stateful}[kind]

    def _argo(self, rollout: Object) -> datetime | None:
        at = self.time()
        workload = self._referred(rollout)
        template = workload["spec"]["template"] if workload else rollout["spec"]["template"]
        whole = rollout | {"spec": rollout["spec"] | {"template": template}}
        new, made = self.replicas.ensure(whole, ARGO, MANAGERS[ROLLOUTS])
        if made:
            self._event(
                rollout, "Normal", "NewReplicaSetCreated", f"Created ReplicaSet {new.object['metadata']['name']}"
            )
        pods = self.replicas.settle(rollout, at)
        sets = self.replicas.sets(rollout, ARGO)
        measured = self.analyses.settle(rollout, at)
        plan = argo.decide(rollout, sets, at, self.analyses.of(rollout))
        self.analyses.follow(rollout, plan.analyses, plan.alive)
        for target in sets:
            self._scale(rollout, target, plan.scale[target.hash], plan.deadlines[target.hash])
            self.replicas.adorn(target, argo.ephemeral(rollout, plan.status, target.hash), MANAGERS[ROLLOUTS])
        for event in plan.events:
            self._event(rollout, *event)
        self.replicas.prune(sets, rollout["spec"].get("revisionHistoryLimit", 10))
        notes = {ARGO.revision: str(new.revision)}
        if workload:
            notes[WORKLOAD_GENERATION] = str(workload["metadata"]["generation"])
            plan.status["workloadObservedGeneration"] = notes[WORKLOAD_GENERATION]
        self._report(ROLLOUTS, rollout, plan.status, notes)
        return min((w for w in (pods, measured, plan.wake) if w), default=None)

    def _referred(self, rollout: Object) -> Object | None:
        """The workload that a Rollout takes its pod template from, if that is not its own."""
        reference = rollout["spec"].get("workloadRef")
        if not reference:
            return None
        kind = next(k for k in REFERABLE if k.kind == reference["kind"])
        return self.store.get(kind, rollout["metadata"]["namespace"], reference["name"])

    def _plain(self, deployment: Object) -> datetime | None:
        at = self.time()
        new = None
        if not deployment["spec"].get("paused") or self.replicas.holds(deployment, PLAIN):
            new, _ = self.replicas.ensure(deployment, PLAIN, MANAGERS[DEPLOYMENTS])
        pods = self.replicas.settle(deployment, at)
        sets = self.replicas.sets(deployment, PLAIN)
        new = next((s for s in sets if new and s.hash == new.hash), None)
        plan = deployments.decide(deployment, new, [s for s in sets if s is not new], at)
        for target in sets:
            self._scale(deployment, target, plan.scale[target.hash], None)
        self.replicas.prune(sets, deployment["spec"].get("revisionHistoryLimit", 10))
        self._report(DEPLOYMENTS, deployment, plan.status, {PLAIN.revision: str(new.revision)} if new else {})
        return min((w for w in (pods, plan.wake) if w), default=None)

    def _stateful(self, stateful_set: Object) -> datetime | None:
        status, wake = self.stateful.run(stateful_set, self.time())
        self._report(STATEFUL_SETS, stateful_set, status, {})
        return wake

    def _scale(self, owner: Object, target: Set, replicas: int, deadline: datetime | None) -> None:
        self.replicas.order(target, replicas, deadline, MANAGERS[kind_of(owner)])
        if replicas != target.desired:
            name = target.object["metadata"]["name"]
            way = "up" if replicas > target.desired else "down"
            text = f"Scaled {way} ReplicaSet {name} (revision {target.revision}) from {target.desired} to {replicas}"
            self._event(owner, "Normal", "ScalingReplicaSet", text)

    def _report(self, kind: Kind, obj: Object, status: Object, notes: dict[str, str]) -> None:
        annotations = obj["metadata"].setdefault("annotations", {})
        annotations |= notes
        obj = self.store.update(kind, obj, MANAGERS[kind])
        self.store.update(kind, obj | {"status": status}, MANAGERS[kind], "status")

    def _event(self, about: Object, type: str, reason: str, message: str) -> None:
        meta, at = about["metadata"], stamp(self.time())
        component = next((m for kind, m in MANAGERS.items() if kind.kind == about["kind"]), "replicaset-controller")
        event = {
            "metadata": {
                "name": f"{meta['name']}.{short_hash(f'{self.store.version}', 16)}",
                "namespace": meta["namespace"],
            },
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
            "reason": reason,
            "message": message,
            "type": type,
            "count": 1,
            "firstTimestamp": at,
            "lastTimestamp": at,
            "source": {"component": component},
        }
        self.store.create(EVENTS, event, component)
        kept = self.store.all(EVENTS, meta["namespace"])
        if len(kept) > EVENTS_KEPT:
            oldest = min(kept, key=lambda e: int(e["metadata"]["resourceVersion"]))
            self.store.delete(EVENTS, meta["namespace"], oldest["metadata"]["name"])

    def _record_split(self, kind: Kind, obj: Object) -> None:
        history = self._splits.setdefault(obj["metadata"]["name"], [])
        shares = split(obj, self._sets(kind, obj))
        opened = bool(history) or any(share.up for share in shares)  # a service begins with its first pod
        if opened and (not history or history[-1].shares != shares):
            history.append(Split(self.time(), shares))

    def _notify(self, kind: Kind, obj: Object) -> None:
        """The object's own controller, and that of every Rollout that refers to it."""
        if kind in (*MANAGERS, *gitops.MANAGERS):
            self._touch(kind, obj)
        this = {"kind": kind.kind, "name": obj["metadata"]["name"]}
        for rollout in self.store.all(ROLLOUTS, obj["metadata"]["namespace"]):
            reference = rollout["spec"].get("workloadRef") or {}
            if this.items() <= reference.items():
                self._touch(ROLLOUTS, rollout)

    def _touch(self, kind: Kind, obj: Object) -> None:
        name = obj["metadata"]["name"]
        key = (kind, obj["metadata"]["namespace"], name)
        due = self.time() + timedelta(seconds=self.lags.get(name, self.lag))
        self._due[key] = min(due, self._due.get(key, due))

    @contextmanager
    def _at(self, moment: datetime) -> Iterator[None]:
        self._moment = moment
        try:
            yield
        finally:
            self._moment = None


def flavour_of(kind: Kind) -> Flavour:
    return ARGO if kind is ROLLOUTS else PLAIN


def kind_of(obj: Object) -> Kind:
    return next(kind for kind in MANAGERS if kind.kind == obj["kind"])


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


def kubeconfig(server: str) -> dict[str, Any]:
    """What `kubectl` and clients need to find this cluster; `server` is the sandbox's address with `/cluster`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "sandbox",
        "clusters": [{"name": "sandbox", "cluster": {"server": server}}],
        "users": [{"name": "sandbox", "user": {"token": "sandbox"}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox", "namespace": NAMESPACE}}],
    }
