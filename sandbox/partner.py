"""A partner who wants to hear of our incidents: takes webhooks, and believes only what is signed, fresh and new.

As Standard Webhooks advises: the signature over id, time and body in constant time, five minutes of patience, and the
same id is the same message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.clock import Clock

SECRET = "whsec_" + base64.b64encode(b"a secret that both of us know").decode()
PATIENCE = 300  # seconds that a message may be old, or young


@dataclass
class Partner:
    clock: Clock
    heard: dict[str, Any] = field(default_factory=dict)  # by id, in the order in which they came
    calls: int = 0
    fail_with: list[int] = field(default_factory=list)  # the next answers
    lose_answers: int = 0  # so many messages are taken, and the answer says that something went wrong

    def routes(self, at: str) -> list[BaseRoute]:
        return [Route(at, self.receive, methods=["POST"])]

    async def receive(self, request: Request) -> Response:
        self.calls += 1
        body = await request.body()
        if self.fail_with:
            return PlainTextResponse("not now", self.fail_with.pop(0), headers={"retry-after": "20"})
        if why := self.doubt(request, body):
            return PlainTextResponse(why, 401)
        self.heard.setdefault(request.headers["webhook-id"], json.loads(body))
        if self.lose_answers:
            self.lose_answers -= 1
            return PlainTextResponse("the answer was lost", 502)
        return Response(status_code=204)

    def doubt(self, request: Request, body: bytes) -> str:
        """Why the message is not believed, or ""."""
        id, time = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        if not id or not time.isdigit():
            return "no id, or no time"
        if abs(self.clock.now().timestamp() - int(time)) > PATIENCE:
            return "too old, or from the future"
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        digest = hmac.new(key, f"{id}.{time}.".encode() + body, hashlib.sha256).digest()
        wanted = f"v1,{base64.b64encode(digest).decode()}"
        given = request.headers.get("webhook-signature", "").split(" ")
        return "" if any(hmac.compare_digest(wanted, one) for one in given) else "no signature that fits"
