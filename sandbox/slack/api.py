"""The Web API: who may call which method how often, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sandbox.slack.faults import Fault
from sandbox.slack.model import APP_TOKEN, BOT_TOKEN, Call, Json, SlackError

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

TIER_2, TIER_3, TIER_4 = 20, 50, 100  # calls a minute
TIER_POST = 300  # chat.postMessage has no published number for a whole workspace
CALLS_KEPT = 20_000
LONGEST_PAGE, USUAL_PAGE = 999, 100
TRUE = frozenset({"1", "true", "True"})

Work = Callable[["Workspace", "Args"], Json]


class Args:
    """The arguments of a call, which come as JSON or as the strings of a form. Wrong ones raise SlackError.

    `blind`: two calls race, and this one does not see what the other did.
    """

    def __init__(self, given: Json, blind: bool = False) -> None:
        self.given, self.blind = given, blind

    def __contains__(self, name: str) -> bool:
        return self.given.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        value = self.given.get(name)
        return default if value is None else str(value)

    def need(self, name: str, error: str = "") -> str:
        if name not in self:
            if error:
                raise SlackError(error)
            raise _invalid(f"[ERROR] missing required field: {name}")
        return self.text(name)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.given.get(name)
        return default if value is None else value is True or str(value) in TRUE

    def number(self, name: str, default: int) -> int:
        value = self.given.get(name)
        try:
            return default if value in (None, "") else int(str(value))
        except ValueError:
            raise _invalid(f"[ERROR] must be an integer [json-pointer:/{name}]") from None

    def names(self, name: str) -> list[str]:
        """A list, which a form has as "U1,U2"."""
        value = self.given.get(name)
        if isinstance(value, list):
            return [str(one) for one in value]
        return [one.strip() for one in str(value or "").split(",") if one.strip()]

    def nested(self, name: str, error: str = "invalid_arguments") -> Any:
        """An object or a list, which a form has as JSON in a string."""
        value = self.given.get(name)
        if not isinstance(value, str) or not value:
            return deepcopy(value)
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error) from None


def _invalid(message: str) -> SlackError:
    return SlackError("invalid_arguments", response_metadata={"messages": [message]})


@dataclass(frozen=True)
class Method:
    """`scopes` are alternatives. `by_channel` maps a channel's kind to the scopes that it asks for instead."""

    name: str
    work: Work
    per_minute: int
    scopes: tuple[str, ...]
    by_channel: Mapping[str, tuple[str, ...]] | None = None
    app_token: bool = False

    def needed(self, workspace: Workspace, args: Args) -> tuple[str, ...]:
        channel = workspace.channels.get(args.text("channel") or args.text("channel_id"))
        if not self.by_channel:
            return self.scopes
        if channel:
            return self.by_channel.get(channel.kind, self.scopes)
        return self.by_channel["group"] if args.flag("is_private") else self.scopes


METHODS: dict[str, Method] = {}


def method(
    name: str,
    per_minute: int,
    *scopes: str,
    by_channel: Mapping[str, tuple[str, ...]] | None = None,
    app_token: bool = False,
) -> Callable[[Work], Work]:
    """Registers a Web API method."""

    def register(work: Work) -> Work:
        METHODS[name] = Method(name, work, per_minute, scopes, by_channel, app_token)
        return work

    return register


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `dropped` is one that never arrives: the connection closes instead."""

    body: str = ""
    status: int = 200
    headers: Mapping[str, str] | None = None
    media_type: str = "application/json; charset=utf-8"
    error: str = ""
    dropped: bool = False

    @property
    def json(self) -> Json:
        found: Json = json.loads(self.body)
        return found


DROPPED = Answer(dropped=True)
PAGE_OF_HTML = "<!DOCTYPE html><html><head><title>Server Error</title></head><body><h1>500</h1></body></html>"


def call(workspace: Workspace, name: str, given: Json, token: str) -> Answer:
    """Answers one call, the way that faults and limits leave it."""
    workspace.before_call(name)
    answer = exposed(workspace, name, lambda blind: _answer(workspace, name, Args(given, blind), token))
    _note(workspace, Call(name, given, workspace.clock.now(), token, answer.error))
    return answer


def exposed(workspace: Workspace, name: str, work: Callable[[bool], Answer]) -> Answer:
    """Does `work` unless a fault prevents it, and loses its answer if a fault wants that."""
    fault = workspace.faults.take(name)
    answer = _spoilt(workspace, fault) if fault else None
    if answer is None:
        answer = work(fault is not None and fault.kind == "race")
    if fault and fault.kind == "hang_after":
        workspace.faults.hang(fault)
    if fault and fault.kind in ("drop_after", "hang_after"):
        return replace(answer, dropped=True)
    return answer


def _note(workspace: Workspace, made: Call) -> None:
    with workspace.lock:
        workspace.calls.append(made)
        if len(workspace.calls) > CALLS_KEPT:
            del workspace.calls[: CALLS_KEPT // 2]


def _spoilt(workspace: Workspace, fault: Fault) -> Answer | None:
    """The answer to a call that is not carried out; None for one that is."""
    match fault.kind:
        case "ratelimited":
            return _limited(fault.retry_after)
        case "error":
            return _failed(SlackError(fault.error))
        case "http":
            return Answer(status=fault.status, media_type="text/plain", error=str(fault.status))
        case "html500":
            return Answer(PAGE_OF_HTML, 500, media_type="text/html", error="500")
        case "drop_before":
            return replace(DROPPED, error="dropped")
        case "hang":
            workspace.faults.hang(fault)
            return replace(DROPPED, error="dropped")
    return None


def _answer(workspace: Workspace, name: str, args: Args, token: str) -> Answer:
    found = METHODS.get(name)
    try:
        if found is None:
            raise SlackError("unknown_method", req_method=name)
        _authorise(found, token)
        with workspace.lock:
            if wait := workspace.rates.wait(name, found.per_minute):
                return _limited(wait)
            scopes = found.needed(workspace, args)
            if not workspace.app.may(*scopes):
                raise SlackError("missing_scope", needed=scopes[0], provided=granted(workspace))
            body = json.dumps({"ok": True} | found.work(workspace, args), ensure_ascii=False)
            return Answer(body, headers=_headers(workspace, scopes))
    except Limited as limit:
        return _limited(limit.seconds)
    except SlackError as error:
        return _failed(error, workspace)


class Limited(Exception):
    """A limit that only the method itself can see."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"in {seconds} s")
        self.seconds = seconds


def _authorise(found: Method, token: str) -> None:
    if not token:
        raise SlackError("not_authed")
    if token not in (BOT_TOKEN, APP_TOKEN):
        raise SlackError("invalid_auth")
    if (token == APP_TOKEN) != found.app_token:
        raise SlackError("not_allowed_token_type")


def granted(workspace: Workspace) -> str:
    scopes = workspace.app.scopes
    return ",".join(sorted(every_scope() if scopes is None else scopes))


def every_scope() -> set[str]:
    """What an app has that nobody limited."""
    kinds = [kind for one in METHODS.values() for kind in (one.scopes, *(one.by_channel or {}).values())]
    return {scope for kind in kinds for scope in kind} | {"commands", "im:history", "app_mentions:read"}


def _headers(workspace: Workspace, scopes: tuple[str, ...] = ()) -> dict[str, str]:
    return {"x-oauth-scopes": granted(workspace), "x-accepted-oauth-scopes": ",".join(scopes)}


def _failed(error: SlackError, workspace: Workspace | None = None) -> Answer:
    body = json.dumps({"ok": False, "error": error.code, **error.more}, ensure_ascii=False)
    headers = {"x-slack-failure": error.code} | (_headers(workspace) if workspace else {})
    return Answer(body, headers=headers, error=error.code)


def _limited(seconds: int) -> Answer:
    body = json.dumps({"ok": False, "error": "ratelimited"})
    return Answer(body, 429, {"retry-after": str(int(seconds)), "x-slack-failure": "ratelimited"}, error="ratelimited")


# ------------------------------------------------------------ what methods share


def page(items: list[Any], args: Args, default: int = USUAL_PAGE, most: int = LONGEST_PAGE) -> tuple[list[Any], str]:
    """One page of a list, and the cursor of the next one or ""."""
    start = 0
    if "cursor" in args:
        cursor = args.text("cursor")
        if not cursor.startswith("next:") or not cursor[5:].isdigit():
            raise SlackError("invalid_cursor")
        start = int(cursor[5:])
    limit = args.number("limit", default)
    if not 1 <= limit <= most + 1:
        raise SlackError("invalid_limit")
    end = start + min(limit, most)
    return items[start:end], f"next:{end}" if end < len(items) else ""


def cursor(next: str) -> Json:
    return {"response_metadata": {"next_cursor": next}}
