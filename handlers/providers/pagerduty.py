"""PagerDuty: who is on call there, and alerts that make it call them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx

from bot.errors import Away, ProviderError
from bot.text import clip, one_line
from handlers.providers.http import client
from handlers.world import Alarm

NAME = "PagerDuty"
SECONDS = httpx.Timeout(10.0, connect=3.0)
API, EVENTS = "https://api.pagerduty.com", "https://events.pagerduty.com"
VERSION = "application/vnd.pagerduty+json;version=2"
SUMMARY = 1024  # characters
PROOF = "watchkeeper/check"


class Schedules:
    """Whoever a schedule or an escalation policy has on call. Reads only."""

    def __init__(
        self,
        token: str,
        *,
        schedule: str = "",
        escalation_policy: str = "",
        url: str = API,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        wanted = {"schedule_ids[]": schedule, "escalation_policy_ids[]": escalation_policy}
        self._asked = {name: id for name, id in wanted.items() if id} | {"include[]": "users", "limit": "100"}
        headers = {"authorization": f"Token token={token}", "accept": VERSION}
        self._client = client(base_url=url, headers=headers, timeout=SECONDS, transport=transport)

    def on_duty(self, now: datetime) -> tuple[str, ...]:
        """`Dana Kim <dana@example.com>`, by level of escalation. Raises ProviderError."""
        answer = _sent(self._client, "GET", "/oncalls", params=self._asked)
        try:
            shifts = sorted(answer.json()["oncalls"], key=lambda shift: int(shift.get("escalation_level") or 1))
            return tuple(dict.fromkeys(_named(shift["user"]) for shift in shifts))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ProviderError(NAME, "its answer is not a list of on-calls") from None

    def close(self) -> None:
        self._client.close()


def _named(user: dict[str, Any]) -> str:
    name = str(user.get("name") or user.get("summary") or user.get("id") or "")
    return f"{name} <{user['email']}>" if user.get("email") else name


class Events:
    """Alerts by the Events API, version 2: the same key is the same alert, however often it is sent."""

    def __init__(self, routing_key: str, *, url: str = EVENTS, transport: httpx.BaseTransport | None = None) -> None:
        self._key = routing_key
        self._client = client(base_url=url, timeout=SECONDS, transport=transport)

    def send(self, alarm: Alarm) -> None:
        """Raises ProviderError."""
        body: dict[str, Any] = {
            "routing_key": self._key,
            "event_action": alarm.action,
            "dedup_key": alarm.key,
            "client": "Watchkeeper",
        }
        if alarm.action == "trigger":
            body["payload"] = {
                "summary": clip(one_line(alarm.summary), SUMMARY),
                "source": alarm.source or "watchkeeper",
                "severity": alarm.severity,
            }
            if alarm.url:
                body |= {"client_url": alarm.url, "links": [{"href": alarm.url, "text": "The incident's channel"}]}
        _sent(self._client, "POST", "/v2/enqueue", json=body)

    def look(self) -> str:
        """What was never triggered is resolved: that needs a key that is one, and calls nobody."""
        self.send(Alarm(action="resolve", key=PROOF))
        return "takes events with this routing key; nobody was called"

    def close(self) -> None:
        self._client.close()


def _sent(over: httpx.Client, method: str, path: str, **what: Any) -> httpx.Response:
    """What cannot succeed is told as permanent, with PagerDuty's words; the request is in no error, for its secrets."""
    try:
        answer = over.request(method, path, **what)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Away(NAME, f"no answer ({type(error).__name__})") from None
    if answer.is_success:
        return answer
    permanent = answer.is_client_error and answer.status_code not in (408, 429)
    raise ProviderError(NAME, f"HTTP {answer.status_code}{_words(answer)}", permanent=permanent)


def _words(answer: httpx.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return ""
    if not isinstance(content, dict):
        return ""
    error = content.get("error")
    told = error if isinstance(error, dict) else content
    words = [str(told.get("message") or ""), *map(str, told.get("errors") or ())]
    return clip(": " + "; ".join(filter(None, map(one_line, words))), 200) if any(words) else ""
