"""Forms: a mistake keeps them open, a success closes them once."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.slack import modals
from handlers.slack.answers import Outcome
from sandbox.slack.events import Delivery, Result
from sandbox.slack.model import Person
from storage.store import Busy
from tests.handlers.slack.desk import INCIDENTS, Desk, direct, text_of
from tests.handlers.slack.test_commands import failing


def form(desk: Desk, line: str = "/incident declare", user: str = "U0DANA") -> str:
    """The id of the form that this line opens."""
    assert desk.workspace.command(user, INCIDENTS, line) == []
    id: str = desk.workspace.views[user][-1]["id"]
    return id


def test_a_submitted_declaration_is_an_incident_and_the_form_says_so(desk: Desk) -> None:
    assert desk.workspace.submit("U0DANA", form(desk), {"title": "checkout & cart are down", "severity": "2"}) == {}
    [incident] = desk.world.read(lambda tx: tx.incidents())
    assert (incident.title, incident.severity, incident.by) == ("checkout & cart are down", 2, "U0DANA")
    [view] = desk.workspace.views["U0DANA"]
    assert "INC-1 (SEV2) is declared" in text_of(view)
    assert not view["submit"]


def test_a_mistake_is_shown_at_its_field_and_the_same_form_can_be_sent_again(desk: Desk) -> None:
    id = form(desk)
    assert desk.workspace.submit("U0DANA", id, {"title": "   "}) == {"title": "A few words are enough."}
    assert desk.workspace.submit("U0DANA", id, {"title": "checkout is down"}) == {}
    assert len(desk.world.read(lambda tx: tx.incidents())) == 1


def test_after_a_form_about_an_incident_its_channel_has_the_answer(desk: Desk) -> None:
    desk.open_incident()
    id = form(desk, "/incident resolve")
    assert desk.workspace.submit("U0DANA", id, {"summary": "rolled back"}) == {}
    assert "U0DANA" not in desk.workspace.views or not desk.workspace.views["U0DANA"]
    assert "INC-7 is *resolved*" in desk.said_to("U0DANA")
    assert desk.world.read(lambda tx: tx.incident("INC-7")).summary == "rolled back"


def test_a_form_that_is_delivered_twice_is_decided_upon_once(desk: Desk) -> None:
    def twice(delivery: Delivery) -> Result:
        to_app(delivery)
        return to_app(delivery)

    id = form(desk)
    to_app = direct(desk.app)
    desk.workspace.courier.transports[:] = [twice]
    assert desk.workspace.submit("U0DANA", id, {"title": "checkout is down"}) == {}
    assert len(desk.world.read(lambda tx: tx.incidents())) == 1


def test_a_form_that_is_overtaken_says_why_and_keeps_the_words(desk: Desk) -> None:
    desk.open_incident()
    late = form(desk, "/incident resolve")
    desk.workspace.command("U0BOB", INCIDENTS, "/incident resolve rolled back")
    errors = desk.workspace.submit("U0DANA", late, {"summary": "I have fixed it"})
    assert errors == {"summary": "INC-7 is already resolved; nothing was changed."}
    assert desk.workspace.views["U0DANA"][-1]["id"] == late


@pytest.mark.parametrize(
    ("error", "words"),
    [(Busy("locked"), "I could not save that; nothing was changed"), (ValueError("x"), "Reference ")],
)
def test_a_failure_keeps_the_form_open_with_the_words_in_it(desk: Desk, error: Exception, words: str) -> None:
    id = form(desk)
    failing(desk, error)
    [said] = desk.workspace.submit("U0DANA", id, {"title": "checkout is down"}).values()
    assert words in said
    assert ":" not in said[:1]


@pytest.mark.parametrize("team", ["T0OTHER", "T0SHOP"])
def test_a_guest_cannot_submit_what_another_opened(desk: Desk, team: str) -> None:
    id = form(desk)
    guest = Person("U0GUEST", "guest", "Guest", team=team, is_restricted=team == "T0SHOP")
    desk.workspace.people["U0GUEST"] = guest
    desk.workspace.views["U0GUEST"] = desk.workspace.views.pop("U0DANA")
    [said] = desk.workspace.submit("U0GUEST", id, {"title": "free money"}).values()
    assert "Only members" in said
    assert desk.world.read(lambda tx: tx.incidents()) == ()


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ({"type": "plain_text_input", "value": "it & <that>"}, "it & <that>"),
        ({"type": "plain_text_input", "value": None}, ""),
        ({"type": "static_select", "selected_option": {"text": {}, "value": "30"}}, "30"),
        ({"type": "static_select", "selected_option": None}, ""),
        ({"type": "users_select", "selected_user": "U0BOB"}, "U0BOB"),
        ({"type": "multi_users_select", "selected_users": ["U0BOB", "U0DANA"]}, "U0BOB\nU0DANA"),
        ({"type": "checkboxes", "selected_options": [{"value": "a"}, {"value": "b"}]}, "a\nb"),
        ({"type": "datepicker", "selected_date": "2026-03-05"}, "2026-03-05"),
        ({"type": "datetimepicker", "selected_date_time": 1772712000}, "1772712000"),
        ({}, ""),
    ],
)
def test_whatever_is_entered_is_text(element: dict[str, Any], value: str) -> None:
    view = {"callback_id": "c", "private_metadata": "INC-7", "state": {"values": {"field": {"any": element}}}}
    assert modals.submission(view, "U0DANA").values == {"field": value}


def test_errors_at_fields_that_the_form_does_not_have_are_still_shown() -> None:
    view = {"blocks": [{"type": "section", "block_id": "s"}, {"type": "input", "block_id": "first"}]}
    outcome = Outcome(say=":no_entry: Not `so`.", failed=True, errors={"gone": "Not so."})
    assert modals.reply(view, outcome, closes=False)["errors"] == {"first": "Not so."}


def test_a_form_without_fields_shows_the_words_instead() -> None:
    answer = modals.reply({"blocks": []}, Outcome(say=":no_entry: No.", failed=True), closes=True)
    assert (answer["response_action"], "No." in text_of(answer["view"])) == ("update", True)
