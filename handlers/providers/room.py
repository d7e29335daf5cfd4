"""What stands around a workload in its cluster: an autoscaler, and whether there is room for its pods."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from bot.errors import ProviderError
from bot.model import Rollout
from bot.policy import Target
from handlers.providers.kubernetes import Kubernetes, path
from handlers.providers.objects import PRIMARY, Json, child, listed

CREATED, REFUSED = "SuccessfulCreate", "FailedCreate"  # what the controller says of a pod, in an Event


def runners(target: Target, rollout: Rollout) -> tuple[tuple[str, str], ...]:
    """Kind and name of what has the pods: under Flagger the Deployment that people change and the one that serves."""
    if rollout.kind != "Canary":
        return ((rollout.kind, target.name),)
    kind, _, name = rollout.template_in.partition(" ")
    return (kind, name), (kind, f"{name}{PRIMARY}")


def autoscaled(cluster: Kubernetes, target: Target, rollout: Rollout) -> Rollout:
    """An autoscaler that targets it is one before it has ever scaled."""
    where = path("apis", "autoscaling", "v2", "namespaces", target.namespace, "horizontalpodautoscalers")
    try:
        found = listed(cluster.get(where).get("items"))
    except ProviderError as error:
        return unseen(rollout, "autoscalers", error)
    targets = [child(hpa, "spec", "scaleTargetRef") for hpa in found]
    mine = any((t.get("kind"), t.get("name")) in runners(target, rollout) for t in targets)
    return replace(rollout, autoscaled=rollout.autoscaled or mine)


def roomed(cluster: Kubernetes, target: Target, rollout: Rollout) -> Rollout:
    """Its pods that no node has room for, or that a quota forbids."""
    where = path("api", "v1", "namespaces", target.namespace, "pods")
    sets = path("apis", "apps", "v1", "namespaces", target.namespace, "replicasets")
    names = [name for _, name in runners(target, rollout)]
    try:
        pods = [p for p in listed(cluster.get(where).get("items")) if belongs(p, names)]
        refused = [why for rs in listed(cluster.get(sets).get("items")) if owned_by(rs, names) for why in no(rs)]
    except ProviderError as error:
        return unseen(rollout, "its pods", error)
    waits = [why for pod in pods if (why := unschedulable(pod))]
    rollout = replace(rollout, homeless=len(waits), short_of=next(iter([*waits, *refused]), ""))
    missing = rollout.kind == "StatefulSet" and len(pods) < rollout.desired and not rollout.short_of
    return told(cluster, target, rollout) if missing else rollout


def told(cluster: Kubernetes, target: Target, rollout: Rollout) -> Rollout:
    """A StatefulSet has no condition for a pod that could not be created: its controller says so in an Event alone."""
    where = path("api", "v1", "namespaces", target.namespace, "events")
    of = {"fieldSelector": f"involvedObject.kind={rollout.kind},involvedObject.name={target.name}"}
    try:
        events = [e for e in listed(cluster.get(where, of).get("items")) if isinstance(e, dict)]
    except ProviderError as error:
        return unseen(rollout, "why not all of its pods exist", error)
    said = sorted((e for e in events if e.get("reason") in (CREATED, REFUSED)), key=when)
    refused = bool(said) and said[-1]["reason"] == REFUSED
    return replace(rollout, short_of=str(said[-1].get("message") or REFUSED)) if refused else rollout


def when(event: Json) -> str:
    """Times of Kubernetes sort as text; which of the fields has one depends on who wrote the event."""
    series = child(event, "series").get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or "")


def belongs(pod: Json, names: Collection[str]) -> bool:
    """Its ReplicaSet is called after the workload, with a hash behind it; a StatefulSet owns its pods itself."""
    owners = [o for o in listed(child(pod, "metadata").get("ownerReferences")) if isinstance(o, dict)]
    return any(o.get("name") in names or str(o.get("name")).rpartition("-")[0] in names for o in owners)


def owned_by(replica_set: Json, names: Collection[str]) -> bool:
    owners = [o for o in listed(child(replica_set, "metadata").get("ownerReferences")) if isinstance(o, dict)]
    return any(o.get("name") in names for o in owners)


def unschedulable(pod: Json) -> str:
    for condition in listed(child(pod, "status").get("conditions")):
        if child({"c": condition}, "c").get("reason") == "Unschedulable":
            return str(condition.get("message") or "unschedulable")
    return ""


def no(replica_set: Json) -> list[str]:
    """Why pods of it could not even be created: a quota, most often."""
    conditions = [c for c in listed(child(replica_set, "status").get("conditions")) if isinstance(c, dict)]
    failures = [c for c in conditions if c.get("type") == "ReplicaFailure" and c.get("status") == "True"]
    return [str(c.get("message") or c.get("reason") or "pods cannot be created") for c in failures]


def unseen(rollout: Rollout, what: str, error: ProviderError) -> Rollout:
    why = f"{what} could not be read ({error})"
    return replace(rollout, unexamined="; ".join(filter(None, [rollout.unexamined, why])))
