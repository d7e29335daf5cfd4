"""What Argo CD's and Flux's controllers do: keep workloads at what a git repository says, each at its own times.

A `Repository` holds the manifests of some workloads, one for each commit. `decide` looks at what runs and answers
whether to apply the newest commit now, and when to look again. Like the real ones: Argo CD syncs by itself once for
each commit, and again a few seconds after a drift if it heals; Flux applies at each commit and every interval,
whatever has changed, but for objects that are annotated against it. A HelmRelease of Flux applies at each commit, and
leaves a drift in between alone unless it is told to look for it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.kube.store import APPLICATIONS, HELM_RELEASES, KUSTOMIZATIONS, Kind, Object, fresh, stamp

HEAL_SECONDS = 5.0  # between a drift and its repair: --self-heal-timeout-seconds
TRACKING = "argocd.argoproj.io/tracking-id"
RECONCILE = "kustomize.toolkit.fluxcd.io/reconcile"
MANAGERS: Mapping[Kind, str] = {
    APPLICATIONS: "argocd-controller",
    KUSTOMIZATIONS: "kustomize-controller",
    HELM_RELEASES: "helm-controller",
}
KEPT_HISTORY = 10


@dataclass
class Repository:
    """The templates of workloads at each commit, newest last."""

    url: str = "https://git.shop.example/deploy.git"
    commits: list[tuple[str, dict[str, Object]]] = field(default_factory=list)

    def commit(self, templates: Mapping[str, Object]) -> str:
        """The newest state with these templates put in. Answers the commit's id."""
        before = self.commits[-1][1] if self.commits else {}
        now = before | {name: fresh(template) for name, template in templates.items()}
        id = hashlib.sha1(f"{len(self.commits)}/{now}".encode(), usedforsecurity=False).hexdigest()
        self.commits.append((id, now))
        return id

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    @property
    def templates(self) -> dict[str, Object]:
        return self.commits[-1][1]


@dataclass(frozen=True)
class Pass:
    """What one look leads to: the workloads to put back to the repository's head, the new status, the next look."""

    apply: tuple[str, ...]
    status: Object
    wake: datetime | None


def application(name: str, namespace: str, repository: str, automated: Object | None) -> Object:
    """An Argo CD Application that deploys into `namespace`."""
    policy = {} if automated is None else {"automated": automated}
    return {
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": repository, "path": name, "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": policy,
        },
    }


def kustomization(name: str, interval: str) -> Object:
    """A Flux Kustomization."""
    return {
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "interval": interval,
            "path": f"./{name}",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "deploy"},
        },
    }


def helm_release(name: str, drift: bool) -> Object:
    """A Flux HelmRelease."""
    return {
        "metadata": {"name": name, "namespace": "flux-system"},
        "spec": {
            "interval": "10m",
            "chart": {"spec": {"chart": name, "sourceRef": {"kind": "GitRepository", "name": "deploy"}}},
            "driftDetection": {"mode": "enabled" if drift else "disabled"},
        },
    }


def helm_marks(release: str, namespace: str) -> Object:
    """What Helm puts on everything that it installs, whoever runs it."""
    return {
        "annotations": {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace},
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
    }


def marks(keeper: Object, workload: Object) -> Object:
    """What a keeper puts on the objects that it deploys."""
    meta = keeper["metadata"]
    if keeper["kind"] == APPLICATIONS.kind:
        group = workload["apiVersion"].split("/")[0]
        where = f"{workload['metadata']['namespace']}/{workload['metadata']['name']}"
        return {"annotations": {TRACKING: f"{meta['name']}:{group}/{workload['kind']}:{where}"}}
    prefix = "kustomize.toolkit.fluxcd.io" if keeper["kind"] == KUSTOMIZATIONS.kind else "helm.toolkit.fluxcd.io"
    own = {f"{prefix}/name": meta["name"], f"{prefix}/namespace": meta["namespace"]}
    if keeper["kind"] == KUSTOMIZATIONS.kind:
        return {"labels": own}
    helm = helm_marks(meta["name"], workload["metadata"]["namespace"])
    return helm | {"labels": helm["labels"] | own}


def decide(keeper: Object, repository: Repository, live: Mapping[str, Object], at: datetime) -> Pass:
    """`live`: the workloads that the repository names, as they are. A drift is timed from `at`, when it is seen."""
    drifted = tuple(name for name, obj in live.items() if differs(obj, repository.templates[name]))
    turn = argo_cd if keeper["kind"] == APPLICATIONS.kind else flux
    return turn(keeper, repository, live, drifted, at)


def differs(live: Object, template: Object) -> bool:
    """Only what Git names counts."""
    return bool(live["spec"]["template"] != template)


def argo_cd(
    app: Object, repository: Repository, live: Mapping[str, Object], drifted: tuple[str, ...], at: datetime
) -> Pass:
    old: Object = app.get("status") or {}
    automated: Object | None = (app["spec"].get("syncPolicy") or {}).get("automated")
    if automated is not None and automated.get("enabled") is False:
        automated = None
    new_commit = (old.get("sync") or {}).get("revision") != repository.head
    heal_at = heal_time(old, automated, drifted, at)
    now = automated is not None and bool(drifted) and (new_commit or (heal_at is not None and heal_at <= at))
    synced = now or not drifted
    # Without auto-sync a commit is only compared with: the revision that was applied stays what it was.
    applied = repository.head if now or (automated is not None and synced) else (old.get("sync") or {}).get("revision")
    history: list[Any] = list(old.get("history") or [])
    if now:
        entry = {"id": len(history), "revision": repository.head, "deployedAt": stamp(at)}
        history = [*history, entry][-KEPT_HISTORY:]
    status: Object = {
        "sync": {"status": "Synced" if synced else "OutOfSync", "revision": applied or repository.head},
        "history": history,
        "health": {"status": "Healthy"},
        "resources": [{"kind": obj["kind"], "name": name} for name, obj in live.items()],
    }
    waiting = heal_at if heal_at and not now else None
    if waiting:
        status["operationState"] = {"retryAt": waiting.isoformat()}
    return Pass(drifted if now else (), status, waiting)


def heal_time(old: Object, automated: Object | None, drifted: tuple[str, ...], at: datetime) -> datetime | None:
    """When a drift is repaired: a while after it was first seen."""
    if not (automated and automated.get("selfHeal") and drifted):
        return None
    known = (old.get("operationState") or {}).get("retryAt")
    return datetime.fromisoformat(known) if known else at + timedelta(seconds=HEAL_SECONDS)


def flux(
    keeper: Object, repository: Repository, live: Mapping[str, Object], drifted: tuple[str, ...], at: datetime
) -> Pass:
    old: Object = keeper.get("status") or {}
    if keeper["spec"].get("suspend"):
        return Pass((), old, None)
    mine = tuple(name for name in drifted if not left_alone(keeper, live[name], old, repository))
    every = interval(str(keeper["spec"]["interval"]))
    last = old.get("lastHandledAt")
    due = datetime.fromisoformat(last) + every if last else at
    if due > at and old.get("lastAppliedRevision") == f"main@sha1:{repository.head}":
        return Pass((), old, due)
    status = {"lastAppliedRevision": f"main@sha1:{repository.head}", "lastHandledAt": at.isoformat()}
    return Pass(mine, status, at + every)


def left_alone(keeper: Object, workload: Object, old: Object, repository: Repository) -> bool:
    if keeper["kind"] == KUSTOMIZATIONS.kind:
        return bool(workload["metadata"].get("annotations", {}).get(RECONCILE) == "disabled")
    upgrade = old.get("lastAppliedRevision") not in (None, f"main@sha1:{repository.head}")
    return not upgrade and keeper["spec"]["driftDetection"]["mode"] != "enabled"


UNITS = {"h": 3600, "m": 60, "s": 1}


def interval(text: str) -> timedelta:
    """A Go duration such as 1m30s."""
    return timedelta(seconds=sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([hms])", text)))
