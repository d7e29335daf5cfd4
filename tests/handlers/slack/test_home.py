"""The App Home in Slack: opened, kept up, acted in."""

from __future__ import annotations

import json

import pytest

from bot.model import Role
from sandbox.slack.model import Person
from tests.handlers.slack.desk import Desk

DANA, BOB, GUEST = "U0DANA", "U0BOB", "U0GUEST"


def shown(desk: Desk, user: str = DANA) -> str:
    desk.settle()
    return json.dumps(desk.workspace.home[user]["blocks"], ensure_ascii=False)


def press(desk: Desk, action: str, user: str = DANA) -> str:
    """Presses it in the home, and reads the form that answers."""
    desk.workspace.press(user, view_id=desk.workspace.home[user]["id"], action_id=action)
    return json.dumps(desk.workspace.views[user][-1], ensure_ascii=False)


@pytest.fixture
def home(desk: Desk) -> Desk:
    """Dana looks at hers while an incident is open."""
    desk.open_incident()
    desk.workspace.open_home(DANA)
    desk.settle()
    return desk


def test_it_is_published_when_it_is_opened(desk: Desk) -> None:
    desk.workspace.open_home(DANA)
    assert "No incident is open." in shown(desk)
    assert BOB not in desk.workspace.home


def test_opening_it_again_publishes_it_again(home: Desk) -> None:
    home.workspace.home.clear()
    home.workspace.open_home(DANA)
    assert "INC-7" in shown(home)


def test_it_follows_what_changes_while_it_was_opened_of_late(home: Desk) -> None:
    home.workspace.command(BOB, "C0INCIDENTS", "/incident role commander")
    assert "commander <@U0BOB>" in shown(home)
    before = home.calls("views.publish")
    home.clock.advance(31 * 60)
    home.workspace.command(BOB, "C0INCIDENTS", "/incident sev 1")
    home.settle()
    assert home.calls("views.publish") == before


def test_many_changes_in_a_moment_are_one_publication(home: Desk) -> None:
    home.clock.advance(60)
    before = home.calls("views.publish")
    for level in (1, 3, 4, 5, 1):
        home.workspace.command(BOB, "C0INCIDENTS", f"/incident sev {level}")
        home.clock.advance(1)
    assert "SEV1" in shown(home)
    assert home.calls("views.publish") - before == 1


def test_what_changes_nothing_in_it_is_not_published(home: Desk) -> None:
    before = home.calls("views.publish")
    home.clock.advance(60)
    home.workspace.command(BOB, "C0INCIDENTS", "/incident note restarted the cache")
    home.settle()
    assert home.calls("views.publish") == before


def test_a_press_is_answered_with_a_form_and_seen_in_the_home(home: Desk) -> None:
    assert "is now *Commander* of INC-7" in press(home, "ask.claim.INC-7")
    held = home.world.read(lambda tx: tx.assignment("INC-7", Role.COMMANDER))
    assert held
    assert held.user == DANA
    assert "you are *commander*" in shown(home)


def test_declaring_opens_the_form(home: Desk) -> None:
    assert '"callback_id": "incident.declare"' in press(home, "ask.declare")


def test_a_refusal_is_read_too(home: Desk) -> None:
    home.workspace.command(BOB, "C0INCIDENTS", "/incident resolve it was nothing")
    assert "already resolved; nothing was changed" in press(home, "ask.claim.INC-7")


def test_an_answer_that_comes_too_late_for_a_form_is_a_direct_message(home: Desk) -> None:
    home.workspace.faults.add("views.open", "error", error="expired_trigger_id")
    home.workspace.press(DANA, view_id=home.workspace.home[DANA]["id"], action_id="ask.show.INC-7")
    talk = home.workspace.direct(DANA, "U0WATCH")
    assert "INC-7" in json.dumps(home.workspace.messages(talk.id)[-1])


def test_guests_see_nothing(home: Desk) -> None:
    home.workspace.people[GUEST] = Person(GUEST, "guest", "A guest", is_restricted=True)
    home.workspace.open_home(GUEST)
    said = shown(home, GUEST)
    assert "Only members of this workspace" in said
    assert "INC-7" not in said


def test_the_tab_with_messages_is_no_home(desk: Desk) -> None:
    event = {"type": "app_home_opened", "user": DANA, "channel": "D1", "tab": "messages"}
    desk.workspace.courier.send({"type": "event_callback", "event_id": "Ev1", "event": event})
    desk.settle()
    assert desk.workspace.home == {}


def test_a_home_that_slack_refuses_is_given_up_quietly(desk: Desk) -> None:
    desk.workspace.faults.add("views.publish", "error", error="not_enabled")
    desk.workspace.open_home(DANA)
    desk.settle()
    [letter] = desk.store.dead()
    assert (letter.kind, letter.subject) == ("ShowHome", DANA)
