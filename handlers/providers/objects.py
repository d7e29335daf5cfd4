"""What all objects of a cluster have in common: odd JSON, owners, images, and who else writes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

PRIMARY = "-primary"  # what Flagger puts behind the name of its copy
GITOPS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}


def child(tree: Any, *keys: str) -> Json:
    """The mapping below `keys`; empty where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def number(value: Any) -> int:
    """Some numbers are strings in a Rollout's status."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def owned(owner: Json, objects: Sequence[Json]) -> tuple[Json, ...]:
    """Those that this object controls."""
    uid = child(owner, "metadata").get("uid")

    def ours(other: Json) -> bool:
        owners = listed(child(other, "metadata").get("ownerReferences"))
        return any(isinstance(o, dict) and o.get("controller") and o.get("uid") == uid for o in owners)

    return tuple(other for other in objects if isinstance(other, dict) and ours(other))


def selector(workload: Json) -> str:
    """Its pods' labels as a query; "" where only the controller knows them and has not said."""
    if written := child(workload, "status").get("selector"):
        return str(written)
    wanted = child(workload, "spec", "selector")
    parts = [f"{key}={value}" for key, value in child(wanted, "matchLabels").items()]
    parts += [_expression(e) for e in listed(wanted.get("matchExpressions")) if isinstance(e, dict)]
    return ",".join(filter(None, parts))


def _expression(expression: Json) -> str:
    key, values = expression.get("key", ""), ",".join(str(v) for v in listed(expression.get("values")))
    forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key, "DoesNotExist": f"!{key}"}
    return str(forms.get(expression.get("operator", ""), ""))


# ---------------------------------------------------------------- images


def containers(template: Json) -> list[Json]:
    return [c for c in listed(child(template, "spec").get("containers")) if isinstance(c, dict)]


def images(template: Json) -> tuple[str, ...]:
    """What its containers run, as the spec names it."""
    return tuple(str(c.get("image") or "") for c in containers(template))


def version(template: Json, *names: str) -> str:
    """The image tag of the main container: the one called like the service, else the first."""
    found = containers(template)
    main = next((c for c in found if c.get("name") in names), found[0] if found else {})
    return tag(str(main.get("image") or ""))


def tag(image: str) -> str:
    """ "v42" of host:5000/shop/checkout:v42@sha256:…; a digest alone is shortened; "" for neither."""
    name, _, digest = image.partition("@")
    _, colon, tagged = name.rpartition("/")[2].partition(":")
    if colon:
        return tagged
    return digest.replace("sha256:", "")[:12]


# ---------------------------------------------------------------- who else writes it


def owner_of(workload: Json) -> str:
    """What else writes this object: "Argo CD app shop"; "" where nothing is known to."""
    meta = child(workload, "metadata")
    notes, labels = child(meta, "annotations"), child(meta, "labels")
    return _by_mark(notes, labels) or _by_field(meta) or _by_helm(notes, labels)


def _by_mark(notes: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    if tracked := notes.get("argocd.argoproj.io/tracking-id"):
        return f"Argo CD app {str(tracked).partition(':')[0]}"
    if app := labels.get("argocd.argoproj.io/instance"):
        return f"Argo CD app {app}"
    for kind, words in (("kustomize", "Flux Kustomization"), ("helm", "Flux HelmRelease")):
        if name := labels.get(f"{kind}.toolkit.fluxcd.io/name"):
            return f"{words} {labels.get(f'{kind}.toolkit.fluxcd.io/namespace', '')}/{name}"
    return ""


def _by_field(meta: Json) -> str:
    """The manager that owns the template, as far as it is a GitOps controller."""
    for entry in listed(meta.get("managedFields")):
        tool = GITOPS.get(str(child({"entry": entry}, "entry").get("manager")), "")
        if tool and "f:template" in child(entry, "fieldsV1", "f:spec"):
            app = child(meta, "labels").get("app.kubernetes.io/instance")  # a weak hint; the manager is not
            return f"{tool} app {app}" if app and tool == "Argo CD" else tool
    return ""


def _by_helm(notes: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    release = notes.get("meta.helm.sh/release-name")
    return f"Helm release {release}" if release and labels.get("app.kubernetes.io/managed-by") == "Helm" else ""


def autoscaled(meta: Json) -> bool:
    """An autoscaler writes the replicas through the scale subresource; a person's `scale` is not by that manager."""
    return any(
        isinstance(entry, dict)
        and entry.get("subresource") == "scale"
        and entry.get("manager") == "kube-controller-manager"
        for entry in listed(meta.get("managedFields"))
    )
