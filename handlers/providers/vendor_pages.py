"""A vendor's status page, by the API that every Statuspage has, or its feed; asked with the ETag of last time."""

from __future__ import annotations

import httpx

from bot.errors import Away, ProviderError
from handlers.providers.http import client
from handlers.world import Summary

NAME = "status page"
SECONDS = httpx.Timeout(10.0, connect=3.0)
LARGEST = 8 * 1024 * 1024  # GitHub's has some ten kilobytes, the largest some hundred
FEEDS = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"
SUMMARY = "/api/v2/summary.json"


class VendorSites:
    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._client = client(timeout=SECONDS, transport=transport, follow_redirects=True)  # pages move to own domains

    def summary(self, page: str, etag: str) -> Summary:
        """Raises ProviderError."""
        return self._read(f"{page}{SUMMARY}", "application/json", etag)

    def feed(self, url: str, etag: str) -> Summary:
        """Raises ProviderError."""
        return self._read(url, FEEDS, etag)

    def _read(self, url: str, accept: str, etag: str) -> Summary:
        headers = {"accept": accept} | ({"if-none-match": etag} if etag else {})
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                if answer.status_code == httpx.codes.NOT_MODIFIED:
                    return Summary(content=None, etag=etag)
                if answer.status_code != httpx.codes.OK:
                    raise ProviderError(NAME, f"HTTP {answer.status_code}")
                return Summary(content=_content(answer), etag=answer.headers.get("etag", ""))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Away(NAME, f"no answer ({type(error).__name__})") from None

    def close(self) -> None:
        self._client.close()


def _content(answer: httpx.Response) -> bytes:
    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > LARGEST:
            raise ProviderError(NAME, "its page is too large")
    return bytes(content)
