"""What Slack tells of an incident's channel, as values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot import events
from bot.decision import HandleEvent
from bot.model import Event, Message
from tests.values import NOON, incident

OURS = ("U0WATCH", "B0WATCH")
INCIDENT = incident(channel="C1", channel_name="inc-7-checkout")
TS = "1772712000.000200"
LINK = "https://corner-shop.slack.com/archives/C1/p1772712000000200"


def said(text: str = "restarted it", **other: Any) -> dict[str, Any]:
    return {"type": "message", "channel": "C1", "user": "U0DANA", "text": text, "ts": TS} | other


def edited(text: str, **other: Any) -> dict[str, Any]:
    inner = {"type": "message", "user": "U0DANA", "text": text, "ts": TS} | other
    return {
        "type": "message",
        "subtype": "message_changed",
        "channel": "C1",
        "message": inner,
        "ts": "1772712009.000100",
    }


def deleted() -> dict[str, Any]:
    before = {"type": "message", "user": "U0DANA", "text": "the password is 1234", "ts": TS}
    gone = {"subtype": "message_deleted", "deleted_ts": TS, "ts": "1772712010.000100", "previous_message": before}
    return {"type": "message", "channel": "C1", **gone}


def reaction(kind: str = "reaction_added", name: str = "eyes", **other: Any) -> dict[str, Any]:
    item = {"type": "message", "channel": "C1", "ts": TS}
    return {"type": kind, "user": "U0BOB", "reaction": name, "item": item, "item_user": "U0DANA"} | other


def pinned(kind: str = "pin_added") -> dict[str, Any]:
    item = {"type": "message", "channel": "C1", "message": said()}
    return {"type": kind, "user": "U0BOB", "channel_id": "C1", "item": item}


def body(event: dict[str, Any]) -> dict[str, Any]:
    return {"type": "event_callback", "event_id": "Ev1", "event": event}


def after(*bodies: dict[str, Any]) -> Message | None:
    """What is known of the message once these events were handled, in this order."""
    known: Message | None = None
    for number, event in enumerate(bodies):
        kept = Event(id=f"C1/Ev{number}", kind=event["type"], body=event, received_at=NOON)
        for noun in events.handle(kept, INCIDENT, known, LINK).save:
            assert isinstance(noun, Message)
            known = noun
    return known


def test_an_event_is_kept_and_due_and_events_of_one_channel_share_a_lane() -> None:
    decision = events.received(body(said()), NOON)
    [event] = decision.save
    assert event == Event(id="C1/Ev1", kind="message", body=said(), received_at=NOON)
    assert decision.do == (HandleEvent("C1/Ev1"),)
    assert decision.do[0].lane == "C1"


@pytest.mark.parametrize(
    "event",
    [
        said(),
        said(thread_ts="1772711000.000100"),
        said(subtype="thread_broadcast"),
        said(user="", bot_id="B0CI", subtype="bot_message"),
        edited("better"),
        deleted(),
        reaction(),
        reaction("reaction_removed"),
        pinned(),
        {"type": "channel_rename", "channel": {"id": "C1", "name": "new"}},
        {"type": "channel_id_changed", "old_channel_id": "C1", "new_channel_id": "C2"},
    ],
)
def test_what_people_do_is_wanted(event: dict[str, Any]) -> None:
    assert events.is_wanted(body(event), OURS)
    assert events.channel_of(event) == "C1"


@pytest.mark.parametrize(
    "event",
    [
        said(bot_id="B0WATCH"),
        said(user="U0WATCH"),
        edited("our card", bot_id="B0WATCH"),
        said(subtype="channel_join"),
        said(subtype="channel_topic"),
        said(ts="nonsense"),
        reaction(item_user="U0WATCH"),
        {"type": "channel_created", "channel": "C1", "user": "U0BOB"},
        {"type": "reaction_added", "item": {"type": "file", "file": "F1"}},
        {"type": "app_home_opened", "user": "U0BOB", "channel": "D1"},
        {},
    ],
)
def test_what_we_said_and_what_we_do_not_use_is_not(event: dict[str, Any]) -> None:
    assert not events.is_wanted(body(event), OURS)


def test_a_body_without_an_event_is_not_wanted() -> None:
    assert not events.is_wanted({"event_id": "Ev1"}, OURS)
    assert not events.is_wanted({"event": said()}, OURS)


def test_a_message_keeps_its_own_time_its_words_and_a_link() -> None:
    assert after(said("Tom &amp; &lt;b&gt; asks <@U0BOB>")) == Message(
        channel="C1",
        ts=TS,
        incident="INC-7",
        user="U0DANA",
        text="Tom & <b> asks <@U0BOB>",
        at=datetime(2026, 3, 5, 12, 0, 0, 200, UTC),
        link=LINK,
    )


def test_a_reply_knows_its_thread_and_its_link_opens_it() -> None:
    reply = after(said(thread_ts="1772711000.000100"))
    assert reply is not None
    assert reply.thread == "1772711000.000100"
    assert reply.link == f"{LINK}?thread_ts=1772711000.000100&cid=C1"


def test_the_first_message_of_a_thread_is_no_reply() -> None:
    first = after(said(thread_ts=TS))
    assert first is not None
    assert first.thread == ""


def test_a_file_without_words_is_named() -> None:
    shared = after(said("", subtype="file_share", files=[{"title": "Graph"}, {"name": "log.txt"}]))
    assert shared is not None
    assert shared.text == "shared Graph, log.txt"


def test_an_edit_changes_the_words_and_keeps_pin_and_reactions() -> None:
    message = after(said(), pinned(), reaction(), edited("restarted both"))
    assert message is not None
    assert (message.text, message.pinned, message.reactions) == ("restarted both", True, ("eyes",))


def test_an_edit_that_overtakes_its_message_wins() -> None:
    message = after(edited("restarted both"), said("restarted it"))
    assert message is not None
    assert message.text == "restarted both"


def test_deleting_takes_the_words_back_also_when_it_overtakes_them() -> None:
    for order in ([said("the password is 1234"), deleted()], [deleted(), said("the password is 1234"), edited("x")]):
        message = after(*order)
        assert message is not None
        assert message.deleted
        assert "password" not in repr(message)


def test_a_deletion_that_does_not_say_of_what_keeps_who_said_it() -> None:
    bare = {key: value for key, value in deleted().items() if key != "previous_message"}
    assert after(said(), bare) == replace(after(said()), text="", deleted=True)  # type: ignore[type-var]


def test_a_deleted_first_message_of_a_thread_is_a_tombstone() -> None:
    message = after(said("secret"), edited("This message was deleted.", subtype="tombstone"))
    assert message is not None
    assert (message.text, message.deleted) == ("", True)


def test_of_two_equal_reactions_one_can_be_taken_back() -> None:
    assert after(said(), reaction(), reaction(), reaction("reaction_removed")).reactions == ("eyes",)  # type: ignore[union-attr]


def test_a_reaction_taken_back_before_it_came_changes_nothing() -> None:
    assert after(said(), reaction("reaction_removed")) == after(said())


def test_a_pin_brings_its_message_and_can_be_removed() -> None:
    assert after(pinned()) == replace(after(said()), pinned=True)  # type: ignore[type-var]
    assert after(pinned(), pinned("pin_removed")) == after(said())


def test_every_event_twice_in_a_row_but_reactions_changes_nothing_more() -> None:
    for event in (said(), edited("again"), deleted(), pinned()):
        assert after(said(), event, event) == after(said(), event)


def test_a_rename_is_noted_once() -> None:
    event = Event(
        id="C1/Ev1",
        kind="channel_rename",
        body={"type": "channel_rename", "channel": {"id": "C1", "name": "checkout-down"}},
        received_at=NOON,
    )
    decision = events.handle(event, INCIDENT, None, "")
    assert decision.save == (replace(INCIDENT, channel_name="checkout-down"),)
    assert [entry.text for entry in decision.note] == ["#inc-7-checkout is now #checkout-down"]
    assert events.handle(event, replace(INCIDENT, channel_name="checkout-down"), None, "").save == ()


def test_a_channel_with_a_new_id_is_followed() -> None:
    body = {"type": "channel_id_changed", "old_channel_id": "C1", "new_channel_id": "C2"}
    event = Event(id="C1/Ev1", kind="channel_id_changed", body=body, received_at=NOON)
    assert events.handle(event, INCIDENT, None, "").save == (replace(INCIDENT, channel="C2"),)


def test_what_is_said_elsewhere_changes_nothing() -> None:
    event = Event(id="C1/Ev1", kind="message", body=said(), received_at=NOON)
    assert events.handle(event, None, None, LINK).save == ()
