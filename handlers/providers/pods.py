"""The pods of a workload and of the Services before it: who runs what, and how many there should be. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.errors import ProviderError
from bot.fleet import Authority, Container, Expected, Instance, Listing
from bot.policy import Target, Verification
from handlers.providers.argo_status import DEADLINE
from handlers.providers.deployment import hash_of, number_of
from handlers.providers.kubernetes import Access, Kubernetes, path
from handlers.providers.objects import PRIMARY, Json, child, listed, number, selector
from handlers.world import Instances

NAME, FLAGGER = "Kubernetes", "flagger"
KINDS: Mapping[str, tuple[str, str]] = {  # provider → group and version, plural
    "argo": ("argoproj.io/v1alpha1", "rollouts"),
    "deployment": ("apps/v1", "deployments"),
    "statefulset": ("apps/v1", "statefulsets"),
    "flagger": ("apps/v1", "deployments"),  # the primary: it serves
}
HASHES = ("rollouts-pod-template-hash", "pod-template-hash", "controller-revision-hash")
OF_SERVICE = "kubernetes.io/service-name"


class Pods:
    def __init__(self, clusters: Mapping[str, Kubernetes]) -> None:
        self.clusters = clusters

    @classmethod
    def connect(cls, clusters: Mapping[str, Access]) -> Pods:
        """From the configuration. Raises ProviderError where a cluster's access is unusable; none is called yet."""
        return cls(
            {
                name: Kubernetes.configured(name, access.kubeconfig, access.context, access.in_cluster)
                for name, access in clusters.items()
            }
        )

    def close(self) -> None:
        for cluster in self.clusters.values():
            cluster.close()

    def instances(self, target: Target, verification: Verification, revision: str) -> Instances:
        """Pods of another revision than `revision` are called older. Raises ProviderError."""
        seen = self._look(target)
        return _understood(seen, verification, primary_revision(seen) if target.provider == FLAGGER else revision)

    def _look(self, target: Target) -> Seen:
        if target.cluster not in self.clusters:
            raise ProviderError(NAME, f"no cluster {target.cluster} is configured", permanent=True)
        if target.provider not in KINDS:
            raise ProviderError(NAME, f"I do not know where the pods of {target.provider} are", permanent=True)
        cluster = self.clusters[target.cluster]
        group, plural = KINDS[target.provider]
        name = primary_name(cluster, target) if target.provider == FLAGGER else target.name
        workload = cluster.get(_path(group, target.namespace, plural, name))
        labels = selector(workload)
        sets = _list(cluster, "apps/v1", target.namespace, "replicasets", labels)
        pods = _list(cluster, "v1", target.namespace, "pods", labels)
        seen = Seen(workload, sets, {_uid(pod): pod for pod in pods})
        try:
            self._look_in_front(cluster, target.namespace, seen, {labels: pods})
        except ProviderError as error:
            if not error.permanent:
                raise
            seen.blind = f"Services cannot be read, so strays behind them would not be seen ({error.message})"
        return seen

    def _look_in_front(self, cluster: Kubernetes, namespace: str, seen: Seen, read: dict[str, Sequence[Json]]) -> None:
        """A Service sends traffic to whatever has its labels, whoever owns it. `read`: pods by what was asked."""
        front: list[str] = []
        for service in _list(cluster, "v1", namespace, "services"):
            wanted = _in_front_of(service, seen.labels)
            if not wanted:
                continue
            front.append(str(child(service, "metadata").get("name")))
            labels = ",".join(f"{k}={v}" for k, v in wanted.items())
            if labels not in read:
                read[labels] = _list(cluster, "v1", namespace, "pods", labels)
            for pod in read[labels]:
                seen.pods.setdefault(_uid(pod), pod)
                seen.served.add(_uid(pod))
        if front:
            theirs = f"{OF_SERVICE} in ({','.join(front)})"
            seen.endpoints |= set(
                _endpoints(_list(cluster, "discovery.k8s.io/v1", namespace, "endpointslices", theirs))
            )


def primary_name(cluster: Kubernetes, target: Target) -> str:
    """The Deployment that serves for a Canary of Flagger's."""
    canary = cluster.get(_path("flagger.app/v1beta1", target.namespace, "canaries", target.name))
    return str(child(canary, "spec", "targetRef").get("name") or target.name) + PRIMARY


def primary_revision(seen: Seen) -> str:
    """Its own name for what it runs: the copy has another hash than the template that it is a copy of."""
    number = number_of(seen.workload)
    return next((hash_of(rs) for rs in seen.sets if number and number_of(rs) == number), "")


@dataclass
class Seen:
    """What was read of a workload, at one moment or nearly so."""

    workload: Json
    sets: list[Json]
    pods: dict[str, Json]
    served: set[str] = field(default_factory=set)  # uids of pods that a Service selects
    endpoints: set[str] = field(default_factory=set)  # names of pods
    blind: str = ""  # why the Services are not known

    @property
    def labels(self) -> Json:
        """Of its pods; those of a template that is kept elsewhere are the ones it selects by."""
        spec = child(self.workload, "spec")
        return child(spec, "template", "metadata", "labels") or child(spec, "selector", "matchLabels")

    @property
    def owners(self) -> set[str]:
        """The uids of what owns its pods: the workload itself, or its ReplicaSets."""
        own = _uid(self.workload)
        return {own} | {_uid(rs) for rs in self.sets if own in _controllers(rs)}

    @property
    def given_up(self) -> set[str]:
        """The uids of the ReplicaSets whose pods are on their way out, though none of them may be told so yet."""
        return {_uid(rs) for rs in self.sets if _is_given_up(rs)}


def _is_given_up(replica_set: Json) -> bool:
    wanted = child(replica_set, "spec").get("replicas")
    return wanted == 0 or DEADLINE in child(replica_set, "metadata", "annotations")


def _understood(seen: Seen, verification: Verification, revision: str) -> Instances:
    owners = seen.owners
    mine = [pod for uid, pod in seen.pods.items() if owners & _controllers(pod) or uid in seen.served]
    found = [_instance(pod, owners, verification, revision) for pod in mine]
    found = [
        replace(it, ending=it.ending or bool(seen.given_up & _controllers(pod)))
        for it, pod in zip(found, mine, strict=True)
    ]
    wanted = child(seen.workload, "spec").get("replicas")
    expected = [Expected(authority=Authority.REPLICAS, count=1 if wanted is None else number(wanted))]
    if seen.endpoints:
        names = frozenset(seen.endpoints)
        expected.append(Expected(authority=Authority.ENDPOINTS, count=len(names), names=names))
    return Instances(tuple(found), tuple(expected), tuple(_notes(seen)))


def _instance(pod: Json, owners: set[str], verification: Verification, revision: str) -> Instance:
    meta, status = child(pod, "metadata"), child(pod, "status")
    hash = _hash(pod)
    compared = verification.container or _first_container(pod)
    images = {str(c.get("name")): str(c.get("imageID") or "") for c in _statuses(status)}
    owned = bool(owners & _controllers(pod))
    return Instance(
        name=str(meta.get("name")),
        listing=Listing.PODS,
        address=str(status.get("podIP") or ""),
        image_id=images.get(compared, ""),
        config_hash=_config(meta, verification.config_key),
        others=tuple(Container(name=name, image_id=id) for name, id in images.items() if name != compared),
        older=hash if owned and revision and hash and hash != revision else "",
        stray=not owned,
        ending=bool(meta.get("deletionTimestamp")) or status.get("phase") in ("Succeeded", "Failed"),
    )


def _notes(seen: Seen) -> Iterator[str]:
    """What keeps a StatefulSet from ever being of one version, though its status looks done."""
    if seen.blind:
        yield seen.blind
    strategy = child(seen.workload, "spec", "updateStrategy")
    if strategy.get("type") == "OnDelete":
        yield "its update strategy is OnDelete: a pod keeps its version until somebody deletes it"
    partition = number(child(strategy, "rollingUpdate").get("partition"))
    if partition > 0:
        yield f"its update strategy has the partition {partition}: pods below that number are not updated"


def _in_front_of(service: Json, labels: Mapping[str, str]) -> dict[str, str]:
    """What a Service selects by, but for the revision, if it is in front of pods with these labels."""
    wanted = {k: v for k, v in child(service, "spec", "selector").items() if k not in HASHES}
    return wanted if wanted and wanted.items() <= labels.items() else {}


def _endpoints(slices: Iterable[Json]) -> Iterator[str]:
    for endpoint in (e for one in slices for e in listed(one.get("endpoints")) if isinstance(e, dict)):
        if name := child(endpoint, "targetRef").get("name"):
            yield str(name)


def _statuses(status: Json) -> Iterator[Json]:
    for kind in ("containerStatuses", "initContainerStatuses"):
        yield from (c for c in listed(status.get(kind)) if isinstance(c, dict))


def _first_container(pod: Json) -> str:
    first = next((c for c in listed(child(pod, "spec").get("containers")) if isinstance(c, dict)), {})
    return str(first.get("name", ""))


def _config(meta: Json, key: str) -> str:
    found = child(meta, "annotations").get(key) or child(meta, "labels").get(key) if key else ""
    return str(found or "")


def _hash(pod: Json) -> str:
    labels = child(pod, "metadata", "labels")
    return next((str(labels[key]) for key in HASHES if key in labels), "")


def _controllers(obj: Json) -> set[str]:
    owners = listed(child(obj, "metadata").get("ownerReferences"))
    return {str(o.get("uid")) for o in owners if isinstance(o, dict) and o.get("controller")}


def _uid(obj: Json) -> str:
    return str(child(obj, "metadata").get("uid"))


def _list(cluster: Kubernetes, group: str, namespace: str, plural: str, labels: str = "") -> list[Json]:
    found = cluster.get(_path(group, namespace, plural), {"labelSelector": labels} if labels else {})
    return [item for item in listed(found.get("items")) if isinstance(item, dict)]


def _path(group: str, namespace: str, plural: str, *name: str) -> str:
    return path("apis" if "/" in group else "api", *group.split("/"), "namespaces", namespace, plural, *name)
