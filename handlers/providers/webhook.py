"""Calls somebody else's address with a signature, as Standard Webhooks has it: https://www.standardwebhooks.com.

The id stays the same when a call is repeated, so whoever is called can tell that it is the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

import httpx

from bot.errors import Away, NotYet, ProviderError
from handlers.providers.http import client

SECONDS = httpx.Timeout(15.0, connect=3.0)  # what the standard advises
PREFIX = "whsec_"
LATER = frozenset({408, 425})  # of the 4xx, those that mean: come again
PAUSE, LONGEST_PAUSE = 30.0, 3600.0


class Webhook:
    """Raises ValueError where the secret is none."""

    def __init__(self, url: str, secret: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url, self.host = url, httpx.URL(url).host
        self.key = key(secret)
        self._client = client(timeout=SECONDS, transport=transport, follow_redirects=False)

    def call(self, id: str, at: datetime, body: bytes) -> None:
        """Raises ProviderError: it may have arrived where no answer came, and will be known by its id. NotYet."""
        known, time = id.replace("/", "_"), str(int(at.timestamp()))
        headers = {
            "content-type": "application/json",
            "user-agent": "Watchkeeper",
            "webhook-id": known,
            "webhook-timestamp": time,
            "webhook-signature": signature(self.key, known, time, body),
        }
        try:
            answer = self._client.post(self.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise Away(self.host, f"no answer ({type(error).__name__})", unknown=True) from None
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise NotYet(_pause(answer), f"{self.host} asks to come later")
        if not answer.is_success:
            lasting = 300 <= answer.status_code < 500 and answer.status_code not in LATER
            raise ProviderError(self.host, f"HTTP {answer.status_code}", permanent=lasting)

    def close(self) -> None:
        self._client.close()


def key(secret: str) -> bytes:
    """Of `whsec_` and base64, 24 to 64 bytes. Raises ValueError."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not 24 <= len(found) <= 64:
        raise ValueError("is no secret of Standard Webhooks: whsec_ and 24 to 64 bytes in base64")
    return found


def signature(key: bytes, id: str, time: str, body: bytes) -> str:
    digest = hmac.new(key, b".".join((id.encode(), time.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _pause(answer: httpx.Response) -> float:
    after = answer.headers.get("retry-after", "")
    return min(float(after), LONGEST_PAUSE) if after.isdigit() else PAUSE
