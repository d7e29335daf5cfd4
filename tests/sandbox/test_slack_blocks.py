"""Block Kit's limits, in Slack's words; and agreement with two libraries that know them too."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from sandbox.slack.blocks import message_problems, view_problems


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "a", "text": plain("x"), **more}


def options(count: int) -> list[dict[str, Any]]:
    return [{"text": plain(f"o{number}"), "value": str(number)} for number in range(count)]


def select(**more: Any) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "a", "options": options(2), **more}


def field(element: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    typed = {"type": "plain_text_input", "action_id": "a"}
    return {"type": "input", "block_id": "b", "label": plain("x"), "element": element or typed, **more}


FINE: list[dict[str, Any]] = [
    section("x" * 3_000),
    section(fields=[mrkdwn("x" * 2_000)] * 10),
    section(accessory=button(style="danger", confirm={k: plain("x") for k in ("title", "text", "confirm", "deny")})),
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider"},
    {"type": "context", "elements": [mrkdwn("x")] * 10},
    {"type": "actions", "elements": [button(action_id=str(n)) for n in range(25)]},
    {"type": "actions", "elements": [select(options=options(100)), {"type": "users_select", "action_id": "u"}]},
    {"type": "actions", "elements": [{"type": "overflow", "action_id": "o", "options": options(5)}]},
    {"type": "image", "image_url": "https://shop.example/x.png", "alt_text": "x"},
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]},
    {"type": "markdown", "text": "x" * 12_000},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}]]},
    field(),
    field({"type": "radio_buttons", "action_id": "a", "options": options(10), "initial_option": options(1)[0]}),
    field({"type": "checkboxes", "action_id": "a", "options": options(10)}),
    field({"type": "datetimepicker", "action_id": "a", "initial_date_time": 1_795_000_000}),
]

WRONG: list[tuple[dict[str, Any], str]] = [
    (section("x" * 3_001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    (section(fields=[mrkdwn("x")] * 11), "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
    (section(fields=[mrkdwn("x" * 2_001)]), "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"),
    ({"type": "section"}, "must provide one of: text, fields [json-pointer:/blocks/0]"),
    ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
    (
        {"type": "header", "text": plain("x" * 151)},
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    (
        {"type": "context", "elements": [mrkdwn("x")] * 11},
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    ({"type": "actions", "elements": []}, "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    (
        {"type": "actions", "elements": [button(action_id=str(n)) for n in range(26)]},
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    (
        {"type": "actions", "elements": [button(), button()]},
        "`action_id` a already exists for another element [json-pointer:/blocks/0]",
    ),
    (
        section(accessory=button(text=plain("x" * 76))),
        "must be less than 76 characters [json-pointer:/blocks/0/accessory/text/text]",
    ),
    (
        section(accessory=button(value="x" * 2_001)),
        "must be less than 2001 characters [json-pointer:/blocks/0/accessory/value]",
    ),
    (
        section(accessory=button(style="loud")),
        "must be one of primary, danger [json-pointer:/blocks/0/accessory/style]",
    ),
    (section(accessory=button(url="javascript:x")), "must be a valid url [json-pointer:/blocks/0/accessory/url]"),
    (
        section(accessory=button(action_id="x" * 256)),
        "must be less than 256 characters [json-pointer:/blocks/0/accessory/action_id]",
    ),
    (
        section(accessory=select(options=options(101))),
        "no more than 100 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    (
        section(accessory=select(options=[])),
        "must provide one of: options, option_groups [json-pointer:/blocks/0/accessory]",
    ),
    (
        section(accessory=select(initial_option={"text": plain("?"), "value": "?"})),
        "must match one of the options [json-pointer:/blocks/0/accessory/initial_option]",
    ),
    (
        section(accessory={"type": "overflow", "action_id": "o", "options": options(6)}),
        "no more than 5 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    (section(colour="red"), "invalid additional property: colour [json-pointer:/blocks/0]"),
    (section(block_id="x" * 256), "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    (
        {"type": "image", "image_url": "https://shop.example/x.png"},
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
    *(
        (
            {"type": "image", "image_url": f"https://{host}/x.png", "alt_text": "x"},
            "downloading image failed [json-pointer:/blocks/0/image_url]",
        )
        for host in ("grafana", "10.1.2.3", "grafana.internal:3000")
    ),
    (field(label=plain("x" * 2_001)), "must be less than 2001 characters [json-pointer:/blocks/0/label/text]"),
    (
        field({"type": "plain_text_input", "action_id": "a", "max_length": 3_001}),
        "must be between 1 and 3000 [json-pointer:/blocks/0/element/max_length]",
    ),
    (
        field({"type": "radio_buttons", "action_id": "a", "options": options(11)}),
        "no more than 10 items allowed [json-pointer:/blocks/0/element/options]",
    ),
    ({"type": "markdown", "text": "x" * 12_001}, "must be less than 12001 characters [json-pointer:/blocks/0/text]"),
    ({"type": "carousel"}, "unsupported type: carousel [json-pointer:/blocks/0/type]"),
    ({"text": "x"}, "missing required field: type [json-pointer:/blocks/0]"),
]


@pytest.mark.parametrize("block", FINE, ids=lambda block: block["type"])
def test_slack_takes_it(block: dict[str, Any]) -> None:
    assert message_problems([block]) == []


@pytest.mark.parametrize(("block", "message"), WRONG, ids=[message for _, message in WRONG])
def test_slack_says_what_is_wrong(block: dict[str, Any], message: str) -> None:
    assert f"[ERROR] {message}" in message_problems([block])


def test_whole_messages_have_limits_too() -> None:
    assert message_problems([{"type": "divider"}] * 51) == [
        "[ERROR] no more than 50 items allowed [json-pointer:/blocks]"
    ]
    twice = [section(block_id="b"), section(block_id="b")]
    assert message_problems(twice) == ["[ERROR] `block_id` b already exists [json-pointer:/blocks]"]
    table = FINE[12]
    assert message_problems([table, table]) == ["[ERROR] only one table is allowed in a message [json-pointer:/blocks]"]
    assert message_problems({"type": "divider"}) == ["[ERROR] must provide an array [json-pointer:/blocks]"]


@pytest.mark.parametrize("block", FINE, ids=lambda block: block["type"])
def test_slacks_own_sdk_agrees(block: dict[str, Any]) -> None:
    parsed = Block.parse(block)
    assert parsed is None or parsed.to_dict()["type"] == block["type"]


def view(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain("x"), "submit": plain("x"), "blocks": list(blocks), **more}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (view(field(), submit=None), "missing required field: submit [json-pointer:/view]"),
        (view(section(), title=None), "missing required field: title [json-pointer:/view]"),
        (view(section(), submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
        (view(*[{"type": "divider"}] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
        (
            view(section(), private_metadata="x" * 3_001),
            "must be less than 3001 characters [json-pointer:/view/private_metadata]",
        ),
        (view({"type": "markdown", "text": "x"}), "unsupported type: markdown [json-pointer:/view/blocks/0/type]"),
        (view(field(), field()), "`block_id` b already exists [json-pointer:/view/blocks]"),
    ],
)
def test_views_have_limits_of_their_own(bad: dict[str, Any], message: str) -> None:
    assert view_problems(view(field())) == []
    assert f"[ERROR] {message}" in view_problems(bad)


def test_a_view_that_is_no_object_is_a_problem_and_no_crash() -> None:
    assert view_problems(None) == ["[ERROR] must provide an object [json-pointer:/view]"]
