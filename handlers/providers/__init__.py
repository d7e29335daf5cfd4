"""The ways out, one file each. Named here, loaded only if configured: some need an extra."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

ROLLOUTS: Mapping[str, str] = {
    "argo": "handlers.providers.argo:ArgoRollouts",
    "flagger": "handlers.providers.flagger:Flagger",
    "deployment": "handlers.providers.deployment:Deployments",
    "statefulset": "handlers.providers.statefulset:StatefulSets",
}
READERS: Mapping[str, str] = {"pods": "handlers.providers.pods:Pods"}
AROUND: Mapping[str, str] = {"neighbourhood": "handlers.providers.gitops:Neighbourhood"}
METRICS: Mapping[str, str] = {
    "prometheus": "handlers.providers.prometheus:Prometheus",
    "errors by version": "handlers.providers.prometheus:ErrorsByVersion",
}
ONCALLS: Mapping[str, str] = {
    "ical": "handlers.providers.ical:Ical",
    "pagerduty": "handlers.providers.pagerduty:Schedules",
}
ALARMS: Mapping[str, str] = {"pagerduty": "handlers.providers.pagerduty:Events"}
DRAWING: Mapping[str, str] = {"plots": "handlers.plots:draw"}  # loads matplotlib: some 50 MB that not every bot needs
EXTRAS: Mapping[str, str] = dict.fromkeys((*ROLLOUTS, *READERS, *AROUND), "kubernetes")


class Missing(Exception):
    """A provider is configured that is unknown or not installed; the message says what to do."""


def load(name: str, known: Mapping[str, str] = ROLLOUTS) -> Any:
    """What is registered under a name: the provider's class, or a function. Raises Missing."""
    if name not in known:
        raise Missing(f"There is no rollout provider {name!r}; known: {', '.join(sorted(known))}.")
    module, _, attribute = known[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        extra = EXTRAS.get(name)
        fix = f"needs an extra: pip install 'watchkeeper[{extra}]'" if extra else "is not installed whole"
        raise Missing(f"The provider {name!r} {fix} ({error}).") from None
