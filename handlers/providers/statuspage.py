"""A status page at Atlassian Statuspage, kept through its management API: found before it is made, said once.

The API has no idempotency key. An incident of ours carries our id in its metadata, and an update is there already where
the newest one has the same words and status.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx

from bot.errors import Away, NotYet, ProviderError
from bot.notices import Notice
from bot.text import clip, one_line
from handlers.providers.http import client

NAME = "Statuspage"
API = "https://api.statuspage.io"
SECONDS = httpx.Timeout(10.0, connect=3.0)
RECENT = 100  # incidents that are searched for ours; the most that a request answers
OURS = "watchkeeper"
THEY_AND_WE = timedelta(minutes=1)  # how far apart the two clocks may be
OVER = frozenset({"resolved", "postmortem"})
UNPROCESSABLE = "HTTP 422"
TOO_MANY = frozenset({420, 429})  # the API allows a request a second
PAUSE = 10.0  # seconds, where it does not say

Json = dict[str, Any]


class Statuspage:
    """One page."""

    def __init__(self, page: str, token: str, api: str = API, transport: httpx.BaseTransport | None = None) -> None:
        self.page = page
        self._client = client(
            base_url=f"{api.rstrip('/')}/v1/pages/{page}",
            timeout=SECONDS,
            transport=transport,
            headers={"authorization": f"OAuth {token}", "accept": "application/json"},
        )

    def publish(self, notice: Notice, reference: str) -> str:
        """The incident's id on the page. Raises ProviderError, NotYet."""
        there = self._known(reference) if reference else self._find(notice)
        if there and _is_over(there) and notice.status not in OVER:
            there = self._going_on(notice) or self._reopened(there, notice)
        if there is None:
            there = self._ask("POST", "/incidents", {"incident": _incident(notice, new=True)})
        elif not _says(there, notice):
            self._ask("PATCH", f"/incidents/{there['id']}", {"incident": _incident(notice, new=False)})
        return str(there["id"])

    def name(self) -> str:
        """What the page is called, to see that the token opens it. Raises ProviderError."""
        return str(self._ask("GET", "").get("name") or self.page)

    def _known(self, id: str) -> Json:
        try:
            found: Json = self._ask("GET", f"/incidents/{id}")
        except ProviderError as error:
            if error.permanent and "404" in error.message:
                raise ProviderError(
                    NAME, "the incident was deleted there; tell its readers by hand", permanent=True
                ) from None
            raise
        return found

    def _reopened(self, there: Json, notice: Notice) -> Json | None:
        """Whether a page takes one back that it has resolved is documented nowhere: where it refuses to, or takes the
        words and leaves it resolved, the answer is None, and a new one tells the readers.
        """
        if notice.body in [one.get("body") for one in (there.get("incident_updates") or ())[:1]]:
            return None  # it took the words before, and the answer was lost
        try:
            told: Json = self._ask("PATCH", f"/incidents/{there['id']}", {"incident": _incident(notice, new=False)})
        except ProviderError as error:
            if not error.permanent or UNPROCESSABLE not in error.message:
                raise
            return None
        return None if _is_over(told) else told

    def _going_on(self, notice: Notice) -> Json | None:
        """The one that was made in the place of one that stayed resolved."""
        return next((one for one in self._ours(notice) if not _is_over(one)), None)

    def _find(self, notice: Notice) -> Json | None:
        """Ours, where the answer to its making was lost."""
        return next(iter(self._ours(notice)), None)

    def _ours(self, notice: Notice) -> list[Json]:
        """The newest first."""
        recent = self._ask("GET", f"/incidents?limit={RECENT}")
        ours = (one for one in recent if (one.get("metadata") or {}).get(OURS, {}).get("incident") == notice.key)
        earliest = notice.since - THEY_AND_WE
        return [one for one in ours if datetime.fromisoformat(one["created_at"]) >= earliest]

    def _ask(self, method: str, path: str, body: Json | None = None) -> Any:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Away(NAME, f"no answer ({type(error).__name__})", unknown=method != "GET") from None
        if answer.status_code in TOO_MANY:
            raise NotYet(_pause(answer), "Statuspage asks to come more slowly")
        if answer.is_success:
            return _json(answer)
        raise _refused(answer)

    def close(self) -> None:
        self._client.close()


def _incident(notice: Notice, *, new: bool) -> Json:
    said: Json = {"status": notice.status, "body": notice.body, "impact_override": notice.impact}
    if notice.components:
        said |= {"components": dict(notice.components), "component_ids": list(notice.components)}
    if new:
        said |= {"name": notice.name, "metadata": {OURS: {"incident": notice.key}}}
    return said


def _is_over(there: Json) -> bool:
    return there.get("status") in OVER


def _says(there: Json, notice: Notice) -> bool:
    """Of the newest word: an incident that is resolved twice is resolved in the same words."""
    said = ((one.get("status"), one.get("body")) for one in (there.get("incident_updates") or ())[:1])
    return (notice.status, notice.body) in said


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise ProviderError(NAME, "its answer is no JSON") from None


def _refused(answer: httpx.Response) -> ProviderError:
    """4xx will be said again, whatever comes."""
    try:
        said = answer.json().get("error") or ""
    except (ValueError, AttributeError):
        said = ""
    words = "; ".join(map(str, said)) if isinstance(said, list) else str(said)
    why = f"HTTP {answer.status_code}" + (f" {clip(one_line(words), 200)}" if words else "")
    return ProviderError(NAME, why, permanent=400 <= answer.status_code < 500 and answer.status_code != 408)


def _pause(answer: httpx.Response) -> float:
    after = answer.headers.get("retry-after", "")
    return float(after) if after.isdigit() else PAUSE
