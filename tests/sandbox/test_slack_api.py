"""The Web API answers as Slack does: shapes, errors, scopes, limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.clock import FrozenClock
from sandbox.slack.events import Ack
from sandbox.slack.model import APP_TOKEN, BOT_USER
from sandbox.slack.workspace import Workspace

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
INCIDENTS = "C0INCIDENTS"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def space(clock: FrozenClock) -> Workspace:
    return Workspace(clock)


def ask(space: Workspace, method: str, **args: Any) -> dict[str, Any]:
    return space.call(method, **args).json


def good(space: Workspace, method: str, **args: Any) -> dict[str, Any]:
    answer = ask(space, method, **args)
    assert answer["ok"], answer
    return answer


def error(space: Workspace, method: str, **args: Any) -> str:
    answer = ask(space, method, **args)
    assert not answer["ok"], answer
    return str(answer["error"])


# ------------------------------------------------------------ who may call


def test_the_bot_learns_who_it_is_and_what_it_may(space: Workspace) -> None:
    answer = space.call("auth.test")
    assert answer.json["user_id"] == BOT_USER
    assert "chat:write" in (answer.headers or {})["x-oauth-scopes"].split(",")


@pytest.mark.parametrize(
    ("token", "method", "code"),
    [
        ("", "auth.test", "not_authed"),
        ("xoxb-other", "auth.test", "invalid_auth"),
        (APP_TOKEN, "auth.test", "not_allowed_token_type"),
        ("xoxb-sandbox", "apps.connections.open", "not_allowed_token_type"),
        ("xoxb-sandbox", "foo.bar", "unknown_method"),
    ],
)
def test_the_wrong_token_is_refused_by_name(space: Workspace, token: str, method: str, code: str) -> None:
    answer = space.call(method, token)
    assert answer.json["error"] == code
    assert (answer.headers or {})["x-slack-failure"] == code


def test_without_its_scope_a_call_says_what_is_missing(space: Workspace) -> None:
    space.install(manifest(scopes=["chat:write", "channels:manage"]))
    answer = ask(space, "pins.add", channel=INCIDENTS, timestamp="1.0")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "pins:write")
    assert answer["provided"] == "channels:manage,chat:write"


def test_private_channels_ask_for_scopes_of_their_own(space: Workspace) -> None:
    space.install(manifest(scopes=["channels:manage"]))
    good(space, "conversations.create", name="open")
    assert ask(space, "conversations.create", name="closed", is_private="true")["needed"] == "groups:write"


def test_every_call_is_on_record(space: Workspace) -> None:
    seen: list[str] = []
    space.before_call = seen.append
    good(space, "chat.postMessage", channel=INCIDENTS, text="hello")
    error(space, "pins.add", channel=INCIDENTS, timestamp="1.0")
    assert seen == ["chat.postMessage", "pins.add"]
    assert [(call.method, call.error) for call in space.calls] == [
        ("chat.postMessage", ""),
        ("pins.add", "message_not_found"),
    ]


# ------------------------------------------------------------ channels


def test_whoever_creates_a_channel_is_in_it(space: Workspace) -> None:
    channel = good(space, "conversations.create", name="inc-1-checkout")["channel"]
    assert channel["creator"] == BOT_USER
    assert channel["created"] == int(NOON.timestamp())
    assert good(space, "conversations.members", channel=channel["id"])["members"] == [BOT_USER]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "invalid_name_required"),
        ("x" * 81, "invalid_name_maxlength"),
        ("Inc 1", "invalid_name_specials"),
        ("---", "invalid_name_punctuation"),
        ("incidents", "name_taken"),
    ],
)
def test_a_bad_channel_name_is_refused(space: Workspace, name: str, code: str) -> None:
    assert error(space, "conversations.create", name=name) == code


def test_an_archived_channel_keeps_its_name_and_takes_no_messages(space: Workspace) -> None:
    channel = good(space, "conversations.create", name="inc-1")["channel"]["id"]
    good(space, "conversations.archive", channel=channel)
    assert error(space, "conversations.archive", channel=channel) == "already_archived"
    assert error(space, "conversations.create", name="inc-1") == "name_taken"
    assert error(space, "chat.postMessage", channel=channel, text="late") == "is_archived"
    listed = good(space, "users.conversations", exclude_archived=True)["channels"]
    assert channel not in [one["id"] for one in listed]


def test_a_race_makes_two_channels_of_one_name(space: Workspace) -> None:
    space.faults.add("conversations.create", "race")
    first = good(space, "conversations.create", name="incidents")["channel"]["id"]
    assert first != INCIDENTS
    assert error(space, "conversations.create", name="incidents") == "name_taken"


def test_nobody_is_invited_where_one_cannot_be(space: Workspace) -> None:
    channel = good(space, "conversations.create", name="inc-1")["channel"]["id"]
    answer = ask(space, "conversations.invite", channel=channel, users=f"U0DANA,U0NOBODY,{BOT_USER}")
    assert answer["error"] == "user_not_found"
    assert [(one["user"], one["error"]) for one in answer["errors"]] == [
        ("U0NOBODY", "user_not_found"),
        (BOT_USER, "cant_invite_self"),
    ]
    assert space.channels[channel].members == [BOT_USER]
    good(space, "conversations.invite", channel=channel, users="U0DANA,U0NOBODY", force=True)
    assert error(space, "conversations.invite", channel=channel, users="U0DANA") == "already_in_channel"


def test_topic_and_name_leave_a_line_in_the_channel(space: Workspace) -> None:
    channel = good(space, "conversations.create", name="inc-1")["channel"]["id"]
    good(space, "conversations.setTopic", channel=channel, topic="SEV2")
    good(space, "conversations.rename", channel=channel, name="inc-1-done")
    subtypes = [message["subtype"] for message in space.messages(channel)]
    assert subtypes == ["channel_join", "channel_topic", "channel_name"]
    assert good(space, "conversations.info", channel=channel)["channel"]["topic"]["value"] == "SEV2"
    assert error(space, "conversations.setTopic", channel=channel, topic="x" * 251) == "too_long"


def test_a_channel_that_the_bot_is_not_in_is_closed_to_it(space: Workspace) -> None:
    room = space.create("U0DANA", "backstage")
    assert error(space, "chat.postMessage", channel=room.id, text="hi") == "not_in_channel"
    assert error(space, "conversations.history", channel=room.id) == "not_in_channel"
    secret = space.create("U0DANA", "secret", is_private=True)
    assert error(space, "conversations.info", channel=secret.id) == "channel_not_found"


def test_lists_come_in_pages(space: Workspace) -> None:
    first = good(space, "conversations.list", limit=3)
    rest = good(space, "conversations.list", limit=3, cursor=first["response_metadata"]["next_cursor"])
    assert [len(first["channels"]), len(rest["channels"])] == [3, 2]
    assert rest["response_metadata"]["next_cursor"] == ""
    assert error(space, "conversations.list", cursor="nonsense") == "invalid_cursor"


# ------------------------------------------------------------ messages


def test_timestamps_are_unique_and_tell_the_time(space: Workspace, clock: FrozenClock) -> None:
    posts = [good(space, "chat.postMessage", channel=INCIDENTS, text="hi")["ts"] for _ in range(3)]
    assert len(set(posts)) == 3
    assert posts == sorted(posts)
    assert int(posts[0].split(".")[0]) == int(clock.now().timestamp())


def test_history_is_newest_first_without_replies_and_threads_oldest_first(space: Workspace) -> None:
    parent = good(space, "chat.postMessage", channel=INCIDENTS, text="card")["ts"]
    for text in ("one", "two"):
        space.post("U0DANA", INCIDENTS, text, thread=parent)
    good(space, "chat.postMessage", channel=INCIDENTS, text="next")
    found = good(space, "conversations.history", channel=INCIDENTS)["messages"]
    assert [message["text"] for message in found] == ["next", "card"]
    assert (found[1]["reply_count"], found[1]["reply_users"]) == (2, ["U0DANA"])
    replies = good(space, "conversations.replies", channel=INCIDENTS, ts=parent)["messages"]
    assert [message["text"] for message in replies] == ["card", "one", "two"]
    assert replies[1]["parent_user_id"] == BOT_USER


def test_history_pages_do_not_shift_when_something_is_said(space: Workspace) -> None:
    for number in range(5):
        space.post("U0DANA", INCIDENTS, str(number))
    first = good(space, "conversations.history", channel=INCIDENTS, limit=2)
    assert first["has_more"]
    space.post("U0DANA", INCIDENTS, "meanwhile")
    cursor = first["response_metadata"]["next_cursor"]
    rest = good(space, "conversations.history", channel=INCIDENTS, limit=9, cursor=cursor)
    texts = [message["text"] for message in [*first["messages"], *rest["messages"]]]
    assert texts == ["4", "3", "2", "1", "0"]
    assert not rest["has_more"]


def test_history_between_two_moments(space: Workspace) -> None:
    ts = [space.post("U0DANA", INCIDENTS, str(number))["ts"] for number in range(4)]

    def texts(**args: Any) -> list[str]:
        found = good(space, "conversations.history", channel=INCIDENTS, **args)["messages"]
        return [message["text"] for message in found]

    assert texts(oldest=ts[1], latest=ts[3]) == ["2"]
    assert texts(oldest=ts[1], latest=ts[3], inclusive="true") == ["3", "2", "1"]
    assert texts(latest=ts[2], inclusive=True, limit=1) == ["2"]
    assert error(space, "conversations.history", channel=INCIDENTS, oldest="soon") == "invalid_ts_oldest"


def test_metadata_is_read_back_only_where_asked_for_and_gone_after_an_update(space: Workspace) -> None:
    metadata = {"event_type": "watch", "event_payload": {"k": "1"}}
    ts = good(space, "chat.postMessage", channel=INCIDENTS, text="x", metadata=metadata)["ts"]

    def kept(**args: Any) -> Any:
        return good(space, "conversations.history", channel=INCIDENTS, **args)["messages"][0].get("metadata")

    assert kept() == {"event_type": "watch"}
    assert kept(include_all_metadata=True) == metadata
    good(space, "chat.update", channel=INCIDENTS, ts=ts, text="y")
    assert kept(include_all_metadata=True) is None


def test_an_update_without_blocks_drops_them(space: Workspace) -> None:
    blocks = [{"type": "divider"}]
    ts = good(space, "chat.postMessage", channel=INCIDENTS, text="x", blocks=blocks)["ts"]
    assert space.messages(INCIDENTS)[0]["blocks"][0]["block_id"]
    good(space, "chat.update", channel=INCIDENTS, ts=ts, text="y")
    message = space.messages(INCIDENTS)[0]
    assert "blocks" not in message
    assert message["edited"]["user"] == BOT_USER


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({}, "no_text"),
        ({"text": "x", "channel": "C0NOWHERE"}, "channel_not_found"),
        ({"text": "x", "blocks": "not json"}, "invalid_blocks_format"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        (
            {"blocks": [{"type": "markdown", "text": "x" * 11_000}, {"type": "markdown", "text": "y" * 11_000}]},
            "msg_blocks_too_long",
        ),
        ({"text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"text": "x", "thread_ts": "1.000000"}, "thread_not_found"),
        ({"text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": {"event_type": "a", "event_payload": {"k": "x" * 9000}}}, "metadata_too_large"),
    ],
)
def test_a_message_that_slack_would_not_take(space: Workspace, args: dict[str, Any], code: str) -> None:
    assert error(space, "chat.postMessage", **{"channel": INCIDENTS, **args}) == code
    assert space.messages(INCIDENTS) == []


def test_updates_have_limits_of_their_own(space: Workspace) -> None:
    theirs = space.post("U0DANA", INCIDENTS, "mine")["ts"]
    ours = good(space, "chat.postMessage", channel=INCIDENTS, text="ours")["ts"]
    assert error(space, "chat.update", channel=INCIDENTS, ts=theirs, text="x") == "cant_update_message"
    assert error(space, "chat.update", channel=INCIDENTS, ts="1.000000", text="x") == "message_not_found"
    assert error(space, "chat.update", channel=INCIDENTS, ts=ours, text="x" * 4_001) == "msg_too_long"
    assert error(space, "chat.delete", channel=INCIDENTS, ts=theirs) == "cant_delete_message"


def test_an_ephemeral_message_is_for_one_and_in_no_history(space: Workspace) -> None:
    good(space, "chat.postEphemeral", channel=INCIDENTS, user="U0DANA", text="psst")
    assert [message["text"] for message in space.ephemerals(INCIDENTS, "U0DANA")] == ["psst"]
    assert space.ephemerals(INCIDENTS, "U0BOB") == []
    assert space.messages(INCIDENTS) == []
    space.leave("U0CAROL", INCIDENTS)
    assert error(space, "chat.postEphemeral", channel=INCIDENTS, user="U0CAROL", text="psst") == "user_not_in_channel"


def test_a_scheduled_message_comes_when_it_is_due(space: Workspace, clock: FrozenClock) -> None:
    space.connect(lambda delivery: Ack())
    at = int((NOON + timedelta(minutes=5)).timestamp())
    assert error(space, "chat.scheduleMessage", channel=INCIDENTS, text="x", post_at=at - 300) == "time_in_past"
    first = good(space, "chat.scheduleMessage", channel=INCIDENTS, text="soon", post_at=at)
    second = good(space, "chat.scheduleMessage", channel=INCIDENTS, text="never", post_at=at)
    good(space, "chat.deleteScheduledMessage", channel=INCIDENTS, scheduled_message_id=second["scheduled_message_id"])
    listed = good(space, "chat.scheduledMessages.list")["scheduled_messages"]
    assert [one["id"] for one in listed] == [first["scheduled_message_id"]]
    clock.advance(299)
    assert space.run_due() == 0
    clock.advance(1)
    assert space.run_due() == 1
    assert [message["text"] for message in space.messages(INCIDENTS)] == ["soon"]


def test_a_message_to_a_person_opens_their_direct_messages(space: Workspace) -> None:
    channel = good(space, "chat.postMessage", channel="U0DANA", text="hello")["channel"]
    assert space.channels[channel].is_im
    again = good(space, "conversations.open", users="U0DANA")
    assert (again["channel"]["id"], again["already_open"]) == (channel, True)


# ------------------------------------------------------------ marks, files, people


def test_pins_reactions_and_bookmarks_say_when_they_are_there_already(space: Workspace) -> None:
    ts = good(space, "chat.postMessage", channel=INCIDENTS, text="card")["ts"]
    for method, args in (("pins.add", {}), ("reactions.add", {"name": "eyes"})):
        good(space, method, channel=INCIDENTS, timestamp=ts, **args)
    assert error(space, "pins.add", channel=INCIDENTS, timestamp=ts) == "already_pinned"
    assert error(space, "reactions.add", channel=INCIDENTS, timestamp=ts, name="eyes") == "already_reacted"
    assert good(space, "pins.list", channel=INCIDENTS)["items"][0]["message"]["ts"] == ts
    found = good(space, "reactions.get", channel=INCIDENTS, timestamp=ts)["message"]["reactions"]
    assert found == [{"name": "eyes", "users": [BOT_USER], "count": 1}]
    good(space, "pins.remove", channel=INCIDENTS, timestamp=ts)
    assert error(space, "pins.remove", channel=INCIDENTS, timestamp=ts) == "no_pin"


def test_a_bookmark_can_be_added_twice_and_edited(space: Workspace) -> None:
    args = {"channel_id": INCIDENTS, "title": "Board", "type": "link"}
    one = good(space, "bookmarks.add", link="https://shop.example/a", **args)["bookmark"]
    good(space, "bookmarks.add", link="https://shop.example/a", **args)
    good(space, "bookmarks.edit", channel_id=INCIDENTS, bookmark_id=one["id"], title="Graphs")
    titles = [found["title"] for found in good(space, "bookmarks.list", channel_id=INCIDENTS)["bookmarks"]]
    assert titles == ["Graphs", "Board"]
    assert error(space, "bookmarks.add", link="javascript:alert(1)", **args) == "invalid_link"


def test_a_file_is_seen_only_after_its_third_step(space: Workspace) -> None:
    file = good(space, "files.getUploadURLExternal", filename="INC-1.md", length=5)["file_id"]
    files = f'[{{"id": "{file}", "title": "Postmortem"}}]'
    assert error(space, "files.completeUploadExternal", files=files, channel_id=INCIDENTS) == "file_not_found"
    space.upload(file, b"# Why")
    assert space.messages(INCIDENTS) == []
    good(space, "files.completeUploadExternal", files=files, channel_id=INCIDENTS)
    shown = space.messages(INCIDENTS)[0]
    assert (shown["files"][0]["name"], shown["files"][0]["title"]) == ("INC-1.md", "Postmortem")
    shares = good(space, "files.info", file=file)["file"]["shares"]["public"]
    assert shares[INCIDENTS][0]["ts"] == shown["ts"]


def test_a_channel_has_one_canvas(space: Workspace) -> None:
    content = {"type": "markdown", "markdown": "# One"}
    canvas = good(space, "conversations.canvases.create", channel_id=INCIDENTS, document_content=content)["canvas_id"]
    again = error(space, "conversations.canvases.create", channel_id=INCIDENTS, document_content=content)
    assert again == "channel_canvas_already_exists"
    info = good(space, "conversations.info", channel=INCIDENTS)["channel"]
    assert info["properties"]["canvas"]["file_id"] == canvas
    change = {"operation": "insert_at_end", "document_content": {"type": "markdown", "markdown": "## Two"}}
    good(space, "canvases.edit", canvas_id=canvas, changes=[change])
    assert space.canvases[canvas].markdown == "# One\n## Two"


def test_people_and_groups(space: Workspace) -> None:
    assert good(space, "users.info", user="U0DANA")["user"]["real_name"] == "Dana Kim"
    assert error(space, "users.info", user="U0NOBODY") == "user_not_found"
    assert good(space, "users.lookupByEmail", email="bob@corner-shop.example")["user"]["id"] == "U0BOB"
    assert good(space, "usergroups.users.list", usergroup="S0PAY")["users"] == ["U0BOB", "U0ALICE"]
    assert error(space, "usergroups.users.list", usergroup="S0NONE") == "no_such_subteam"


# ------------------------------------------------------------ limits and faults


def test_a_method_may_be_called_so_often_a_minute(space: Workspace, clock: FrozenClock) -> None:
    for _ in range(20):
        good(space, "users.list")
    answer = space.call("users.list")
    assert (answer.status, answer.headers and answer.headers["retry-after"]) == (429, "60")
    good(space, "usergroups.list")  # each method has a budget of its own
    clock.advance(60)
    good(space, "users.list")
    space.rates.enforced = False
    for _ in range(30):
        good(space, "users.list")


def test_a_channel_takes_a_burst_and_then_a_message_a_second(space: Workspace, clock: FrozenClock) -> None:
    def status(channel: str) -> int:
        return space.call("chat.postMessage", channel=channel, text="x").status

    assert [status(INCIDENTS) for _ in range(6)] == [200] * 5 + [429]
    assert status("C0STATUS") == 200
    clock.advance(5)
    assert status(INCIDENTS) == 200


def test_a_fault_hits_the_calls_that_it_names_as_often_as_it_says(space: Workspace) -> None:
    space.faults.add("chat.*", "error", times=2, error="fatal_error")
    assert error(space, "chat.postMessage", channel=INCIDENTS, text="x") == "fatal_error"
    good(space, "auth.test")
    assert error(space, "chat.delete", channel=INCIDENTS, ts="1.0") == "fatal_error"
    good(space, "chat.postMessage", channel=INCIDENTS, text="x")


@pytest.mark.parametrize(("kind", "done"), [("drop_before", 0), ("drop_after", 1), ("hang_after", 1)])
def test_an_answer_can_be_lost_before_or_after_it_was_done(space: Workspace, kind: Any, done: int) -> None:
    space.faults.add("chat.postMessage", kind, seconds=0.0)
    assert space.call("chat.postMessage", channel=INCIDENTS, text="x").dropped
    assert len(space.messages(INCIDENTS)) == done


def test_a_limit_and_a_page_of_html_can_be_asked_for(space: Workspace) -> None:
    space.faults.add("*", "ratelimited", retry_after=7)
    space.faults.add("*", "html500")
    limited, broken = space.call("auth.test"), space.call("auth.test")
    assert (limited.status, limited.headers and limited.headers["retry-after"]) == (429, "7")
    assert (broken.status, broken.media_type) == (500, "text/html")
    with pytest.raises(ValueError, match="unknown fault"):
        space.faults.add("*", "gremlins")  # type: ignore[arg-type]


def manifest(**more: Any) -> dict[str, Any]:
    return {
        "display_information": {"name": "Watchkeeper"},
        "oauth_config": {"scopes": {"bot": more.get("scopes", [])}},
        "settings": {
            "event_subscriptions": {"bot_events": more.get("events", [])},
            "interactivity": {"is_enabled": True},
        },
        "features": {"slash_commands": more.get("commands", [])},
    }
