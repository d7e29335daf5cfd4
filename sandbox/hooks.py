"""How the shop's tools call the bot: one POST with a bearer token."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

SECONDS = 10.0  # Alertmanager gives a receiver as long
Deliver = Callable[[str, bytes, dict[str, str]], int]  # path, body, headers → HTTP status, 0 if nobody answered


@dataclass
class Hooks:
    """Where to call. Without an address nothing is sent, and callers keep what they have. `deliver` replaces HTTP."""

    url: str = ""
    token: str = ""
    deliver: Deliver | None = None

    @property
    def connected(self) -> bool:
        return bool(self.url or self.deliver)

    def post(self, path: str, body: Any, agent: str) -> int:
        headers = {"content-type": "application/json", "user-agent": agent, "authorization": f"Bearer {self.token}"}
        return (self.deliver or self._over_http)(path, encode(body), headers)

    def _over_http(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        try:
            with httpx.Client(timeout=SECONDS, trust_env=False, verify=trusted()) as client:
                return client.post(self.url.rstrip("/") + path, content=body, headers=headers).status_code
        except httpx.TransportError:
            return 0


@cache
def trusted() -> ssl.SSLContext:
    """Whom callers trust, read once: that takes longer than a call."""
    return httpx.create_ssl_context()


def encode(body: Any) -> bytes:
    """JSON as Go writes it: compact, UTF-8, with `<`, `>` and `&` escaped."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode()
