"""The pod template to go back to: what somebody once deployed, as it was before the controller added to it."""

from __future__ import annotations

import copy
import json
from typing import Any

from handlers.providers.argo_status import HASH
from handlers.providers.objects import Json, child, listed

EPHEMERAL = "rollout.argoproj.io/ephemeral-metadata"


def template_of(replica_set: Json) -> Json:
    """The pod template that made a ReplicaSet, without what the controller added to it.

    With the additions left in, it would hash to a new revision and run through every step as if never seen.
    """
    template = copy.deepcopy(child(replica_set, "spec", "template"))
    meta, added = child(template, "metadata"), _ephemeral(replica_set)
    meta.pop("creationTimestamp", None)
    for part in ("labels", "annotations"):
        kept = {k: v for k, v in child(meta, part).items() if k != HASH and k not in child(added, part)}
        meta.pop(part, None)
        if kept:
            meta[part] = kept
    _without_injected_affinity(child(template, "spec"))
    return template


def _ephemeral(replica_set: Json) -> Json:
    """The labels and annotations that the controller put on the pods for as long as they have a role."""
    written = child(replica_set, "metadata", "annotations").get(EPHEMERAL)
    try:
        return child({"written": json.loads(written)}, "written") if isinstance(written, str) else {}
    except ValueError:
        return {}


def _without_injected_affinity(pod: Json) -> None:
    """The controller keeps old and new pods apart by a term about its own hash label. Empty shells go with it."""
    anti = child(pod, "affinity", "podAntiAffinity")
    for key in [k for k, terms in anti.items() if any(_about_hash(t) for t in listed(terms))]:
        anti[key] = [term for term in anti[key] if not _about_hash(term)]
        if not anti[key]:
            del anti[key]
            if not anti:
                del pod["affinity"]["podAntiAffinity"]
            if not pod["affinity"]:
                del pod["affinity"]


def _about_hash(term: Any) -> bool:
    """A required term, or a preferred one with its weight around it."""
    inner = child(term, "podAffinityTerm") or child({"term": term}, "term")
    expressions = listed(child(inner, "labelSelector").get("matchExpressions"))
    return any(isinstance(e, dict) and e.get("key") == HASH for e in expressions)
