"""Argo Rollouts: reads a rollout, and does one intent to it, at most once and only where it was reviewed.

There is no API of its own: every verb is a patch of the object. Each is sent with the resource version that it was
decided on, so whoever wrote in between wins and we look again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import Moved, ProviderError
from bot.intents import BY_HAND, Intent
from bot.model import Request, Rollout, Verb
from bot.policy import Target
from bot.proof import fulfilled, moved
from handlers.providers.argo_status import Seen, listed, owned, selector, understand
from handlers.providers.argo_template import template_of
from handlers.providers.kubernetes import JSON_PATCH, MERGE, Access, Conflict409, Json, Kubernetes, path
from handlers.providers.kubernetes_rights import Right, lacking, place
from handlers.providers.kubernetes_watch import Watch

NAME = "Argo Rollouts"
LOOKS = 8  # at most two calls, a few conflicts between them, and a last look
TRIES = 3  # after so many conflicts or lost answers, later is better than now
RIGHTS = (
    Right("argoproj.io", "rollouts", ("get", "list", "watch", "patch")),
    Right("argoproj.io", "rollouts/status", ("patch",)),
    Right("apps", "replicasets", ("list",)),
)


@dataclass(frozen=True)
class Call:
    """One patch. `status` goes to the subresource: the main resource silently ignores a status."""

    body: Any
    status: bool = False
    content_type: str = MERGE


class ArgoRollouts:
    supports = frozenset(Verb)

    def __init__(self, clusters: Mapping[str, Kubernetes]) -> None:
        self.clusters = clusters

    @classmethod
    def connect(cls, clusters: Mapping[str, Access]) -> ArgoRollouts:
        """From the configuration. Raises ProviderError where a cluster's access is unusable; none is called yet."""
        return cls(
            {
                name: Kubernetes.configured(name, access.kubeconfig, access.context, access.in_cluster)
                for name, access in clusters.items()
            }
        )

    def get(self, target: Target, service: str, environment: str) -> Rollout:
        """Raises ProviderError."""
        return understand(self._look(target), target, service, environment)

    def act(self, target: Target, request: Request) -> Rollout:
        """Makes the cluster want what `request` asks; nothing is sent if it does already.

        Raises Moved where the rollout is no longer what was reviewed, ProviderError for the rest.
        """
        sent, failed = 0, 0
        for _ in range(LOOKS):
            seen = self._look(target)
            rollout = understand(seen, target, request.service, request.environment)
            call = next_call(seen, rollout, request, sent)
            if call is None:
                return rollout
            try:
                self._patch(target, call)
                sent += 1
            except ProviderError as error:
                failed += 1
                if failed >= TRIES or not self._worth_a_look(error, call, target, seen):
                    raise _after(error, sent) from error
        raise ProviderError(NAME, "the rollout keeps changing under my hands", unknown=sent > 0)

    def watch(self, cluster: str, namespaces: Collection[str]) -> Watch:
        where = place("argoproj.io", "v1alpha1", "rollouts", namespaces)
        return self._named(cluster).watch(where)

    def lacking(self, cluster: str, namespaces: Collection[str]) -> tuple[str, ...]:
        """Raises ProviderError."""
        return lacking(self._named(cluster), RIGHTS, namespaces)

    def _worth_a_look(self, error: ProviderError, call: Call, target: Target, seen: Seen) -> bool:
        """Somebody wrote in between, or the answer was lost: what is there now says how to go on."""
        if isinstance(error, Conflict409) or error.unknown:
            return True
        # A JSON patch whose test fails is "unprocessable", as is one that is simply wrong.
        return call.content_type == JSON_PATCH and self._look(target).version != seen.version

    def _look(self, target: Target) -> Seen:
        cluster = self._cluster(target)
        rollout = cluster.get(_rollout_path(target))
        labels = selector(rollout)
        sets = cluster.get(
            path("apis", "apps", "v1", "namespaces", target.namespace, "replicasets"),
            {"labelSelector": labels} if labels else {},
        )
        return Seen(rollout, owned(rollout, listed(sets.get("items"))))

    def _patch(self, target: Target, call: Call) -> Json:
        where = _rollout_path(target) + ("/status" if call.status else "")
        return self._cluster(target).patch(where, call.body, call.content_type)

    def _cluster(self, target: Target) -> Kubernetes:
        return self._named(target.cluster)

    def _named(self, cluster: str) -> Kubernetes:
        if cluster not in self.clusters:
            raise ProviderError(NAME, f"no cluster {cluster} is configured", permanent=True)
        return self.clusters[cluster]


def _rollout_path(target: Target) -> str:
    return path("apis", "argoproj.io", "v1alpha1", "namespaces", target.namespace, "rollouts", target.name)


def _after(error: ProviderError, sent: int) -> ProviderError:
    """What failed after something had been done is not "nothing was changed"."""
    if not sent or error.unknown:
        return error
    return ProviderError(error.provider, error.message, permanent=error.permanent, unknown=True)


# ---------------------------------------------------------------- what to send


def next_call(seen: Seen, rollout: Rollout, request: Request, sent: int = 0) -> Call | None:
    """The call that is still missing, or None. Asked again after every call, so a crash in between does no harm.

    Raises Moved, or a transient ProviderError while the controller is behind.
    """
    intent = Intent(request.intent)
    if fulfilled(request, rollout) or (intent is Intent.UNDO and _asked_for(seen, request)):
        # Aborted or undone while paused by hand, the controller moves traffic but not pods. The other order would
        # let the bad revision go on for a moment.
        lift = rollout.paused and intent in (Intent.ABORT, Intent.UNDO)
        return _spec(seen, {"paused": False}) if lift else None
    if not rollout.observed and intent is not Intent.PAUSE:
        raise ProviderError(NAME, "the controller has not seen the latest change yet", unknown=sent > 0)
    if why := moved(request, rollout):
        raise Moved(NAME, why, unknown=sent > 0)
    match intent:
        case Intent.PAUSE:
            return _spec(seen, {"paused": True})
        case Intent.RESUME if request.reviewed_wait == BY_HAND:
            return _spec(seen, {"paused": False})
        case Intent.RESUME:
            return _status(seen, _resumed(seen))
        case Intent.SKIP:
            return _status(seen, {"pauseConditions": None, "currentStepIndex": seen.index + 1})
        case Intent.ABORT:
            # With a full promotion pending the controller would drop the abort.
            return _status(seen, {"abort": True, "promoteFull": False})
        case Intent.UNDO:
            return _undo(seen, request)


def _resumed(seen: Seen) -> Json:
    """No conditions but a controller's pause means to it: somebody resumed, finish the step.

    After an inconclusive analysis that would run the analysis again, so the step is completed by hand.
    """
    run = (seen.status.get("canary") or {}).get("currentStepAnalysisRunStatus") or {}
    if run.get("status") == "Inconclusive" and seen.status.get("controllerPause") and seen.steps:
        return {"pauseConditions": None, "controllerPause": False, "currentStepIndex": seen.index + 1}
    return {"pauseConditions": None}


def _spec(seen: Seen, spec: Json) -> Call:
    return Call({"metadata": {"resourceVersion": seen.version}, "spec": spec})


def _status(seen: Seen, status: Json) -> Call:
    return Call({"metadata": {"resourceVersion": seen.version}, "status": status}, status=True)


def _undo(seen: Seen, request: Request) -> Call:
    if seen.spec.get("workloadRef"):
        raise ProviderError(NAME, "its pod template lives in another object, which I cannot change yet", permanent=True)
    template = template_of(_target(seen, request))
    return Call(
        [
            {"op": "test", "path": "/metadata/resourceVersion", "value": seen.version},
            {"op": "replace", "path": "/spec/template", "value": template},
        ],
        content_type=JSON_PATCH,
    )


def _target(seen: Seen, request: Request) -> Json:
    found = seen.replica_set(request.to_revision)
    if found is None:
        raise Moved(NAME, f"the cluster no longer holds {request.to_version}")
    return found


def _asked_for(seen: Seen, request: Request) -> bool:
    """The spec asks for the wanted template already; its hash follows when the controller has seen it."""
    found = seen.replica_set(request.to_revision)
    return found is not None and seen.spec.get("template") == template_of(found)
