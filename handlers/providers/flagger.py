"""Flagger: reads a Canary, and does to it what cannot be done by the answers that it gets at our gates.

What it asks us about is steered there, which its metrics and its own rollback survive (bot/steering.py).
"""

from __future__ import annotations

from bot.errors import Moved, ProviderError
from bot.intents import BACK, BY_HAND, Intent
from bot.model import Request, RequestState, Rollout, Verb
from bot.policy import Target
from bot.proof import fulfilled, moved
from handlers.providers.deployment import hash_of
from handlers.providers.flagger_status import BEFORE, SKIPPED_FOR, Seen, known, template_of, understand
from handlers.providers.kubernetes import Kubernetes
from handlers.providers.kubernetes_rights import Right
from handlers.providers.objects import PRIMARY, Json, child
from handlers.providers.workloads import Call, Workloads, belonging, new_template, object_path, spec_change, version_of

NAME = "Flagger"
UNSEEN = "it has not looked since the latest change, and does so once in its interval"
GATE = "it waits at a gate, which is opened where it asks and not in the cluster"


class Flagger(Workloads[Seen]):
    name = NAME
    group = "flagger.app/v1beta1"
    plural = "canaries"
    supports = frozenset(Verb) - {Verb.RETRY}
    rights = (
        Right("flagger.app", "canaries", ("get", "list", "watch", "patch")),
        Right("flagger.app", "canaries/status", ("patch",)),
        Right("apps", "deployments", ("get", "patch")),
        Right("apps", "replicasets", ("list",)),
    )

    def take_back(self, target: Target) -> bool:
        call = analysed_again(self._seen(target))
        if call:
            self._patch(target, call)
        return call is not None

    def _look(self, cluster: Kubernetes, target: Target) -> Seen:
        canary = cluster.get(self._path(target))
        reference = child(canary, "spec", "targetRef")
        if reference.get("kind") != "Deployment":
            what = f"{target.name} releases a {reference.get('kind')}, and I know only Deployments under Flagger"
            raise ProviderError(self.name, what, permanent=True)
        where = deployment_path(target.namespace, str(reference.get("name")))
        deployment = cluster.get(where)
        primary = {} if child(canary, "status").get("phase", "") in BEFORE else cluster.get(where + PRIMARY)
        return Seen(canary, deployment, primary, belonging(cluster, deployment, target.namespace, "replicasets"))

    def _understand(self, seen: Seen, target: Target, service: str, environment: str) -> Rollout:
        return understand(seen, target, service, environment)

    def _next_call(self, seen: Seen, rollout: Rollout, request: Request, sent: int) -> Call | None:
        return next_call(seen, rollout, request, sent)


def deployment_path(namespace: str, name: str) -> str:
    return object_path("apps/v1", namespace, "deployments", name)


# ---------------------------------------------------------------- what to send


def next_call(seen: Seen, rollout: Rollout, request: Request, sent: int = 0) -> Call | None:
    """The call that is still missing, or None. Asked again after every call, so a crash in between does no harm.

    Raises Moved, or a transient ProviderError while Flagger has not looked.
    """
    intent = Intent(request.intent)
    if request.state is RequestState.ACTING:
        return None
    if fulfilled(request, rollout) or (intent is Intent.ABORT and _told_to_fail(seen)):
        # Suspended it does not roll back. The other order would let the bad revision go on for a tick.
        return _spec(seen, {"suspend": False}) if seen.suspended and intent in BACK else None
    if not rollout.observed and intent is not Intent.PAUSE:
        raise ProviderError(NAME, UNSEEN, unknown=sent > 0)
    if why := moved(request, rollout):
        raise Moved(NAME, why, unknown=sent > 0)
    match intent:
        case Intent.PAUSE:
            return _spec(seen, {"suspend": True})
        case Intent.RESUME if request.reviewed_wait == BY_HAND:
            return _spec(seen, {"suspend": False})
        case Intent.PROMOTE_FULLY:
            return _skip(seen, request.from_revision)
        case Intent.ABORT:
            return _fail(seen)
        case Intent.UNDO_FULLY if not seen.skips_analysis:
            return _skip(seen, request.to_revision)  # first: a tick may come before the second call
        case Intent.UNDO | Intent.UNDO_FULLY:
            return _undo(seen, request)
        case _:
            raise ProviderError(NAME, GATE, permanent=True)


def _told_to_fail(seen: Seen) -> bool:
    return seen.phase in ("Progressing", "WaitingPromotion") and seen.failed_checks >= seen.threshold


def _fail(seen: Seen) -> Call:
    """There is no other word for it than what Flagger itself writes before it rolls back."""
    body = {"metadata": {"resourceVersion": version_of(seen.object)}, "status": {"failedChecks": seen.threshold}}
    return Call(body, status=True)


def _skip(seen: Seen, revision: str) -> Call:
    """With a mark, so that it is known whose it is to take back, whatever happens in between."""
    spec: Json = {"skipAnalysis": True} | ({"suspend": False} if seen.suspended else {})
    return spec_change(version_of(seen.object), spec, {SKIPPED_FOR: revision})


def analysed_again(seen: Seen) -> Call | None:
    """skipAnalysis holds for every later release too, so what we set is taken back when it has done its work.

    Whatever has become of the request: at once where another revision is asked for, which must not profit from it.
    """
    if not (seen.skipped_for and seen.skips_analysis):
        return None
    overtaken = seen.current is None or hash_of(seen.current) != seen.skipped_for
    if not overtaken and not (seen.observed and seen.phase in ("Succeeded", "Failed")):
        return None
    return spec_change(version_of(seen.object), {"skipAnalysis": False}, {SKIPPED_FOR: None})


def _undo(seen: Seen, request: Request) -> Call:
    found = known(seen, request.to_revision)
    if found is None:
        raise Moved(NAME, f"the cluster no longer holds {request.to_version}")
    meta = child(seen.target, "metadata")
    where = deployment_path(str(meta.get("namespace")), str(meta.get("name")))
    return new_template(template_of(found), version_of(seen.target), where)


def _spec(seen: Seen, spec: Json) -> Call:
    return spec_change(version_of(seen.object), spec)
