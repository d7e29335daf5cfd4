"""One call to Slack's Web API: paced, timed, never blindly repeated, and every failure as one of ours."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from http.client import HTTPException
from socket import gaierror
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.errors import Away, NotYet, ProviderError
from storage.store import Store

TIMEOUT = 10
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True)
class Method:
    """What we know of a Web API method. `per_minute` is Slack's tier; `read` may be asked twice."""

    per_minute: int
    scope: str = ""
    private: str = ""  # the scope that it takes in a private channel
    direct: str = ""  # the scope that it takes in direct messages
    read: bool = False
    json: bool = False  # nested arguments travel as JSON, and not as a form
    per_channel: bool = False  # Slack shows about one message a second in a channel

    @property
    def burst(self) -> int:
        return max(1, self.per_minute // 4)

    @property
    def gap(self) -> float:
        """Seconds between calls once the burst is spent: with the burst, no minute sees more than the tier allows."""
        return 60 / (self.per_minute - self.burst)


METHODS: Mapping[str, Method] = {
    "auth.test": Method(per_minute=100, read=True),
    "bookmarks.add": Method(per_minute=20, scope="bookmarks:write"),
    "bookmarks.edit": Method(per_minute=20, scope="bookmarks:write"),
    "bookmarks.list": Method(per_minute=50, scope="bookmarks:read", read=True),
    "canvases.edit": Method(per_minute=50, scope="canvases:write", json=True),
    "chat.postEphemeral": Method(per_minute=100, scope="chat:write", json=True),
    "chat.postMessage": Method(per_minute=240, scope="chat:write", json=True, per_channel=True),
    "chat.update": Method(per_minute=50, scope="chat:write", json=True, per_channel=True),
    "conversations.canvases.create": Method(per_minute=20, scope="canvases:write", json=True),
    "conversations.create": Method(per_minute=20, scope="channels:manage", private="groups:write"),
    "conversations.history": Method(
        per_minute=50, scope="channels:history", private="groups:history", direct="im:history", read=True
    ),
    "conversations.info": Method(per_minute=50, scope="channels:read", private="groups:read", read=True),
    "conversations.invite": Method(per_minute=50, scope="channels:manage", private="groups:write"),
    "conversations.members": Method(per_minute=100, scope="channels:read", private="groups:read", read=True),
    "conversations.open": Method(per_minute=50, scope="im:write", read=True),
    "conversations.replies": Method(per_minute=50, scope="channels:history", private="groups:history", read=True),
    "conversations.setTopic": Method(per_minute=20, scope="channels:manage", private="groups:write"),
    "files.completeUploadExternal": Method(per_minute=100, scope="files:write"),
    "files.getUploadURLExternal": Method(per_minute=100, scope="files:write", read=True),
    "files.info": Method(per_minute=100, scope="files:read", read=True),
    "pins.add": Method(per_minute=20, scope="pins:write"),
    "pins.list": Method(per_minute=20, scope="pins:read", read=True),
    "reactions.add": Method(per_minute=50, scope="reactions:write"),
    "reactions.remove": Method(per_minute=20, scope="reactions:write"),
    "usergroups.users.list": Method(per_minute=20, scope="usergroups:read", read=True),
    "users.conversations": Method(per_minute=50, scope="channels:read", private="groups:read", read=True),
    "users.info": Method(per_minute=100, scope="users:read", read=True),
    "users.lookupByEmail": Method(per_minute=50, scope="users:read.email", read=True),
    "views.open": Method(per_minute=100, json=True),
    "views.publish": Method(per_minute=100, json=True),
}
PER_CHANNEL_GAP, PER_CHANNEL_BURST = 1.25, 2

# Slack did not do it, and may do it later. Every other error code is a definite no to these arguments.
LATER = frozenset({"accesslimited", "service_unavailable", "team_added_to_org", "team_access_not_granted_yet"})
# Slack does not know itself: "some aspect of the operation may have succeeded".
UNCLEAR = frozenset({"fatal_error", "internal_error", "request_timeout"})

FIXES: Mapping[str, str] = {
    "account_inactive": "the app was removed from the workspace; install it again",
    "channel_not_found": "there is no such channel, or the bot is not in it",
    "expired_trigger_id": "the form had to open within 3 seconds and did not; please ask again",
    "invalid_auth": "the bot token is not valid any more; check SLACK_BOT_TOKEN",
    "is_archived": "the channel is archived; unarchive it to go on there",
    "not_in_channel": "the bot is not in that channel; invite it there",
    "token_revoked": "the bot token was revoked; install the app again",
}


class Answered(ProviderError):
    """Slack said no: `code` is its error, `answer` the whole body."""

    def __init__(self, method: str, answer: Mapping[str, Any], *, unknown: bool) -> None:
        self.code, self.answer = str(answer.get("error") or "unknown_error"), answer
        permanent = self.code not in LATER | UNCLEAR
        super().__init__("Slack", _explain(method, self.code, answer), permanent=permanent, unknown=unknown)


def _explain(method: str, code: str, answer: Mapping[str, Any]) -> str:
    if code == "missing_scope":
        needed = answer.get("needed") or METHODS[method].scope
        return f"{method} needs the scope {needed}; add it to the app and install it again"
    details = "; ".join(str(line) for line in (answer.get("response_metadata") or {}).get("messages") or ())
    said = f"{method}: {FIXES.get(code, code)}"
    return f"{said} ({details[:300]})" if details else said


@cache
def trusted() -> ssl.SSLContext:
    """Whom this system trusts, read once: the SDK would read it for every call, some 20 ms of work."""
    return ssl.create_default_context()


def connect(token: str, url: str = WebClient.BASE_URL) -> WebClient:
    """A client that sends every call once. A Slack on this very machine is asked without a proxy."""
    logger = logging.getLogger("slack_sdk.web")
    if logger.getEffectiveLevel() < logging.INFO:
        logger.setLevel(logging.INFO)  # below that it prints what people wrote
    secured = trusted() if urlsplit(url).scheme == "https" else None
    client = WebClient(token=token, base_url=url, timeout=TIMEOUT, retry_handlers=[], logger=logger, ssl=secured)
    if urlsplit(url).hostname in LOOPBACK:
        client.proxy = None
    return client


class Api:
    """Raises ProviderError (Answered where Slack said why) and NotYet."""

    def __init__(self, client: WebClient, store: Store, now: Callable[[], datetime]) -> None:
        self.client, self.store, self.now = client, store, now

    def call(self, method: str, **args: Any) -> dict[str, Any]:
        known = METHODS[method]
        channel = str(args.get("channel") or "")
        if known.per_channel and channel:
            self.reserve(f"slack {method} {channel}", PER_CHANNEL_GAP, PER_CHANNEL_BURST)
        self.reserve(f"slack {method}", known.gap, known.burst)
        try:
            return self.send(method, known, args)
        except ProviderError as error:
            if not known.read or error.permanent:
                raise
        return self.send(method, known, args)

    def pages(self, method: str, key: str, most: int = 50, **args: Any) -> Iterator[dict[str, Any]]:
        """The items under `key`, page by page, of at most `most` pages."""
        cursor = ""
        for _ in range(most):
            answer = self.call(method, limit=200, **args, **({"cursor": cursor} if cursor else {}))
            yield from answer.get(key) or ()
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    def reserve(self, lane: str, gap: float, burst: int) -> None:
        if seconds := self.store.reserve(lane, gap, burst, self.now()):
            raise NotYet(seconds, f"{lane} is paced")

    def send(self, method: str, known: Method, args: Mapping[str, Any]) -> dict[str, Any]:
        """Exactly one request."""
        try:
            nested, flat = (dict(args), None) if known.json else (None, dict(args))
            answer = self.client.api_call(method, json=nested, params=flat)
        except SlackApiError as error:
            raise self.refusal(method, known, error) from None
        except (OSError, HTTPException, UnicodeDecodeError) as error:
            unknown = not known.read and not _never_arrived(error)
            why = f"{method} got no answer ({type(error).__name__})"
            raise Away("Slack", why, unknown=unknown) from None
        data: dict[str, Any] = dict(answer.data)  # type: ignore[arg-type]  # bytes are for gzip downloads only
        return data

    def refusal(self, method: str, known: Method, error: SlackApiError) -> Exception:
        response = error.response
        data = response.data if isinstance(response.data, dict) else {}
        code = str(data.get("error") or "")
        if response.status_code == 429 or code in ("ratelimited", "rate_limited"):
            seconds = _retry_after(response.headers)
            self.store.hold(f"slack {method}", self.now() + timedelta(seconds=seconds))
            return NotYet(seconds, f"Slack limits {method}")
        if response.status_code != 200 or " " in code:  # a page of HTML, from Slack's edge or somebody's proxy
            return Away("Slack", f"{method} answered HTTP {response.status_code}", unknown=not known.read)
        return Answered(method, data, unknown=code in UNCLEAR and not known.read)


def _never_arrived(error: Exception) -> bool:
    reason = error.reason if isinstance(error, URLError) else error
    return isinstance(reason, ConnectionRefusedError | gaierror)


def _retry_after(headers: Mapping[str, str]) -> float:
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        return max(1.0, float(given))
    except ValueError:
        return 30.0
