"""The StatefulSet controller: pods with names that stay, replaced one by one from the last to the first.

    set = StatefulSets(store, kubelets)
    set.run(stateful_set, at)

Its oddities are the real one's. With OnDelete nothing is replaced by itself. Below the partition nothing is. With
ordered pods a pod that never becomes ready blocks everything, also the way back, until somebody deletes it. And no
condition tells of a pod that could not be created: only an Event does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sandbox.kube.replicas import (
    NEVER,
    TRY_AGAIN,
    Replicas,
    Set,
    is_ready,
    owner_reference,
    parse,
    template_hash,
    version_of,
)
from sandbox.kube.store import CONTROLLER_REVISIONS, PODS, Object, Store

CONTROLLER = "kube-controller-manager"
REVISION_LABEL = "controller-revision-hash"
HISTORY_LIMIT = 10


@dataclass
class StatefulSets:
    store: Store
    kubelets: Replicas
    _refused: set[str] = field(default_factory=set)  # uids of those that could not create a pod

    def sets(self, owner: Object) -> list[Set]:
        """Each revision with the pods that run it, newest first, in the form in which ReplicaSets are shown."""
        pods = self.pods(owner)
        return [view(revision, pods) for revision in self.revisions(owner)]

    def revisions(self, owner: Object) -> list[Object]:
        return sorted(self.store.owned(CONTROLLER_REVISIONS, owner), key=lambda r: -r["revision"])

    def pods(self, owner: Object) -> list[Object]:
        return sorted(self.store.owned(PODS, owner), key=ordinal)

    def run(self, owner: Object, at: datetime) -> tuple[Object, datetime | None]:
        """One pass: at most one pod is stopped. Answers with the new status, and when to look again."""
        spec, old = owner["spec"], owner.get("status") or {}
        update = self.ensure(owner)
        current = old.get("currentRevision") or update["metadata"]["name"]
        for pod in self.pods(owner):
            self.kubelets.make_ready(pod, at)
        self.move(owner, current, update, at)
        pods = self.pods(owner)
        status = counts(owner, pods, current, update["metadata"]["name"])
        rolling = strategy(spec) == "RollingUpdate"
        if rolling and status["updatedReplicas"] == status["readyReplicas"] == spec.get("replicas", 1):
            status |= {"currentRevision": status["updateRevision"], "currentReplicas": status["updatedReplicas"]}
        self.prune(owner, {status["currentRevision"], status["updateRevision"], *map(revision_of, pods)})
        due = [self.kubelets.due(pod) for pod in pods]
        again = [at + TRY_AGAIN] if owner["metadata"]["uid"] in self._refused else []
        return status, min([*again, *(moment for moment in due if at < moment < NEVER)], default=None)

    def ensure(self, owner: Object) -> Object:
        """The revision of the present template; an old one that is used again gets the highest number."""
        name = f"{owner['metadata']['name']}-{template_hash(owner['spec']['template'])}"
        held = self.revisions(owner)
        top = held[0]["revision"] if held else 0
        found = next((r for r in held if r["metadata"]["name"] == name), None)
        if found is None:
            return self.store.create(CONTROLLER_REVISIONS, new_revision(owner, name, top + 1), CONTROLLER)
        if found["revision"] == top:
            return found
        return self.store.update(CONTROLLER_REVISIONS, found | {"revision": top + 1}, CONTROLLER)

    def move(self, owner: Object, current: str, update: Object, at: datetime) -> None:
        spec, pods = owner["spec"], {ordinal(pod): pod for pod in self.pods(owner)}
        replicas, ordered = spec.get("replicas", 1), spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        for surplus in sorted((n for n in pods if n >= replicas), reverse=True):
            self.kubelets.stop(pods[surplus])
            return
        for number in range(replicas):
            if number not in pods and not self.may_start(owner, number):
                return
            if number not in pods:
                pods[number] = self.start(owner, number, current, update, at)
            if ordered and not is_ready(pods[number]):
                return  # nothing else happens before this one is ready
        if strategy(spec) == "RollingUpdate":
            self.replace_one(pods, range(partition(spec), replicas), update["metadata"]["name"])

    def may_start(self, owner: Object, number: int) -> bool:
        """Whether the quota leaves room for one more; told in an Event when that changes."""
        pod, uid = f"{owner['metadata']['name']}-{number}", owner["metadata"]["uid"]
        room = self.kubelets.room(owner["metadata"]["namespace"]) > 0
        create = f"create Pod {pod} in StatefulSet {owner['metadata']['name']}"
        if not room and uid not in self._refused:
            self._refused.add(uid)
            error = self.kubelets.refusal(pod)
            self.kubelets.tell(owner, "Warning", "FailedCreate", f"{create} failed error: {error}")
        if room and uid in self._refused:
            self._refused.remove(uid)
            self.kubelets.tell(owner, "Normal", "SuccessfulCreate", f"{create} successful")
        return room

    def replace_one(self, pods: dict[int, Object], numbers: range, wanted: str) -> None:
        for number in reversed(numbers):
            if revision_of(pods[number]) != wanted:
                self.kubelets.stop(pods[number])
                return
            if not is_ready(pods[number]):
                return

    def start(self, owner: Object, number: int, current: str, update: Object, at: datetime) -> Object:
        held = {r["metadata"]["name"]: r for r in self.revisions(owner)}
        keeps = strategy(owner["spec"]) == "RollingUpdate" and number < partition(owner["spec"])
        return self.kubelets.start(new_pod(owner, number, held[current] if keeps else update), at)

    def prune(self, owner: Object, live: set[str]) -> None:
        """Delete what nobody uses, beyond the history limit."""
        idle = [r["metadata"] for r in self.revisions(owner) if r["metadata"]["name"] not in live]
        for meta in idle[owner["spec"].get("revisionHistoryLimit", HISTORY_LIMIT) :]:
            self.store.delete(CONTROLLER_REVISIONS, meta["namespace"], meta["name"])


def counts(owner: Object, pods: list[Object], current: str, update: str) -> Object:
    return {
        "observedGeneration": owner["metadata"]["generation"],
        "replicas": len(pods),
        "readyReplicas": sum(is_ready(pod) for pod in pods),
        "availableReplicas": sum(is_ready(pod) for pod in pods),
        "currentReplicas": sum(revision_of(pod) == current for pod in pods),
        "updatedReplicas": sum(revision_of(pod) == update for pod in pods),
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": 0,
    }


def strategy(spec: Object) -> str:
    return str((spec.get("updateStrategy") or {}).get("type", "RollingUpdate"))


def partition(spec: Object) -> int:
    return int(((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition") or 0)


def ordinal(pod: Object) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def revision_of(pod: Object) -> str:
    return str(pod["metadata"]["labels"][REVISION_LABEL])


def template_of(revision: Object) -> Object:
    return {k: v for k, v in revision["data"]["spec"]["template"].items() if k != "$patch"}


def view(revision: Object, pods: list[Object]) -> Set:
    meta = revision["metadata"]
    mine = [pod for pod in pods if revision_of(pod) == meta["name"]]
    return Set(
        hash=meta["name"],
        revision=revision["revision"],
        desired=len(mine),
        replicas=len(mine),
        ready=sum(is_ready(pod) for pod in mine),
        created_at=parse(meta["creationTimestamp"]),
        deadline=None,
        version=version_of(template_of(revision)),
        object=revision,
    )


def new_revision(owner: Object, name: str, number: int) -> Object:
    template, meta = owner["spec"]["template"], owner["metadata"]
    labels = template["metadata"]["labels"] | {"controller.kubernetes.io/hash": name.rpartition("-")[2]}
    return {
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner_reference(owner)],
        },
        "data": {"spec": {"template": template | {"$patch": "replace"}}},
        "revision": number,
    }


def new_pod(owner: Object, number: int, revision: Object) -> Object:
    template, name = template_of(revision), f"{owner['metadata']['name']}-{number}"
    labels = {REVISION_LABEL: revision["metadata"]["name"], "statefulset.kubernetes.io/pod-name": name}
    return {
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": template["metadata"]["labels"] | labels | {"apps.kubernetes.io/pod-index": str(number)},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": template["spec"] | {"hostname": name, "nodeName": "node-1"},
    }
