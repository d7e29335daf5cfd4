"""What is left when Slack is away: a terminal in which people type to the bot, and the phone of the on-call."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.hooks import trusted

SECONDS = 30.0
Ask = Callable[[dict[str, str]], str]  # line, as and channel → what the bot says


@dataclass
class Terminal:
    """Types lines at the bot's API. `ask` replaces HTTP."""

    url: str = ""
    token: str = ""
    ask: Ask | None = None

    def type(self, line: str, user: str, channel: str = "") -> str:
        """What the bot says, or why it says nothing."""
        return (self.ask or self._over_http)({"line": line, "as": user, "channel": channel})

    def _over_http(self, asked: dict[str, str]) -> str:
        headers = {"authorization": f"Bearer {self.token}"}
        try:
            with httpx.Client(timeout=SECONDS, trust_env=False, verify=trusted()) as client:
                answer = client.post(f"{self.url.rstrip('/')}/api/commands", json=asked, headers=headers)
        except httpx.TransportError:
            return "nobody answers"
        return str(answer.json()["text"]) if answer.is_success else f"HTTP {answer.status_code}"


@dataclass
class Phone:
    """Rings once for each webhook, however often it is sent."""

    rang: dict[str, dict[str, Any]] = field(default_factory=dict)  # by the webhook's id

    @property
    def heard(self) -> list[str]:
        return [str(said.get("text", "")) for said in self.rang.values()]

    def routes(self, at: str) -> list[BaseRoute]:
        return [Route(at, self.ring, methods=["POST"])]

    async def ring(self, request: Request) -> JSONResponse:
        try:
            said = json.loads(await request.body())
        except ValueError:
            return JSONResponse({"error": "send JSON"}, 400)
        self.rang.setdefault(request.headers.get("webhook-id", str(len(self.rang))), said)
        return JSONResponse({"ok": True})
