"""What a provider needs to be allowed in a cluster, and which of it is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from handlers.providers.kubernetes import Kubernetes, path


@dataclass(frozen=True)
class Right:
    """A rule as RBAC writes it, for one resource; a subresource stands after a slash."""

    group: str
    resource: str
    verbs: tuple[str, ...]


def place(group: str, plural: str, namespaces: Collection[str]) -> str:
    """Where to watch a kind: in the one namespace that is used, else in the whole cluster, so that one watch does.

    `group` with its version.
    """
    inside = ("namespaces", *namespaces) if len(namespaces) == 1 else ()
    return path("apis", *group.split("/"), *inside, plural)


def lacking(cluster: Kubernetes, rights: Sequence[Right], namespaces: Collection[str]) -> tuple[str, ...]:
    """The RBAC lines that are missing, each with the namespace in which it is. Raises ProviderError."""
    missing: list[str] = []
    for right in rights:
        for namespace, verbs in _where(right, namespaces).items():
            denied = [verb for verb in verbs if not cluster.may(verb, right.group, right.resource, namespace)]
            if denied:
                where = f"namespace {namespace}" if namespace else "the whole cluster"
                line = f'{{apiGroups: ["{right.group}"], resources: [{right.resource}], verbs: [{", ".join(denied)}]}}'
                missing.append(f"{line} in {where}")
    return tuple(missing)


def _where(right: Right, namespaces: Collection[str]) -> dict[str, tuple[str, ...]]:
    """One watch for several namespaces is a watch of the whole cluster; all else is done inside them."""
    if len(namespaces) == 1 or "watch" not in right.verbs:
        return dict.fromkeys(sorted(namespaces), right.verbs)
    inside = tuple(verb for verb in right.verbs if verb not in ("list", "watch"))
    return {"": ("list", "watch"), **dict.fromkeys(sorted(namespaces), inside)}
