"""Pressing is typing, with the presser's rights."""

from __future__ import annotations

from typing import Any

import pytest

from bot.model import Role
from sandbox.slack.model import Person
from storage.store import Busy
from tests.handlers.slack.desk import INCIDENTS, Desk, card, text_of
from tests.handlers.slack.test_commands import failing
from tests.values import NOON


def button(line: str, action: str = "ask.it") -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": "Press"}, "value": line}


def menu(*lines: str) -> dict[str, Any]:
    options = [{"text": {"type": "plain_text", "text": line}, "value": line} for line in lines]
    return {"type": "static_select", "action_id": "ask.menu", "options": options}


def public(desk: Desk, *elements: dict[str, Any]) -> str:
    """A card in the channel with these elements; its ts."""
    blocks = ({"type": "actions", "elements": list(elements)},)
    return desk.chat.post(INCIDENTS, card(blocks=blocks), "INC-7/card", since=NOON, again=False)


def private(desk: Desk, *elements: dict[str, Any]) -> str:
    """A message for Dana alone; its ts."""
    desk.chat.whisper(INCIDENTS, "U0DANA", card("preview", blocks=({"type": "actions", "elements": list(elements)},)))
    ts: str = desk.workspace.ephemerals(INCIDENTS, "U0DANA")[-1]["ts"]
    return ts


def press(desk: Desk, ts: str, user: str = "U0DANA", action: str = "ask.it", value: str | None = None) -> str:
    """What the presser reads afterwards."""
    [answer] = desk.workspace.press(user, INCIDENTS, ts, action, value)
    return text_of(answer)


def commander(desk: Desk) -> str:
    held = desk.world.read(lambda tx: tx.assignment("INC-7", Role.COMMANDER))
    return held.user if held else ""


def test_a_press_on_a_channels_message_is_answered_to_the_presser_alone(desk: Desk) -> None:
    desk.open_incident()
    ts = public(desk, button("incident role commander"))
    before = desk.workspace.messages(INCIDENTS)
    assert "<@U0BOB> is now *Commander*" in press(desk, ts, "U0BOB")
    assert commander(desk) == "U0BOB"
    assert desk.workspace.messages(INCIDENTS) == before


def test_the_second_of_two_who_press_is_told_who_was_first(desk: Desk) -> None:
    desk.open_incident()
    ts = public(desk, button("incident role commander"))
    press(desk, ts, "U0BOB")
    assert "<@U0BOB> is commander" in press(desk, ts, "U0ALICE")
    assert commander(desk) == "U0BOB"


def test_a_preview_loses_its_buttons_once_it_is_answered(desk: Desk) -> None:
    desk.open_incident()
    ts = private(desk, button("incident role commander"))
    assert "is now *Commander*" in press(desk, ts)
    [message] = desk.workspace.ephemerals(INCIDENTS, "U0DANA")
    assert (message["ts"], message.get("blocks")) == (ts, None)


def test_a_preview_keeps_its_buttons_where_pressing_again_may_help(desk: Desk) -> None:
    desk.open_incident()
    ts = private(desk, button("incident role commander"))
    failing(desk, Busy("locked"))
    assert "could not save" in press(desk, ts)
    preview, answer = desk.workspace.ephemerals(INCIDENTS, "U0DANA")
    assert (preview["ts"], bool(preview["blocks"])) == (ts, True)
    assert "could not save" in answer["text"]


def test_a_choice_from_a_menu_is_a_line_too(desk: Desk) -> None:
    desk.open_incident()
    ts = public(desk, menu("incident status identified", "incident status monitoring"))
    assert "is now *monitoring*" in press(desk, ts, action="ask.menu", value="incident status monitoring")


def test_a_button_that_opens_a_form_leaves_its_message_alone(desk: Desk) -> None:
    desk.open_incident()
    ts = private(desk, button("incident resolve"))
    assert desk.workspace.press("U0DANA", INCIDENTS, ts, "ask.it") == []
    assert desk.workspace.views["U0DANA"][0]["callback_id"] == "incident.resolve"
    assert desk.workspace.ephemerals(INCIDENTS, "U0DANA")[0]["blocks"]


@pytest.mark.parametrize("line", ["", "format disk", "/incident list"])
def test_a_line_that_is_no_command_is_refused(desk: Desk, line: str) -> None:
    ts = public(desk, button(line or " "))
    assert ":no_entry:" in press(desk, ts)


def test_other_elements_are_acknowledged_and_nothing_is_said(desk: Desk) -> None:
    link = button("x", "open.dashboard") | {"url": "https://grafana.example"}
    assert desk.workspace.press("U0DANA", INCIDENTS, public(desk, link), "open.dashboard") == []


@pytest.mark.parametrize("team", ["T0OTHER", "T0SHOP"])
def test_a_guest_can_see_a_button_but_not_use_it(desk: Desk, team: str) -> None:
    desk.open_incident()
    desk.workspace.people["U0GUEST"] = Person("U0GUEST", "guest", "Guest", team=team, is_restricted=team == "T0SHOP")
    desk.workspace.channels[INCIDENTS].members.append("U0GUEST")
    ts = public(desk, button("incident role commander"))
    assert "Only members of this workspace" in press(desk, ts, "U0GUEST")
    assert commander(desk) == ""
