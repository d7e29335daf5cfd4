"""On-call that is kept elsewhere: read over HTTP, told in people of Slack's, and remembered where nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import Away, ProviderError
from bot.oncall import Answer
from bot.policy import Asked, Contact, Group, Policy, Rota
from handlers import oncalls
from handlers.providers.ical import Ical, shifts
from handlers.providers.pagerduty import Events, Schedules
from handlers.world import Alarm, World
from sandbox.pagerduty import ROUTING_KEY, TOKEN, Duty, User
from tests.story import ALICE, BOB, CAROL, DANA, Story
from tests.values import NOON

POLICY = Policy(
    oncall={
        "search": Asked(provider="ical"),
        "platform": Asked(provider="pagerduty"),
        "payments": Group(id="S0PAY"),
        "shop": Rota(people=(DANA, BOB), start=NOON, turn=timedelta(days=1)),
    },
    people={CAROL: Contact(name="Carol Ruiz")},
)


@pytest.fixture
def world(story: Story) -> Iterator[World]:
    """People of the sandbox, and four on-calls."""
    calendar = Ical(f"{story.served.url}/calendar/search.ics")
    schedules = Schedules(TOKEN, schedule="PI7DH85", url=f"{story.served.url}/pagerduty")
    yield replace(story.world, policy=POLICY, oncalls={"search": calendar, "platform": schedules})
    calendar.close()
    schedules.close()


# ---------------------------------------------------------------- remembered


def test_each_on_call_is_told_in_people_of_slacks(world: World) -> None:
    """Dana and Bob are known to Slack by their addresses, Carol by the name in the configuration."""
    found = {name: oncalls.on_duty(world, name).people for name in POLICY.oncall}
    assert found == {"search": (CAROL,), "platform": (DANA, BOB), "payments": (BOB, ALICE), "shop": (DANA, BOB)}


def test_an_answer_is_asked_for_once_in_some_minutes_and_remembered_when_nobody_answers(
    story: Story, world: World
) -> None:
    assert oncalls.on_duty(world, "platform") == Answer((DANA, BOB))
    story.sandbox.pagerduty.duties = [Duty(User("P1", "Zoë", "zoe@else.example"), "PI7DH85")]
    assert oncalls.on_duty(world, "platform") == Answer((DANA, BOB))
    story.clock.advance(seconds=301)
    assert oncalls.on_duty(world, "platform") == Answer(unknown=("Zoë <zoe@else.example>",))
    story.sandbox.pagerduty.duties = [Duty(User("P2", "Dana Kim", "dana@corner-shop.example"), "PI7DH85")]
    story.clock.advance(seconds=301)
    oncalls.refresh(world)
    learned = world.now()
    story.sandbox.pagerduty.down = True
    story.clock.advance(seconds=23 * 3600)
    people, said = oncalls.ask_all(world, ["platform", "shop"])
    assert people["platform"] == (DANA,)
    assert said == [
        "the on-call platform cannot be asked now (PagerDuty: HTTP 502): "
        f"its people are as of {learned:%d %b %H:%M} UTC"
    ]
    assert oncalls.may(world, "platform") == {DANA}
    story.clock.advance(seconds=2 * 3600)
    assert oncalls.ask_all(world, ["platform"])[0]["platform"] == (DANA,)
    assert oncalls.may(world, "platform") == frozenset()  # too old to say who may act


def test_one_that_never_answered_is_tried_again_unless_that_is_of_no_use(story: Story, world: World) -> None:
    story.sandbox.pagerduty.down = True
    with pytest.raises(ProviderError, match="502"):
        oncalls.ask_all(world, ["platform"])
    story.sandbox.calendar.status = 404
    people, said = oncalls.ask_all(world, ["search", "payments"])
    assert people == {"payments": (BOB, ALICE)}
    assert said == ["the on-call search could not be read (HTTP 404): call its people by hand"]
    assert oncalls.may(world, "search") == frozenset()


# ---------------------------------------------------------------- PagerDuty


def test_only_those_of_the_escalation_policy_are_read(story: Story) -> None:
    story.sandbox.pagerduty.duties.append(Duty(User("P3", "Erin", "erin@corner-shop.example"), policy="P0THER"))
    asked = Schedules(TOKEN, escalation_policy="P0THER", url=f"{story.served.url}/pagerduty")
    assert asked.on_duty(NOON) == ("Erin <erin@corner-shop.example>",)
    asked.close()


def test_a_wrong_token_is_permanent_and_not_shown(story: Story) -> None:
    asked = Schedules("hush", schedule="PI7DH85", url=f"{story.served.url}/pagerduty")
    with pytest.raises(ProviderError, match="HTTP 401: Authentication failed") as refused:
        asked.on_duty(NOON)
    assert refused.value.permanent
    assert "hush" not in str(refused.value)
    asked.close()


def test_an_alert_is_one_however_often_it_is_sent(story: Story) -> None:
    events = Events(ROUTING_KEY, url=f"{story.served.url}/pagerduty")
    assert "nobody was called" in events.look()
    assert not story.sandbox.pagerduty.alerts
    alarm = Alarm(action="trigger", key="watchkeeper/INC-1/page/0", summary="x" * 2000, url="https://slack.example/c")
    events.send(alarm)
    events.send(alarm)
    (kept,) = story.sandbox.pagerduty.alerts.values()
    assert (kept.key, kept.status, kept.told, len(kept.summary)) == (alarm.key, "triggered", 2, 1024)
    events.send(replace(alarm, action="acknowledge"))
    assert kept.status == "acknowledged"
    events.send(replace(alarm, action="resolve"))
    events.send(replace(alarm, action="resolve"))
    assert kept.status == "resolved"
    events.close()


def test_what_pagerduty_refuses_is_permanent_and_a_limit_is_not(story: Story) -> None:
    events = Events("short", url=f"{story.served.url}/pagerduty")
    with pytest.raises(ProviderError, match="routing_key"):
        events.look()
    story.sandbox.pagerduty.limited = 1
    with pytest.raises(ProviderError, match="HTTP 429: Rate Limit Exceeded") as limited:
        events.send(Alarm(action="resolve", key="k"))
    with pytest.raises(ProviderError, match="Event object is invalid; 'routing_key' is missing") as refused:
        events.send(Alarm(action="resolve", key="k"))
    assert (limited.value.permanent, refused.value.permanent) == (False, True)
    assert "short" not in str(refused.value)
    events.close()


# ---------------------------------------------------------------- calendars


def feed(*events: str, zone: str = "Europe/Berlin") -> bytes:
    lines = [f"BEGIN:VEVENT\n{event}\nEND:VEVENT" for event in events]
    head = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nX-WR-TIMEZONE:{zone}"
    return "\n".join([head, *lines, "END:VCALENDAR", ""]).replace("\n", "\r\n").encode()


def at(when: str) -> datetime:
    return datetime.fromisoformat(when).replace(tzinfo=UTC)


def who(content: bytes, when: str) -> list[str]:
    return [name for shift in shifts(content, at(when)) for name in shift.who]


DAILY = "UID:a\nDTSTART;TZID=Europe/Berlin:20260301T090000\nDTEND;TZID=Europe/Berlin:20260301T170000\nSUMMARY:Dana"


@pytest.mark.parametrize(
    ("rule", "when", "expected"),
    [
        ("", "2026-03-01T08:00", ["Dana"]),
        ("", "2026-03-01T16:00", []),  # the end is no part of it
        ("", "2026-03-02T08:00", []),
        ("RRULE:FREQ=DAILY", "2026-03-28T08:00", ["Dana"]),  # the day before summer time: nine o'clock is 08:00 UTC
        ("RRULE:FREQ=DAILY", "2026-03-30T07:00", ["Dana"]),  # and the day after it 07:00
        ("RRULE:FREQ=DAILY", "2026-03-30T15:00", []),
        ("RRULE:FREQ=DAILY;UNTIL=20260303", "2026-03-03T08:00", ["Dana"]),
        ("RRULE:FREQ=DAILY;UNTIL=20260303", "2026-03-04T08:00", []),
        ("RRULE:FREQ=DAILY;UNTIL=20260303T080000Z", "2026-03-03T09:00", ["Dana"]),
        ("RRULE:FREQ=DAILY;COUNT=2", "2026-03-03T08:00", []),
        ("RRULE:FREQ=DAILY\nEXDATE;TZID=Europe/Berlin:20260302T090000", "2026-03-02T09:00", []),
        ("RDATE;TZID=Europe/Berlin:20260305T090000", "2026-03-05T08:00", ["Dana"]),
        ("RRULE:FREQ=DAILY\nSTATUS:CANCELLED", "2026-03-02T09:00", []),
        ("RRULE:FREQ=SECONDLY", "2026-03-02T08:00", []),
    ],
)
def test_shifts_come_again_by_the_clock_on_the_wall(rule: str, when: str, expected: list[str]) -> None:
    assert who(feed(f"{DAILY}\n{rule}".strip()), when) == expected


def test_a_shift_that_was_moved_is_where_it_is_now() -> None:
    moved = (
        "UID:a\nRECURRENCE-ID;TZID=Europe/Berlin:20260302T090000\nSUMMARY:Bob\n"
        "DTSTART;TZID=Europe/Berlin:20260302T120000\nDTEND;TZID=Europe/Berlin:20260302T170000"
    )
    content = feed(f"{DAILY}\nRRULE:FREQ=DAILY", moved)
    assert who(content, "2026-03-02T09:00") == []
    assert who(content, "2026-03-02T12:00") == ["Bob"]
    assert who(content, "2026-03-03T12:00") == ["Dana"]


def test_whole_days_are_days_where_the_calendar_is() -> None:
    content = feed("UID:a\nDTSTART;VALUE=DATE:20260302\nSUMMARY:Dana")
    assert who(content, "2026-03-01T23:00") == ["Dana"]
    assert who(content, "2026-03-02T23:00") == []
    assert who(feed("UID:a\nDTSTART;VALUE=DATE:20260302\nSUMMARY:Dana", zone="Nowhere/Land"), "2026-03-01T23:00") == []


def test_guests_who_come_are_meant_before_the_title() -> None:
    guests = "ATTENDEE;PARTSTAT=DECLINED:mailto:a@b.example\nATTENDEE;PARTSTAT=ACCEPTED:mailto:c@d.example"
    assert who(feed(f"{DAILY}\n{guests}"), "2026-03-01T08:00") == ["c@d.example"]


def test_a_feed_is_read_and_what_is_none_is_told_without_its_address(story: Story) -> None:
    calendar = Ical(f"{story.served.url}/calendar/search.ics?key=hush")
    assert calendar.on_duty(at("2026-03-05T12:00")) == ("On call: Carol Ruiz",)
    assert calendar.on_duty(at("2026-03-12T12:00")) == ("alice@corner-shop.example",)
    story.sandbox.calendar.events = "BEGIN:VEVENT\nDTSTART:yesterday\n"
    with pytest.raises(ProviderError, match="its feed cannot be read") as odd:
        calendar.on_duty(NOON)
    assert odd.value.permanent
    calendar.close()
    gone = Ical("http://127.0.0.1:9/hush.ics")
    with pytest.raises(Away) as away:
        gone.on_duty(NOON)
    assert "hush" not in f"{odd.value} {away.value}"
    gone.close()
