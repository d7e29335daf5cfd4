"""Whether Slack would take these blocks: Block Kit's shapes and limits, with errors in Slack's words.

A shape is a function that adds what is wrong with a value to a list. The tables at the end say what each kind of
block and element is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

Found = list[str]
Shape = Callable[[Any, str, Found], None]

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MESSAGE_TEXT = 13_200  # characters of all blocks together; Slack does not document it
VIEW_BYTES = 250_000


def wrong(found: Found, message: str, at: str) -> None:
    found.append(f"[ERROR] {message} [json-pointer:{at or '/'}]")


# ------------------------------------------------------------ shapes


def string(most: int, least: int = 1) -> Shape:
    def check(value: Any, at: str, found: Found) -> None:
        if not isinstance(value, str):
            wrong(found, "must provide a string", at)
        elif len(value) < least:
            wrong(found, f"must be more than {least - 1} characters", at)
        elif len(value) > most:
            wrong(found, f"must be less than {most + 1} characters", at)

    return check


def boolean(value: Any, at: str, found: Found) -> None:
    if not isinstance(value, bool):
        wrong(found, "must provide a boolean", at)


def whole(least: int, most: int) -> Shape:
    def check(value: Any, at: str, found: Found) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            wrong(found, "must provide a number", at)
        elif not least <= value <= most:
            wrong(found, f"must be between {least} and {most}", at)

    return check


def word(*allowed: str) -> Shape:
    def check(value: Any, at: str, found: Found) -> None:
        if value not in allowed:
            wrong(found, f"must be one of {', '.join(allowed)}", at)

    return check


def url(most: int = 3_000) -> Shape:
    size = string(most)

    def check(value: Any, at: str, found: Found) -> None:
        size(value, at, found)
        if isinstance(value, str) and not value.startswith(("http://", "https://", "mailto:", "tel:", "slack://")):
            wrong(found, "must be a valid url", at)

    return check


def downloadable(value: Any, at: str, found: Found) -> None:
    """Slack fetches a picture before it takes the message, from its own place in the Internet."""
    url()(value, at, found)
    if isinstance(value, str) and not reachable(value):
        wrong(found, "downloading image failed", at)


def reachable(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".internal", ".local", ".localhost"))


def anything(value: Any, at: str, found: Found) -> None:
    """Rich text, whose depths nobody has to get right by hand."""


def many(shape: Shape, most: int, least: int = 1) -> Shape:
    def check(value: Any, at: str, found: Found) -> None:
        if not isinstance(value, list):
            return wrong(found, "must provide an array", at)
        if len(value) < least:
            wrong(found, f"no fewer than {least} items allowed", at)
        if len(value) > most:
            wrong(found, f"no more than {most} items allowed", at)
        for index, item in enumerate(value):
            shape(item, f"{at}/{index}", found)
        return None

    return check


def record(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """An object with these fields and no other."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str, found: Found) -> None:
        if not isinstance(value, dict):
            return wrong(found, "must provide an object", at)
        for name in required:
            if value.get(name) is None:
                wrong(found, f"missing required field: {name}", at)
        for name, item in value.items():
            if name not in known:
                wrong(found, f"invalid additional property: {name}", at)
            elif item is not None:
                known[name](item, f"{at}/{name}", found)
        return None

    return check


def kinds(shapes: Mapping[str, Shape]) -> Shape:
    """An object whose `type` says which of these it is."""

    def check(value: Any, at: str, found: Found) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind is None:
            wrong(found, "missing required field: type", at)
        elif kind not in shapes:
            wrong(found, f"unsupported type: {kind}", f"{at}/type")
        else:
            shapes[kind](value, at, found)

    return check


def both(*shapes: Shape) -> Shape:
    def check(value: Any, at: str, found: Found) -> None:
        for shape in shapes:
            shape(value, at, found)

    return check


def exactly_one(*names: str) -> Shape:
    def check(value: Any, at: str, found: Found) -> None:
        if isinstance(value, dict) and sum(bool(value.get(name)) for name in names) != 1:
            wrong(found, f"must provide one of: {', '.join(names)}", at)

    return check


def any_of(*names: str) -> Shape:
    def check(value: Any, at: str, found: Found) -> None:
        if isinstance(value, dict) and not any(value.get(name) for name in names):
            wrong(found, f"must provide one of: {', '.join(names)}", at)

    return check


def initials(value: Any, at: str, found: Found) -> None:
    """What is chosen at first has to be among the options."""
    if not isinstance(value, dict):
        return
    groups = value.get("option_groups") or []
    offered = [*(value.get("options") or []), *(one for group in groups for one in group.get("options") or [])]
    first = value.get("initial_option")
    for one in [*([first] if first else []), *(value.get("initial_options") or [])]:
        if one not in offered:
            wrong(found, "must match one of the options", f"{at}/initial_option")


# ------------------------------------------------------------ texts, options, elements


def plain(most: int, least: int = 1) -> Shape:
    return kinds({"plain_text": record({"type": anything, "text": string(most, least)}, {"emoji": boolean})})


def text(most: int, least: int = 1) -> Shape:
    body = {"type": anything, "text": string(most, least)}
    return kinds({"plain_text": record(body, {"emoji": boolean}), "mrkdwn": record(body, {"verbatim": boolean})})


CONFIRM = record(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": word("primary", "danger")},
)
OPTION = record({"text": plain(75), "value": string(150)}, {"description": plain(75), "url": url()})
BOX = record({"text": text(75), "value": string(150)}, {"description": text(75)})
OPTIONS = {
    "options": many(OPTION, 100),
    "option_groups": many(record({"label": plain(75), "options": many(OPTION, 100)}), 100),
}
ID = string(255)
COMMON = {"type": anything, "action_id": ID}
CHOOSE = COMMON | {"placeholder": plain(150), "confirm": CONFIRM, "focus_on_load": boolean}
MOST_CHOSEN = {"max_selected_items": whole(1, 100)}
DISPATCH = record({}, {"trigger_actions_on": many(word("on_enter_pressed", "on_character_entered"), 2)})
TYPED = COMMON | {"placeholder": plain(150), "focus_on_load": boolean, "dispatch_action_config": DISPATCH}
SLACK_FILE = record({}, {"id": string(100), "url": url()})
FILTER = record(
    {}, {"include": many(string(20), 4), "exclude_bot_users": boolean, "exclude_external_shared_channels": boolean}
)


def select(more: Mapping[str, Shape], *checks: Shape) -> Shape:
    return both(record({}, {**CHOOSE, **more}), *checks)


CONVERSATION = {"default_to_current_conversation": boolean, "response_url_enabled": boolean, "filter": FILTER}
IMAGE = both(
    record({"type": anything, "alt_text": string(2_000)}, {"image_url": downloadable, "slack_file": SLACK_FILE}),
    exactly_one("image_url", "slack_file"),
)
PRESSED: dict[str, Shape] = {
    "button": record(
        {"type": anything, "text": plain(75)},
        {
            "action_id": ID,
            "url": url(),
            "value": string(2_000, 0),
            "style": word("primary", "danger"),
            "confirm": CONFIRM,
            "accessibility_label": string(75),
        },
    ),
    "overflow": record({"options": many(OPTION, 5)}, COMMON | {"confirm": CONFIRM}),
}
CHOSEN: dict[str, Shape] = {
    "static_select": select(OPTIONS | {"initial_option": OPTION}, exactly_one("options", "option_groups"), initials),
    "external_select": select({"initial_option": OPTION, "min_query_length": whole(0, 100)}),
    "users_select": select({"initial_user": string(20)}),
    "channels_select": select({"initial_channel": string(20), "response_url_enabled": boolean}),
    "conversations_select": select({"initial_conversation": string(20)} | CONVERSATION),
    "multi_static_select": select(
        OPTIONS | {"initial_options": many(OPTION, 100)} | MOST_CHOSEN,
        exactly_one("options", "option_groups"),
        initials,
    ),
    "multi_external_select": select(
        {"initial_options": many(OPTION, 100), "min_query_length": whole(0, 100)} | MOST_CHOSEN
    ),
    "multi_users_select": select({"initial_users": many(string(20), 100)} | MOST_CHOSEN),
    "multi_channels_select": select({"initial_channels": many(string(20), 100)} | MOST_CHOSEN),
    "multi_conversations_select": select({"initial_conversations": many(string(20), 100)} | CONVERSATION | MOST_CHOSEN),
    "datepicker": select({"initial_date": string(10)}),
    "timepicker": select({"initial_time": string(5), "timezone": string(60)}),
    "datetimepicker": select({"initial_date_time": whole(1_000_000_000, 9_999_999_999)}),
    "checkboxes": both(
        record(
            {"options": many(BOX, 10)},
            COMMON | {"initial_options": many(BOX, 10), "confirm": CONFIRM, "focus_on_load": boolean},
        ),
        initials,
    ),
    "radio_buttons": both(
        record(
            {"options": many(BOX, 10)}, COMMON | {"initial_option": BOX, "confirm": CONFIRM, "focus_on_load": boolean}
        ),
        initials,
    ),
}
WRITTEN: dict[str, Shape] = {
    "plain_text_input": record(
        {},
        TYPED
        | {
            "initial_value": string(3_000, 0),
            "multiline": boolean,
            "min_length": whole(0, 3_000),
            "max_length": whole(1, 3_000),
        },
    ),
    "email_text_input": record({}, TYPED | {"initial_value": string(3_000, 0)}),
    "url_text_input": record({}, TYPED | {"initial_value": string(3_000, 0)}),
    "number_input": record(
        {"is_decimal_allowed": boolean},
        TYPED | {"initial_value": string(100, 0), "min_value": string(100), "max_value": string(100)},
    ),
    "rich_text_input": record({}, TYPED | {"initial_value": anything}),
    "file_input": record({}, COMMON | {"filetypes": many(string(20), 100), "max_files": whole(1, 10)}),
}


def unique_actions(value: Any, at: str, found: Found) -> None:
    ids = [one.get("action_id") for one in value.get("elements") or [] if isinstance(one, dict)]
    for id in sorted({id for id in ids if id and ids.count(id) > 1}):
        wrong(found, f"`action_id` {id} already exists for another element", at)


def rectangular(value: Any, at: str, found: Found) -> None:
    rows = value.get("rows")
    if isinstance(rows, list) and len({len(row) for row in rows if isinstance(row, list)}) > 1:
        wrong(found, "all rows must have the same number of cells", f"{at}/rows")


# ------------------------------------------------------------ blocks

BASE = {"type": anything, "block_id": ID}
CELL = kinds({"raw_text": record({"type": anything, "text": string(3_000, 0)}), "rich_text": anything})
COLUMN = record({}, {"align": word("left", "center", "right"), "is_wrapped": boolean})
EVERYWHERE: dict[str, Shape] = {
    "section": both(
        record(
            {},
            BASE
            | {
                "text": text(3_000),
                "fields": many(text(2_000), 10),
                "accessory": kinds({**PRESSED, **CHOSEN, "image": IMAGE}),
                "expand": boolean,
            },
        ),
        any_of("text", "fields"),
    ),
    "header": record({"text": plain(150)}, BASE | {"level": whole(1, 4)}),
    "divider": record({}, BASE),
    "context": record(
        {
            "elements": many(
                kinds(
                    {
                        "image": IMAGE,
                        "plain_text": plain(2_000),
                        "mrkdwn": text(2_000),
                    }
                ),
                10,
            )
        },
        BASE,
    ),
    "actions": both(record({"elements": many(kinds({**PRESSED, **CHOSEN}), 25)}, BASE), unique_actions),
    "image": both(
        record(
            {"alt_text": string(2_000)},
            BASE | {"image_url": downloadable, "slack_file": SLACK_FILE, "title": plain(2_000)},
        ),
        exactly_one("image_url", "slack_file"),
    ),
    "input": record(
        {"label": plain(2_000), "element": kinds({**CHOSEN, **WRITTEN})},
        BASE | {"hint": plain(2_000), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": record({"elements": many(anything, 1_000)}, BASE),
}
IN_MESSAGES: dict[str, Shape] = {
    **EVERYWHERE,
    "markdown": record({"text": string(12_000)}, BASE),
    "table": both(
        record({"rows": many(many(CELL, 20), 100)}, BASE | {"column_settings": many(COLUMN, 20)}), rectangular
    ),
}
VIEW = {
    "type": word("modal", "home"),
    "blocks": many(kinds(EVERYWHERE), VIEW_BLOCKS),
    "title": plain(24),
    "submit": plain(24),
    "close": plain(24),
    "private_metadata": string(3_000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
    "clear_on_close": boolean,
    "notify_on_close": boolean,
    "submit_disabled": boolean,
}


def message_problems(blocks: Any) -> list[str]:
    """What is wrong with a message's blocks, in Slack's words; nothing if Slack takes them."""
    found: Found = []
    many(kinds(IN_MESSAGES), MESSAGE_BLOCKS, 0)(blocks, "/blocks", found)
    _unique_blocks(blocks, "/blocks", found)
    if not found and sum(block["type"] == "table" for block in blocks) > 1:
        wrong(found, "only one table is allowed in a message", "/blocks")
    return found


def view_problems(view: Any) -> list[str]:
    """What is wrong with a modal or a home, in Slack's words."""
    found: Found = []
    is_modal = isinstance(view, dict) and view.get("type") == "modal"
    required = ("type", "blocks", "title") if is_modal else ("type", "blocks")
    record({name: VIEW[name] for name in required}, VIEW)(view, "/view", found)
    if not isinstance(view, dict):
        return found
    _unique_blocks(view.get("blocks"), "/view/blocks", found)
    has_input = any(isinstance(block, dict) and block.get("type") == "input" for block in view.get("blocks") or [])
    if is_modal and has_input and not view.get("submit"):
        wrong(found, "missing required field: submit", "/view")
    return found


def _unique_blocks(blocks: Any, at: str, found: Found) -> None:
    ids = [block.get("block_id") for block in blocks or [] if isinstance(block, dict)]
    for id in sorted({str(id) for id in ids if id and ids.count(id) > 1}):
        wrong(found, f"`block_id` {id} already exists", at)


def strings(value: Any) -> Iterator[str]:
    """Every text in these blocks that somebody reads."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def too_long(blocks: list[dict[str, Any]]) -> bool:
    return sum(map(len, strings(blocks))) > MESSAGE_TEXT
