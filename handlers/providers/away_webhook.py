"""Tells a webhook that Slack is away: the phone of the on-call hangs on whatever listens there."""

from __future__ import annotations

import httpx

from bot.errors import Away, ProviderError
from bot.outages import Told
from handlers.providers.http import client

NAME = "the away webhook"
SECONDS = httpx.Timeout(10.0, connect=5.0)


class AwayWebhook:
    """`text` is what most chats and pagers show of a webhook; the rest is for programs."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url, self._client = url, client(timeout=SECONDS, transport=transport, follow_redirects=False)

    def tell(self, told: Told) -> None:
        """Raises ProviderError, which never names the address: it holds a secret."""
        body = {
            "type": "slack.away" if told.away else "slack.back",
            "title": told.title,
            "text": told.text,
            "since": told.since.isoformat(),
            "until": told.until.isoformat() if told.until else None,
        }
        try:
            answer = self._client.post(self.url, json=body, headers={"webhook-id": told.key})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Away(NAME, f"no answer ({type(error).__name__})") from None
        if not answer.is_success:
            gone = answer.is_client_error and answer.status_code not in (408, 425, 429)
            raise ProviderError(NAME, f"HTTP {answer.status_code}", permanent=gone)

    def close(self) -> None:
        self._client.close()
