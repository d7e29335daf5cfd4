"""The ways out, one file each. Named here, loaded only if configured: some need an extra."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

ROLLOUTS: Mapping[str, str] = {"argo": "handlers.providers.argo:ArgoRollouts"}
READERS: Mapping[str, str] = {"pods": "handlers.providers.pods:Pods"}
EXTRAS: Mapping[str, str] = {"argo": "kubernetes", "pods": "kubernetes"}


class Missing(Exception):
    """A provider is configured that is unknown or not installed; the message says what to do."""


def load(name: str, among: Mapping[str, str] = ROLLOUTS) -> Any:
    """The provider's class. Raises Missing."""
    if name not in among:
        raise Missing(f"There is no rollout provider {name!r}; known: {', '.join(sorted(among))}.")
    module, _, attribute = among[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise Missing(
            f"The rollout provider {name!r} needs an extra: pip install 'watchkeeper[{EXTRAS[name]}]' ({error})."
        ) from None
