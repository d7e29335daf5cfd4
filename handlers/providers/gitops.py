"""What stands around a rollout in its cluster: GitOps that keeps it, and with room.py whether it could grow.

Every look is one more call, so they are made before an action and not at every glance. What may not be read is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.errors import Moved, ProviderError
from bot.model import Keeper, Reverts, Rollout, Suspension
from bot.policy import Target
from handlers.providers.kubernetes import Access, Kubernetes, path
from handlers.providers.objects import GITOPS, Json, child, listed
from handlers.providers.room import autoscaled, roomed, unseen

NAME = "GitOps"
ARGO_NAMESPACE = "argocd"
TRACKING, INSTANCE = "argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"
FLUX = "toolkit.fluxcd.io"
WORKLOADS: Mapping[str, tuple[str, ...]] = {
    "Rollout": ("apis", "argoproj.io", "v1alpha1"),
    "Deployment": ("apis", "apps", "v1"),
    "StatefulSet": ("apis", "apps", "v1"),
    "Canary": ("apis", "flagger.app", "v1beta1"),
}
PLURALS = {"Canary": "canaries"}
KEEPERS: Mapping[str, tuple[str, ...]] = {
    "Application": ("argoproj.io", "v1alpha1", "applications"),
    "Kustomization": (f"kustomize.{FLUX}", "v1", "kustomizations"),
    "HelmRelease": (f"helm.{FLUX}", "v2", "helmreleases"),
}


class Neighbourhood:
    """`argo_namespace` is where Argo CD keeps its Applications, unless a mark says otherwise."""

    def __init__(self, clusters: Mapping[str, Kubernetes], argo_namespace: str = ARGO_NAMESPACE) -> None:
        self.clusters, self.argo_namespace = clusters, argo_namespace

    @classmethod
    def connect(cls, clusters: Mapping[str, Access], argo_namespace: str) -> Neighbourhood:
        """From the configuration. Raises ProviderError where a cluster's access is unusable; none is called yet."""
        found = {
            name: Kubernetes.configured(name, access.kubeconfig, access.context, access.in_cluster)
            for name, access in clusters.items()
        }
        return cls(found, argo_namespace)

    def close(self) -> None:
        for cluster in self.clusters.values():
            cluster.close()

    def examine(self, target: Target, rollout: Rollout) -> Rollout:
        """The rollout with all that a closer look shows. Never raises: what could not be seen is in `unexamined`."""
        cluster = self.clusters.get(target.cluster)
        if cluster is None:
            return rollout
        try:
            object = cluster.get(workload_path(target, rollout.kind))
            rollout = replace(rollout, **writer(object))
            rollout = kept_by(rollout, self._keeper(cluster, object))
        except ProviderError as error:
            rollout = unseen(rollout, "its object", error)
        rollout = self._templated(cluster, target, rollout)
        return roomed(cluster, target, autoscaled(cluster, target, rollout))

    def stop(self, target: Target, suspension: Suspension) -> None:
        """Keeps GitOps from putting its spec back. Done already is done.

        Raises Moved where it is set otherwise than it was reviewed, ProviderError for the rest.
        """
        cluster, where = self._cluster(target), keeper_path(suspension)
        object = cluster.get(where)
        style = STYLES[suspension.kind]
        if not style.acts(object):
            return
        if style.setting(object) != suspension.setting:
            raise Moved(NAME, f"{suspension} is set otherwise than it was a moment ago")
        self._patch(cluster, where, object, style.off)

    def restore(self, target: Target, suspension: Suspension) -> None:
        """Puts the recorded setting back. Raises Moved where somebody has set another since."""
        cluster, where = self._cluster(target), keeper_path(suspension)
        object = cluster.get(where)
        style = STYLES[suspension.kind]
        if style.setting(object) == suspension.setting and style.acts(object):
            return
        if style.acts(object):
            raise Moved(
                NAME, f"{suspension} was switched on by somebody else, with another setting; I left it as it is"
            )
        self._patch(cluster, where, object, style.on(json.loads(suspension.setting)))

    def switched_on(self, target: Target, suspension: Suspension) -> str:
        """Who has switched it on again, as far as the object says; "" while it is off. Raises ProviderError."""
        object = self._cluster(target).get(keeper_path(suspension))
        style = STYLES[suspension.kind]
        return (last_writer(object, *style.field)[1] or "somebody") if style.acts(object) else ""

    def may_stop(self, target: Target, keeper: Keeper) -> bool:
        """Raises ProviderError."""
        if keeper.kind not in KEEPERS:
            return False
        group, _, plural = KEEPERS[keeper.kind]
        return self._cluster(target).may("patch", group, plural, keeper.namespace)

    def _patch(self, cluster: Kubernetes, where: str, object: Json, spec: Json) -> None:
        version = child(object, "metadata").get("resourceVersion")
        cluster.patch(where, {"metadata": {"resourceVersion": version}, "spec": spec})

    def _cluster(self, target: Target) -> Kubernetes:
        if target.cluster not in self.clusters:
            raise ProviderError(NAME, f"no cluster {target.cluster} is configured", permanent=True)
        return self.clusters[target.cluster]

    def _templated(self, cluster: Kubernetes, target: Target, rollout: Rollout) -> Rollout:
        """The object that holds the pod template has a writer and a keeper of its own: that one fights an undo."""
        kind, _, name = rollout.template_in.partition(" ")
        if kind != "Deployment":
            return rollout
        try:
            object = cluster.get(workload_path(replace(target, name=name), kind))
        except ProviderError as error:
            return unseen(rollout, rollout.template_in, error)
        rollout = replace(rollout, **writer(object))
        keeper = self._keeper(cluster, object)
        if rollout.keeper is not None and (keeper is None or not keeper.acts):
            return rollout
        return kept_by(rollout, keeper)

    def _keeper(self, cluster: Kubernetes, object: Json) -> Keeper | None:
        keeper = mark_of(object, self.argo_namespace)
        if keeper is None or keeper.kind not in KEEPERS:
            return keeper
        try:
            return STYLES[keeper.kind].read(keeper, cluster.get(keeper_path(keeper)), object)
        except ProviderError as error:
            return replace(keeper, why=str(error))


def workload_path(target: Target, kind: str) -> str:
    where = WORKLOADS.get(kind, WORKLOADS["Rollout"])
    plural = PLURALS.get(kind, f"{kind.lower()}s")
    return path(*where, "namespaces", target.namespace, plural, target.name)


def keeper_path(keeper: Keeper | Suspension) -> str:
    group, version, plural = KEEPERS[keeper.kind]
    return path("apis", group, version, "namespaces", keeper.namespace, plural, keeper.name)


def kept_by(rollout: Rollout, keeper: Keeper | None) -> Rollout:
    if keeper is None:
        return rollout
    return replace(rollout, keeper=keeper, owner=rollout.owner or str(keeper), fights=in_words(keeper))


# ---------------------------------------------------------------- who keeps it


def mark_of(object: Json, argo_namespace: str = ARGO_NAMESPACE) -> Keeper | None:
    """Who says that it keeps this object, by its marks; failing that, by who wrote the template."""
    meta = child(object, "metadata")
    notes, labels = child(meta, "annotations"), child(meta, "labels")
    app = tracked(notes, object) or str(labels.get(INSTANCE) or "")
    if not app and GITOPS.get(str(writer(object)["written_by"])) == "Argo CD":
        app = str(labels.get("app.kubernetes.io/instance") or "")  # a weak hint, but for who wrote it
    if app:
        place, _, name = app.rpartition("_")  # Applications in any namespace are tracked as namespace_name
        return Keeper(tool="Argo CD", kind="Application", name=name, namespace=place or argo_namespace)
    for kind, word in (("Kustomization", "kustomize"), ("HelmRelease", "helm")):
        if label := labels.get(f"{word}.{FLUX}/name"):
            place = str(labels.get(f"{word}.{FLUX}/namespace") or "flux-system")
            return Keeper(tool="Flux", kind=kind, name=str(label), namespace=place)
    if writer_tool := GITOPS.get(str(writer(object)["written_by"])):
        return Keeper(tool=writer_tool, kind="", name="", why="its marks do not say which")
    release = notes.get("meta.helm.sh/release-name")
    if release and labels.get("app.kubernetes.io/managed-by") == "Helm":
        return Keeper(tool="Helm", kind="release", name=str(release), reverts=Reverts.UPGRADE)
    return None


def tracked(notes: Mapping[str, Any], object: Json) -> str:
    """The app of a tracking id, if that was made for this object: an undo or a copy may bring another's along."""
    app, _, about = str(notes.get(TRACKING) or "").partition(":")
    meta = child(object, "metadata")
    group, slash, _ = str(object.get("apiVersion") or "").partition("/")
    own = f"{group if slash else ''}/{object.get('kind')}:{meta.get('namespace')}/{meta.get('name')}"
    return app if about == own else ""


def writer(object: Json) -> dict[str, Any]:
    """Who wrote the pod template last, and when."""
    at, manager = last_writer(object, "f:spec", "f:template")
    return {"written_by": manager, "written_at": moment(at)}


def last_writer(object: Json, *field: str) -> tuple[str, str]:
    """When a field was written last, and by which manager; "" where the object does not say."""
    *above, last = field
    found = [
        (str(entry.get("time") or ""), str(entry.get("manager") or ""))
        for entry in listed(child(object, "metadata").get("managedFields"))
        if isinstance(entry, dict) and last in child(entry, "fieldsV1", *above)
    ]
    return max(found, default=("", ""))


def moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def in_words(keeper: Keeper) -> str:
    """What it will do to a spec that is changed by hand, and when."""
    words = {
        Reverts.AT_ONCE: "puts its own spec back within seconds",
        Reverts.COMMIT: "puts its own spec back at the next commit to its repository, even an unrelated one",
        Reverts.INTERVAL: f"applies its own spec again every {keeper.every or 'interval'}",
        Reverts.UPGRADE: "puts its own spec back at the next upgrade",
        Reverts.NEVER: "does nothing by itself, and shows it as out of sync",
        Reverts.UNKNOWN: "may put its own spec back",
    }
    return words[keeper.reverts]


# ---------------------------------------------------------------- how each is read and set


@dataclass(frozen=True)
class Style:
    """`acts`: it puts its spec back by itself. `off` and `on` are what is merged into its spec, at `field`."""

    read: Callable[[Keeper, Json, Json], Keeper]
    acts: Callable[[Json], bool]
    setting: Callable[[Json], str]
    off: Json
    on: Callable[[Any], Json]
    field: tuple[str, ...]  # as managedFields name it


def automated(app: Json) -> Json | None:
    found = child(app, "spec", "syncPolicy").get("automated")
    return found if isinstance(found, dict) and found.get("enabled") is not False else None


def setting(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def application(keeper: Keeper, app: Json, object: Json) -> Keeper:
    policy, meta = automated(app), child(app, "metadata")
    reverts = Reverts.NEVER
    if policy is not None:
        reverts = Reverts.AT_ONCE if policy.get("selfHeal") is True else Reverts.COMMIT
    if child(meta, "annotations").get("argocd.argoproj.io/skip-reconcile") == "true":
        reverts = Reverts.NEVER
    sync, spec = child(app, "status", "sync"), child(app, "spec")
    sources = [s for s in [spec.get("source"), *listed(spec.get("sources"))] if isinstance(s, dict)]
    commits = [str(sync.get("revision") or ""), *map(str, listed(sync.get("revisions")))]
    return replace(
        keeper,
        reverts=reverts,
        setting=setting(policy) if policy is not None else "",
        repository=str(sources[0].get("repoURL") or "") if sources else "",
        commit=next(filter(None, commits), ""),
        parent=parent_of(meta),
    )


def parent_of(meta: Json) -> str:
    """An ApplicationSet or another Application that would put this one's setting back."""
    owners = [o for o in listed(meta.get("ownerReferences")) if isinstance(o, dict)]
    if found := next((o for o in owners if o.get("kind") == "ApplicationSet"), None):
        return f"ApplicationSet {found.get('name', '')}"
    app = str(child(meta, "annotations").get(TRACKING) or "").partition(":")[0]
    return f"Argo CD Application {app}" if app else ""


def flux(keeper: Keeper, found: Json, object: Json) -> Keeper:
    meta, spec = child(found, "metadata"), child(found, "spec")
    reverts = Reverts.INTERVAL
    if keeper.kind == "HelmRelease" and child(spec, "driftDetection").get("mode") != "enabled":
        reverts = Reverts.UPGRADE
    notes = child(object, "metadata", "annotations")
    left_alone = ("kustomize.toolkit.fluxcd.io/reconcile", "helm.toolkit.fluxcd.io/driftDetection")
    if spec.get("suspend") is True or any(notes.get(mark) == "disabled" for mark in left_alone):
        reverts = Reverts.NEVER
    commit = str(child(found, "status").get("lastAppliedRevision") or "").rpartition(":")[2]
    return replace(
        keeper,
        reverts=reverts,
        every=str(spec.get("interval") or ""),
        setting=suspended(found),
        commit=commit,
        parent=flux_parent(meta),
    )


def flux_parent(meta: Json) -> str:
    """A Kustomization that applies this one; the root one often applies itself, too."""
    name = str(child(meta, "labels").get("kustomize.toolkit.fluxcd.io/name") or "")
    return f"Flux Kustomization {name}" if name else ""


def suspended(found: Json) -> str:
    return setting({"suspend": child(found, "spec").get("suspend") is True})


def running(found: Json) -> bool:
    return child(found, "spec").get("suspend") is not True


FLUX_STYLE = Style(flux, running, suspended, {"suspend": True}, lambda was: dict(was), ("f:spec", "f:suspend"))
STYLES: Mapping[str, Style] = {
    "Application": Style(
        application,
        lambda app: automated(app) is not None,
        lambda app: setting(automated(app)) if automated(app) is not None else "",
        {"syncPolicy": {"automated": None}},
        lambda was: {"syncPolicy": {"automated": was}},
        ("f:spec", "f:syncPolicy", "f:automated"),
    ),
    "Kustomization": FLUX_STYLE,
    "HelmRelease": FLUX_STYLE,
}
