"""A plain Deployment: no steps, and no record of what was stable; pods are replaced until all are new."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bot.errors import Moved
from bot.intents import RECREATE, ROLLING
from bot.model import Request, Revision, Rollout, RolloutPhase
from bot.policy import Target
from handlers.providers.kubernetes import Kubernetes
from handlers.providers.kubernetes_rights import Right
from handlers.providers.objects import Json, autoscaled, child, images, listed, number, owner_of, version
from handlers.providers.workloads import (
    UNOBSERVED,
    Call,
    Stepless,
    belonging,
    caught_up,
    new_template,
    per_cent,
    plain,
    spec_change,
    unmade,
    version_of,
)

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DONE, LATE = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"


@dataclass(frozen=True)
class Seen:
    """A Deployment and the ReplicaSets that it owns, read at one moment."""

    object: Json
    sets: tuple[Json, ...]

    @property
    def versions(self) -> tuple[str, ...]:
        return (version_of(self.object),)

    @property
    def status(self) -> Json:
        return child(self.object, "status")

    @cached_property
    def template(self) -> Json:
        return plain(child(self.object, "spec", "template"))

    @property
    def replicas(self) -> int:
        wanted = child(self.object, "spec").get("replicas")
        return 1 if wanted is None else number(wanted)

    @property
    def paused(self) -> bool:
        return child(self.object, "spec").get("paused") is True

    @cached_property
    def current(self) -> Json | None:
        """The ReplicaSet of the present template. While paused the controller makes none."""
        same = next((rs for rs in self.sets if template_of(rs) == self.template), None)
        if same or self.paused or not caught_up(self.object):
            return same
        told = number(child(self.object, "metadata", "annotations").get(REVISION))
        return next((rs for rs in self.sets if told and number_of(rs) == told), None)

    def condition(self, type: str) -> Json:
        found = (c for c in listed(self.status.get("conditions")) if isinstance(c, dict) and c.get("type") == type)
        return next(found, {})

    @property
    def complete(self) -> bool:
        """Every pod is of the present template, and was available once: pods that fail later do not change that."""
        replaced = number(self.status.get("replicas")) == number(self.status.get("updatedReplicas"))
        available = number(self.status.get("availableReplicas")) >= self.replicas
        done = replaced and (available or self.condition("Progressing").get("reason") == DONE)
        return caught_up(self.object) and self.current is not None and done


class Deployments(Stepless[Seen]):
    name = "Deployment"
    plural = "deployments"
    rights = (
        Right("apps", "deployments", ("get", "list", "watch", "patch")),
        Right("apps", "replicasets", ("list",)),
    )

    def _look(self, cluster: Kubernetes, target: Target) -> Seen:
        deployment = cluster.get(self._path(target))
        return Seen(deployment, belonging(cluster, deployment, target.namespace, "replicasets"))

    def _understand(self, seen: Seen, target: Target, service: str, environment: str) -> Rollout:
        return understand(seen, target, service, environment)

    def _pause(self, seen: Seen) -> Call:
        return spec_change(version_of(seen.object), {"paused": True})

    def _resume(self, seen: Seen) -> Call:
        return spec_change(version_of(seen.object), {"paused": False})

    def _undo(self, seen: Seen, request: Request) -> Call:
        found = next((rs for rs in seen.sets if hash_of(rs) == request.to_revision), None)
        if found is None:
            raise Moved(self.name, f"the cluster no longer holds {request.to_version}")
        lift = [{"op": "replace", "path": "/spec/paused", "value": False}] if seen.paused else []
        return new_template(template_of(found), version_of(seen.object), "", *lift)

    def _lift(self, seen: Seen) -> Call | None:
        return self._resume(seen) if seen.paused else None


# ---------------------------------------------------------------- in our words


def understand(seen: Seen, target: Target, service: str, environment: str) -> Rollout:
    names = (target.name, service)
    current = revision_of(seen.current, *names) if seen.current else _asked_for(seen, *names)
    stable = current if seen.complete else _serving(seen, current, *names)
    phase, message = phase_of(seen)
    status, strategy = seen.status, child(seen.object, "spec", "strategy").get("type")
    return Rollout(
        service=service,
        environment=environment,
        cluster=target.cluster,
        namespace=target.namespace,
        name=target.name,
        kind="Deployment",
        strategy=RECREATE if strategy == "Recreate" else ROLLING,
        phase=phase,
        message=message,
        current=current,
        stable=stable,
        history=tuple(sorted((revision_of(rs, *names) for rs in seen.sets), key=lambda r: (-r.number, r.hash))),
        weight=100 if seen.complete else per_cent(current.available, sum(map(available, seen.sets))),
        weight_set=100,
        desired=seen.replicas,
        updated=number(status.get("updatedReplicas")),
        available=number(status.get("availableReplicas")),
        stable_available=stable.available if stable else 0,
        paused=seen.paused,
        owner=owner_of(seen.object),
        autoscaled=autoscaled(child(seen.object, "metadata")),
        observed=caught_up(seen.object),
        precondition=version_of(seen.object),
    )


def phase_of(seen: Seen) -> tuple[RolloutPhase, str]:
    """As `kubectl rollout status` tells it, which calls all that is not over "waiting"."""
    status, progressing, failing = seen.status, seen.condition("Progressing"), seen.condition("ReplicaFailure")
    updated, wanted = number(status.get("updatedReplicas")), seen.replicas
    if not caught_up(seen.object):
        return RolloutPhase.PROGRESSING, UNOBSERVED
    if failing.get("status") == "True":
        return RolloutPhase.DEGRADED, _words(failing)
    if progressing.get("reason") == LATE:
        return RolloutPhase.DEGRADED, _words(progressing)
    if seen.complete and seen.condition("Available").get("status") == "False":
        return RolloutPhase.DEGRADED, f"{number(status.get('availableReplicas'))} of {wanted} pods are available"
    if seen.paused and not seen.complete:
        return RolloutPhase.PAUSED, "paused by hand"
    if updated < wanted:
        return RolloutPhase.PROGRESSING, "more replicas need to be updated"
    if number(status.get("replicas")) > updated:
        return RolloutPhase.PROGRESSING, "old replicas are pending termination"
    if number(status.get("availableReplicas")) < updated:
        return RolloutPhase.PROGRESSING, "updated replicas are still becoming available"
    return (RolloutPhase.PAUSED, "paused by hand") if seen.paused else (RolloutPhase.HEALTHY, "")


def _words(condition: Json) -> str:
    return ": ".join(str(condition[key]) for key in ("reason", "message") if condition.get(key))


def _serving(seen: Seen, current: Revision, *names: str) -> Revision | None:
    """The earlier revision that most pods still serve from. Its number says nothing: it may have been a failure too."""
    others = [revision_of(rs, *names) for rs in seen.sets if available(rs) and hash_of(rs) != current.hash]
    return max(others, key=lambda r: (r.available, r.number), default=None)


def _asked_for(seen: Seen, *names: str) -> Revision:
    return Revision(hash=unmade(seen.template), version=version(seen.template, *names), images=images(seen.template))


def revision_of(replica_set: Json, *names: str) -> Revision:
    template = child(replica_set, "spec", "template")
    return Revision(
        hash=hash_of(replica_set),
        number=number_of(replica_set),
        version=version(template, *names),
        images=images(template),
        available=available(replica_set),
    )


def hash_of(replica_set: Json) -> str:
    meta = child(replica_set, "metadata")
    return str(child(meta, "labels").get(HASH) or meta.get("name") or "")


def number_of(replica_set: Json) -> int:
    return number(child(replica_set, "metadata", "annotations").get(REVISION))


def available(replica_set: Json) -> int:
    return number(child(replica_set, "status").get("availableReplicas"))


def template_of(replica_set: Json) -> Json:
    return plain(child(replica_set, "spec", "template"), HASH)
