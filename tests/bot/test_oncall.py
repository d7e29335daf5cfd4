"""Whom a calendar or another tool means, and what people are told of its answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot import oncall
from bot.model import Duty
from bot.oncall import Answer
from bot.policy import Contact
from tests.values import NOON, minutes

PEOPLE = {
    "U0DANA": Contact(name="Dana Kim", email="dana@shop.example"),
    "U0LEE": Contact(name="Dana Kim-Lee"),
    "U0BOB": Contact(phone="+49 30 1", email="Bob@shop.example"),
}


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ("On call: Dana Kim", "U0DANA"),
        ("dana kim (storefront)", "U0DANA"),
        ("Dana Kim-Lee", "U0LEE"),
        ("Adana Kimble", ""),
        ("bob@SHOP.example", "U0BOB"),
        ("Bob O. <bob@shop.example>", "U0BOB"),
        ("primary: U0CAROL", "U0CAROL"),
        ("somebody@else.example", ""),
        ("", ""),
    ],
)
def test_whom_a_calendar_means(said: str, who: str) -> None:
    assert oncall.known(said, PEOPLE) == who


def test_an_address_is_found_among_the_words() -> None:
    assert oncall.address("Carol <carol@shop.example>, on call") == "carol@shop.example"
    assert oncall.address("Carol @ noon") == ""


def test_an_old_answer_says_how_old_it_is_and_strangers_are_named() -> None:
    answer = Answer(("U1",), NOON, "calendar: HTTP 502", ("Zoë\n" + "x" * 99,))
    stale, stranger = oncall.troubles("search", answer)
    expected = "the on-call search cannot be asked now (calendar: HTTP 502): its people are as of 05 Mar 12:00 UTC"
    assert stale == expected
    assert stranger.startswith("the on-call search names Zoë x")
    assert stranger.endswith("…, whom I do not find in Slack: add them to `people`")
    assert oncall.troubles("search", Answer(("U1",))) == []


def test_an_answer_is_fresh_for_some_minutes() -> None:
    duty = Duty(id="search", people=("U1",), at=NOON)
    assert oncall.is_fresh(duty, NOON + minutes(4.9))
    assert not oncall.is_fresh(duty, NOON + minutes(5))
    assert not oncall.is_fresh(None, NOON)
    assert oncall.same(duty, ["U1"], [])
    assert not oncall.same(replace(duty, unknown=("x",)), ["U1"], [])
    assert timedelta(days=1) == oncall.TRUSTED
