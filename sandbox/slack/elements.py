"""Interactive elements: finding the one that a person means, and saying in Slack's words what was entered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from sandbox.slack.model import Json, SlackError

STATELESS = frozenset({"button", "overflow", "image"})
# How each kind calls what was entered, and its value at first.
SINGLE = {
    "users_select": "user",
    "channels_select": "channel",
    "conversations_select": "conversation",
    "datepicker": "date",
    "timepicker": "time",
    "datetimepicker": "date_time",
}
MULTIPLE = {
    "multi_users_select": "users",
    "multi_channels_select": "channels",
    "multi_conversations_select": "conversations",
}
ONE_OPTION = frozenset({"static_select", "radio_buttons", "overflow", "external_select"})
OPTIONS = frozenset({"checkboxes", "multi_static_select", "multi_external_select"})
REQUIRED = "Please complete this required field."


def with_ids(blocks: Iterable[Json], new_id: Callable[[], str]) -> list[Json]:
    """A copy in which every block and every interactive element has an id, as Slack sends it back."""
    filled = []
    for block in deepcopy(list(blocks)):
        block.setdefault("block_id", new_id())
        for element in elements(block):
            if element.get("type") != "image":
                element.setdefault("action_id", new_id())
        filled.append(block)
    return filled


def elements(block: Json) -> Iterator[Json]:
    """The interactive elements of one block."""
    kind = block.get("type")
    if kind == "section" and block.get("accessory"):
        yield block["accessory"]
    elif kind == "actions":
        yield from block.get("elements") or ()
    elif kind == "input":
        yield block["element"]


def find(blocks: Iterable[Json], action: str, block_id: str | None = None, value: Any = None) -> tuple[Json, Json]:
    """The block and the element with this action id; of several, the one in that block, or with that value."""
    found = [
        (block, element)
        for block in blocks
        for element in elements(block)
        if element.get("action_id") == action and block_id in (None, "", block.get("block_id"))
    ]
    if not found:
        raise SlackError("no_such_element", f"There is nothing called {action} to press here.")
    exact = [one for one in found if value is not None and one[1].get("value") == value]
    return (exact or found)[0]


def options(element: Json) -> list[Json]:
    groups = element.get("option_groups") or ()
    return [*(element.get("options") or ()), *(one for group in groups for one in group["options"])]


def option(element: Json, value: Any) -> Json:
    """The option with this value, or with this text."""
    for one in options(element):
        if value in (one["value"], one["text"]["text"]):
            return one
    raise SlackError("no_such_option", f"{value} is not among the options of {element.get('action_id')}.")


def entered(element: Json, value: Any) -> Json:
    """What an element says when a person entered or chose this; None means nothing."""
    kind = element["type"]
    if kind in ONE_OPTION:
        return {"selected_option": None if value in (None, "") else option(element, value)}
    if kind in OPTIONS:
        return {"selected_options": [option(element, one) for one in value or ()]}
    if kind in SINGLE:
        return {f"selected_{SINGLE[kind]}": value or None}
    if kind in MULTIPLE:
        return {f"selected_{MULTIPLE[kind]}": list(value or ())}
    if kind == "rich_text_input":
        return {"rich_text_value": value}
    if kind == "button":
        return {"value": element.get("value") or ""}
    return {"value": value or None}


def at_first(element: Json) -> Json:
    """What an element says that nobody touched."""
    kind = element["type"]
    if kind in ONE_OPTION:
        return {"selected_option": element.get("initial_option")}
    if kind in OPTIONS:
        return {"selected_options": element.get("initial_options") or []}
    if kind in SINGLE:
        return {f"selected_{SINGLE[kind]}": element.get(f"initial_{SINGLE[kind]}")}
    if kind in MULTIPLE:
        return {f"selected_{MULTIPLE[kind]}": element.get(f"initial_{MULTIPLE[kind]}") or []}
    if kind == "rich_text_input":
        return {"rich_text_value": element.get("initial_value")}
    return {"value": element.get("initial_value")}


def state(blocks: Iterable[Json], values: Mapping[str, Any]) -> Json:
    """`state.values` when a person entered these values, by block id; what is left out is as it was at first."""
    found: Json = {}
    for block in blocks:
        for element in elements(block):
            if element["type"] in STATELESS:
                continue
            id = block["block_id"]
            said = entered(element, values[id]) if id in values else at_first(element)
            found.setdefault(id, {})[element["action_id"]] = {"type": element["type"], **said}
    return found


def missing(blocks: Iterable[Json], values: Json) -> dict[str, str]:
    """Which required inputs are empty: a client says so itself, the app does not hear of it."""
    wrong = {}
    for block in blocks:
        if block["type"] == "input" and not block.get("optional"):
            said = values[block["block_id"]][block["element"]["action_id"]]
            if not any(value for key, value in said.items() if key != "type"):
                wrong[block["block_id"]] = REQUIRED
    return wrong


def action(block: Json, element: Json, value: Any, at: str) -> Json:
    """One entry of `actions` in a block_actions payload."""
    kept: Json = {key: element[key] for key in ("text", "style", "placeholder") if key in element}
    said = entered(element, value)
    if element["type"] == "button" and not element.get("value"):
        said = {}
    ids = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
    return {**ids, **kept, **said, "action_ts": at}
