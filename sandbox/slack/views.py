"""Modals and homes: opened with a trigger, stacked, updated, submitted and closed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from sandbox.slack import elements, model
from sandbox.slack.blocks import VIEW_BYTES, view_problems
from sandbox.slack.model import Json, SlackError
from sandbox.slack.state import State

MOST_STACKED = 3


def open_view(state: State, trigger: str, view: Json, push: bool = False) -> Json:
    """A modal for whoever made the trigger: on top of the one that it was pressed in, or of nothing."""
    check(view, "modal")
    found = state.tickets.exchange(trigger)
    stack = state.views.setdefault(found.user, [])
    if push and not any(one["id"] == found.view for one in stack):
        raise SlackError("invalid_trigger_id")
    return _put(state, found.user, view, push)


def put(state: State, user: str, view: Json) -> Json:
    """A modal on top of those that are open, as an answer to a submission may ask."""
    check(view, "modal")
    return _put(state, user, view, push=True)


def _put(state: State, user: str, view: Json, push: bool) -> Json:
    stack = state.views.setdefault(user, [])
    if push and len(stack) >= MOST_STACKED:
        raise SlackError("push_limit_reached")
    _check_external_id(state, view)
    made = _made(state, view, state.new_id("V"))
    if not push:
        stack.clear()
    made["previous_view_id"] = stack[-1]["id"] if stack else None
    made["root_view_id"] = stack[0]["id"] if stack else made["id"]
    stack.append(made)
    state.notice(user=user)
    return made


def update(state: State, view: Json, id: str = "", external_id: str = "", hash: str = "") -> Json:
    """Another content for an open modal, if it is still the one with this hash."""
    check(view, "modal")
    user, old = find(state, id, external_id)
    if hash and hash != old["hash"]:
        raise SlackError("hash_conflict")
    new = _made(state, view, old["id"])
    new |= {"previous_view_id": old["previous_view_id"], "root_view_id": old["root_view_id"]}
    old.clear()
    old |= new
    state.notice(user=user)
    return old


def publish(state: State, user: str, view: Json, hash: str = "") -> Json:
    if not state.app.home:
        raise SlackError("not_enabled")
    state.person(user)
    check(view, "home")
    old = state.home.get(user)
    if hash and old and hash != old["hash"]:
        raise SlackError("hash_conflict")
    made = _made(state, view, old["id"] if old else state.new_id("V"))
    state.home[user] = made | {"root_view_id": made["id"], "previous_view_id": None}
    state.notice(user=user)
    return state.home[user]


def check(view: Any, kind: str) -> None:
    """Slack calls a bad view bad arguments."""
    problems = view_problems(view)
    if not problems and view["type"] != kind:
        problems = [f"[ERROR] must be a {kind} [json-pointer:/view/type]"]
    if problems:
        raise SlackError("invalid_arguments", response_metadata={"messages": problems})
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")


def _check_external_id(state: State, view: Json) -> None:
    id = view.get("external_id")
    if id and any(one["external_id"] == id for stack in state.views.values() for one in stack):
        raise SlackError("duplicate_external_id")


def _made(state: State, view: Json, id: str) -> Json:
    fields = ("title", "submit", "close")
    kept = {name: view.get(name) for name in fields} if view["type"] == "modal" else dict.fromkeys(fields)
    blocks = elements.with_ids(view["blocks"], state.new_block_id)
    return {
        "id": id,
        "team_id": model.TEAM,
        "type": view["type"],
        "blocks": blocks,
        **deepcopy(kept),
        "private_metadata": view.get("private_metadata") or "",
        "callback_id": view.get("callback_id") or "",
        "external_id": view.get("external_id") or "",
        "state": {"values": elements.state(blocks, {})},
        "hash": f"{state.ts().replace('.', '')}.{state.new_id('h')}",
        "clear_on_close": bool(view.get("clear_on_close")),
        "notify_on_close": bool(view.get("notify_on_close")),
        "app_id": model.APP_ID,
        "app_installed_team_id": model.TEAM,
        "bot_id": model.BOT_ID,
    }


def find(state: State, id: str = "", external_id: str = "") -> tuple[str, Json]:
    """Who has this modal open, and the modal."""
    for user, stack in state.views.items():
        for view in stack:
            if view["id"] == id or (external_id and view["external_id"] == external_id):
                return user, view
    raise SlackError("not_found")


def theirs(state: State, user: str, id: str) -> Json:
    """A view that this person sees: an open modal, or their home."""
    home = state.home.get(user)
    seen = [*state.views.get(user, ()), *([home] if home else ())]
    found: Json | None = next((view for view in seen if view["id"] == id), None)
    if found is None:
        raise SlackError("view_not_found", "This form is not open any more.")
    return found


def close(state: State, user: str, id: str) -> Json:
    """Take a modal away, and what stands on top of it."""
    view = theirs(state, user, id)
    stack = state.views[user]
    del stack[stack.index(view) :]
    state.notice(user=user)
    return view


def close_all(state: State, user: str) -> None:
    state.views.pop(user, None)
    state.notice(user=user)


def answer(state: State, user: str, id: str, reply: Json) -> dict[str, str]:
    """Do what the app answered to a submission. Returns its errors by block id."""
    match reply.get("response_action"):
        case "errors":
            return {str(key): str(value) for key, value in reply["errors"].items()}
        case "update":
            update(state, reply["view"], id)
        case "push":
            put(state, user, reply["view"])
        case "clear":
            close_all(state, user)
        case _ if any(view["id"] == id for view in state.views.get(user, ())):
            close(state, user, id)
    return {}
