"""A StatefulSet: pods with names that stay, replaced from the last to the first down to its partition.

A pause is a partition just below the pods that are new already; what it was before stands in an annotation. With
`OnDelete` nothing is replaced by itself, and this is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bot.errors import Moved
from bot.intents import ON_DELETE, STATEFUL
from bot.model import Request, Revision, Rollout, RolloutPhase
from bot.policy import Target
from handlers.providers.kubernetes import Kubernetes
from handlers.providers.kubernetes_rights import Right
from handlers.providers.objects import Json, autoscaled, child, images, listed, number, owned, owner_of, version
from handlers.providers.workloads import (
    UNOBSERVED,
    Call,
    Stepless,
    belonging,
    caught_up,
    labelled,
    new_template,
    per_cent,
    plain,
    spec_change,
    unmade,
    version_of,
)

RUNS = "controller-revision-hash"  # the label of a pod that names its revision
WAS = "watchkeeper/partition-before-pause"
NAMED = 5  # pods that a message names


@dataclass(frozen=True)
class Seen:
    """A StatefulSet, its revisions and its pods, read at one moment."""

    object: Json
    revisions: tuple[Json, ...]
    pods: tuple[Json, ...]

    @property
    def versions(self) -> tuple[str, ...]:
        return (version_of(self.object),)

    @property
    def spec(self) -> Json:
        return child(self.object, "spec")

    @property
    def status(self) -> Json:
        return child(self.object, "status")

    @property
    def replicas(self) -> int:
        wanted = self.spec.get("replicas")
        return 1 if wanted is None else number(wanted)

    @property
    def on_delete(self) -> bool:
        return child(self.spec, "updateStrategy").get("type") == "OnDelete"

    @property
    def partition(self) -> int:
        return number(child(self.spec, "updateStrategy", "rollingUpdate").get("partition"))

    @property
    def before_pause(self) -> str | None:
        """The partition before our pause; None where there is no pause of ours."""
        note = child(self.object, "metadata", "annotations").get(WAS)
        return None if note is None else str(note)

    @cached_property
    def template(self) -> Json:
        return plain(child(self.spec, "template"))

    @cached_property
    def current(self) -> str:
        """The revision that the spec asks for."""
        if caught_up(self.object) and self.status.get("updateRevision"):
            return str(self.status["updateRevision"])
        same = (name_of(r) for r in self.revisions if template_of(r) == self.template)
        return next(same, unmade(self.template))

    @cached_property
    def old(self) -> tuple[Json, ...]:
        """The pods that do not run it yet."""
        return tuple(pod for pod in self.pods if runs(pod) != self.current)

    @property
    def complete(self) -> bool:
        ready = number(self.status.get("readyReplicas")) >= self.replicas
        return caught_up(self.object) and not self.old and ready and len(self.pods) == self.replicas

    @property
    def held(self) -> bool:
        """The partition keeps every pod that is left to replace; one that was just stopped comes back as it was."""
        left = [self.place(pod) for pod in self.old]
        if self.before_pause is not None:
            left += set(range(self.replicas)) - {self.place(pod) for pod in self.pods}
        return bool(left) and not self.on_delete and all(place < self.partition for place in left)

    def place(self, pod: Json) -> int:
        """Which pod it is, counted from 0, as the partition counts: the numbers in their names may begin higher."""
        return number(name_of(pod).rpartition("-")[2]) - number(child(self.spec, "ordinals").get("start"))

    def available(self, revision: str) -> int:
        return sum(runs(pod) == revision and ready(pod) for pod in self.pods)


class StatefulSets(Stepless[Seen]):
    name = "StatefulSet"
    plural = "statefulsets"
    rights = (
        Right("apps", "statefulsets", ("get", "list", "watch", "patch")),
        Right("apps", "controllerrevisions", ("list",)),
        Right("", "pods", ("list",)),
    )

    def _look(self, cluster: Kubernetes, target: Target) -> Seen:
        found = cluster.get(self._path(target))
        revisions = belonging(cluster, found, target.namespace, "controllerrevisions")
        return Seen(found, revisions, owned(found, labelled(cluster, found, target.namespace, "v1", "pods")))

    def _understand(self, seen: Seen, target: Target, service: str, environment: str) -> Rollout:
        return understand(seen, target, service, environment)

    def _pause(self, seen: Seen) -> Call:
        """Raises Moved where the last pod is being replaced, and a partition would hold nothing back."""
        new = [seen.place(pod) for pod in seen.pods if runs(pod) == seen.current]
        below = min(new, default=seen.replicas)
        if below == 0:
            raise Moved(self.name, f"every pod of {name_of(seen.object)} is replaced by now; nothing is left to hold")
        return _partition(seen, below, str(seen.partition))

    def _resume(self, seen: Seen) -> Call:
        return _partition(seen, number(seen.before_pause), None)

    def _undo(self, seen: Seen, request: Request) -> Call:
        found = next((r for r in seen.revisions if name_of(r) == request.to_revision), None)
        if found is None:
            raise Moved(self.name, f"the cluster no longer holds {request.to_version}")
        lift: list[Json] = []
        if seen.before_pause is not None:
            where = "/spec/updateStrategy/rollingUpdate/partition"
            lift.append({"op": "add", "path": where, "value": number(seen.before_pause)})
            lift.append({"op": "remove", "path": f"/metadata/annotations/{WAS.replace('/', '~1')}"})
        return new_template(template_of(found), version_of(seen.object), "", *lift)

    def _lift(self, seen: Seen) -> Call | None:
        return None if seen.before_pause is None else self._resume(seen)


def _partition(seen: Seen, partition: int, before: str | None) -> Call:
    spec = {"updateStrategy": {"rollingUpdate": {"partition": partition}}}
    return spec_change(version_of(seen.object), spec, {WAS: before})


# ---------------------------------------------------------------- in our words


def understand(seen: Seen, target: Target, service: str, environment: str) -> Rollout:
    names = (target.name, service)
    history = tuple(
        _revision(seen, r, *names) for r in sorted(seen.revisions, key=lambda r: -number(r.get("revision")))
    )
    held = {revision.hash: revision for revision in history}
    asked_for = Revision(hash=seen.current, version=version(seen.template, *names), images=images(seen.template))
    current = held.get(seen.current, asked_for)
    stable = current if seen.complete else held.get(_stable(seen))
    phase, message = phase_of(seen)
    by_hand = seen.on_delete and bool(seen.old)
    return Rollout(
        service=service,
        environment=environment,
        cluster=target.cluster,
        namespace=target.namespace,
        name=target.name,
        kind="StatefulSet",
        strategy=ON_DELETE if seen.on_delete else STATEFUL,
        phase=phase,
        message=message,
        current=current,
        stable=stable,
        history=history,
        weight=100 if seen.complete else per_cent(current.available, sum(map(ready, seen.pods))),
        weight_set=100,
        desired=seen.replicas,
        updated=len(seen.pods) - len(seen.old),
        available=sum(map(ready, seen.pods)),
        stable_available=stable.available if stable else 0,
        paused=seen.held,
        waiting=ON_DELETE if by_hand else "",
        for_person=by_hand,
        owner=owner_of(seen.object),
        autoscaled=autoscaled(child(seen.object, "metadata")),
        observed=caught_up(seen.object),
        precondition=version_of(seen.object),
    )


def phase_of(seen: Seen) -> tuple[RolloutPhase, str]:
    if not caught_up(seen.object):
        return RolloutPhase.PROGRESSING, UNOBSERVED
    if seen.complete:
        return RolloutPhase.HEALTHY, ""
    if sick := [pod for pod in seen.pods if failing(pod)]:
        return RolloutPhase.DEGRADED, _sick(seen, sick[0])
    if seen.on_delete and seen.old:
        return RolloutPhase.PAUSED, f"{_named(seen.old)} change only when somebody deletes them"
    if seen.held:
        return RolloutPhase.PAUSED, f"partition {seen.partition} holds back {_named(seen.old)}"
    return RolloutPhase.PROGRESSING, f"{len(seen.pods) - len(seen.old)} of {seen.replicas} pods updated"


def _sick(seen: Seen, pod: Json) -> str:
    """Pods are replaced in order, so one that never becomes ready blocks the rest, also the way back."""
    words = f"{name_of(pod)} is not ready: {failing(pod)}"
    blocks = seen.spec.get("podManagementPolicy") != "Parallel" and runs(pod) != seen.current
    return f"{words}. Nothing goes on until somebody deletes it: kubectl delete pod {name_of(pod)}" if blocks else words


def _named(pods: tuple[Json, ...]) -> str:
    names = sorted(map(name_of, pods), key=lambda name: (len(name), name))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _stable(seen: Seen) -> str:
    """What the controller had rolled out before. With OnDelete it never takes note, so what most other pods run."""
    if not seen.on_delete:
        return str(seen.status.get("currentRevision") or "")
    others = {runs(pod) for pod in seen.old}
    return max(others, key=lambda revision: (seen.available(revision), revision), default=seen.current)


def _revision(seen: Seen, revision: Json, *names: str) -> Revision:
    template = template_of(revision)
    return Revision(
        hash=name_of(revision),
        number=number(revision.get("revision")),
        version=version(template, *names),
        images=images(template),
        available=seen.available(name_of(revision)),
    )


def template_of(revision: Json) -> Json:
    """A ControllerRevision holds a patch that replaces the template whole."""
    return plain(child(revision, "data", "spec", "template"))


def name_of(thing: Json) -> str:
    return str(child(thing, "metadata").get("name", ""))


def runs(pod: Json) -> str:
    return str(child(pod, "metadata", "labels").get(RUNS, ""))


def ready(pod: Json) -> bool:
    conditions = listed(child(pod, "status").get("conditions"))
    return any(isinstance(c, dict) and c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def failing(pod: Json) -> str:
    """Why it does not come up: CrashLoopBackOff, ImagePullBackOff; "" while it may yet."""
    containers = listed(child(pod, "status").get("containerStatuses"))
    reasons = [str(child({"c": c}, "c", "state", "waiting").get("reason", "")) for c in containers]
    return next((reason for reason in reasons if reason not in ("", "ContainerCreating", "PodInitializing")), "")
