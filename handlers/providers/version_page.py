"""Asks a server which version it runs: one GET of the page where it says so."""

from __future__ import annotations

from functools import cached_property

import httpx

from bot.errors import Away, ProviderError
from bot.text import clip, one_line
from handlers.providers.http import client

NAME = "version page"
SECONDS = httpx.Timeout(5.0, connect=2.0)
LONGEST = 100  # characters of a version
LARGEST = 64 * 1024  # a page that says a version is small


class VersionPage:
    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    @cached_property
    def _client(self) -> httpx.Client:
        """Servers are asked each by itself, so neither a proxy nor a redirect may answer for them."""
        return client(timeout=SECONDS, transport=self._transport, trust_env=False, follow_redirects=False)

    def version(self, url: str, field: str) -> str:
        """What stands under `field` of the JSON object, or the whole text without one. Raises ProviderError."""
        try:
            answer = self._client.get(url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Away(NAME, f"no answer ({type(error).__name__})") from None
        if answer.status_code != 200:
            raise ProviderError(NAME, f"HTTP {answer.status_code}")
        found = clip(one_line(self._said(answer, field)), LONGEST)
        if not found:
            raise ProviderError(NAME, "it does not say a version")
        return found

    def close(self) -> None:
        self._client.close()

    def _said(self, answer: httpx.Response, field: str) -> str:
        if len(answer.content) > LARGEST:
            raise ProviderError(NAME, "its page is too large to be one that says a version")
        if not field:
            if "html" in answer.headers.get("content-type", ""):
                raise ProviderError(NAME, "answered with a web page")
            return answer.text
        try:
            content = answer.json()
        except (ValueError, RecursionError):
            raise ProviderError(NAME, "answered, but not with JSON") from None
        value = content.get(field) if isinstance(content, dict) else None
        return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
