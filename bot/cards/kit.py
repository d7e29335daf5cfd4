"""The few Block Kit pieces that cards are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from bot.text import SECTION, clean, mrkdwn, plain

Block = dict[str, Any]

# Slack's limits, in characters or pieces
BUTTON, HEADER, TITLE, LABEL, LINE, OPTION, OPTIONS = 75, 150, 24, 2000, 2000, 150, 100
MESSAGE = 12_000  # of all blocks: Slack was seen to refuse some 13,000
TYPED = 500  # a button takes 2,000, but a message 13,000 in all: what nobody could type gets no button


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, HEADER)}


def section(text: str, accessory: Block | None = None, n: int = SECTION) -> Block:
    """`text` is escaped already; it is cut at `n`."""
    block: Block = {"type": "section", "text": mrkdwn(text, n)}
    return block | {"accessory": accessory} if accessory else block


def context(text: str, n: int = SECTION) -> Block:
    return {"type": "context", "elements": [mrkdwn(text, n)]}


def actions(*elements: Block | None) -> Block:
    """Slack refuses a row without a button."""
    held = [element for element in elements if element]
    return (
        {"type": "actions", "elements": held} if held else context("No button can hold these names: type the command.")
    )


def press(label: str, line: str, id: str, style: str = "") -> Block | None:
    """A button that stands for a typed line; none where a button cannot hold the line as it is."""
    if len(line) > TYPED or line != clean(line):
        return None
    button = {"type": "button", "text": plain(label, BUTTON), "action_id": f"ask.{id}", "value": line}
    return button | {"style": style} if style else button


def visit(label: str, url: str, id: str) -> Block:
    """A button that opens a page."""
    return {"type": "button", "text": plain(label, BUTTON), "action_id": f"open.{id}", "url": url}


def option(label: str, value: str, description: str = "") -> Block:
    one: Block = {"text": plain(label, BUTTON), "value": value}
    return one | {"description": plain(description, BUTTON)} if description else one


def select(id: str, placeholder: str, options: Sequence[Block], initial: str = "") -> Block:
    """A menu. Slack takes 100 options; more come in groups of 100."""
    menu: Block = {"type": "static_select", "action_id": id, "placeholder": plain(placeholder, 150)}
    if len(options) <= OPTIONS:
        menu["options"] = list(options)
    else:
        parts = [options[at : at + OPTIONS] for at in range(0, min(len(options), OPTIONS * OPTIONS), OPTIONS)]
        menu["option_groups"] = [{"label": _range(part), "options": list(part)} for part in parts]
    chosen = next((one for one in options if one["value"] == initial), None)
    return menu | {"initial_option": chosen} if chosen else menu


def radio(id: str, options: Sequence[Block]) -> Block:
    """Few choices, all of them seen at once."""
    return {"type": "radio_buttons", "action_id": id, "options": list(options)}


def checkboxes(id: str, options: Sequence[Block]) -> Block:
    return {"type": "checkboxes", "action_id": id, "options": list(options)}


def _range(options: Sequence[Block]) -> Block:
    first, last = options[0]["text"]["text"], options[-1]["text"]["text"]
    return plain(f"{first[:30]} to {last[:30]}", BUTTON)


def field(id: str, label: str, element: Block, hint: str = "", *, optional: bool = False) -> Block:
    """An input of a form. `id` names it in what is submitted."""
    block: Block = {
        "type": "input",
        "block_id": id,
        "label": plain(label, LABEL),
        "element": {"action_id": id} | element,
        "optional": optional,
    }
    return block | {"hint": plain(hint, LABEL)} if hint else block


def words(placeholder: str, initial: str = "", *, most: int = SECTION, multiline: bool = False) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "multiline": multiline,
        "max_length": most,
        "placeholder": plain(placeholder, 150),
    }
    return element | {"initial_value": clean(initial)[:most]} if clean(initial) else element


def form(callback: str, subject: str, title: str, submit: str, blocks: Iterable[Block]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": subject,
        "title": plain(title, TITLE),
        "submit": plain(submit, TITLE),
        "close": plain("Cancel", TITLE),
        "blocks": list(blocks),
    }


def size(blocks: Sequence[Block]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False))


def fitting(blocks: Sequence[Block], room: int) -> list[Block]:
    """The first of them, as many as there is room for."""
    ends = accumulate(size([block]) for block in blocks)
    return [block for block, end in zip(blocks, ends, strict=True) if end <= room]


def paged(lines: Sequence[str], n: int = SECTION) -> list[Block]:
    """Lines in as few sections as hold them; a line that alone is too long is cut."""
    pages: list[str] = []
    for line in lines:
        if pages and len(pages[-1]) + 1 + len(line) <= n:
            pages[-1] += f"\n{line}"
        else:
            pages.append(line)
    return [section(page, n=n) for page in pages]
