"""The line's ugly cousins: Slack and the senders repeat themselves, lose answers, refuse, limit and go away."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from sandbox.slack.api import METHODS
from tests.conftest import Tell
from tests.story import ALICE, BOB, DANA, SHOP, Story

READ_OR_SPECIAL = {"auth.test", "apps.connections.open", "views.open"}  # asked for at the start, or by a person


def whole(story: Story) -> None:
    """One incident, one channel, one card, one announcement, nobody missing and nothing given up."""
    assert [incident.id for incident in story.incidents] == ["INC-1"]
    assert story.channels == ["inc-1-checkout"]
    assert story.cards() == 1
    assert story.announcements() == 1
    room = story.slack.channel(story.channel)
    assert {DANA, BOB} <= set(room.members)
    assert story.incident.card in room.pins
    assert story.doubled() == []
    assert story.dead == []


# ---------------------------------------------------------------- said twice


def test_a_webhook_that_comes_three_times_is_one_alert_and_one_incident(story: Story) -> None:
    for _ in range(3):
        story.alert()
    whole(story)
    assert story.fired == ["CheckoutErrorRatioHigh fired"]


def test_the_same_webhook_at_once_from_many_threads_is_one_incident(story: Story) -> None:
    body = json.dumps(story.alertmanager("CheckoutErrorRatioHigh", "checkout")).encode()
    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda _: story.knock("alertmanager", body).status_code, range(24)))
    story.settle()
    assert answers == [202] * 24
    whole(story)
    assert story.fired == ["CheckoutErrorRatioHigh fired"]


def test_slack_events_that_are_delivered_twice_are_one_message(story: Story) -> None:
    story.alert()
    story.slack.faults.duplicate_events = True
    story.slack.join(ALICE, story.channel)
    said = story.slack.post(ALICE, story.channel, "I see 500s from the payment client")
    story.slack.pin(DANA, story.channel, said["ts"])
    story.slack.react(DANA, story.channel, said["ts"], "eyes")
    story.settle()
    messages = story.store.read(lambda tx: tx.messages("INC-1"))
    assert [(m.text, m.pinned, m.reactions) for m in messages] == [
        ("I see 500s from the payment client", True, ("eyes",))
    ]


# ---------------------------------------------------------------- answers get lost

OPENING = [
    "conversations.create",
    "conversations.invite",
    "conversations.setTopic",
    "bookmarks.add",
    "pins.add",
    "chat.update",
]


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "html500", "ratelimited"])
@pytest.mark.parametrize("method", OPENING)
def test_whichever_call_of_the_opening_goes_wrong_the_opening_is_whole(story: Story, method: str, fault: Any) -> None:
    story.slack.faults.add(method, fault)
    story.alert()
    story.alert("CheckoutSlow")  # edits the card
    assert story.slack.faults.waiting == []
    whole(story)
    assert "CheckoutSlow fired" in story.timeline


@pytest.mark.parametrize("fault", ["drop_after", "drop_before"])
@pytest.mark.parametrize("nth", range(5))
def test_whichever_post_is_lost_everything_is_said_once(story: Story, fault: Any, nth: int) -> None:
    spoiler = story.spoil("chat.postMessage", nth, fault)
    story.alert()
    story.types("/incident update Checkout fails for one in eight.")
    assert spoiler.done, f"there were fewer than {nth + 1} posts"
    whole(story)
    for where in ("@incident", "#status-updates", "#support"):
        assert story.keys[f"INC-1/update/1/{where}"] == 1, where


@pytest.mark.parametrize("method", ["conversations.create", "chat.postMessage"])
def test_a_call_that_was_done_and_then_hangs_is_not_done_again(story: Story, method: str) -> None:
    story.client.timeout = 1  # seconds, for 10
    story.slack.faults.add(method, "hang_after", seconds=1.5)
    story.alert()
    whole(story)


def test_every_method_limited_once_delays_and_doubles_nothing(story: Story) -> None:
    for method in sorted(METHODS.keys() - READ_OR_SPECIAL):
        story.slack.faults.add(method, "ratelimited", retry_after=3)
    story.alert()
    story.passes(30)
    story.types("/incident update Checkout fails for one in eight.")
    story.types("/incident resolve Rolled back")
    story.passes(60)
    whole(story)
    assert story.keys["INC-1/update/1/@incident"] == 1
    assert any("INC-1-postmortem.md" in text for text in story.said())


# ---------------------------------------------------------------- names and rooms


@pytest.mark.parametrize("archived", [False, True])
def test_a_channel_name_that_somebody_else_has_gets_a_number(story: Story, archived: bool) -> None:
    theirs = story.slack.create(ALICE, "inc-1-checkout")
    if archived:
        story.slack.archive(ALICE, theirs.id)
    story.alert()
    assert story.channels == ["inc-1-checkout-2"]
    assert story.slack.channels[theirs.id].messages.keys() == theirs.messages.keys()
    assert story.cards() == 1
    assert story.incident.channel_name == "inc-1-checkout-2"


def test_a_channel_that_a_human_archives_is_said_to_be_and_works_again_when_it_is_back(story: Story) -> None:
    story.alert()
    story.slack.archive(DANA, story.channel)
    story.alert("CheckoutSlow")
    said = story.types("/incident note looking at it from here", channel="C0INCIDENTS")
    assert "name the incident" in said
    assert "archived" in story.dead[0]["error"]
    assert any("archived" in line for line in story.timeline)

    story.slack.unarchive(DANA, story.channel)
    story.retry_all()
    assert story.dead == []
    assert "CheckoutSlow fired" in story.timeline
    assert story.cards() == 1


def test_a_card_that_a_human_deletes_comes_back(story: Story) -> None:
    story.alert()
    first = story.incident.card
    story.remove(first)
    story.alert("CheckoutSlow")
    assert story.incident.card != first
    assert "CheckoutSlow fired" in story.timeline
    whole(story)


def test_an_announcement_that_a_human_deletes_stays_deleted_and_nothing_fails(story: Story) -> None:
    story.alert()
    story.remove(story.incident.announcement, "C0INCIDENTS")
    story.types("/incident sev 1")
    assert story.announcements() == 0
    assert story.dead == []


def test_without_the_announcement_channel_the_card_says_what_to_do(story: Story) -> None:
    story.slack.leave("U0WATCH", "C0INCIDENTS")
    story.alert()
    assert "incidents; invite me there" in story.card
    story.slack.invite(DANA, "C0INCIDENTS", "U0WATCH")
    story.types("/incident sev 1")
    whole(story)


def test_a_broadcast_that_has_no_way_in_is_a_dead_letter_that_can_be_sent_again(story: Story) -> None:
    story.alert()
    story.slack.leave("U0WATCH", "C0STATUS")
    story.types("/incident update Checkout fails for one in eight.")
    assert "status-updates" in story.card
    assert ":warning:" in story.card
    assert "invite it there" in story.card
    assert [letter["subject"] for letter in story.dead] == ["INC-1/update/1/#status-updates"]

    story.slack.invite(DANA, "C0STATUS", "U0WATCH")
    story.retry_all()
    assert story.dead == []
    assert story.keys["INC-1/update/1/#status-updates"] == 1
    assert story.keys["INC-1/update/1/#support"] == 1
    assert ":warning:" not in story.card


def test_somebody_whom_slack_will_not_let_in_is_named_and_the_others_come(story: Story) -> None:
    story.slack.people["U0DANA"].deleted = True
    story.alert()
    assert BOB in story.slack.channel(story.channel).members
    assert any("could not invite" in line and DANA in line for line in story.timeline)
    assert story.dead == []


# ---------------------------------------------------------------- Slack is away


def test_while_slack_is_away_alerts_are_taken_and_afterwards_everything_is_there_once(story: Story) -> None:
    story.slack.faults.cut(True)
    story.alert()
    opened = story.incident.opened_at
    story.passes(45 * 60)  # twelve tries are over by then
    story.alert("CheckoutSlow")
    assert story.dead == []

    story.slack.faults.cut(False)
    story.passes(120)
    whole(story)
    assert story.incident.opened_at == opened
    assert "CheckoutSlow fired" in story.timeline


def test_updates_written_while_slack_is_away_appear_in_the_order_they_were_written(story: Story) -> None:
    story.alert()
    story.slack.faults.cut(True)
    for words in ("First words.", "Second words.", "Third words."):
        assert story.asks(f"/incident update INC-1 {words}")["ok"]
        story.passes(100)
    story.slack.faults.cut(False)
    story.passes(120)
    for where in (story.channel, "C0STATUS", "C0SUPPORT"):
        told = "\n".join(text for text in story.said(where) if not text.startswith("INC-1 · "))
        assert [told.count(f"{nth} words.") for nth in ("First", "Second", "Third")] == [1, 1, 1]
        assert told.index("First words.") < told.index("Second words.") < told.index("Third words.")
    assert story.doubled() == []


def test_where_nobody_asked_for_announcements_their_channel_may_be_missing(tell: Tell) -> None:
    with tell(replace(SHOP, must_announce=False)) as story:
        story.slack.leave("U0WATCH", "C0INCIDENTS")
        story.alert()
        assert "not announced" not in story.card
        assert story.dead == []
