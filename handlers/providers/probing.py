"""Asks for a page over HTTP as a customer would: what came back, how fast, and until when its certificate is good."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic

import httpx

from bot.policy import Probe
from bot.probes import Answer
from handlers.providers.http import client

LARGEST = 1024 * 1024  # bytes of a page that are read
SPARE = 5.0  # seconds that a page may take beyond what is expected: late is told apart from never
AGENT = "Watchkeeper probe"


class HttpProber:
    """`secrets` are headers by probe; they go to its own host only."""

    def __init__(
        self, secrets: Mapping[str, Mapping[str, str]] | None = None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._secrets = secrets or {}
        # Each look is a customer's first: names and certificates are looked at anew, and no cookie is kept.
        once = httpx.Limits(max_keepalive_connections=0)
        self._named = client(transport=transport, limits=once)
        self._addressed = client(transport=transport, limits=once, trust_env=False)  # a proxy would choose by itself

    def ask(self, probe: Probe, url: str, address: str = "") -> Answer:
        began = monotonic()
        try:
            asked = self._request(probe, httpx.URL(url), address)
            sender = self._addressed if address else self._named
            answer = sender.send(asked, stream=True, follow_redirects=probe.redirects)
            try:
                until = _certificate(answer)
                content, whole = _read(answer, began + _patience(probe))
            finally:
                answer.close()
                sender.cookies.clear()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(address=address, seconds=monotonic() - began, trouble=_why(error))
        return Answer(
            address=address,
            status=answer.status_code,
            headers=dict(answer.headers),
            text=_text(content, answer),
            size=len(content),
            whole=whole,
            seconds=monotonic() - began,
            certificate_until=until,
        )

    def _request(self, probe: Probe, url: httpx.URL, address: str) -> httpx.Request:
        """Whoever is asked by address is asked under the page's name: in its header, and for its certificate."""
        place = url.copy_with(host=address) if address else url
        own = url.host == httpx.URL(probe.url).host
        headers = {
            "user-agent": AGENT,
            "accept-encoding": "identity",  # what is small on the wire stays small here
            **probe.headers,
            **(self._secrets.get(probe.name, {}) if own else {}),
            "host": url.netloc.decode("ascii"),
        }
        method = probe.method if str(url) == str(httpx.URL(probe.url)) else "GET"
        wait = httpx.Timeout(_patience(probe)).as_dict()
        return httpx.Request(method, place, headers=headers, extensions={"sni_hostname": url.host, "timeout": wait})

    def close(self) -> None:
        self._named.close()
        self._addressed.close()


def _patience(probe: Probe) -> float:
    return probe.expect.within.total_seconds() + SPARE


def _read(answer: httpx.Response, until: float) -> tuple[bytes, bool]:
    """Its content, and whether that is all. Raises ReadTimeout where it drips for too long."""
    content = bytearray()
    for piece in answer.iter_bytes():
        content += piece
        if len(content) > LARGEST:
            return bytes(content[:LARGEST]), False
        if monotonic() > until:
            raise httpx.ReadTimeout("it did not come to an end")
    return bytes(content), True


def _text(content: bytes, answer: httpx.Response) -> str:
    try:
        return content.decode(answer.charset_encoding or "utf-8", errors="replace")
    except LookupError:  # an encoding that nobody knows
        return content.decode("utf-8", errors="replace")


def _certificate(answer: httpx.Response) -> datetime | None:
    stream = answer.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream else None
    ends = (secured.getpeercert() or {}).get("notAfter") if secured else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC) if ends else None


def _why(error: Exception) -> str:
    """In words. An address may hold a token, so what the library says is not repeated, but for certificates."""
    told = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in told:
        return f"its certificate is not valid: {told.partition('certificate verify failed: ')[2][:120] or 'unknown'}"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return f"no answer ({type(error).__name__})"
