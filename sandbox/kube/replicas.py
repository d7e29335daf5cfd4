"""ReplicaSets and the pods in them: pods take a few seconds to come up, and some never do."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sandbox.kube.store import DEPLOYMENTS, PODS, REPLICA_SETS, ROLLOUTS, Kind, Object, Store, fresh, stamp

SAFE = "bcdfghjklmnpqrstvwxz2456789"  # what Kubernetes makes generated names of: no vowels, no look-alikes
FIRST_POD = 2.0  # seconds until the first pod of a batch is ready
NEXT_POD = 0.5  # and how much longer each further one takes
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
KUBELET, REPLICA_CONTROLLER = "kubelet", "kube-controller-manager"
TRY_AGAIN = timedelta(seconds=10)  # when a pod could not be created
NO_LIMIT = 1_000_000  # pods, where there is no quota
EPHEMERAL = "rollout.argoproj.io/ephemeral-metadata"
SCALE_DOWN_DELAY = 30  # seconds; the default of scaleDownDelaySeconds and abortScaleDownDelaySeconds
DEADLINE = "scale-down-deadline"  # Argo Rollouts writes this annotation without a prefix


@dataclass(frozen=True)
class Flavour:
    """How one kind of owner marks its ReplicaSets."""

    kind: Kind
    hash_label: str
    revision: str
    history: str


ARGO = Flavour(
    ROLLOUTS,
    hash_label="rollouts-pod-template-hash",
    revision="rollout.argoproj.io/revision",
    history="rollout.argoproj.io/revision-history",
)
PLAIN = Flavour(
    DEPLOYMENTS,
    hash_label="pod-template-hash",
    revision="deployment.kubernetes.io/revision",
    history="deployment.kubernetes.io/revision-history",
)


@dataclass(frozen=True)
class Set:
    """A ReplicaSet as its controller sees it."""

    hash: str
    revision: int
    desired: int
    replicas: int
    ready: int
    created_at: datetime
    deadline: datetime | None
    version: str
    object: Object = field(repr=False, compare=False)
    odd: dict[str, int] = field(default_factory=dict, compare=False)  # version → ready pods that run that instead


@dataclass
class Replicas:
    """The ReplicaSet controller and the kubelets. `tempo` stretches or shortens how long pods take to come up."""

    store: Store
    tempo: float = 1.0
    broken_images: set[str] = field(default_factory=set)  # their pods never become ready
    # (node, image) → what the node has under that name: a tag that was pushed again is not pulled again.
    cached: dict[tuple[str, str], str] = field(default_factory=dict)
    full: bool = False  # no node has room for another pod: it stays Pending
    quota: int | None = None  # how many pods a namespace may have: no further one is created
    tell: Callable[[Object, str, str, str], None] = lambda about, type, reason, message: None  # writes an Event
    _homeless: set[str] = field(default_factory=set)
    _ready_at: dict[str, datetime] = field(default_factory=dict)
    _serial: int = 0

    def begin_as(self, other: Replicas) -> None:
        self._ready_at, self._serial = dict(other._ready_at), other._serial

    def sets(self, owner: Object, flavour: Flavour) -> list[Set]:
        """The owner's ReplicaSets, highest revision first."""
        found = [self._view(rs, flavour) for rs in self.store.owned(REPLICA_SETS, owner)]
        return sorted(found, key=lambda s: -s.revision)

    def _view(self, rs: Object, flavour: Flavour) -> Set:
        meta, status = rs["metadata"], rs.get("status", {})
        notes = meta.get("annotations", {})
        deadline = notes.get(DEADLINE)
        return Set(
            hash=meta["labels"][flavour.hash_label],
            revision=int(notes.get(flavour.revision, 0)),
            desired=rs["spec"]["replicas"],
            replicas=status.get("replicas", 0),
            ready=status.get("readyReplicas", 0),
            created_at=parse(meta["creationTimestamp"]),
            deadline=parse(deadline) if deadline else None,
            version=version_of(rs["spec"]["template"]),
            object=rs,
            odd=self._odd(rs) if self.cached else {},
        )

    def holds(self, owner: Object, flavour: Flavour) -> bool:
        """There is a ReplicaSet of the owner's present template."""
        return any(s.hash == template_hash(owner["spec"]["template"]) for s in self.sets(owner, flavour))

    def _odd(self, rs: Object) -> dict[str, int]:
        asked, found = version_of(rs["spec"]["template"]), dict[str, int]()
        for pod in self.store.owned(PODS, rs):
            version = tag_of(self.runs(pod))
            if version != asked and is_ready(pod):
                found[version] = found.get(version, 0) + 1
        return found

    def runs(self, pod: Object) -> str:
        """The image that the pod's node really started for its first container."""
        image = str(pod["spec"]["containers"][0]["image"])
        return self.cached.get((pod["spec"]["nodeName"], image), image)

    def ensure(self, owner: Object, flavour: Flavour, manager: str) -> tuple[Set, bool]:
        """The ReplicaSet of the owner's present template, made if there is none, with the highest revision number."""
        template = owner["spec"]["template"]
        hash = template_hash(template)
        sets = self.sets(owner, flavour)
        top = sets[0].revision if sets else 0
        for found in sets:
            if found.hash == hash:
                return (found if found.revision == top else self._renumber(found, top + 1, flavour, manager)), False
        made = self.store.create(REPLICA_SETS, new_set(owner, template, hash, top + 1, flavour), manager)
        return self._view(made, flavour), True

    def _renumber(self, old: Set, revision: int, flavour: Flavour, manager: str) -> Set:
        rs = fresh(old.object)
        notes = rs["metadata"]["annotations"]
        past = [notes[flavour.history]] if notes.get(flavour.history) else []
        notes |= {flavour.revision: str(revision), flavour.history: ",".join([*past, str(old.revision)])}
        return self._view(self.store.update(REPLICA_SETS, rs, manager), flavour)

    def _held(self, target: Set) -> Object:
        meta = target.object["metadata"]
        return self.store.get(REPLICA_SETS, meta["namespace"], meta["name"])

    def order(self, target: Set, desired: int, deadline: datetime | None, manager: str) -> bool:
        """Write what the controller wants of a ReplicaSet; True if that is news."""
        rs = fresh(self._held(target))
        before = rs["metadata"]["resourceVersion"]
        rs["spec"]["replicas"] = desired
        notes = rs["metadata"]["annotations"]
        notes.pop(DEADLINE, None)
        if deadline:
            notes[DEADLINE] = stamp(deadline)
        return bool(self.store.update(REPLICA_SETS, rs, manager)["metadata"]["resourceVersion"] != before)

    def adorn(self, target: Set, wanted: Object, manager: str) -> None:
        """Write labels and annotations into the template of a ReplicaSet and onto its pods, and take off those before.

        Whoever copies that template copies them too, and has made a template that nobody ever deployed.
        """
        rs = fresh(self._held(target))
        notes = rs["metadata"]["annotations"]
        worn = json.loads(notes.pop(EPHEMERAL, "{}"))
        if worn == wanted:
            return
        if wanted:
            notes[EPHEMERAL] = json.dumps(wanted)
        dress(rs["spec"]["template"]["metadata"], worn, wanted)
        self.store.update(REPLICA_SETS, rs, manager)
        for pod in map(fresh, self.store.owned(PODS, rs)):
            dress(pod["metadata"], worn, wanted)
            self.store.update(PODS, pod, manager)

    def prune(self, sets: list[Set], limit: int) -> None:
        """Delete old ReplicaSets beyond the history limit; only empty ones ever go."""
        empty = [s for s in sets[1:] if not s.desired and not s.replicas]
        for old in empty[limit:]:
            self.store.delete(REPLICA_SETS, old.object["metadata"]["namespace"], old.object["metadata"]["name"])

    def settle(self, owner: Object, at: datetime) -> datetime | None:
        """Bring pods and the status of the owner's ReplicaSets up to `at`; answers when the next pod will be ready."""
        waits = [self._settle_one(rs, at) for rs in self.store.owned(REPLICA_SETS, owner)]
        return min((w for w in waits if w), default=None)

    def start(self, pod: Object, at: datetime, position: int = 0) -> Object:
        """Make a pod; `position` is how many others the kubelets start before it."""
        made = self.store.create(PODS, pod, KUBELET)
        broken = made["spec"]["containers"][0]["image"] in self.broken_images
        self._ready_at[made["metadata"]["uid"]] = NEVER if broken or self.full else at + self._boot(position)
        if self.full:
            self._homeless.add(made["metadata"]["uid"])
        return self._report(made, ready=False)

    def _settle_one(self, rs: Object, at: datetime) -> datetime | None:
        pods = self.store.owned(PODS, rs)
        wanted = rs["spec"]["replicas"]
        missing = max(0, wanted - len(pods))
        room = min(missing, self.room(rs["metadata"]["namespace"]))
        for position in range(room):
            pods.append(self.start(self._new_pod(rs), at, position))
        refused = missing > room
        surplus = sorted(pods, key=lambda p: (self.due(p) <= at, -self.due(p).timestamp()))[: len(pods) - wanted]
        for pod in surplus if len(pods) > wanted else []:
            self.stop(pod)
            pods.remove(pod)
        ready = sum(self.make_ready(pod, at) for pod in pods)
        failures = self._failures(rs, at) if refused else []
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": rs["metadata"]["generation"],
        } | ({"conditions": failures} if failures else {})
        self.store.update(REPLICA_SETS, rs | {"status": status}, REPLICA_CONTROLLER, "status")
        again = [at + TRY_AGAIN] if refused else []
        return min([*again, *(self.due(p) for p in pods if at < self.due(p) < NEVER)], default=None)

    def room(self, namespace: str) -> int:
        """How many more pods the namespace may have."""
        return NO_LIMIT if self.quota is None else max(0, self.quota - len(self.store.all(PODS, namespace)))

    def refusal(self, pod: str) -> str:
        """What the API server answers to one pod too many."""
        used = f"requested: pods=1, used: pods={self.quota}, limited: pods={self.quota}"
        return f'pods "{pod}" is forbidden: exceeded quota: pods, {used}'

    def _failures(self, rs: Object, at: datetime) -> list[Object]:
        """What stands on a ReplicaSet whose pods are refused; said in an Event when it begins."""
        if held := failures_of(rs):
            return held
        name = new_pod(rs, short_hash(f"{rs['metadata']['name']}/refused", 5), "")["metadata"]["name"]
        message = self.refusal(name)
        self.tell(rs, "Warning", "FailedCreate", f"Error creating: {message}")
        condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
        return [condition | {"lastTransitionTime": stamp(at)}]

    def _boot(self, position: int) -> timedelta:
        return timedelta(seconds=(FIRST_POD + NEXT_POD * position) * self.tempo)

    def due(self, pod: Object) -> datetime:
        return self._ready_at[pod["metadata"]["uid"]]

    def _new_pod(self, rs: Object) -> Object:
        self._serial += 1
        return new_pod(rs, short_hash(f"{rs['metadata']['name']}/{self._serial}", 5), self._free_node(rs))

    def by_hand(self, name: str, namespace: str, labels: Object, image: str) -> None:
        """A pod without an owner, ready at once, as somebody starts it to try something."""
        meta = {"name": name, "namespace": namespace, "labels": dict(labels)}
        spec = {"containers": [{"name": "app", "image": image}], "nodeName": "node-1"}
        pod = self.store.create(PODS, {"metadata": meta, "spec": spec}, "kubectl")
        self._ready_at[pod["metadata"]["uid"]] = self.store.now()
        self._report(pod, ready=True)

    def _free_node(self, rs: Object) -> str:
        """Pods of one set go to different nodes."""
        taken = {pod["spec"]["nodeName"] for pod in self.store.owned(PODS, rs)}
        return next(node for n in count(1) if (node := f"node-{n}") not in taken)

    def make_ready(self, pod: Object, at: datetime) -> bool:
        ready = self.due(pod) <= at
        if ready and not is_ready(pod):
            self._report(pod, ready=True)
        return ready

    def _report(self, pod: Object, ready: bool) -> Object:
        broken = self.due(pod) == NEVER
        status = pod_status(pod, ready, broken, stamp(self.store.now()), self.cached)
        if pod["metadata"]["uid"] in self._homeless:
            status = unscheduled(stamp(self.store.now()))
        return self.store.update(PODS, pod | {"status": status}, KUBELET, "status")

    def stop(self, pod: Object) -> None:
        del self._ready_at[pod["metadata"]["uid"]]
        self.store.delete(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def clean(self, node: str) -> None:
        """Forget what the node has cached, and start its pods anew."""
        self.cached = {key: image for key, image in self.cached.items() if key[0] != node}
        for pod in self.store.all(PODS):
            if pod["spec"]["nodeName"] == node:
                self.stop(pod)

    def remove(self, owner: Object) -> None:
        """What the garbage collector does when an owner is deleted."""
        for rs in self.store.owned(REPLICA_SETS, owner):
            for pod in self.store.owned(PODS, rs):
                self.stop(pod)
            self.store.delete(REPLICA_SETS, rs["metadata"]["namespace"], rs["metadata"]["name"])


# --- the objects


def failures_of(rs: Object) -> list[Object]:
    """Its conditions, of which there is one kind; the workload's controller copies it."""
    return list((rs.get("status") or {}).get("conditions") or [])


def dress(meta: Object, worn: Object, wanted: Object) -> None:
    for part in ("labels", "annotations"):
        kept = {k: v for k, v in meta.pop(part, {}).items() if k not in worn.get(part, {})} | wanted.get(part, {})
        if kept:
            meta[part] = kept


def template_hash(template: Object) -> str:
    """Deterministic, and of the shape that real pod-template hashes have."""
    return short_hash(json.dumps(template, sort_keys=True), 10)


def short_hash(text: str, length: int) -> str:
    return "".join(SAFE[b % len(SAFE)] for b in hashlib.sha256(text.encode()).digest()[:length])


def digest(image: str) -> str:
    """The imageID that a node reports for an image."""
    return f"docker.io/{image.rsplit(':', 1)[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def version_of(template: Object) -> str:
    """The tag of the first container's image: what people call the version."""
    return tag_of(str(template["spec"]["containers"][0]["image"]))


def tag_of(image: str) -> str:
    return image.rsplit(":", 1)[1] if ":" in image else image


def is_ready(pod: Object) -> bool:
    """A pod that no node has taken has no containers yet."""
    return bool((pod["status"].get("containerStatuses") or [{"ready": False}])[0]["ready"])


def address(pod: Object) -> str:
    """Of its own, and always the same."""
    return "10." + ".".join(str(b) for b in hashlib.sha256(pod["metadata"]["uid"].encode()).digest()[:3])


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(given: Any) -> float | None:
    """Seconds of an integer, digits, or a Go duration such as `1m30s`; None where there is none."""
    if given is None:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", str(given))
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def new_set(owner: Object, template: Object, hash: str, revision: int, flavour: Flavour) -> Object:
    labels = template["metadata"]["labels"] | {flavour.hash_label: hash}
    return {
        "metadata": {
            "name": f"{owner['metadata']['name']}-{hash}",
            "namespace": owner["metadata"]["namespace"],
            "labels": labels,
            "annotations": {flavour.revision: str(revision)},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": owner["spec"]["selector"]["matchLabels"] | {flavour.hash_label: hash}},
            "template": template | {"metadata": template["metadata"] | {"labels": labels}},
        },
        "status": {"replicas": 0},
    }


def owner_reference(owner: Object) -> Object:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def new_pod(rs: Object, suffix: str, node: str) -> Object:
    template = rs["spec"]["template"]
    return {
        "metadata": {
            "name": f"{rs['metadata']['name']}-{suffix}",
            "generateName": f"{rs['metadata']['name']}-",
            "namespace": rs["metadata"]["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "ownerReferences": [owner_reference(rs)],
        },
        "spec": template["spec"] | {"nodeName": node},
    }


def unscheduled(at: str) -> Object:
    message = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available."
    reason = {"reason": "Unschedulable", "message": message, "lastTransitionTime": at}
    return {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"} | reason]}


def pod_status(pod: Object, ready: bool, broken: bool, at: str, cached: Mapping[tuple[str, str], str]) -> Object:
    waiting: dict[str, Any] = (
        {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
        if broken
        else {"reason": "ContainerCreating"}
    )
    state: dict[str, Any] = {"running": {"startedAt": at}} if ready else {"waiting": waiting}
    node = pod["spec"]["nodeName"]
    return {
        "phase": "Running" if ready or broken else "Pending",
        "podIP": address(pod),
        "conditions": [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": at}],
        "containerStatuses": [
            {
                "name": c["name"],
                "image": c["image"],
                "imageID": digest(cached.get((node, c["image"]), c["image"])) if ready or broken else "",
                "ready": ready,
                "started": ready,
                "restartCount": 2 if broken else 0,
                "state": state,
            }
            for c in pod["spec"]["containers"]
        ],
    }
