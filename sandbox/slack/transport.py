"""HTTP mode: payloads go out as signed requests, and the answer's status is the acknowledgement."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlencode

import httpx

from sandbox.slack.events import DISPATCH_FAILED, LATE, Ack, Delivery, Failed, Result
from sandbox.slack.model import SIGNING_SECRET, VERIFICATION_TOKEN

ANSWER_WITHIN = 3.0
AT_ONCE = 8
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


class HttpTransport:
    """Calls `url` for events, commands and interactivity alike. `now` is what the signatures carry, in seconds."""

    def __init__(
        self,
        url: str,
        signing_secret: str = SIGNING_SECRET,
        now: Callable[[], float] = time.time,
        at_once: int = AT_ONCE,
    ) -> None:
        self.url, self.secret, self.now = url, signing_secret, now
        self._client = httpx.Client(timeout=ANSWER_WITHIN, trust_env=False)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="slack-http")

    def __call__(self, delivery: Delivery) -> Future[Result]:
        return self._pool.submit(self._send, delivery)

    def verify(self) -> bool:
        """Slack's first request: does the address answer the challenge?"""
        body = json.dumps({"type": "url_verification", "challenge": "are-you-there", "token": VERIFICATION_TOKEN})
        answer = self._client.post(self.url, content=body.encode(), headers=self._headers(body.encode(), JSON))
        return answer.status_code == 200 and "are-you-there" in answer.text

    def close(self) -> None:
        self._pool.shutdown()
        self._client.close()

    def _send(self, delivery: Delivery) -> Result:
        body, kind = encode(delivery)
        headers = self._headers(body, kind)
        if delivery.attempt:
            headers |= {"x-slack-retry-num": str(delivery.attempt), "x-slack-retry-reason": delivery.reason}
        try:
            answer = self._client.post(self.url, content=body, headers=headers)
        except httpx.TimeoutException:
            return Failed(LATE.error, "http_timeout")
        except httpx.TransportError:
            return Failed(DISPATCH_FAILED, "connection_failed")
        if answer.status_code != 200:
            return Failed(DISPATCH_FAILED, "http_error", again=answer.headers.get("x-slack-no-retry") != "1")
        return Ack(decode(answer))

    def _headers(self, body: bytes, kind: str) -> dict[str, str]:
        stamp = str(int(self.now()))
        digest = hmac.new(self.secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        signed = {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}"}
        return {"content-type": kind, "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)", **signed}


def encode(delivery: Delivery) -> tuple[bytes, str]:
    if delivery.kind == "events_api":
        return json.dumps(delivery.payload).encode(), JSON
    fields = delivery.payload if delivery.kind == "slash_commands" else {"payload": json.dumps(delivery.payload)}
    return urlencode(fields).encode(), FORM


def decode(answer: httpx.Response) -> dict[str, object]:
    """JSON, or plain text to show, or nothing."""
    if answer.headers.get("content-type", "").startswith(JSON):
        found = answer.json()
        return found if isinstance(found, dict) else {}
    return {"text": answer.text} if answer.text else {}
