"""Reminders of a promised update: who is asked when, and that no promise is forgotten."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import incidents, nudges
from bot.decision import PostCard, RemindUpdate, SendPost
from bot.errors import Refused
from bot.model import Incident, Phase, Post, Role
from tests.values import NOON, incident, minutes

ROLES = {Role.COMMS: "U0BOB", Role.COMMANDER: "U0DANA"}
ONCALL = ("U0DANA", "U0CAROL")
PROMISED = incident(next_update_at=NOON)


def nudge(minute: float, of: Incident = PROMISED, roles=ROLES, oncall=ONCALL, made=-30, **other):
    return nudges.nudge(of, roles, oncall, NOON + minutes(made), NOON + minutes(minute), **other)


def asked(decision):
    return [(post.channel, post.text) for post in decision.save if isinstance(post, Post)]


def next_look(decision):
    return (next(effect.due for effect in decision.do if isinstance(effect, RemindUpdate)) - NOON) / minutes(1)


def test_the_first_look_is_before_it_is_due():
    assert incidents.remind(PROMISED) == (RemindUpdate("INC-7", due=NOON - minutes(5)),)
    assert nudge(-9).do == incidents.remind(PROMISED)


def test_first_the_comms_lead_alone_then_the_channel_then_the_commander_then_the_on_call():
    alone = nudge(-5)
    assert [channel for channel, _ in asked(alone)] == ["U0BOB"]
    assert alone.note == ()  # nobody is late
    assert next_look(alone) == 0
    for minute, who, then in ((0, "U0BOB", 5), (5, "U0DANA", 10), (10, "U0CAROL", 20), (20, "U0CAROL", 30)):
        decision = nudge(minute)
        ((channel, text),) = asked(decision)
        assert (channel, text.startswith(f":hourglass: <@{who}>, an update")) == ("@incident", True), minute
        assert next_look(decision) == then
        assert PostCard("INC-7") in decision.do
        assert SendPost(decision.save[0].id) in decision.do
    assert nudge(7).note[0].text == "status update is 7 min late"


@pytest.mark.parametrize(
    ("roles", "oncall", "minute", "who"),
    [
        ({Role.COMMANDER: "U0DANA"}, (), 0, "U0DANA"),
        ({Role.COMMS: "U0BOB"}, (), 5, "U0BOB"),
        (ROLES, ("U0DANA", "U0BOB"), 10, "U0DANA"),
        ({}, ("U0CAROL",), 12, "U0CAROL"),
    ],
)
def test_where_a_role_is_empty_the_next_one_is_asked(roles, oncall, minute, who):
    ((_, text),) = asked(nudge(minute, roles=roles, oncall=oncall))
    assert f"<@{who}>" in text


def test_with_nobody_at_all_the_channel_is_told():
    ((channel, text),) = asked(nudge(0, roles={}, oncall=()))
    assert (channel, "<@" in text) == ("@incident", False)
    assert asked(nudge(-5, roles={}, oncall=())) == []


def test_nobody_is_reminded_of_what_they_have_just_promised():
    assert asked(nudge(-4, made=-5)) == []
    assert next_look(nudge(-4, made=-5)) == 0


def test_each_stage_is_said_once_and_never_on_top_of_one_that_waits():
    assert asked(nudge(-3, told=True)) == []
    assert asked(nudge(1, told=True)) == []
    assert asked(nudge(12, waiting=True)) == []
    assert next_look(nudge(12, waiting=True)) == 22
    assert nudges.post_id(PROMISED, NOON) == nudges.post_id(PROMISED, NOON + minutes(4))
    assert nudges.post_id(PROMISED, NOON + minutes(12)) != nudges.post_id(PROMISED, NOON + minutes(22))


def test_nobody_is_reminded_after_the_end_or_without_a_promise():
    assert nudge(1, incident(phase=Phase.RESOLVED, resolved_at=NOON, next_update_at=NOON)).do == ()
    assert nudge(1, incident()).do == ()


def test_snoozing_puts_off_the_reminder_and_not_the_promise():
    decision = nudges.snooze(PROMISED, "20m", "U0BOB", NOON + minutes(1))
    [put_off] = [noun for noun in decision.save if isinstance(noun, Incident)]
    assert put_off.next_update_at == NOON
    assert decision.do == (RemindUpdate("INC-7", due=NOON + minutes(21)),)
    assert decision.note[0].text == "put off reminders for 20 min"
    quiet = nudge(10, put_off)
    assert asked(quiet) == []
    assert next_look(quiet) == 21
    assert asked(nudge(21, put_off))


@pytest.mark.parametrize(("words", "lasts"), [("", 10), ("10m", 10), ("15", 15), ("1h", 60), ("2h", 120)])
def test_how_long_is_read(words, lasts):
    assert next_look(nudges.snooze(PROMISED, words, "U0BOB", NOON)) == lasts


@pytest.mark.parametrize("words", ["0m", "3h", "a while", "-5m"])
def test_a_promise_is_not_snoozed_away(words):
    with pytest.raises(Refused, match="at most 2h"):
        nudges.snooze(PROMISED, words, "U0BOB", NOON)
    with pytest.raises(Refused, match="nothing to be reminded of"):
        nudges.snooze(incident(), "10m", "U0BOB", NOON)


@given(st.floats(-60, 600), st.booleans(), st.booleans())
def test_a_promise_is_always_looked_at_again_and_later(minute, waiting, told):
    now = NOON + minutes(minute)
    (again,) = [effect for effect in nudge(minute, waiting=waiting, told=told).do if isinstance(effect, RemindUpdate)]
    assert now < again.due <= max(now, NOON) + timedelta(minutes=10)
