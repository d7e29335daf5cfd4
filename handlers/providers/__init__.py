"""The ways out, one file each. Named here, loaded only if configured: some need an extra."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

ROLLOUTS: Mapping[str, str] = {"argo": "handlers.providers.argo:ArgoRollouts"}
EXTRAS: Mapping[str, str] = {"argo": "kubernetes"}


NEIGHBOURHOOD = "handlers.providers.gitops:Neighbourhood"


class Missing(Exception):
    """A provider is configured that is unknown or not installed; the message says what to do."""


def load(name: str) -> Any:
    """The provider's class. Raises Missing."""
    if name not in ROLLOUTS:
        raise Missing(f"There is no rollout provider {name!r}; known: {', '.join(sorted(ROLLOUTS))}.")
    return _loaded(ROLLOUTS[name], f"The rollout provider {name!r}", EXTRAS[name])


def neighbourhood() -> Any:
    """The class that looks around a rollout. Raises Missing."""
    return _loaded(NEIGHBOURHOOD, "Looking around a rollout", "kubernetes")


def _loaded(where: str, what: str, extra: str) -> Any:
    module, _, attribute = where.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise Missing(f"{what} needs an extra: pip install 'watchkeeper[{extra}]' ({error}).") from None
