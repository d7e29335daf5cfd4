"""Flagger's webhooks: what it posts, when it asks again, and what it takes for a yes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from sandbox.hooks import encode, trusted
from sandbox.kube.replicas import short_hash
from sandbox.kube.store import Object

Deliver = Callable[
    [str, bytes, float], tuple[int, str]
]  # URL, body, seconds → HTTP status and text; 0: nobody answered

SECONDS = 10.0
YES = 202  # the highest status that is one
TOO_MANY = 429


@dataclass
class Webhooks:
    """No header says who asks, so whoever is asked knows it by the URL. `deliver` replaces HTTP."""

    deliver: Deliver | None = None

    def ask(self, canary: Object, hook: Object, phase: str, about: Object | None = None) -> str:
        """ "" for a yes, else what was answered: Flagger puts it into its events. `about` joins the hook's metadata."""
        metadata = dict(hook.get("metadata") or {})
        metadata |= {key: value for key, value in (about or {}).items() if key not in metadata}
        body = encode(
            {
                "name": canary["metadata"]["name"],
                "namespace": canary["metadata"]["namespace"],
                "phase": phase,
                "checksum": checksum(canary),
                "metadata": metadata,
            }
        )
        status, text = 0, ""
        for _ in range(1 + int(hook.get("retries") or 0)):
            status, text = (self.deliver or over_http)(hook["url"], body, seconds(hook.get("timeout"), SECONDS))
            if status and status < 500 and status != TOO_MANY:
                break
        return "" if 0 < status <= YES else text or f"no answer from {hook['url'].partition('?')[0]}"


def over_http(url: str, body: bytes, timeout: float) -> tuple[int, str]:
    try:
        with httpx.Client(timeout=timeout, trust_env=False, follow_redirects=True, verify=trusted()) as client:
            answer = client.post(url, content=body, headers={"content-type": "application/json"})
            return answer.status_code, answer.text
    except httpx.TransportError as error:
        return 0, str(error)


def hooks_of(canary: Object, *types: str) -> Iterator[Object]:
    """The webhooks of these types, in the order they are written; one that says no type is a `rollout`."""
    return (hook for hook in analysis(canary).get("webhooks") or [] if (hook.get("type") or "rollout") in types)


def analysis(canary: Object) -> Object:
    return dict(canary["spec"].get("analysis") or {})


def checksum(canary: Object) -> str:
    """Of the revision under analysis: a new one has a new checksum."""
    status = canary.get("status") or {}
    tracked = [status.get("trackedConfigs"), status.get("lastAppliedSpec")]
    return short_hash(json.dumps(tracked, sort_keys=True), 10)


def seconds(duration: str | None, default: float) -> float:
    """ "30s" and "2m", as far as people write them here."""
    if not duration:
        return default
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]
