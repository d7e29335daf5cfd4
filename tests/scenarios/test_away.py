"""Slack is away in the middle of an incident, and comes back."""

from __future__ import annotations

import json

from handlers import outages
from tests.story import BOB, DANA, Story


def away(story: Story, seconds: float = 40) -> None:
    story.slack.faults.cut(True)
    story.passes(seconds)


def back(story: Story) -> None:
    story.slack.faults.cut(False)
    story.passes(60)


def summaries(story: Story, channel: str = "") -> list[str]:
    return [said for said in story.said(channel) if "Slack was away" in said and "Meanwhile" in said]


def test_an_hour_without_slack(story: Story) -> None:
    """Much is said, an incident opens, and afterwards each channel has one message of it, exactly once."""
    story.alert()
    before = len(story.said())
    status = len(story.said("C0STATUS"))
    away(story)
    [rang] = story.sandbox.phone.heard
    assert "Slack is away since 12:00 UTC" in rang
    assert "watchkeeper_slack_up 0.0" in story.http.get("/metrics").text

    for number in range(12):
        assert story.asks(f"/incident update INC-1 Still down, {number}", by=DANA)["ok"]
        story.clock.advance(seconds=60)
    assert story.asks("/incident role INC-1 comms", by=BOB)["ok"]
    story.alert("PaymentsDown", service="payments")
    assert story.incident.channel == ""
    shown = story.asks("/incident show INC-2")
    assert "PaymentsDown" in json.dumps(shown["blocks"])
    story.passes(5 * 60)
    assert story.dead == []

    back(story)
    checkout = story.incidents[1]
    [told] = summaries(story, checkout.channel)
    assert "Still down, 11" in told
    assert "12:01" in told
    assert len(story.said(checkout.channel)) - before <= 4, story.said(checkout.channel)[before:]
    assert len(story.said("C0STATUS")) - status <= 2
    assert story.incident.channel_name == "inc-2-payments"
    assert [card for card in story.said() if card.startswith("INC-2 · ")]
    assert len(story.sandbox.phone.heard) == 2
    assert "Slack is back since" in story.sandbox.phone.heard[-1]
    assert "watchkeeper_slack_up 1.0" in story.http.get("/metrics").text
    assert story.doubled() == []
    assert story.dead == []
    assert any(text.startswith("Slack answers again, after ") for text in story.timeline)

    story.types("/incident note all is well again", channel=checkout.channel_name)
    story.passes(60)
    assert len(summaries(story, checkout.channel)) == 1


def test_a_post_whose_answer_was_lost_as_slack_went_is_there_once(story: Story) -> None:
    story.alert()
    story.slack.faults.add("chat.postMessage", "drop_after")
    story.asks("/incident update INC-1 Down for everyone")
    away(story, 90)
    story.asks("/incident update INC-1 Still down")
    story.asks("/incident update INC-1 Down for some")
    story.passes(90)
    back(story)
    everything = "\n".join(said for said in story.said() if not said.startswith("INC-1 · "))
    assert everything.count("Down for everyone") == 1
    assert everything.count("Down for some") == 1
    assert story.doubled() == []


def test_two_lost_looks_are_no_outage(story: Story) -> None:
    story.alert()
    story.slack.faults.cut(True)
    for _ in range(2):
        outages.look(story.world)
    story.slack.faults.cut(False)
    outages.look(story.world)
    story.slack.faults.cut(True)
    outages.look(story.world)
    story.slack.faults.cut(False)
    assert story.sandbox.phone.heard == []
    assert not any("Slack" in text for text in story.timeline)


def test_a_rate_limit_is_an_answer(story: Story) -> None:
    for _ in range(4):
        story.slack.faults.add("auth.test", "ratelimited", retry_after=30)
        story.clock.advance(seconds=40)
        outages.look(story.world)
    assert not story.store.read(outages.is_failing)
