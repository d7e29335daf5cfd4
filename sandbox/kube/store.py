"""What an API server keeps: versioned objects, who owns which of their fields, and the log that watches read."""

from __future__ import annotations

import marshal
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

Object = dict[str, Any]
Path = tuple[str, ...]
Name = tuple[str, str]  # the namespace, and the name in it
T = TypeVar("T")

LOG_LENGTH = 2_000  # a watch that asks for something older is told 410 Gone
MAIN, STATUS = "", "status"


@dataclass(frozen=True, eq=False)
class Kind:
    """There is one of each, below."""

    group: str
    version: str
    plural: str
    kind: str
    custom: bool = False  # a CustomResourceDefinition: no strategic merge patch

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """How error messages name it: `rollouts.argoproj.io`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


ROLLOUTS = Kind("argoproj.io", "v1alpha1", "rollouts", "Rollout", custom=True)
ANALYSIS_RUNS = Kind("argoproj.io", "v1alpha1", "analysisruns", "AnalysisRun", custom=True)
ANALYSIS_TEMPLATES = Kind("argoproj.io", "v1alpha1", "analysistemplates", "AnalysisTemplate", custom=True)
EXPERIMENTS = Kind("argoproj.io", "v1alpha1", "experiments", "Experiment", custom=True)
APPLICATIONS = Kind("argoproj.io", "v1alpha1", "applications", "Application", custom=True)
KUSTOMIZATIONS = Kind("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization", custom=True)
CANARIES = Kind("flagger.app", "v1beta1", "canaries", "Canary", custom=True)
HELM_RELEASES = Kind("helm.toolkit.fluxcd.io", "v2", "helmreleases", "HelmRelease", custom=True)
AUTOSCALERS = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
REPLICA_SETS = Kind("apps", "v1", "replicasets", "ReplicaSet")
DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS = Kind("apps", "v1", "statefulsets", "StatefulSet")
CONTROLLER_REVISIONS = Kind("apps", "v1", "controllerrevisions", "ControllerRevision")
PODS = Kind("", "v1", "pods", "Pod")
EVENTS = Kind("", "v1", "events", "Event")
SERVICES = Kind("", "v1", "services", "Service")
ENDPOINT_SLICES = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
KINDS = (
    ROLLOUTS,
    ANALYSIS_RUNS,
    ANALYSIS_TEMPLATES,
    EXPERIMENTS,
    APPLICATIONS,
    KUSTOMIZATIONS,
    CANARIES,
    HELM_RELEASES,
    AUTOSCALERS,
    REPLICA_SETS,
    DEPLOYMENTS,
    STATEFUL_SETS,
    CONTROLLER_REVISIONS,
    PODS,
    EVENTS,
    SERVICES,
    ENDPOINT_SLICES,
)


class Missing(Exception):
    """There is no object of that kind, namespace and name."""


class Moved(Exception):
    """The object is no longer at the resource version, or is not the one, that the writer named."""


class Gone(Exception):
    """The log no longer reaches back to the resource version that a watch asked for."""


@dataclass(frozen=True)
class Change:
    at: int
    type: str  # ADDED, MODIFIED or DELETED
    kind: Kind
    object: Object


@dataclass
class Store:
    """Every object in the cluster; hold `lock` to read and write in one step.

    Objects are given as they are kept: for looking at, or for a `fresh` copy to change and to write back.
    """

    now: Callable[[], datetime]
    lock: threading.RLock = field(default_factory=threading.RLock)
    version: int = 100
    _objects: dict[Kind, dict[Name, Object]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    _log: deque[Change] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    _floor: int = 0  # the log holds what came after this version
    _listeners: list[Callable[[], object]] = field(default_factory=list)

    def begin_as(self, other: Store) -> None:
        """Both hold the same objects from now on: what is kept is never changed in place."""
        self._objects = {kind: dict(held) for kind, held in other._objects.items()}
        self._log, self._floor, self.version = other._log.copy(), other._floor, other.version

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        with self.lock:
            return self._objects[kind].get((namespace, name))

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        found = self.find(kind, namespace, name)
        if found is None:
            raise Missing(name)
        return found

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        """All objects of a kind, in one namespace or in all, by name as an API server lists them."""
        with self.lock:
            held = self._objects[kind]
            return [held[key] for key in sorted(held) if namespace in ("", key[0])]

    def names(self, kind: Kind, namespace: str) -> list[str]:
        """Of all objects of a kind, those that were made first before the others."""
        with self.lock:
            return [name for space, name in self._objects[kind] if space == namespace]

    def owned(self, kind: Kind, owner: Object) -> list[Object]:
        uid = owner["metadata"]["uid"]
        with self.lock:
            held = self._objects[kind]
            mine = [
                key
                for key, obj in held.items()
                if any(r["uid"] == uid for r in obj["metadata"].get("ownerReferences", []))
            ]
            return [held[key] for key in sorted(mine)]

    def create(self, kind: Kind, obj: Object, manager: str) -> Object:
        with self.lock:
            new = fresh(obj) | {"apiVersion": kind.api_version, "kind": kind.kind}
            meta = new["metadata"]
            key = (meta["namespace"], meta["name"])
            assert key not in self._objects[kind], f"{kind.kind} {key} exists"
            self.version += 1
            meta |= {
                "uid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind.resource}/{key[0]}/{key[1]}/{self.version}")),
                "creationTimestamp": stamp(self.now()),
                "generation": 1,
                "resourceVersion": str(self.version),
            }
            own(new, {}, manager, MAIN, stamp(self.now()))
            self._keep(kind, "ADDED", new)
            return new

    def update(self, kind: Kind, obj: Object, manager: str, subresource: str = MAIN, dry_run: bool = False) -> Object:
        """Write only the status of `obj`, or all but that, as the subresource says. Changing nothing writes nothing."""
        with self.lock:
            meta = obj["metadata"]
            old = self._objects[kind].get((meta["namespace"], meta["name"]))
            if old is None:
                raise Missing(meta["name"])
            check_preconditions(meta, old["metadata"])
            merged = merge_write(old, obj, subresource)
            if merged == old:
                return old
            new: Object = {k: v if v is old.get(k) else fresh(v) for k, v in merged.items()}
            new["metadata"] = dict(new["metadata"])
            if new.get("spec") != old.get("spec"):
                new["metadata"]["generation"] = old["metadata"]["generation"] + 1
            own(new, old, manager, subresource, stamp(self.now()))
            new["metadata"]["resourceVersion"] = str(self.version + 1)
            if not dry_run:
                self.version += 1
                self._keep(kind, "MODIFIED", new)
            return new

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        with self.lock:
            old = self._objects[kind].pop((namespace, name), None)
            if old is None:
                raise Missing(name)
            self.version += 1
            last = old | {"metadata": old["metadata"] | {"resourceVersion": str(self.version)}}
            self._record(Change(self.version, "DELETED", kind, last))

    def changes(self, kind: Kind, namespace: str, after: int) -> Iterator[Change]:
        """What happened to a kind since resource version `after`."""
        with self.lock:
            if after < self._floor:
                raise Gone(f"too old resource version: {after} ({self._floor + 1})")
            changes = [c for c in self._log if c.at > after and c.kind == kind]
        return (c for c in changes if namespace in ("", c.object["metadata"]["namespace"]))

    def forget(self) -> None:
        """Compact the log, as etcd does every five minutes: older watches are told 410 Gone."""
        with self.lock:
            self._log.clear()
            self._floor = self.version

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` after every change until the function returned here is called."""
        with self.lock:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ring(self) -> None:
        for listener in list(self._listeners):
            listener()

    def _keep(self, kind: Kind, type: str, obj: Object) -> None:
        self._objects[kind][obj["metadata"]["namespace"], obj["metadata"]["name"]] = obj
        self._record(Change(self.version, type, kind, obj))

    def _record(self, change: Change) -> None:
        if len(self._log) == LOG_LENGTH:
            self._floor = self._log[0].at
        self._log.append(change)
        self.ring()


def fresh(value: T) -> T:
    """A copy that shares nothing. For JSON only, and many times as fast as `copy.deepcopy`."""
    return cast(T, marshal.loads(marshal.dumps(cast(Any, value))))  # noqa: S302  # our own bytes


def stamp(at: datetime) -> str:
    return f"{at.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def check_preconditions(given: Object, held: Object) -> None:
    version = given.get("resourceVersion")
    if version not in (None, "", held["resourceVersion"]):
        raise Moved("the object has been modified; please apply your changes to the latest version and try again")
    if given.get("uid") not in (None, "", held["uid"]):
        raise Moved(f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {held['uid']}")


def merge_write(old: Object, given: Object, subresource: str) -> Object:
    """`old` with what a write to this subresource may change: the other half of the object is silently dropped.

    It shares its parts with both.
    """
    if subresource == STATUS:
        new = old | {"status": given.get("status")}
    else:
        held = old["metadata"]
        meta = given["metadata"] | {k: held[k] for k in ("uid", "creationTimestamp", "generation", "resourceVersion")}
        meta["managedFields"] = held.get("managedFields", [])
        kept = {"apiVersion": old["apiVersion"], "kind": old["kind"], "status": old.get("status")}
        new = given | {"metadata": meta} | kept
    return {k: v for k, v in new.items() if v is not None}


# --- who owns which field


def leaves(value: Any, at: Path = ()) -> set[Path]:
    """The path of every field of an object. A list counts as one field."""
    if not isinstance(value, dict) or not value:
        return {at}
    return {path for key, inner in value.items() for path in leaves(inner, (*at, key))}


def owned_fields(obj: Object) -> Object:
    meta = {k: obj["metadata"][k] for k in ("annotations", "labels", "ownerReferences") if k in obj["metadata"]}
    return {k: v for k, v in (obj | {"metadata": meta}).items() if k not in ("apiVersion", "kind")}


def differences(old: Any, new: Any, at: Path = ()) -> tuple[set[Path], set[Path]]:
    """The fields that were set, and those that are gone."""
    if old == new:
        return set(), set()
    if not (old and new and isinstance(old, dict) and isinstance(new, dict)):
        before, after = leaves(old, at), leaves(new, at)
        return after, before - after
    found, gone = set[Path](), set[Path]()
    for key in old.keys() | new.keys():
        path = (*at, key)
        if key not in old:
            found |= leaves(new[key], path)
        elif key not in new:
            gone |= leaves(old[key], path)
        else:
            inner = differences(old[key], new[key], path)
            found, gone = found | inner[0], gone | inner[1]
    return found, gone


def own(new: Object, old: Object, manager: str, subresource: str, at: str) -> None:
    """Record in `managedFields` that `manager` set whatever differs between `old` and `new`."""
    changed, gone = differences(owned_fields(old), owned_fields(new)) if old else (leaves(owned_fields(new)), set())
    entries = {(e["manager"], e.get("subresource", MAIN)): e for e in new["metadata"].get("managedFields", [])}
    for who, entry in entries.items():
        entries[who] = entry | {"fieldsV1": without(entry["fieldsV1"], changed | gone)}
    if changed:
        held = entries.get((manager, subresource), {"fieldsV1": {}})
        entries[manager, subresource] = {
            "manager": manager,
            "operation": "Update",
            "apiVersion": new["apiVersion"],
            "time": at,
            "fieldsType": "FieldsV1",
            "fieldsV1": grafted(held["fieldsV1"], changed),
        } | ({"subresource": subresource} if subresource else {})
    new["metadata"]["managedFields"] = [entry for entry in entries.values() if entry["fieldsV1"]]


def grafted(tree: Object, paths: set[Path]) -> Object:
    tree = fresh(tree)
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(f"f:{step}", {})
    return tree


def without(tree: Object, paths: set[Path]) -> Object:
    for path in paths:
        tree = _without(tree, path)
    return tree


def _without(tree: Object, path: Path) -> Object:
    """Without that field, if it is there, and without what is empty then."""
    step, rest = f"f:{path[0]}", path[1:]
    inner = tree.get(step)
    if inner is None or bool(inner) != bool(rest):
        return tree
    left = _without(inner, rest) if rest else {}
    return tree | {step: left} if left else {k: v for k, v in tree.items() if k != step}
