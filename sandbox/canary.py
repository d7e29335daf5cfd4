"""The fifth service of the demo: reviews, which Flagger releases, and which asks the bot's gates before it moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from sandbox.kube.flagger import target_name
from sandbox.kube.store import Object
from sandbox.shop import THRESHOLD, Service

if TYPE_CHECKING:
    from sandbox.world import Sandbox

MANIFESTS = Path(__file__).with_suffix(".yml")
REVIEWS = Service("reviews", "discovery", 30.0, 0.055)
GATES = ("confirm-traffic-increase", "confirm-promotion", "rollback", "event", "post-rollout")


def add(world: Sandbox, url_of: Callable[[str], str]) -> None:
    """`url_of`: where the bot is asked at a gate of this service."""
    deployment, service, canary = yaml.safe_load(MANIFESTS.read_text())
    canary["spec"]["analysis"]["webhooks"] = [{"name": gate, "type": gate, "url": url_of(gate)} for gate in GATES]
    world.cluster.flagger.measure = lambda canary: trouble(world, canary)
    for manifest in (deployment, service, canary):
        world.cluster.create(manifest)
    world.shop.add(REVIEWS)


def trouble(world: Sandbox, canary: Object) -> str:
    """Flagger's own check, request-success-rate, of what the canary answered in the last seconds."""
    ratio = world.shop.error_ratio_of(target_name(canary), track="canary")
    if ratio <= THRESHOLD:
        return ""
    return f"success rate {1 - ratio:.1%} < {1 - THRESHOLD:.0%}"
