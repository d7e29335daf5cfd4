"""From noise to incidents: what people silence, what comes back, what is asked first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.policy import Route, Then
from handlers import heartbeats
from tests.story import BOB, CAROL, SHOP, Story
from tests.values import minutes


def test_a_silence_from_first_to_last(story: Story) -> None:
    said = story.types("/incident silence service=checkout --for 1h --why moving the cache")
    assert "SIL-1 of <@U0DANA> silences `service=checkout` until 05 Mar 13:00 UTC: moving the cache" in said
    assert "SIL-1" in story.said("C0INCIDENTS")[-1]
    story.alert("HighErrorRate", service="checkout")
    assert not story.incidents
    assert "1 alert silenced so far" in story.types("/incident silences")
    story.passes(3600)
    assert "1 alert was silenced, 1 of them still fires and is news again." in story.said("C0INCIDENTS")[-2]
    assert [incident.service for incident in story.incidents] == ["checkout"]
    assert story.types("/incident silences") == "Nothing is silenced."


def test_a_silence_ended_early_is_ended_once(story: Story) -> None:
    story.types("/incident silence checkout --why moving")
    assert "0 alerts were silenced" in story.types("/incident unsilence SIL-1", by="U0BOB")
    assert "nothing was changed" in story.types("/incident unsilence SIL-1")
    told = len(story.said("C0INCIDENTS"))
    story.passes(3 * 3600)
    assert len(story.said("C0INCIDENTS")) == told


def test_maintenance_begins_in_its_time(story: Story) -> None:
    assert "from 05 Mar 12:30" in story.types("/incident silence checkout --from 30m --for 1h --why moving")
    story.alert("HighErrorRate", service="checkout")
    assert len(story.incidents) == 1


# ---------------------------------------------------------------- asked first


@pytest.fixture
def asking(story: Story) -> Story:
    story.policy = replace(SHOP, routes=(Route(match={"severity": ("warning",)}, then=Then.ASK),))
    story.world = story.wire()
    story.alert("Slow", service="checkout", severity="warning")
    assert not story.incidents
    return story


def test_a_question_is_one_card_that_is_edited(asking: Story) -> None:
    asking.alert("Slower", service="checkout", severity="warning")
    [card] = asking.said("C0INCIDENTS")
    assert "*ASK-1* SEV4 · `checkout` · Slow\nIs this an incident? 2 alerts, 2 firing" in card
    asking.alert("Slower", service="checkout", severity="warning", status="resolved")
    assert "2 alerts, 1 firing" in asking.said("C0INCIDENTS")[0]


def test_opening_answers_for_everybody(asking: Story) -> None:
    said = asking.presses("ask.question.open", by=BOB, channel="C0INCIDENTS")
    assert "ASK-1: INC-1 has it now." in said
    assert "*INC-1* <#" in asking.said("C0INCIDENTS")[0]
    assert "opened by <@U0BOB>" in asking.said("C0INCIDENTS")[0]
    assert "Slow fired" in asking.timeline
    assert "Slow" in asking.card
    again = asking.types("/incident answer ASK-1 dismiss", by=CAROL, channel="C0INCIDENTS")
    assert "ASK-1 is answered: <@U0BOB> opened INC-1. Nothing was changed." in again
    asking.alert("Slower", service="checkout", severity="warning")
    assert len(asking.incidents) == 1


def test_joining_another_incident_takes_the_group_along(asking: Story) -> None:
    asking.alert("Down", service="payments")
    asking.alert("Slower", service="checkout", severity="warning")  # the card learns which incidents are open
    asking.presses("ask.question.join", channel="C0INCIDENTS", value="incident answer ASK-1 join INC-1")
    assert "Slow fired" in asking.timeline
    asking.alert("Slowest", service="checkout", severity="warning")
    assert [incident.id for incident in asking.incidents] == ["INC-1"]
    assert "Slowest fired" in asking.timeline


def test_not_an_incident_is_not_asked_again(asking: Story) -> None:
    asking.presses("ask.question.dismiss", channel="C0INCIDENTS")
    asking.alert("Slower", service="checkout", severity="warning")
    [card] = asking.said("C0INCIDENTS")
    assert "not an incident, says <@U0DANA>" in card
    assert not asking.incidents


def test_with_nowhere_to_ask_an_incident_is_opened(story: Story) -> None:
    story.policy = replace(SHOP, announce="#nowhere", routes=(Route(then=Then.ASK),))
    story.world = story.wire()
    story.alert("Slow", service="checkout", severity="warning")
    assert [incident.title for incident in story.incidents] == ["Slow"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ASK-9 open", "There is no question `ASK-9`; nothing was changed."),
        ("ASK-1 perhaps", "Say open, join INC-n or dismiss; nothing was changed."),
        ("ASK-1 join INC-9", "There is no incident INC-9."),
    ],
)
def test_an_answer_that_is_none_is_refused(asking: Story, words: str, said: str) -> None:
    assert said in asking.types(f"/incident answer {words}", channel="C0INCIDENTS")


# ---------------------------------------------------------------- storms


def test_a_storm_is_a_few_channels_and_one_card_that_counts(story: Story) -> None:
    for n in range(9):
        story.alert("Down", service=f"s{n}")
    assert len(story.incidents) == 6
    assert story.incident.title == "Alert storm: more than 5 incidents within 5 min"
    story.passes(10)
    assert ":rotating_light: Down" in story.card
    assert "and 1 more alert firing, of 4 services" in story.card
    assert story.cards() == 1


# ---------------------------------------------------------------- heartbeats


def test_a_source_that_goes_silent_is_an_incident_and_clears(story: Story) -> None:
    whose = Route(match={"heartbeat": ("deploys",)}, service="checkout")
    story.policy = replace(SHOP, routes=(whose,), expected_sources={"deploys": minutes(10)})
    story.world = story.wire()
    heartbeats.begin(story.world)
    story.passes(8 * 60)
    story.deploy("v41")
    story.passes(9 * 60)
    assert not story.incidents
    story.passes(2 * 60)
    assert [(i.service, i.title) for i in story.incidents] == [
        ("checkout", "Nothing is heard of deploys, which is expected every 10 min")
    ]
    story.passes(60 * 60)
    assert len(story.incidents) == 1
    story.deploy("v42")
    assert "Nothing is heard of deploys, which is expected every 10 min cleared" in story.timeline


def test_a_watchdog_that_stops_is_an_incident(story: Story) -> None:
    watchdog = Route(match={"alertname": ("Watchdog",)}, then=Then.NOTE, expect_every=minutes(10))
    story.policy = replace(SHOP, routes=(watchdog,))
    story.world = story.wire()
    for _ in range(4):
        story.alert("Watchdog", service="")
        story.passes(5 * 60)
    assert not story.incidents
    story.passes(10 * 60)
    assert story.incident.title == "Nothing is heard of alertname=Watchdog, which is expected every 10 min"


# ---------------------------------------------------------------- left out


def test_what_the_sender_left_out_is_said_once(story: Story) -> None:
    body = story.alertmanager("CheckoutErrorRatioHigh", "checkout") | {"truncatedAlerts": 37}
    for _ in range(2):
        story.hook("alertmanager", body)
    said = "alertmanager left out 37 more alerts of a group: its limit (max_alerts) hides them"
    assert story.timeline.count(said) == 1
