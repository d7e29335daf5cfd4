"""Slack's limits, checked three ways: by Slack's SDK, by slackblocks' table of limits, and by what neither knows.

`check` raises AssertionError (ours), SlackObjectFormationError (slack_sdk) or InvalidUsageError (slackblocks).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from slackblocks import (
    ActionsBlock,
    Button,
    CheckboxGroup,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    ImageBlock,
    InputBlock,
    ModalView,
    Option,
    OptionGroup,
    OverflowMenu,
    PlainTextInput,
    RadioButtonGroup,
    SectionBlock,
    StaticMultiSelectMenu,
    StaticSelectMenu,
    Text,
    UserSelectMenu,
)

from bot.decision import Card, Modal

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MESSAGE_TEXT = 4_000  # of chat.update
MESSAGE_SIZE = 13_000  # characters of blocks at which Slack was seen to say msg_blocks_too_long
VIEW_SIZE = 250_000
URL = 3_000
LONGEST = {"button": {"text": 75, "value": 2_000, "url": URL}, "option": {"text": 75, "value": 150, "description": 75}}
MARKUP = re.compile(
    r"<@[UW][A-Z0-9]+>|<#[CG][A-Z0-9]+>|<!date\^\d+\^\{time(?:_secs)?\}\|\d\d:\d\d(?::\d\d)? UTC>"
    r"|<https?://[^<>|\s]+\|[^<>|\n]+>"
)
ENTITY = re.compile(r"&(?:amp|lt|gt);")

Node = Mapping[str, Any]


def check(shown: Card | Modal) -> None:
    if isinstance(shown, Card):
        check_message(shown.text, shown.blocks)
    else:
        check_view(shown.view)


def check_message(text: str, blocks: Sequence[dict[str, Any]]) -> None:
    assert 1 <= len(text) <= MESSAGE_TEXT, f"a notification of {len(text)} characters"
    check_markup(text)
    assert len(blocks) <= MESSAGE_BLOCKS, f"{len(blocks)} blocks"
    size = len(json.dumps(blocks, ensure_ascii=False))
    assert size <= MESSAGE_SIZE, f"{size} characters of blocks"
    check_blocks(blocks)
    ids = [node["action_id"] for node in nodes(blocks) if "action_id" in node]
    twice = [id for id, n in Counter(ids).items() if n > 1]
    assert not twice, f"action ids that stand twice in the message: {twice}"


def check_view(view: dict[str, Any]) -> None:
    View(**view).to_dict()
    assert view["type"] == "modal"
    for part in ("title", "submit", "close"):
        assert 1 <= len(view[part]["text"]) <= 24, f"{part}: {view[part]['text']!r}"
    assert len(view["private_metadata"]) <= 3_000
    assert len(view["callback_id"]) <= 255
    assert 1 <= len(view["blocks"]) <= VIEW_BLOCKS
    assert len(json.dumps(view, ensure_ascii=False)) <= VIEW_SIZE
    check_blocks(view["blocks"])
    parts: dict[str, Any] = {part: Text.from_dict(view[part]) for part in ("title", "submit", "close")}
    ids: dict[str, Any] = {part: view[part] for part in ("private_metadata", "callback_id")}
    ModalView(blocks=[limited(block) for block in view["blocks"]], **parts, **ids)
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    assert len(set(inputs)) == len(inputs), f"block ids that stand twice: {inputs}"


def check_home(view: dict[str, Any]) -> None:
    View(**view).to_dict()
    assert view["type"] == "home"
    assert 1 <= len(view["blocks"]) <= VIEW_BLOCKS
    assert len(json.dumps(view, ensure_ascii=False)) <= VIEW_SIZE
    check_blocks(view["blocks"])
    ids = [node["action_id"] for node in nodes(view["blocks"]) if "action_id" in node]
    assert len(set(ids)) == len(ids), f"action ids that stand twice: {ids}"


def check_blocks(blocks: Sequence[dict[str, Any]]) -> None:
    parsed = Block.parse_all(list(blocks))
    assert len(parsed) == len(blocks), "slack_sdk does not know every block"
    for block, ours in zip(parsed, blocks, strict=True):
        block.to_dict()
        limited(ours)
        assert len(ours.get("fields", ())) <= 10
    for node in nodes(blocks):
        check_node(node)


def limited(node: Node) -> Any:
    """The same block or element in slackblocks, which refuses what is beyond a limit."""

    def text(part: str) -> Any:
        return Text.from_dict(node[part]) if part in node else None

    def many(part: str, make: Callable[[Any], Any]) -> Any:
        return [make(one) for one in node[part]] if part in node else None

    match node["type"]:
        case "section":
            beside = limited(node["accessory"]) if "accessory" in node else None
            return SectionBlock(text("text"), node.get("block_id"), many("fields", Text.from_dict), beside)
        case "header":
            return HeaderBlock(text("text"), node.get("block_id"))
        case "divider":
            return DividerBlock(node.get("block_id"))
        case "context":
            return ContextBlock(many("elements", Text.from_dict), node.get("block_id"))
        case "actions":
            return ActionsBlock(many("elements", limited), node.get("block_id"))
        case "image":
            return ImageBlock(node["image_url"], node["alt_text"], node["title"]["text"], node.get("block_id"))
        case "input":
            rest = {"block_id": node["block_id"], "hint": text("hint"), "optional": node["optional"]}
            return InputBlock(text("label"), limited(node["element"]), **rest)
        case "button":
            return Button(text("text"), **{k: v for k, v in node.items() if k not in ("type", "text")})
        case "static_select":
            first = Option.from_dict(node["initial_option"]) if "initial_option" in node else None
            groups = many("option_groups", OptionGroup.from_dict)
            options = many("options", Option.from_dict)
            return StaticSelectMenu(node["action_id"], options, groups, first, placeholder=text("placeholder"))
        case "checkboxes":
            return CheckboxGroup(node["action_id"], many("options", Option.from_dict))
        case "radio_buttons":
            first = Option.from_dict(node["initial_option"]) if "initial_option" in node else None
            return RadioButtonGroup(node["action_id"], many("options", Option.from_dict), first)
        case "multi_static_select":
            chosen = many("initial_options", Option.from_dict)
            options = many("options", Option.from_dict)
            return StaticMultiSelectMenu(node["action_id"], options, None, chosen, placeholder=text("placeholder"))
        case "users_select":
            return UserSelectMenu(node["action_id"], placeholder=text("placeholder"))
        case "plain_text_input":
            rest = {k: v for k, v in node.items() if k not in ("type", "placeholder")}
            return PlainTextInput(placeholder=text("placeholder"), **rest)
        case "overflow":
            return OverflowMenu(node["action_id"], many("options", Option.from_dict))
    raise AssertionError(f"no card has had a {node['type']} before: add it here, with its limits")


def nodes(tree: Any) -> Iterator[Node]:
    """Every object of a tree of blocks."""
    if isinstance(tree, Mapping):
        yield tree
        tree = tree.values()
    elif not isinstance(tree, list | tuple):
        return
    for branch in tree:
        yield from nodes(branch)


def check_node(node: Node) -> None:
    kind = node.get("type", "option" if "value" in node else "")
    match kind:
        case "mrkdwn":
            assert node.get("verbatim") is True, f"Slack would look for names and links in {node['text'][:60]!r}"
            assert 1 <= len(node["text"].strip()) <= 3_000
            check_markup(node["text"])
        case "plain_text":
            assert node["text"].strip(), "an empty text"
            assert "\n" not in node["text"]
        case "section":
            assert all(len(field["text"]) <= 2_000 for field in node.get("fields", ()))
        case "header":
            assert len(node["text"]["text"]) <= 150
        case "actions" | "context":
            assert 1 <= len(node["elements"]) <= (25 if kind == "actions" else 10)
        case "button" | "option":
            check_lengths(node, LONGEST[kind])
        case "static_select" | "multi_static_select":
            check_select(node)
        case "input":
            assert len(node["block_id"]) <= 255
            assert len(node["label"]["text"]) <= 2_000
    json.dumps(node, ensure_ascii=False).encode()  # no half of a character


def check_lengths(node: Node, limits: Mapping[str, int]) -> None:
    for part, most in limits.items():
        value = node.get(part, "")
        words = value["text"] if isinstance(value, Mapping) else value
        assert len(words) <= most, f"{part} has {len(words)} characters, Slack takes {most}"


def check_select(node: Node) -> None:
    groups = node.get("option_groups") or [{"options": node["options"]}]
    assert 1 <= len(groups) <= 100
    assert all(1 <= len(group["options"]) <= 100 for group in groups)
    options = [option for group in groups for option in group["options"]]
    chosen = [*node.get("initial_options", ()), *([node["initial_option"]] if "initial_option" in node else ())]
    assert all(one in options for one in chosen)


def check_markup(text: str) -> None:
    """Nothing but the tokens and entities that we write: no half of one, no broadcast, no bare markup sign."""
    rest = ENTITY.sub("", MARKUP.sub("", text))
    assert not re.search(r"[<>&]", rest), f"markup that is not ours in {rest!r}"
    assert not re.search(r"(?<![^\W_])@(?:here|channel|everyone)", rest, re.IGNORECASE), f"a broadcast in {rest!r}"
