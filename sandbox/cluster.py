"""The pretend cluster: a Kubernetes API, and controllers whose work depends on the clock alone, not on who looks when.

    cluster = Cluster(clock)
    cluster.deploy("checkout", image="shop/checkout:v42")
    cluster.rollouts["checkout"].phase

Nothing runs in the background. Every read first catches up: whatever the controllers would have done since the last
one, they do now, each thing at the moment when it was due.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from sandbox.clock import Clock, FrozenClock
from sandbox.kube import argo, deployments, gitops, patch, services
from sandbox.kube.analysis import Analyses
from sandbox.kube.api import KubeApi
from sandbox.kube.experiments import Experiments
from sandbox.kube.faults import Faults
from sandbox.kube.flagger import Flagger
from sandbox.kube.replicas import ARGO, PLAIN, Flavour, Replicas, Set, short_hash
from sandbox.kube.requests import Call
from sandbox.kube.stateful import StatefulSets
from sandbox.kube.store import (
    ANALYSIS_TEMPLATES,
    APPLICATIONS,
    AUTOSCALERS,
    CANARIES,
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
from sandbox.workloads import Split, Workload, split

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


@cache
def shop() -> list[Object]:
    """The manifests of the pretend shop."""
    return list(yaml.safe_load(MANIFESTS.read_text()))


class Cluster:
    """The manifests were deployed an hour ago. `lags`: after how many seconds a workload's controller sees a write."""

    def __init__(self, clock: Clock, manifests: Sequence[Object] | None = None) -> None:
        self.clock = clock
        self.lags: dict[str, float] = {}
        self.store = Store(self.time)
        self.replicas = Replicas(self.store, tell=self.tell)
        self.stateful = StatefulSets(self.store, self.replicas)
        self.flagger = Flagger(self.store, self)
        self.analyses, self.experiments = Analyses(self.store), Experiments(self.store)
        self.faults = Faults()
        self.before_call: Callable[[str], None] = lambda verb: None  # called at the start of every API call
        self.api = KubeApi(self.store, self.faults, self.reconcile, self.write, lambda verb: self.before_call(verb))
        self._moment: datetime | None = None  # the past moment that is being caught up with
        self._due: dict[Key, datetime] = {}
        self._sliced = 0  # the store's version that the EndpointSlices are of
        self._splits: dict[str, list[Split]] = {}
        self._kept: dict[Key, gitops.Repository] = {}  # what GitOps keeps, by the object that does
        if manifests is None or manifests:
            self._begin_as(grown(clock.now(), json.dumps(shop() if manifests is None else manifests)))

    def _begin_as(self, other: Cluster) -> None:
        self.store.begin_as(other.store)
        self.replicas.begin_as(other.replicas)
        self.flagger.begin_as(other.flagger)
        self._due, self._sliced = dict(other._due), other._sliced
        self._splits = {name: list(history) for name, history in other._splits.items()}

    def time(self) -> datetime:
        return self._moment or self.clock.now()

    @property
    def calls(self) -> Sequence[Call]:
        """Every call that came in over the API, oldest first."""
        return self.api.calls

    # --- what people, pipelines and tests do

    def create(self, manifest: Object, by: str = "ci") -> None:
        kind = next(k for k in (*MANAGERS, CANARIES, SERVICES, ANALYSIS_TEMPLATES) if k.kind == manifest["kind"])
        made = self.store.create(kind, manifest, by)
        if kind in (*MANAGERS, CANARIES):
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

    def _sets_of(self, deployment: Object) -> list[Set]:
        return self._sets(DEPLOYMENTS, deployment)

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
        if kind is CANARIES:
            self._due[key] = self.flagger.tick(namespace, name)
            self._record_split(DEPLOYMENTS, self.flagger.target(namespace, name))
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
            self.tell(rollout, "Normal", "NewReplicaSetCreated", f"Created ReplicaSet {new.object['metadata']['name']}")
        pods = self.replicas.settle(rollout, at)
        sets = self.replicas.sets(rollout, ARGO)
        measured = self.analyses.settle(rollout, at)
        tried = self.experiments.settle(rollout, at)
        plan = argo.decide(rollout, sets, at, self.analyses.of(rollout), self.experiments.of(rollout))
        self.analyses.follow(rollout, plan.analyses, plan.alive)
        self.experiments.follow(rollout, plan.experiments, {*plan.alive, *plan.experiments}, at)
        for target in sets:
            self._scale(rollout, target, plan.scale[target.hash], plan.deadlines[target.hash])
            self.replicas.adorn(target, argo.ephemeral(rollout, plan.status, target.hash), MANAGERS[ROLLOUTS])
        for event in plan.events:
            self.tell(rollout, *event)
        self.replicas.prune(sets, rollout["spec"].get("revisionHistoryLimit", 10))
        notes = {ARGO.revision: str(new.revision)}
        if workload:
            notes[WORKLOAD_GENERATION] = str(workload["metadata"]["generation"])
            plan.status["workloadObservedGeneration"] = notes[WORKLOAD_GENERATION]
        self._report(ROLLOUTS, rollout, plan.status, notes)
        return min((w for w in (pods, measured, tried, plan.wake) if w), default=None)

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
            self.tell(owner, "Normal", "ScalingReplicaSet", text)

    def _report(self, kind: Kind, obj: Object, status: Object, notes: dict[str, str]) -> None:
        meta = obj["metadata"]
        noted = obj | {"metadata": meta | {"annotations": meta.get("annotations", {}) | notes}}
        obj = self.store.update(kind, noted, MANAGERS[kind])
        self.store.update(kind, obj | {"status": status}, MANAGERS[kind], "status")

    def tell(self, about: Object, type: str, reason: str, message: str, by: str = "") -> None:
        """A Kubernetes Event."""
        meta, at = about["metadata"], stamp(self.time())
        by = by or next((m for kind, m in MANAGERS.items() if kind.kind == about["kind"]), "replicaset-controller")
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
            "source": {"component": by},
        }
        self.store.create(EVENTS, event, by)
        kept = self.store.names(EVENTS, meta["namespace"])
        if len(kept) > EVENTS_KEPT:
            self.store.delete(EVENTS, meta["namespace"], kept[0])

    def _record_split(self, kind: Kind, obj: Object) -> None:
        canary = self.flagger.canary_of(obj) if kind is DEPLOYMENTS else None
        history = self._splits.setdefault((canary or obj)["metadata"]["name"], [])
        shares = self.flagger.shares(canary, self._sets_of) if canary else split(obj, self._sets(kind, obj))
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
        if kind is CANARIES and key in self._due:  # Flagger looks once in an interval, whatever is written meanwhile
            return
        due = self.time() + timedelta(seconds=self.lags.get(name, LAG))
        self._due[key] = min(due, self._due.get(key, due))

    @contextmanager
    def _at(self, moment: datetime) -> Iterator[None]:
        self._moment = moment
        try:
            yield
        finally:
            self._moment = None


@lru_cache(maxsize=16)
def grown(at: datetime, manifests: str) -> Cluster:
    """An hour after these were deployed, for others to begin as: tests ask for the same one hundreds of times."""
    clock = FrozenClock(at - AGE)
    cluster = Cluster(clock, manifests=())
    cluster.replicas.tempo = 0  # how long each pod took to come up is forgotten by now
    for manifest in json.loads(manifests):
        cluster.create(manifest)
    clock.advance(AGE.total_seconds())
    cluster.reconcile()
    return cluster


def flavour_of(kind: Kind) -> Flavour:
    return ARGO if kind is ROLLOUTS else PLAIN


def kind_of(obj: Object) -> Kind:
    return next(kind for kind in MANAGERS if kind.kind == obj["kind"])


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
