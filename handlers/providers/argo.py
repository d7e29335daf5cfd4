"""Argo Rollouts: reads a rollout, and does one intent to it, at most once and only where it was reviewed.

There is no API of its own: every verb is a patch of the object, or of the workload that it takes its pods from.
"""

from __future__ import annotations

from bot.errors import Moved, ProviderError
from bot.intents import BACK, BY_HAND, FULLY, UNDECIDED_EXPERIMENT, UNDOES, Intent
from bot.model import Request, RequestState, Rollout, Verb
from bot.policy import Target
from bot.proof import fulfilled, moved
from handlers.providers.argo_status import Seen, pause_of, understand
from handlers.providers.argo_template import template_of
from handlers.providers.kubernetes import Kubernetes
from handlers.providers.kubernetes_rights import Right
from handlers.providers.objects import Json, child
from handlers.providers.workloads import Call, Workloads, belonging, new_template, object_path, version_of

NAME = "Argo Rollouts"
PLURALS = {"Deployment": "deployments", "ReplicaSet": "replicasets"}  # what may hold the pod template, and be changed


class ArgoRollouts(Workloads[Seen]):
    name = NAME
    group = "argoproj.io/v1alpha1"
    plural = "rollouts"
    supports = frozenset(Verb)
    rights = (
        Right("argoproj.io", "rollouts", ("get", "list", "watch", "patch")),
        Right("argoproj.io", "rollouts/status", ("patch",)),
        Right("apps", "replicasets", ("list",)),
    )

    def _look(self, cluster: Kubernetes, target: Target) -> Seen:
        rollout = cluster.get(self._path(target))
        where = workload_path(rollout, target.namespace)
        workload = cluster.get(where) if where else {}
        return Seen(rollout, belonging(cluster, rollout, target.namespace, "replicasets"), workload)

    def _understand(self, seen: Seen, target: Target, service: str, environment: str) -> Rollout:
        return understand(seen, target, service, environment)

    def _next_call(self, seen: Seen, rollout: Rollout, request: Request, sent: int) -> Call | None:
        return next_call(seen, rollout, request, sent)


def workload_path(rollout: Json, namespace: str) -> str:
    """Where the object is that the pod template lives in; "" where that is the rollout itself, or of no use to us."""
    reference = child(rollout, "spec", "workloadRef")
    plural = PLURALS.get(str(reference.get("kind")), "")
    return object_path("apps/v1", namespace, plural, str(reference.get("name", ""))) if plural else ""


# ---------------------------------------------------------------- what to send


def next_call(seen: Seen, rollout: Rollout, request: Request, sent: int = 0) -> Call | None:
    """The call that is still missing, or None. Asked again after every call, so a crash in between does no harm.

    Raises Moved, or a transient ProviderError while the controller is behind.
    """
    intent = Intent(request.intent)
    if request.state is RequestState.ACTING:
        return _rest(seen, rollout, request)
    if fulfilled(request, rollout) or (intent in UNDOES and _asked_for(seen, request)):
        # Aborted or undone while paused by hand, the controller moves traffic but not pods. The other order would
        # let the bad revision go on for a moment.
        lift = rollout.paused and intent in BACK
        return _spec(seen, {"paused": False}) if lift else _rest(seen, rollout, request)
    if sent and not rollout.observed and not rollout.paused and intent is Intent.PROMOTE_FULLY:
        return None  # the pause is lifted; the rest has to wait
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
        case Intent.PROMOTE_FULLY:
            # Asked for while paused by hand, it would not finish.
            return _spec(seen, {"paused": False}) if rollout.paused else _status(seen, {"promoteFull": True})
        case Intent.RETRY:
            return _status(seen, {"abort": False})
        case Intent.ABORT_UNDO if rollout.aborted:
            return _undo(seen, request)
        case Intent.ABORT | Intent.ABORT_UNDO:
            # With a full promotion pending the controller would drop the abort.
            return _status(seen, {"abort": True, "promoteFull": False})
        case Intent.UNDO | Intent.UNDO_FULLY:
            return _undo(seen, request)


def _rest(seen: Seen, rollout: Rollout, request: Request) -> Call | None:
    """The full promotion that waited: of a template that the controller has not seen it is dropped without a word.

    Never over a pause or an abort that somebody put in between, and never instead of what was put back.
    """
    wanted = Intent(request.intent) in FULLY
    here = rollout.observed and rollout.in_flight and rollout.current.hash == request.to_revision
    held = rollout.paused or rollout.aborted or rollout.full_promotion
    return _status(seen, {"promoteFull": True}) if wanted and here and not held else None


def _resumed(seen: Seen) -> Json:
    """No conditions but a controller's pause means to it: somebody resumed, finish the step.

    After an inconclusive analysis or experiment that would run it again, so the step is completed by hand.
    """
    run = (seen.status.get("canary") or {}).get("currentStepAnalysisRunStatus") or {}
    undecided = run.get("status") == "Inconclusive" or (pause_of(seen) or {}).get("reason") == UNDECIDED_EXPERIMENT
    if undecided and seen.status.get("controllerPause") and seen.steps:
        return {"pauseConditions": None, "controllerPause": False, "currentStepIndex": seen.index + 1}
    return {"pauseConditions": None}


def _spec(seen: Seen, spec: Json) -> Call:
    return Call({"metadata": {"resourceVersion": seen.version}, "spec": spec})


def _status(seen: Seen, status: Json) -> Call:
    return Call({"metadata": {"resourceVersion": seen.version}, "status": status}, status=True)


def _undo(seen: Seen, request: Request) -> Call:
    template = template_of(_target(seen, request))
    if not child(seen.spec, "workloadRef"):
        return new_template(template, seen.version)
    where = workload_path(seen.object, str(seen.meta.get("namespace", "")))
    if not where:
        raise ProviderError(
            NAME, f"its pod template lives in {seen.template_in}, which I do not change", permanent=True
        )
    return new_template(template, version_of(seen.workload), where)


def _target(seen: Seen, request: Request) -> Json:
    found = seen.replica_set(request.to_revision)
    if found is None:
        raise Moved(NAME, f"the cluster no longer holds {request.to_version}")
    return found


def _asked_for(seen: Seen, request: Request) -> bool:
    """The spec asks for the wanted template already; its hash follows when the controller has seen it."""
    found = seen.replica_set(request.to_revision)
    return found is not None and seen.template == template_of(found)
