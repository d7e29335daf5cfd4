"""People act, the app hears of it: commands, presses, modals, events and their redelivery."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.clock import FrozenClock
from sandbox.slack.events import Ack, Delivery, Failed, Result
from sandbox.slack.model import BOT_ID, BOT_USER, SlackError
from sandbox.slack.workspace import Workspace
from tests.sandbox.test_slack_api import manifest

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
INCIDENTS = "C0INCIDENTS"
Answering = Callable[[Delivery], "Result | Future[Result]"]


class App:
    """Keeps what it is sent, and answers as it is told to."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.answer: Answering = lambda delivery: Ack()

    def __call__(self, delivery: Delivery) -> Result | Future[Result]:
        self.got.append(delivery)
        return self.answer(delivery)

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        found = [one.payload["event"] for one in self.got if one.kind == "events_api"]
        return [event for event in found if kind in ("", event["type"])]

    @property
    def last(self) -> dict[str, Any]:
        return self.got[-1].payload


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def space(clock: FrozenClock) -> Workspace:
    return Workspace(clock)


@pytest.fixture
def app(space: Workspace) -> App:
    made = App()
    space.connect(made)
    return made


def button(action: str, value: str = "") -> dict[str, Any]:
    return {"type": "button", "action_id": action, "value": value, "text": {"type": "plain_text", "text": action}}


def actions(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "actions", "block_id": "row", "elements": list(elements)}]


def token(payload: dict[str, Any]) -> str:
    return str(payload["response_url"]).rsplit("/", 1)[1]


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    title = {"type": "plain_text", "text": "Declare"}
    return {"type": "modal", "title": title, "submit": title, "blocks": list(blocks), **more}


def field(block: str, **more: Any) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "typed"}
    return {
        "type": "input",
        "block_id": block,
        "label": {"type": "plain_text", "text": block},
        "element": element,
        **more,
    }


# ------------------------------------------------------------ commands


def test_a_command_reaches_the_app_with_names_as_ids(space: Workspace, app: App) -> None:
    space.command(
        "U0DANA", "#incidents", "/incident role comms @bob and @payments-oncall in #support <@U0ALICE> p95 > 3 & up"
    )
    said = app.last["text"]
    assert said == (
        "role comms <@U0BOB|bob> and <!subteam^S0PAY|@payments-oncall> in <#C0SUPPORT|support> <@U0ALICE|alice> "
        "p95 &gt; 3 &amp; up"
    )
    assert (app.last["command"], app.last["user_id"], app.last["channel_id"]) == ("/incident", "U0DANA", INCIDENTS)


def test_the_ack_of_a_command_is_shown_to_whoever_typed_it(space: Workspace, app: App) -> None:
    app.answer = lambda delivery: Ack({"text": "at once"})
    shown = space.command("U0DANA", INCIDENTS, "/incident list")
    assert [message["text"] for message in shown] == ["at once"]
    assert space.ephemerals(INCIDENTS, "U0BOB") == []
    app.answer = lambda delivery: Ack({"text": "for all", "response_type": "in_channel"})
    space.command("U0DANA", INCIDENTS, "/incident list")
    assert [message["text"] for message in space.messages(INCIDENTS)] == ["for all"]


def test_later_answers_come_through_the_response_url_five_times(space: Workspace, app: App, clock: FrozenClock) -> None:
    space.command("U0DANA", INCIDENTS, "/incident list")
    url = token(app.last)
    for number in range(5):
        space.respond(url, {"text": str(number)})
    with pytest.raises(SlackError, match="used_url"):
        space.respond(url, {"text": "too many"})
    assert [message["text"] for message in space.ephemerals(INCIDENTS, "U0DANA")] == list("01234")
    space.command("U0DANA", INCIDENTS, "/incident list")
    clock.advance(30 * 60 + 1)
    with pytest.raises(SlackError, match="expired_url"):
        space.respond(token(app.last), {"text": "too late"})


def test_a_command_waits_for_an_answer_that_comes_meanwhile(space: Workspace, app: App) -> None:
    def answer_soon(delivery: Delivery) -> Result:
        threading.Thread(target=space.respond, args=(token(delivery.payload), {"text": "found it"})).start()
        return Ack()

    app.answer = answer_soon
    assert [one["text"] for one in space.command("U0DANA", INCIDENTS, "/incident list", wait=5)] == ["found it"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [(Failed(), "dispatch_failed"), (None, "operation_timeout")],
)
def test_a_command_that_nobody_takes_says_so(space: Workspace, app: App, answer: Result, code: str) -> None:
    app.answer = lambda delivery: answer
    shown = space.command("U0DANA", INCIDENTS, "/incident list")
    assert [one["text"] for one in shown] == [f'/incident failed with the error "{code}"']


def test_an_ack_after_three_seconds_is_none(space: Workspace, app: App, clock: FrozenClock) -> None:
    def slow(delivery: Delivery) -> Result:
        clock.advance(3.1)
        return Ack({"text": "too late"})

    app.answer = slow
    assert "operation_timeout" in space.command("U0DANA", INCIDENTS, "/incident list")[0]["text"]


def test_a_promise_that_is_not_kept_is_given_up(space: Workspace, app: App) -> None:
    space.courier.ack_seconds = 0.01
    app.answer = lambda delivery: Future()
    assert "operation_timeout" in space.command("U0DANA", INCIDENTS, "/incident list")[0]["text"]


def test_without_an_app_a_command_fails_and_an_unknown_one_is_not_sent(space: Workspace) -> None:
    assert "dispatch_failed" in space.command("U0DANA", INCIDENTS, "/incident list")[0]["text"]
    space.install(manifest(commands=[{"command": "/incident", "description": "x", "should_escape": True}]))
    app = App()
    space.connect(app)
    assert space.command("U0DANA", INCIDENTS, "/deploy now")[0]["text"] == "/deploy is not a valid command."
    assert app.got == []
    with pytest.raises(SlackError, match="not_in_channel"):
        space.command("U0DANA", space.create("U0BOB", "elsewhere").id, "/incident list")


# ------------------------------------------------------------ presses


def test_a_press_on_a_message_carries_message_value_and_state(space: Workspace, app: App) -> None:
    chooser = {
        "type": "static_select",
        "action_id": "sev",
        "options": [{"text": {"type": "plain_text", "text": name}, "value": name} for name in ("SEV1", "SEV2")],
    }
    blocks = [
        *actions(button("take", "INC-1|comms"), button("take-2", "x")),
        {"type": "actions", "block_id": "sel", "elements": [chooser]},
    ]
    ts = space.call("chat.postMessage", channel=INCIDENTS, text="card", blocks=blocks).json["ts"]
    space.press("U0BOB", INCIDENTS, ts, "take")
    assert app.last["actions"][0] | {"action_ts": ""} == {
        "type": "button",
        "action_id": "take",
        "block_id": "row",
        "text": {"type": "plain_text", "text": "take"},
        "value": "INC-1|comms",
        "action_ts": "",
    }
    assert (app.last["message"]["ts"], app.last["user"]["id"], app.last["container"]["type"]) == (
        ts,
        "U0BOB",
        "message",
    )
    space.press("U0BOB", INCIDENTS, ts, "sev", "SEV2")
    assert app.last["actions"][0]["selected_option"]["value"] == "SEV2"
    assert app.last["state"]["values"]["sel"]["sev"]["selected_option"]["value"] == "SEV2"
    with pytest.raises(SlackError, match="nothing called gone"):
        space.press("U0BOB", INCIDENTS, ts, "gone")


def test_an_ephemeral_message_is_replaced_by_the_answer_to_its_button(space: Workspace, app: App) -> None:
    preview = actions(button("confirm", "INC-1/rollback"))
    space.call("chat.postEphemeral", channel=INCIDENTS, user="U0DANA", text="sure?", blocks=preview)
    ts = space.ephemerals(INCIDENTS, "U0DANA")[0]["ts"]
    with pytest.raises(SlackError, match="message_not_found"):
        space.press("U0BOB", INCIDENTS, ts, "confirm")
    space.press("U0DANA", INCIDENTS, ts, "confirm")
    assert app.last["container"]["is_ephemeral"]
    assert "message" not in app.last
    space.respond(token(app.last), {"text": "on its way", "replace_original": True})
    shown = space.ephemerals(INCIDENTS, "U0DANA")
    assert [(one["text"], "blocks" in one) for one in shown] == [("on its way", False)]
    space.respond(token(app.last), {"delete_original": True})
    assert space.ephemerals(INCIDENTS, "U0DANA") == []


def test_a_press_that_nobody_takes_is_told_to_the_person(space: Workspace) -> None:
    ts = space.call("chat.postMessage", channel=INCIDENTS, text="card", blocks=actions(button("take"))).json["ts"]
    with pytest.raises(SlackError, match="Watchkeeper did not answer"):
        space.press("U0BOB", INCIDENTS, ts, "take")


def test_an_app_without_interactivity_has_dead_buttons(space: Workspace, app: App) -> None:
    ts = space.call("chat.postMessage", channel=INCIDENTS, text="card", blocks=actions(button("take"))).json["ts"]
    space.install(manifest() | {"settings": {"interactivity": {"is_enabled": False}}})
    with pytest.raises(SlackError, match="not configured to handle"):
        space.press("U0BOB", INCIDENTS, ts, "take")


def test_two_people_pressing_at_once_are_both_heard(space: Workspace, app: App) -> None:
    ts = space.call("chat.postMessage", channel=INCIDENTS, text="card", blocks=actions(button("take"))).json["ts"]
    gate = threading.Barrier(2)

    def press(user: str) -> None:
        gate.wait(30)
        space.press(user, INCIDENTS, ts, "take")

    threads = [threading.Thread(target=press, args=(user,)) for user in ("U0BOB", "U0DANA")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    pressed = {one.payload["user"]["id"] for one in app.got if one.kind == "interactive"}
    assert pressed == {"U0BOB", "U0DANA"}


# ------------------------------------------------------------ modals


def opened(space: Workspace, app: App, view: dict[str, Any]) -> dict[str, Any]:
    space.command("U0DANA", INCIDENTS, "/incident declare")
    answer = space.call("views.open", trigger_id=app.last["trigger_id"], view=view).json
    assert answer["ok"], answer
    return dict(answer["view"])


def test_a_trigger_opens_one_view_within_three_seconds(space: Workspace, app: App, clock: FrozenClock) -> None:
    def attempt(trigger: str) -> str:
        return str(space.call("views.open", trigger_id=trigger, view=modal(field("text"))).json.get("error", "ok"))

    space.command("U0DANA", INCIDENTS, "/incident declare")
    trigger = app.last["trigger_id"]
    assert [attempt(trigger), attempt(trigger)] == ["ok", "exchanged_trigger_id"]
    space.command("U0DANA", INCIDENTS, "/incident declare")
    clock.advance(3.1)
    assert [attempt(app.last["trigger_id"]), attempt("1.2.3")] == ["expired_trigger_id", "invalid_trigger_id"]


def test_a_submission_carries_what_was_typed_and_closes_the_modal(space: Workspace, app: App) -> None:
    view = opened(space, app, modal(field("text"), field("more", optional=True), private_metadata="INC-1"))
    assert space.submit("U0DANA", view["id"]) == {"text": "Please complete this required field."}
    assert app.got[-1].kind == "slash_commands"  # the app did not hear of the empty one
    assert space.submit("U0DANA", view["id"], {"text": "slow"}) == {}
    sent = app.last["view"]
    assert app.got[-1].accepts_response
    assert (sent["type"], sent["private_metadata"], sent["id"]) == ("modal", "INC-1", view["id"])
    assert sent["state"]["values"]["text"]["typed"] == {"type": "plain_text_input", "value": "slow"}
    assert sent["state"]["values"]["more"]["typed"]["value"] is None
    assert space.views["U0DANA"] == []


def test_the_app_can_refuse_change_or_stack_a_submission(space: Workspace, app: App) -> None:
    id = opened(space, app, modal(field("text")))["id"]

    def submit(**reply: Any) -> dict[str, str]:
        app.answer = lambda delivery: Ack(reply)
        return space.submit("U0DANA", space.views["U0DANA"][-1]["id"], {"text": "slow"})

    assert submit(response_action="errors", errors={"text": "Too short"}) == {"text": "Too short"}
    assert [view["id"] for view in space.views["U0DANA"]] == [id]
    submit(response_action="update", view=modal(field("text"), callback_id="second"))
    assert [(view["id"], view["callback_id"]) for view in space.views["U0DANA"]] == [(id, "second")]
    submit(response_action="push", view=modal(field("text")))
    assert [view["root_view_id"] for view in space.views["U0DANA"]] == [id, id]
    submit(response_action="clear")
    assert "U0DANA" not in space.views


def test_no_more_than_three_views_are_stacked(space: Workspace, app: App) -> None:
    more = {"type": "actions", "elements": [button("more")]}
    opened(space, app, modal(more))
    for expected in (True, True, False):
        space.press("U0DANA", action_id="more", view_id=space.views["U0DANA"][-1]["id"])
        answer = space.call("views.push", trigger_id=app.last["trigger_id"], view=modal(more)).json
        assert answer["ok"] is expected
    assert answer["error"] == "push_limit_reached"


def test_an_update_with_an_old_hash_is_refused(space: Workspace, app: App) -> None:
    view = opened(space, app, modal(field("text")))
    args = {"view_id": view["id"], "hash": view["hash"], "view": modal(field("text"))}
    assert space.call("views.update", **args).json["ok"]
    assert space.call("views.update", **args).json["error"] == "hash_conflict"


def test_a_bad_view_is_a_bad_argument(space: Workspace, app: App) -> None:
    space.command("U0DANA", INCIDENTS, "/incident declare")
    bad = modal(field("text")) | {"title": {"type": "plain_text", "text": "x" * 25}}
    answer = space.call("views.open", trigger_id=app.last["trigger_id"], view=bad).json
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]


def test_closing_is_told_only_where_the_view_asks_for_it(space: Workspace, app: App) -> None:
    view = opened(space, app, modal(field("text"), notify_on_close=True))
    space.close_view("U0DANA", view["id"])
    assert app.last["type"] == "view_closed"
    with pytest.raises(SlackError, match="not open any more"):
        space.submit("U0DANA", view["id"])


def test_shortcuts_and_homes(space: Workspace, app: App) -> None:
    ts = space.post("U0BOB", INCIDENTS, "look at this")["ts"]
    space.shortcut("U0DANA", "add_to_timeline", (INCIDENTS, ts))
    assert (app.last["type"], app.last["message"]["ts"]) == ("message_action", ts)
    space.shortcut("U0DANA", "declare")
    assert app.last["type"] == "shortcut"
    space.open_home("U0DANA")
    assert app.events("app_home_opened")[0]["user"] == "U0DANA"
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    assert space.call("views.publish", user_id="U0DANA", view=home).json["ok"]
    assert space.home["U0DANA"]["blocks"][0]["type"] == "divider"


# ------------------------------------------------------------ events


def test_what_people_do_becomes_events(space: Workspace, app: App) -> None:
    ts = space.post("U0DANA", INCIDENTS, "errors since 12:00")["ts"]
    space.post("U0BOB", INCIDENTS, "me too", thread=ts)
    space.edit("U0DANA", INCIDENTS, ts, "errors since 11:58")
    space.react("U0BOB", INCIDENTS, ts, "eyes")
    space.pin("U0DANA", INCIDENTS, ts)
    space.delete("U0BOB", INCIDENTS, space.messages(INCIDENTS, ts)[1]["ts"])
    kinds = [(event["type"], event.get("subtype")) for event in app.events()]
    assert kinds == [
        ("message", None),
        ("message", None),
        ("message", "message_changed"),
        ("reaction_added", None),
        ("pin_added", None),
        ("message", "pinned_item"),
        ("message", "message_deleted"),
    ]
    said, reply, changed, reacted, pinned, _, deleted = app.events()
    assert (said["channel"], said["channel_type"], said["ts"]) == (INCIDENTS, "channel", ts)
    assert reply["thread_ts"] == ts
    assert (changed["message"]["text"], changed["previous_message"]["text"]) == (
        "errors since 11:58",
        "errors since 12:00",
    )
    assert reacted["item"] == {"type": "message", "channel": INCIDENTS, "ts": ts}
    assert (pinned["channel_id"], pinned["item"]["message"]["ts"]) == (INCIDENTS, ts)
    assert deleted["previous_message"]["text"] == "me too"


def test_a_mention_is_two_events_with_two_ids(space: Workspace, app: App) -> None:
    space.mention("U0DANA", INCIDENTS, "what now?")
    assert [event["type"] for event in app.events()] == ["message", "app_mention"]
    assert len({one.payload["event_id"] for one in app.got}) == 2


def test_the_bots_own_posts_are_echoed(space: Workspace, app: App) -> None:
    space.call("chat.postMessage", channel=INCIDENTS, text="hello")
    assert app.events("message")[0]["bot_id"] == BOT_ID


def test_an_app_hears_only_what_it_asked_for_may_know_and_is_there_for(space: Workspace, app: App) -> None:
    room = space.create("U0DANA", "backstage")
    space.post("U0DANA", room.id, "not for bots")
    assert app.events("message") == []
    space.install(manifest(events=["message.channels"], scopes=["channels:history", "reactions:read"]))
    ts = space.post("U0DANA", INCIDENTS, "for bots")["ts"]
    space.react("U0DANA", INCIDENTS, ts, "eyes")
    assert [event["type"] for event in app.events()] == ["channel_created", "message"]
    space.install(manifest(events=["message.channels"], scopes=[]))
    space.post("U0DANA", INCIDENTS, "no scope, no event")
    assert len(app.events("message")) == 1


def test_an_event_is_sent_again_at_once_after_a_minute_and_after_five(
    space: Workspace, app: App, clock: FrozenClock
) -> None:
    app.answer = lambda delivery: Failed()
    space.post("U0DANA", INCIDENTS, "hello?")
    for seconds in (0, 60, 300):
        clock.advance(seconds - 0.1 if seconds else 0)
        if seconds:
            assert space.run_due() == 0
            clock.advance(0.1)
        assert space.run_due() == 1
    clock.advance(3_600)
    assert space.run_due() == 0
    assert [(one.attempt, one.reason) for one in app.got] == [(0, "")] + [(n, "http_error") for n in (1, 2, 3)]
    assert len({one.payload["event_id"] for one in app.got}) == 1
    assert len({one.id for one in app.got}) == 4


def test_an_event_that_is_never_acknowledged_counts_as_failed_after_three_seconds(
    space: Workspace, app: App, clock: FrozenClock
) -> None:
    first: Future[Result] = Future()
    app.answer = lambda delivery: first if delivery.attempt == 0 else Ack()
    space.post("U0DANA", INCIDENTS, "hello?")
    assert space.due() == [NOON + timedelta(seconds=3)]
    clock.advance(2.9)
    assert space.run_due() == 0
    clock.advance(0.1)
    assert space.run_due() == 1
    first.set_result(Ack())  # too late to matter
    assert [(one.attempt, one.reason) for one in app.got] == [(0, ""), (1, "timeout")]
    assert space.due() == []


def test_events_wait_for_an_app_to_connect(space: Workspace) -> None:
    space.post("U0DANA", INCIDENTS, "anybody?")
    app = App()
    space.connect(app)
    space.run_due()
    assert [(one.attempt, one.reason) for one in app.got] == [(1, "connection_failed")]


def test_events_can_come_twice_and_out_of_order(space: Workspace, app: App) -> None:
    space.faults.duplicate_events = True
    space.post("U0DANA", INCIDENTS, "twice")
    assert len(app.got) == 2
    assert app.got[0].payload["event_id"] == app.got[1].payload["event_id"]
    space.faults.duplicate_events = False
    space.faults.hold_events(True)
    for text in ("first", "second"):
        space.post("U0DANA", INCIDENTS, text)
    assert len(app.got) == 2
    space.faults.hold_events(False)
    assert [event["text"] for event in app.events()[2:]] == ["second", "first"]


def test_when_slack_is_cut_off_nothing_reaches_the_app(space: Workspace, app: App) -> None:
    space.faults.cut(True)
    assert "dispatch_failed" in space.command("U0DANA", INCIDENTS, "/incident list")[0]["text"]
    space.post("U0DANA", INCIDENTS, "hello?")
    assert app.got == []
    space.faults.clear()
    space.run_due()
    assert [event["text"] for event in app.events("message")] == ["hello?"]


# ------------------------------------------------------------ what people see


def test_typed_text_is_escaped_and_addresses_become_links(space: Workspace) -> None:
    said = space.post("U0DANA", INCIDENTS, "a < b & <@U0BOB> see https://shop.example/x?a=1&b=2.")
    assert said["text"] == "a &lt; b &amp; <@U0BOB> see <https://shop.example/x?a=1&amp;b=2>."


def test_a_deleted_message_with_replies_leaves_a_stone(space: Workspace) -> None:
    ts = space.post("U0DANA", INCIDENTS, "oops")["ts"]
    space.post("U0BOB", INCIDENTS, "really?", thread=ts)
    space.delete("U0DANA", INCIDENTS, ts)
    assert [one.get("subtype") for one in space.messages(INCIDENTS, ts)] == ["tombstone", None]


def test_people_may_not_do_what_slack_would_not_let_them(space: Workspace) -> None:
    ts = space.post("U0DANA", INCIDENTS, "mine")["ts"]
    with pytest.raises(SlackError, match="cant_update_message"):
        space.edit("U0BOB", INCIDENTS, ts, "yours")
    with pytest.raises(SlackError, match="cant_leave_general"):
        space.leave("U0BOB", "C0GENERAL")
    space.archive("U0DANA", INCIDENTS)
    with pytest.raises(SlackError, match="is_archived"):
        space.post("U0DANA", INCIDENTS, "too late")


def test_every_change_is_noticed(space: Workspace) -> None:
    seen: list[str] = []
    stop = space.subscribe(lambda notice: seen.append(notice.channel))
    space.post("U0DANA", INCIDENTS, "hi")
    stop()
    space.post("U0DANA", INCIDENTS, "unseen")
    assert seen == [INCIDENTS]
    assert space.until(lambda: len(space.messages(INCIDENTS)) == 2, 0)
    assert not space.until(lambda: False, 0)


def test_the_bot_joins_and_leaves_in_the_open(space: Workspace, app: App) -> None:
    room = space.create("U0DANA", "backstage")
    space.invite("U0DANA", room.id, BOT_USER)
    joined = app.events("member_joined_channel")
    assert [(event["user"], event["inviter"]) for event in joined] == [(BOT_USER, "U0DANA")]
