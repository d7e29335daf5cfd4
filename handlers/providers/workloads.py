"""How every kind of workload is read and changed: look, send the one call that is missing, look again.

Each call is sent with the resource version that it was decided on, so whoever wrote in between wins and we look again.
Nothing is sent a second time before a look has shown that it is still missing.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from bot.errors import Moved, ProviderError
from bot.intents import Intent
from bot.model import Request, Rollout, Verb
from bot.policy import Target
from bot.proof import fulfilled, moved
from handlers.providers.kubernetes import JSON_PATCH, MERGE, Access, Conflict409, Kubernetes, path
from handlers.providers.kubernetes_rights import Right, lacking, place
from handlers.providers.kubernetes_watch import Watch
from handlers.providers.objects import Json, child, listed, number, owned, selector

LOOKS = 8  # at most two calls, a few conflicts between them, and a last look
UNOBSERVED = "waiting for the latest spec to be seen by its controller"
TRIES = 3  # after so many conflicts or lost answers, later is better than now


class Sight(Protocol):
    """What was read at one moment."""

    @property
    def versions(self) -> tuple[str, ...]:
        """The resource versions of every object that may be written."""
        ...


S = TypeVar("S", bound=Sight)


@dataclass(frozen=True)
class Call:
    """One patch. `status` goes to the subresource: the main resource silently ignores a status.

    `path` is that of another object, if it is not the workload itself.
    """

    body: Any
    status: bool = False
    content_type: str = MERGE
    path: str = ""


class Workloads(ABC, Generic[S]):
    """One kind of workload, on any number of clusters."""

    name: ClassVar[str]  # as errors call it
    group: ClassVar[str] = "apps/v1"
    plural: ClassVar[str]
    rights: ClassVar[tuple[Right, ...]]
    supports: frozenset[Verb]

    def __init__(self, clusters: Mapping[str, Kubernetes]) -> None:
        self.clusters = clusters

    @classmethod
    def connect(cls, clusters: Mapping[str, Access]) -> Self:
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

    def get(self, target: Target, service: str, environment: str) -> Rollout:
        """Raises ProviderError."""
        return self._understand(self._seen(target), target, service, environment)

    def act(self, target: Target, request: Request) -> Rollout:
        """Makes the cluster want what `request` asks; nothing is sent if it does already.

        What has to wait for the controller is left for the next time, when `request` is ACTING.

        Raises Moved where the workload is no longer what was reviewed, ProviderError for the rest.
        """
        sent, failed = 0, 0  # `sent`: perhaps, where the answer was lost
        done: Call | None = None
        for _ in range(LOOKS):
            seen = self._seen(target)
            rollout = self._understand(seen, target, request.service, request.environment)
            call = self._next_call(seen, rollout, request, sent)
            if call is None:
                return replace(rollout, untouched=not sent)
            if call == done:
                nothing = "the API server answered that it is done, and left the object as it was"
                raise ProviderError(self.name, nothing, permanent=True, unknown=True)
            try:
                self._patch(target, call)
                sent, done = sent + 1, call
            except ProviderError as error:
                failed += 1
                if failed >= TRIES or not self._worth_a_look(error, call, target, seen):
                    raise _after(error, sent) from error
                sent += error.unknown
        raise ProviderError(self.name, "the rollout keeps changing under my hands", unknown=sent > 0)

    def take_back(self, target: Target) -> bool:
        """Raises ProviderError."""
        return False

    def watch(self, cluster: str, namespaces: Collection[str]) -> Watch:
        return self._named(cluster).watch(place(self.group, self.plural, namespaces))

    def lacking(self, cluster: str, namespaces: Collection[str]) -> tuple[str, ...]:
        """Raises ProviderError."""
        return lacking(self._named(cluster), self.rights, namespaces)

    @abstractmethod
    def _look(self, cluster: Kubernetes, target: Target) -> S: ...

    @abstractmethod
    def _understand(self, seen: S, target: Target, service: str, environment: str) -> Rollout: ...

    @abstractmethod
    def _next_call(self, seen: S, rollout: Rollout, request: Request, sent: int) -> Call | None:
        """The call that is still missing, or None. Asked again after every call, so a crash in between does no harm.

        Raises Moved, or a transient ProviderError while the controller is behind.
        """

    def _worth_a_look(self, error: ProviderError, call: Call, target: Target, seen: S) -> bool:
        """Somebody wrote in between, or the answer was lost: what is there now says how to go on."""
        if isinstance(error, Conflict409) or error.unknown:
            return True
        # A JSON patch whose test fails is "unprocessable", as is one that is simply wrong.
        return call.content_type == JSON_PATCH and self._seen(target).versions != seen.versions

    def _seen(self, target: Target) -> S:
        return self._look(self._cluster(target), target)

    def _patch(self, target: Target, call: Call) -> None:
        where = call.path or self._path(target) + ("/status" if call.status else "")
        self._cluster(target).patch(where, call.body, call.content_type)

    def _path(self, target: Target) -> str:
        return object_path(self.group, target.namespace, self.plural, target.name)

    def _cluster(self, target: Target) -> Kubernetes:
        return self._named(target.cluster)

    def _named(self, cluster: str) -> Kubernetes:
        if cluster not in self.clusters:
            raise ProviderError(self.name, f"no cluster {cluster} is configured", permanent=True)
        return self.clusters[cluster]


def object_path(group: str, namespace: str, plural: str, *name: str) -> str:
    """`group` with its version: "apps/v1", or "v1" for the core."""
    root = "apis" if "/" in group else "api"
    return path(root, *group.split("/"), "namespaces", namespace, plural, *name)


def belonging(cluster: Kubernetes, workload: Json, namespace: str, plural: str) -> tuple[Json, ...]:
    """The objects of one kind in apps/v1 that a workload controls."""
    return owned(workload, labelled(cluster, workload, namespace, "apps/v1", plural))


def labelled(cluster: Kubernetes, workload: Json, namespace: str, group: str, plural: str) -> list[Any]:
    """The objects of one kind that carry the labels of a workload's pods."""
    labels = selector(workload)
    found = cluster.get(object_path(group, namespace, plural), {"labelSelector": labels} if labels else {})
    return listed(found.get("items"))


def version_of(workload: Json) -> str:
    """The resource version that an object was read at."""
    return str(child(workload, "metadata").get("resourceVersion") or "")


def new_template(template: Json, version: str, where: str = "", *more: Json) -> Call:
    """Replaces the pod template and nothing else, if the object is still at `version`."""
    return Call(
        [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/spec/template", "value": template},
            *more,
        ],
        content_type=JSON_PATCH,
        path=where,
    )


def _after(error: ProviderError, sent: int) -> ProviderError:
    """What failed after something had been done is not "nothing was changed"."""
    if not sent or error.unknown:
        return error
    return ProviderError(error.provider, error.message, permanent=error.permanent, unknown=True)


# ---------------------------------------------------------------- workloads without steps


class Stepless(Workloads[S]):
    """A kind that replaces its pods by itself: it can be stopped, let go again, and given an earlier template."""

    supports = frozenset({Verb.PAUSE, Verb.RESUME, Verb.ROLLBACK})

    def _next_call(self, seen: S, rollout: Rollout, request: Request, sent: int) -> Call | None:
        intent = Intent(request.intent)
        if fulfilled(request, rollout):
            return self._lift(seen) if intent is Intent.UNDO else None
        if why := moved(request, rollout):
            raise Moved(self.name, why, unknown=sent > 0)
        match intent:
            case Intent.PAUSE:
                return self._pause(seen)
            case Intent.RESUME:
                return self._resume(seen)
            case Intent.UNDO:
                return self._undo(seen, request)
            case _:
                raise ProviderError(self.name, f"it has no steps, so there is no {intent}", permanent=True)

    @abstractmethod
    def _pause(self, seen: S) -> Call: ...

    @abstractmethod
    def _resume(self, seen: S) -> Call: ...

    @abstractmethod
    def _undo(self, seen: S, request: Request) -> Call:
        """The earlier template, and the end of a pause, in one patch: apart, the bad version would go on between."""

    @abstractmethod
    def _lift(self, seen: S) -> Call | None:
        """The end of a pause that outlived the version it was meant for: somebody else put the template back."""


def plain(template: Json, *labels: str) -> Json:
    """A pod template as somebody deployed it, without the labels that its controller added."""
    meta = {k: v for k, v in child(template, "metadata").items() if k not in ("creationTimestamp", "labels")}
    if kept := {k: v for k, v in child(template, "metadata", "labels").items() if k not in labels}:
        meta["labels"] = kept
    return {k: v for k, v in template.items() if k != "$patch"} | {"metadata": meta}


def unmade(template: Json) -> str:
    """A name for a revision that its controller has not made yet: what the spec asks for, in short."""
    return f"spec-{hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]}"


def spec_change(version: str, spec: Json, notes: Json | None = None) -> Call:
    meta: Json = {"resourceVersion": version} | ({"annotations": notes} if notes else {})
    return Call({"metadata": meta, "spec": spec})


def caught_up(workload: Json) -> bool:
    """The controller has seen the latest spec."""
    told = number(child(workload, "status").get("observedGeneration"))
    return told >= max(1, number(child(workload, "metadata").get("generation")))


def per_cent(part: int, whole: int) -> int:
    """Rounded up: some traffic is not none."""
    return min(100, -(-part * 100 // whole)) if whole else 0
