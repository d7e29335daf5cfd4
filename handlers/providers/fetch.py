"""Fetches one page of somebody else's, such as the certificate that a sender signs with: small, and where it says."""

from __future__ import annotations

from functools import cached_property

import httpx

from bot.errors import Away, ProviderError
from handlers.providers.http import client

SECONDS = httpx.Timeout(5.0, connect=3.0)
LARGEST = 1024 * 1024


class Fetch:
    """A redirect is not followed: whoever checked the address checked this one."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    @cached_property
    def _client(self) -> httpx.Client:
        """Most bots never need one."""
        return client(timeout=SECONDS, transport=self._transport, follow_redirects=False)

    def __call__(self, url: str) -> bytes:
        """Raises ProviderError."""
        host = _host(url)
        try:
            with self._client.stream("GET", url) as answer:
                if answer.status_code != 200:
                    raise ProviderError(host, f"HTTP {answer.status_code}")
                content = bytearray()
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > LARGEST:
                        raise ProviderError(host, "its page is too large")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Away(host, f"no answer ({type(error).__name__})") from None
        return bytes(content)

    def close(self) -> None:
        self._client.close()


def _host(url: str) -> str:
    """What an error may name: the rest of an address may hold a token."""
    try:
        return httpx.URL(url).host or "a page without a host"
    except httpx.InvalidURL:
        return "a page whose address is none"
