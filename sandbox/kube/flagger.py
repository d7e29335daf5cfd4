"""Flagger: at every tick of its analysis interval it moves each Canary on by at most one step, or back.

A Canary has two Deployments. People change the target; the primary serves, and is a copy of what was promoted last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sandbox.kube.flagger_hooks import Webhooks, analysis, hooks_of, seconds
from sandbox.kube.replicas import Set, short_hash, template_hash
from sandbox.kube.store import CANARIES, DEPLOYMENTS, SERVICES, Kind, Object, Store, fresh, stamp
from sandbox.workloads import Share, split

MANAGER = "flagger"
ALL = 100
SHORTEST, INTERVAL = 10.0, 60.0  # seconds
RUNNING = ("Progressing", "Waiting", "WaitingPromotion", "Promoting", "Finalising")
MEANS = {"Succeeded": "True", "Initialized": "True", "Failed": "False"}  # of the condition Promoted; else Unknown


class Cluster(Protocol):
    """What the controller may do. Every write wakes the controller of what was written."""

    def write(self, kind: Kind, obj: Object, manager: str, subresource: str = ..., dry_run: bool = ...) -> Object: ...
    def create(self, manifest: Object, by: str = ...) -> None: ...
    def tell(self, about: Object, type: str, reason: str, message: str, by: str = ...) -> None: ...


def content(canary: Object) -> str:
    """The metric checks of a canary that is well."""
    return ""


class Flagger:
    """`measure` is what the metrics say of a canary: why a check fails, or "". `webhooks` carries its questions."""

    def __init__(self, store: Store, cluster: Cluster, measure: Callable[[Object], str] = content) -> None:
        self.store, self.cluster, self.measure = store, cluster, measure
        self.webhooks = Webhooks()
        # Per cent that the router sends to the canary: a status is not it.
        self._routes: dict[tuple[str, str], int] = {}

    def begin_as(self, other: Flagger) -> None:
        self._routes = dict(other._routes)

    def tick(self, namespace: str, name: str) -> datetime:
        """Does what is due; answers when it ticks again."""
        canary = self.store.get(CANARIES, namespace, name)
        self._advance(canary)
        every = seconds(analysis(canary).get("interval"), INTERVAL)
        return self.store.now() + timedelta(seconds=max(SHORTEST, every))

    def target(self, namespace: str, name: str) -> Object:
        """The Deployment that people change."""
        return self._target(self.store.get(CANARIES, namespace, name))

    def canary_of(self, deployment: Object) -> Object | None:
        """The Canary that a Deployment is the target or the primary of."""
        meta = deployment["metadata"]
        names = {meta["name"], meta["name"].removesuffix("-primary")}
        found = self.store.all(CANARIES, meta["namespace"])
        return next((canary for canary in found if target_name(canary) in names), None)

    def shares(self, canary: Object, sets: Callable[[Object], Sequence[Set]]) -> tuple[Share, ...]:
        """Who gets how much of the service's traffic."""
        target, primary = self._target(canary), self._primary(canary)
        if primary is None or phase_of(canary) in ("", "Initializing"):
            return split(target, sets(target))
        weight = self._weight(canary)
        sides = [("stable", ALL - weight, primary), ("canary", weight, target)]
        return tuple(
            Share(track, share.version, share.weight * part / ALL, share.up)
            for track, part, deployment in sides
            for share in (split(deployment, sets(deployment)) if part else ())
        )

    # --- one tick, in Flagger's own order: what returns early hides all that comes after it

    def _advance(self, canary: Object) -> None:
        if canary["spec"].get("suspend"):
            self._say(canary, "skipping canary run as object is suspended")
        elif self._initialized(canary) and self._should_advance(canary):
            self._go_on(self._fresh(canary))

    def _initialized(self, canary: Object) -> bool:
        """The primary is made, and ready, before the service is pointed at it and the target goes to sleep."""
        if phase_of(canary) not in ("", "Initializing"):
            return True
        target, primary = self._target(canary), self._primary(canary)
        if primary is None:
            self.cluster.create(primary_of(target), by=MANAGER)
            self._status(canary, phase="Initializing", canaryWeight=0, failedChecks=0, iterations=0)
        elif waits := unready(primary):
            self._warn(canary, f"{title(primary)} not ready: {waits}")
        else:
            self._point_service(canary)
            self._scale(target, 0)
            spec = template_hash(target["spec"]["template"])
            self._status(canary, phase="Initialized", lastAppliedSpec=spec, lastPromotedSpec=spec)
            self._say(canary, f"Initialization done! {title(canary)}")
        return False

    def _should_advance(self, canary: Object) -> bool:
        if phase_of(canary) in RUNNING:
            return True
        changed = self._changed(canary)
        if phase_of(canary) == "Failed":
            self._status(canary, lastAppliedSpec=template_hash(self._target(canary)["spec"]["template"]))
        return changed

    def _changed(self, canary: Object) -> bool:
        """What was promoted last is no news, also while something else is under analysis: somebody rolled back."""
        status, spec = canary.get("status") or {}, template_hash(self._target(canary)["spec"]["template"])
        return spec not in (status.get("lastPromotedSpec"), status.get("lastAppliedSpec"))

    def _go_on(self, canary: Object) -> None:
        phase, skip = phase_of(canary), canary["spec"].get("skipAnalysis")
        primary = self._primary(canary)
        if primary and not skip and (waits := unready(primary)):
            self._warn(canary, f"{title(primary)} not ready: {waits}")
            if late(primary):
                self._roll_back(canary)
            return
        if phase not in ("Progressing", "WaitingPromotion", "Promoting", "Finalising"):
            return self._start(canary)
        if phase in ("Progressing", "WaitingPromotion") and self._changed(canary):
            return self._start_over(canary)
        target = self._target(canary)
        if waits := unready(target):
            self._warn(canary, f"{title(target)} not ready: {waits}")
            if late(target):
                self._roll_back(canary)
            return
        if skip:
            return self._promote_at_once(canary)
        if phase in ("Progressing", "WaitingPromotion") and self._told_to_roll_back(canary):
            self._warn(canary, f"Rolling back {title(canary)} manual webhook invoked")
            return self._roll_back(canary)
        if phase == "Promoting":
            return self._shift_back(canary)
        if phase == "Finalising":
            return self._finish(canary)
        if failed_checks(canary) >= threshold(canary):
            self._warn(canary, f"Rolling back {title(canary)} failed checks threshold reached {failed_checks(canary)}")
            return self._roll_back(canary)
        self._analyse(canary)

    def _analyse(self, canary: Object) -> None:
        weight, status = self._weight(canary), canary.get("status") or {}
        if weight == 0 and not status.get("iterations"):
            self._say(canary, f"Starting canary analysis for {target_name(canary)}.{namespace_of(canary)}")
            halted = self._refused(canary, "pre-rollout")
        else:
            halted = self._refused(canary, "rollout") or self.measure(canary)
        if halted:
            self._warn(canary, f"Halt {title(canary)} advancement {halted}")
            self._status(canary, failedChecks=failed_checks(canary) + 1)
        elif analysis(canary).get("iterations"):
            self._iterate(canary)
        elif step := next_step(canary, weight):
            self._step(canary, weight, step)

    def _step(self, canary: Object, weight: int, step: int) -> None:
        if phase_of(canary) == "Progressing" and (held := self._refused(canary, "confirm-traffic-increase")):
            return self._warn(canary, f"Halt {title(canary)} advancement waiting for traffic increase approval {held}")
        if weight >= max_weight(canary):
            return self._promote(canary)
        weight = min(ALL, weight + step)
        self._route(canary, weight)
        self._status(canary, canaryWeight=weight)
        self._say(canary, f"Advance {title(canary)} canary weight {weight}")

    def _iterate(self, canary: Object) -> None:
        """A/B testing sends all that match to the canary at once; blue/green sends none before the end."""
        done, wanted = int((canary.get("status") or {}).get("iterations") or 0), int(analysis(canary)["iterations"])
        if done < wanted:
            if analysis(canary).get("match"):
                self._route(canary, ALL)
            self._status(canary, iterations=done + 1)
            return self._say(canary, f"Advance {title(canary)} canary iteration {done + 1}/{wanted}")
        self._promote(canary)

    # --- beginning and end

    def _start(self, canary: Object) -> None:
        spec = template_hash(self._target(canary)["spec"]["template"])
        canary = self._status(canary, lastAppliedSpec=spec, failedChecks=0, canaryWeight=0, iterations=0)
        if held := self._refused(canary, "confirm-rollout"):
            if phase_of(canary) != "Waiting":
                self._status(canary, phase="Waiting")
                self._warn(canary, f"Halt {title(canary)} advancement waiting for approval {held}")
            return
        self._say(canary, f"New revision detected! Scaling up {target_name(canary)}.{namespace_of(canary)}")
        primary = self._primary(canary)
        self._scale(self._target(canary), primary["spec"].get("replicas", 1) if primary else 1)
        self._status(canary, phase="Progressing")

    def _start_over(self, canary: Object) -> None:
        self._route(canary, 0)
        spec = template_hash(self._target(canary)["spec"]["template"])
        self._status(canary, phase="Progressing", lastAppliedSpec=spec, failedChecks=0, canaryWeight=0, iterations=0)
        self._say(canary, f"New revision detected! Restarting analysis for {title(canary)}")

    def _told_to_roll_back(self, canary: Object) -> bool:
        for hook in hooks_of(canary, "rollback"):
            if not self.webhooks.ask(canary, hook, phase_of(canary)):
                self._warn(canary, f"Rollback check {hook['name']} passed")
                return True
            self._say(canary, f"Rollback hook {hook['name']} not signaling a rollback")
        return False

    def _promote(self, canary: Object) -> None:
        if held := self._refused(canary, "confirm-promotion"):
            if phase_of(canary) != "WaitingPromotion":
                # The weight reads 0 from here on, whatever the router does.
                self._status(canary, phase="WaitingPromotion", canaryWeight=0)
            return self._warn(canary, f"Halt {title(canary)} advancement waiting for promotion approval {held}")
        self._copy(canary)
        self._status(canary, phase="Promoting", canaryWeight=0)

    def _promote_at_once(self, canary: Object) -> None:
        """skipAnalysis: no gate is asked, no metric looked at and no post-rollout hook called."""
        self._route(canary, 0)
        self._copy(canary)
        self._scale(self._target(canary), 0)
        self._succeed(canary)
        self._say(canary, f"Promotion completed! Canary analysis was skipped for {title(canary)}")

    def _shift_back(self, canary: Object) -> None:
        back, weight = analysis(canary).get("stepWeightPromotion") or ALL, self._weight(canary)
        self._route(canary, max(0, weight - back))
        self._status(canary, **({"phase": "Finalising"} if weight <= back else {"canaryWeight": weight - back}))
        self._say(canary, "Routing all traffic to primary")

    def _finish(self, canary: Object) -> None:
        self._scale(self._target(canary), 0)
        canary = self._succeed(canary)
        self._refused(canary, "post-rollout")
        self._say(canary, f"Promotion completed! Scaling down {target_name(canary)}.{namespace_of(canary)}")

    def _succeed(self, canary: Object) -> Object:
        spec = (canary.get("status") or {}).get("lastAppliedSpec")
        return self._status(canary, phase="Succeeded", canaryWeight=0, iterations=0, lastPromotedSpec=spec)

    def _roll_back(self, canary: Object) -> None:
        """The traffic goes back, the pods of the target go; its template stays what it is."""
        self._route(canary, 0)
        self._scale(self._target(canary), 0)
        canary = self._status(canary, phase="Failed", canaryWeight=0, failedChecks=0, iterations=0)
        self._warn(canary, f"Canary failed! Scaling down {title(canary)}")
        self._refused(canary, "post-rollout")

    # --- what it reads and writes

    def _refused(self, canary: Object, type: str) -> str:
        """The webhooks of one type, asked in turn: the first that says no, and what it said."""
        phase = "Progressing" if type in ("pre-rollout", "rollout") else phase_of(canary)
        for hook in hooks_of(canary, type):
            if said := self.webhooks.ask(canary, hook, phase):
                return f"{hook['name']}: {said.strip()}"
        return ""

    def _copy(self, canary: Object) -> None:
        target, primary = self._target(canary), self._primary(canary)
        assert primary is not None
        self._say(canary, f"Copying {title(target)} template spec to {title(primary)}")
        template = primary_of(target, short_hash(str(self.store.version), 8))["spec"]["template"]
        self.cluster.write(DEPLOYMENTS, primary | {"spec": primary["spec"] | {"template": template}}, MANAGER)

    def _scale(self, deployment: Object, replicas: int) -> None:
        spec = deployment["spec"] | {"replicas": replicas}
        self.cluster.write(DEPLOYMENTS, deployment | {"spec": spec}, MANAGER)

    def _point_service(self, canary: Object) -> None:
        target = self._target(canary)
        if service := self.store.find(SERVICES, namespace_of(canary), target_name(canary)):
            selector = primary_of(target)["spec"]["selector"]["matchLabels"]
            self.cluster.write(SERVICES, service | {"spec": service["spec"] | {"selector": selector}}, MANAGER)

    def _status(self, canary: Object, **changes: object) -> Object:
        at, status = stamp(self.store.now()), dict(self._fresh(canary).get("status") or {})
        status |= changes | {"lastTransitionTime": at}
        phase = str(status.get("phase", ""))
        promoted = {"type": "Promoted", "status": MEANS.get(phase, "Unknown"), "reason": phase}
        status["conditions"] = [promoted | {"lastUpdateTime": at, "lastTransitionTime": at}]
        return self.cluster.write(CANARIES, self._fresh(canary) | {"status": status}, MANAGER, "status")

    def _target(self, canary: Object) -> Object:
        return self.store.get(DEPLOYMENTS, namespace_of(canary), target_name(canary))

    def _primary(self, canary: Object) -> Object | None:
        return self.store.find(DEPLOYMENTS, namespace_of(canary), f"{target_name(canary)}-primary")

    def _fresh(self, canary: Object) -> Object:
        return self.store.get(CANARIES, namespace_of(canary), canary["metadata"]["name"])

    def _weight(self, canary: Object) -> int:
        return self._routes.get((namespace_of(canary), canary["metadata"]["name"]), 0)

    def _route(self, canary: Object, weight: int) -> None:
        self._routes[namespace_of(canary), canary["metadata"]["name"]] = weight

    def _say(self, canary: Object, message: str, type: str = "Normal") -> None:
        """An event, in the cluster and to whoever listens."""
        self.cluster.tell(canary, type, "Synced", message, by=MANAGER)
        at = int(self.store.now().timestamp() * 1000)
        about = {"eventMessage": message, "eventType": type, "timestamp": str(at)}
        current = self._fresh(canary)
        for hook in hooks_of(canary, "event"):
            self.webhooks.ask(current, hook, phase_of(current), about)

    def _warn(self, canary: Object, message: str) -> None:
        self._say(canary, message, "Warning")


# --- what a Canary and its Deployments say


def phase_of(canary: Object) -> str:
    return str((canary.get("status") or {}).get("phase") or "")


def failed_checks(canary: Object) -> int:
    """Of the whole run: a check that passes afterwards takes none back."""
    return int((canary.get("status") or {}).get("failedChecks") or 0)


def threshold(canary: Object) -> int:
    return max(1, int(analysis(canary).get("threshold") or 0))


def namespace_of(canary: Object) -> str:
    return str(canary["metadata"]["namespace"])


def target_name(canary: Object) -> str:
    return str(canary["spec"]["targetRef"]["name"])


def title(obj: Object) -> str:
    return f"{obj['metadata']['name']}.{obj['metadata']['namespace']}"


def max_weight(canary: Object) -> int:
    given = analysis(canary)
    if weights := given.get("stepWeights"):
        return min(ALL, int(weights[-1]))
    return int(given.get("maxWeight") or ALL)


def next_step(canary: Object, weight: int) -> int:
    """By how much the weight grows; any number but 0 leads to the promotion where it is at its highest."""
    given = analysis(canary)
    if given.get("stepWeight") or not given.get("stepWeights"):
        return int(given.get("stepWeight") or 0)
    later = [int(step) for step in given["stepWeights"] if int(step) > weight]
    return min(ALL - weight, later[0] - weight) if later else 1


def unready(deployment: Object) -> str:
    """What is missing until its pods are all of the present template, and available; "" if nothing."""
    spec, status = deployment["spec"], deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return "waiting for rollout to finish: observed deployment generation less than desired generation"
    if late(deployment):
        return "deployment exceeded its progress deadline"
    if status.get("updatedReplicas", 0) < wanted or status.get("replicas", 0) > status.get("updatedReplicas", 0):
        return f"waiting for rollout to finish: {status.get('updatedReplicas', 0)} of {wanted} new replicas"
    if status.get("availableReplicas", 0) < wanted:
        return f"waiting for rollout to finish: {status.get('availableReplicas', 0)} of {wanted} available"
    return ""


def late(deployment: Object) -> bool:
    conditions = (deployment.get("status") or {}).get("conditions") or []
    return any(condition["reason"] == "ProgressDeadlineExceeded" for condition in conditions)


def primary_of(target: Object, id: str = "") -> Object:
    """The copy that serves: under its own name and labels, and with a mark so that each promotion rolls it."""
    meta, spec = target["metadata"], fresh(target["spec"])
    name = f"{meta['name']}-primary"
    labels = {"app": name}
    template = spec["template"]
    template["metadata"]["labels"] = template["metadata"]["labels"] | labels
    template["metadata"]["annotations"] = {
        **(template["metadata"].get("annotations") or {}),
        "flagger-id": id or short_hash(name, 8),
    }
    own = {"name": name, "namespace": meta["namespace"], "labels": labels}
    return {"kind": "Deployment", "metadata": own, "spec": spec | {"selector": {"matchLabels": labels}}}
