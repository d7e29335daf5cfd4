"""Events: kept before they are acknowledged, once, and taken in as the history would tell them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest
from slack_bolt import BoltRequest

from bot.decision import Decision
from bot.model import Message
from handlers.world import Think, World
from sandbox.slack.events import Ack, Delivery, Failed, Result
from storage.store import Busy, Job, Tx
from tests.handlers.slack.desk import GENERAL, INCIDENTS, Desk, card, direct
from tests.values import minutes


@dataclass(frozen=True, kw_only=True)
class Away(World):
    """A world whose database is away."""

    def decide(self, think: Think, receipt: Job | None = None) -> Decision:
        raise Busy("the disk is full")


def messages(desk: Desk) -> tuple[Message, ...]:
    desk.settle()
    return desk.world.read(lambda tx: tx.messages("INC-7"))


def texts(desk: Desk) -> list[str]:
    return [message.text for message in messages(desk)]


def test_what_is_said_in_an_incidents_channel_is_kept_before_the_ack(desk: Desk) -> None:
    desk.open_incident()
    desk.workspace.post("U0DANA", INCIDENTS, "restarting checkout")
    [job] = desk.store.claim(desk.clock.now())
    event = desk.world.read(lambda tx: tx.event(job.effect.subject))
    assert event is not None
    assert event.body["text"] == "restarting checkout"


def test_an_event_that_comes_twice_is_one_message(desk: Desk) -> None:
    desk.open_incident()
    desk.workspace.faults.duplicate_events = True
    ts = desk.workspace.post("U0DANA", INCIDENTS, "restarting checkout")["ts"]
    desk.workspace.react("U0BOB", INCIDENTS, ts, "eyes")
    desk.settle()
    desk.workspace.react("U0CAROL", INCIDENTS, ts, "eyes")
    [message] = messages(desk)
    assert (message.text, message.reactions) == ("restarting checkout", ("eyes", "eyes"))


def test_an_event_that_comes_again_after_it_was_handled_changes_nothing(desk: Desk) -> None:
    desk.open_incident()
    ts = desk.workspace.post("U0DANA", INCIDENTS, "restarting checkout")["ts"]
    to_app, answers = direct(desk.app), []

    def losing_the_ack(delivery: Delivery) -> Result:
        answers.append(to_app(delivery))
        return Failed()

    desk.workspace.courier.transports[:] = [losing_the_ack]
    desk.workspace.react("U0BOB", INCIDENTS, ts, "eyes")
    desk.settle()
    desk.workspace.run_due()
    [message] = messages(desk)
    assert message.reactions == ("eyes",)
    assert answers == [Ack(), Ack()]


def test_what_cannot_be_kept_is_not_acknowledged_and_comes_again(desk: Desk) -> None:
    desk.open_incident()
    same = {field.name: getattr(desk.world, field.name) for field in fields(World)}
    desk.listening(Away(**same))
    desk.workspace.post("U0DANA", INCIDENTS, "restarting checkout")
    assert texts(desk) == []
    desk.listening(desk.world)
    desk.workspace.run_due()
    assert texts(desk) == ["restarting checkout"]


def test_what_is_said_elsewhere_and_what_we_say_is_not_kept(desk: Desk) -> None:
    desk.open_incident()
    desk.workspace.post("U0DANA", GENERAL, "lunch?")
    desk.chat.post(INCIDENTS, card(), "k", since=desk.clock.now(), again=False)
    assert desk.store.claim(desk.clock.now()) == []


def test_events_and_history_tell_the_same_story(desk: Desk) -> None:
    desk.open_incident()
    workspace = desk.workspace
    first = workspace.post("U0DANA", INCIDENTS, "errors at 23 % & rising")["ts"]
    desk.clock.advance(5)
    workspace.post("U0BOB", INCIDENTS, "looking", first)
    graph = workspace.post("U0ALICE", INCIDENTS, "grpah: https://grafana.example/d/1?a=1&b=2")["ts"]
    workspace.edit("U0ALICE", INCIDENTS, graph, "graph: https://grafana.example/d/1?a=1&b=2")
    workspace.react("U0BOB", INCIDENTS, graph, "eyes")
    workspace.react("U0DANA", INCIDENTS, graph, "eyes")
    workspace.unreact("U0DANA", INCIDENTS, graph, "eyes")
    workspace.pin("U0BOB", INCIDENTS, graph)
    secret = workspace.post("U0CAROL", INCIDENTS, "the password is 1234")["ts"]
    workspace.delete("U0CAROL", INCIDENTS, secret)
    heard = messages(desk)
    told = desk.chat.history(INCIDENTS, desk.clock.now() - minutes(5))
    kept = [message for message in heard if not message.deleted]
    assert [m.link for m in kept] == [m.link for m in told]
    assert [(m.ts, m.text, m.thread, m.pinned, m.reactions) for m in kept] == [
        (m.ts, m.text, m.thread, m.pinned, m.reactions) for m in told
    ]
    [gone] = [message for message in heard if message.deleted]
    assert (gone.ts, gone.text) == (secret, "")


def test_events_out_of_order_end_in_the_same_state(desk: Desk) -> None:
    desk.open_incident()
    workspace = desk.workspace
    workspace.faults.hold_events(True)
    ts = workspace.post("U0DANA", INCIDENTS, "checkout is donw")["ts"]
    workspace.edit("U0DANA", INCIDENTS, ts, "checkout is down")
    gone = workspace.post("U0DANA", INCIDENTS, "the password is 1234")["ts"]
    workspace.delete("U0DANA", INCIDENTS, gone)
    workspace.faults.hold_events(False)  # the newest first
    assert texts(desk) == ["checkout is down", ""]


def test_a_rename_is_followed_and_noted(desk: Desk) -> None:
    desk.open_incident()
    desk.workspace.rename("U0ERIN", INCIDENTS, "checkout-war-room")
    desk.settle()

    def ask(tx: Tx) -> tuple[str, list[str]]:
        return tx.incident("INC-7").channel_name, [entry.text for entry in tx.entries("INC-7")]

    assert desk.world.read(ask) == ("checkout-war-room", ["#incidents is now #checkout-war-room"])


def test_events_of_one_channel_are_handled_one_after_the_other(desk: Desk) -> None:
    desk.open_incident()
    for word in ("one", "two"):
        desk.workspace.post("U0DANA", INCIDENTS, word)
    assert len(desk.store.claim(desk.clock.now(), limit=10)) == 1


@pytest.mark.parametrize("kind", ["team_join", "message", "app_uninstalled", "something_new"])
def test_every_event_is_acknowledged_also_one_that_nobody_uses(desk: Desk, kind: str) -> None:
    body = {"type": "event_callback", "team_id": "T0SHOP", "event_id": "Ev9", "event": {"type": kind}}
    assert desk.app.dispatch(BoltRequest(mode="socket_mode", body=body)).status == 200


def test_nobody_is_asked_who_we_are_while_we_listen(desk: Desk) -> None:
    before = desk.calls("auth.test")
    desk.open_incident()
    desk.workspace.post("U0DANA", INCIDENTS, "hello")
    desk.workspace.command("U0DANA", INCIDENTS, "/incident list")
    desk.settle()
    assert desk.calls("auth.test") == before


def test_the_link_of_a_message_is_known_without_asking(desk: Desk) -> None:
    desk.open_incident()
    ts = desk.workspace.post("U0DANA", INCIDENTS, "hello")["ts"]
    [message] = messages(desk)
    answer = desk.workspace.call("chat.getPermalink", channel=INCIDENTS, message_ts=ts)
    assert message.link == answer.json["permalink"]
