"""Slack as the bot's chat, against a Slack that loses answers, limits, refuses and remembers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.decision import Card
from bot.errors import NotYet, ProviderError
from bot.model import Message
from handlers.providers import slack
from handlers.providers.slack import SlackChat, candidates, channel_name, fit
from handlers.providers.slack_api import METHODS, connect
from handlers.world import Chat
from sandbox.slack.model import BOT_TOKEN, Person
from tests.handlers.slack.desk import GENERAL, INCIDENTS, Desk, card, text_of
from tests.values import NOON

SINCE = NOON


def test_it_is_the_chat_that_the_bot_knows(desk: Desk) -> None:
    chat: Chat = desk.chat
    assert chat.find_channel("#incidents")


# ---------------------------------------------------------------- channels


def opened(desk: Desk, name: str = "inc-7-checkout") -> Any:
    return desk.in_the_end(lambda again: desk.chat.open_channel(name, SINCE, again=again))


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html500", "ratelimited", "race"])
def test_what_is_private_stays_so_whatever_happens_to_the_call(desk: Desk, fault: Any) -> None:
    public = opened(desk)
    desk.workspace.faults.add("conversations.create", fault)
    made = desk.in_the_end(lambda again: desk.chat.open_channel("inc-7-checkout", SINCE, again=again, private=True))
    ours = [channel for channel in desk.workspace.channels.values() if channel.name.startswith("inc-")]
    assert {channel.id: channel.is_private for channel in ours} == {public.id: False, made.id: True}
    assert desk.chat.inside(made.id) == (desk.me.user,)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html500", "ratelimited"])
def test_whatever_happens_to_the_call_there_is_one_channel(desk: Desk, fault: Any) -> None:
    desk.workspace.faults.add("conversations.create", fault)
    channel = opened(desk)
    assert channel.name == "inc-7-checkout"
    assert [c.id for c in desk.workspace.channels.values() if c.name.startswith("inc-")] == [channel.id]


def test_a_lost_reply_is_told_as_one_that_may_have_been_done(desk: Desk) -> None:
    desk.workspace.faults.add("conversations.create", "drop_after")
    with pytest.raises(ProviderError) as caught:
        desk.chat.open_channel("inc-7-checkout", SINCE, again=False)
    assert caught.value.unknown
    assert not caught.value.permanent


def test_a_second_creation_that_slack_would_let_through_is_not_tried(desk: Desk) -> None:
    desk.workspace.faults.add("conversations.create", "drop_after")
    desk.workspace.faults.add("conversations.create", "race")  # a taken name is not noticed
    opened(desk)
    assert desk.calls("conversations.create") == 1


def test_a_name_that_somebody_else_holds_gets_a_number(desk: Desk) -> None:
    theirs = desk.workspace.create("U0ERIN", "inc-7-checkout")
    desk.workspace.invite("U0ERIN", theirs.id, desk.me.user)
    assert opened(desk).name == "inc-7-checkout-2"


def test_a_lost_reply_behind_a_foreign_name_still_makes_one_channel(desk: Desk) -> None:
    desk.workspace.create("U0ERIN", "inc-7-checkout")
    desk.workspace.faults.add("conversations.create", "error", error="name_taken")
    desk.workspace.faults.add("conversations.create", "drop_after")
    assert opened(desk).name == "inc-7-checkout-2"
    assert [c.name for c in desk.workspace.channels.values() if c.creator == desk.me.user] == ["inc-7-checkout-2"]


def test_our_own_channel_of_another_incident_is_not_taken_over(desk: Desk) -> None:
    old = opened(desk)
    desk.clock.advance(3_600)
    since = desk.clock.now()
    new = desk.in_the_end(lambda again: desk.chat.open_channel("inc-7-checkout", since, again=True))
    assert (new.name, new.id != old.id) == ("inc-7-checkout-2", True)


def test_an_archived_channel_keeps_its_name_and_is_left_alone(desk: Desk) -> None:
    old = opened(desk)
    desk.workspace.archive("U0ERIN", old.id)
    assert opened(desk).name == "inc-7-checkout-2"


def test_names_follow_slacks_rules() -> None:
    assert channel_name("INC-7 Café & Bar!") == "inc-7-caf-bar"
    assert channel_name("***") == "incident"
    assert all(len(name) <= 80 for name in candidates(channel_name("x" * 200)))
    assert len(set(candidates("a"))) == slack.SUFFIXES


def test_a_channel_is_found_by_name_or_id_if_the_bot_is_in_it(desk: Desk) -> None:
    found = desk.chat.find_channel("#incidents")
    assert found == desk.chat.find_channel(INCIDENTS)
    assert (found.id, found.name) == (INCIDENTS, "incidents")  # type: ignore[union-attr]
    assert desk.calls("users.conversations") == 1
    desk.workspace.leave(desk.me.user, INCIDENTS)
    desk.clock.advance(61)
    assert desk.chat.find_channel("#incidents") is None


def test_hundreds_of_channels_are_paged_through(desk: Desk) -> None:
    for n in range(250):
        desk.workspace.create(desk.me.user, f"old-{n}")
    assert desk.chat.find_channel("#old-249")
    assert desk.calls("users.conversations") == 2


def test_a_topic_is_set_once(desk: Desk) -> None:
    for _ in range(3):
        desk.chat.set_topic(INCIDENTS, "SEV2 · checkout & <cart> · investigating")
    assert desk.calls("conversations.setTopic") == 1
    desk.chat.set_topic(INCIDENTS, "x" * 300)
    assert len(desk.workspace.channels[INCIDENTS].topic) == 250


def test_a_bookmark_is_added_once_and_follows_its_link(desk: Desk) -> None:
    workspace = desk.workspace
    workspace.bookmark("U0ERIN", INCIDENTS, "Alert", "https://erin.example")
    workspace.faults.add("bookmarks.add", "drop_after")
    desk.in_the_end(lambda again: desk.chat.bookmark(INCIDENTS, "Alert", "https://prometheus.example/graph?a=1&b=2"))
    desk.chat.bookmark(INCIDENTS, "Alert", "https://prometheus.example/graph?a=1&b=2")
    desk.chat.bookmark(INCIDENTS, "Alert", "https://prometheus.example/new")
    links = [bookmark["link"] for bookmark in workspace.channels[INCIDENTS].bookmarks]
    assert links == ["https://erin.example", "https://prometheus.example/new"]


def test_those_who_can_be_invited_are_and_the_others_are_named(desk: Desk) -> None:
    channel = desk.workspace.create(desk.me.user, "room")
    desk.workspace.people["U0GUEST"] = Person("U0GUEST", "guest", "Guest", is_restricted=True)
    desk.workspace.invite(desk.me.user, channel.id, "U0ALICE")
    refused = desk.chat.invite(channel.id, ["U0DANA", "U0ALICE", "U0NOBODY", desk.me.user, "U0GUEST", "U0BOB"])
    assert sorted(refused) == ["U0GUEST", "U0NOBODY"]
    assert set(channel.members) == {desk.me.user, "U0ALICE", "U0DANA", "U0BOB"}
    assert desk.chat.invite(channel.id, ["U0DANA"]) == ()


def test_where_slack_does_not_say_who_each_gets_a_chance(desk: Desk) -> None:
    channel = desk.workspace.create(desk.me.user, "room")
    desk.workspace.faults.add("conversations.invite", "error", error="cant_invite")
    assert desk.chat.invite(channel.id, ["U0DANA", "U0BOB"]) == ()
    assert {"U0DANA", "U0BOB"} <= set(channel.members)


def test_a_crowd_is_invited_in_parts(desk: Desk) -> None:
    channel = desk.workspace.create(desk.me.user, "room")
    crowd = [f"U0P{n:03d}" for n in range(65)]
    desk.workspace.people |= {id: Person(id, id.lower(), id) for id in crowd}
    assert desk.chat.invite(channel.id, crowd) == ()
    assert set(crowd) <= set(channel.members)
    assert desk.calls("conversations.invite") == 3


def test_inviting_into_an_archived_channel_is_refused_and_not_asked_again(desk: Desk) -> None:
    desk.workspace.archive("U0ERIN", INCIDENTS)
    with pytest.raises(ProviderError, match="archived") as caught:
        desk.chat.invite(INCIDENTS, ["U0NEW"])
    assert caught.value.permanent
    assert desk.calls("conversations.invite") == 1


# ---------------------------------------------------------------- messages


def posted(desk: Desk, key: str = "INC-7/card", thread: str = "") -> str:
    def post(again: bool) -> str:
        return desk.chat.post(INCIDENTS, card(), key, since=SINCE, again=again, thread=thread)

    ts: str = desk.in_the_end(post)
    return ts


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html500", "ratelimited", "http"])
def test_whatever_happens_to_the_call_there_is_one_message(desk: Desk, fault: Any) -> None:
    desk.workspace.faults.add("chat.postMessage", fault)
    ts = posted(desk)
    assert [message["ts"] for message in desk.messages(INCIDENTS)] == [ts]


def test_a_lost_reply_in_a_thread_makes_one_reply(desk: Desk) -> None:
    parent = desk.workspace.post("U0DANA", INCIDENTS, "who is on it?")["ts"]
    desk.workspace.faults.add("chat.postMessage", "drop_after")
    ts = posted(desk, thread=parent)
    assert [message["ts"] for message in desk.workspace.messages(INCIDENTS, parent)] == [parent, ts]


def test_only_our_own_message_with_that_very_key_counts(desk: Desk) -> None:
    first = posted(desk, "INC-7/card")
    assert posted(desk, "INC-7/other") != first
    forged = desk.workspace.post("U0DANA", INCIDENTS, "look")["ts"]
    metadata = {"event_type": "watchkeeper", "event_payload": {"k": "INC-7/third"}}
    desk.workspace.channels[INCIDENTS].messages[forged]["metadata"] = metadata
    third = desk.in_the_end(lambda _: desk.chat.post(INCIDENTS, card(), "INC-7/third", since=SINCE, again=True))
    assert third != forged


def test_a_post_is_found_behind_a_busy_hour(desk: Desk) -> None:
    ts = posted(desk)
    for n in range(450):
        desk.workspace.post("U0DANA", INCIDENTS, f"line {n}")
    assert desk.chat.post(INCIDENTS, card(), "INC-7/card", since=SINCE, again=True) == ts


def test_a_post_is_neither_previewed_nor_parsed(desk: Desk) -> None:
    posted(desk)
    [call] = [call for call in desk.workspace.calls if call.method == "chat.postMessage"]
    quiet = {"unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none"}
    assert quiet.items() <= call.args.items()


def test_a_card_is_edited_in_place_and_cut_to_what_slack_takes(desk: Desk) -> None:
    ts = posted(desk)
    desk.chat.edit(INCIDENTS, ts, card("x" * 9_000))
    [message] = desk.messages(INCIDENTS)
    assert message["ts"] == ts
    assert len(message["text"]) <= 4_000


def test_text_is_never_cut_through_an_entity_or_a_mention() -> None:
    assert fit("a" * 8 + "&amp;", 12) == "a" * 8 + "…"
    assert fit("a" * 5 + "<@U0DANA>", 10) == "a" * 5 + "…"
    assert fit("short", 10) == "short"


def test_editing_what_is_gone_is_not_tried_again(desk: Desk) -> None:
    with pytest.raises(ProviderError, match="message_not_found") as caught:
        desk.chat.edit(INCIDENTS, "1772712000.000001", card())
    assert caught.value.permanent


def test_pinning_twice_is_pinning_once(desk: Desk) -> None:
    ts = posted(desk)
    desk.chat.pin(INCIDENTS, ts)
    desk.chat.pin(INCIDENTS, ts)
    assert list(desk.workspace.channels[INCIDENTS].pins) == [ts]


def test_a_whisper_is_for_one(desk: Desk) -> None:
    desk.chat.whisper(INCIDENTS, "U0BOB", card("only you"))
    assert [m["text"] for m in desk.workspace.ephemerals(INCIDENTS, "U0BOB")] == ["only you"]
    assert desk.workspace.ephemerals(INCIDENTS, "U0DANA") == []


def test_the_link_is_the_one_that_slack_would_give(desk: Desk) -> None:
    ts = posted(desk)
    answer = desk.workspace.call("chat.getPermalink", channel=INCIDENTS, message_ts=ts)
    assert desk.chat.link(INCIDENTS, ts) == answer.json["permalink"]


def test_the_history_is_what_people_said_with_threads_pins_and_reactions(desk: Desk) -> None:
    workspace, said = desk.workspace, {}
    workspace.post("U0DANA", INCIDENTS, "long before")
    desk.clock.advance(7_200)
    since = desk.clock.now()
    for who, what in (("U0DANA", "errors at 23 % & rising"), ("U0BOB", "looking"), ("U0ALICE", "graph")):
        said[what] = workspace.post(who, INCIDENTS, what)["ts"]
        desk.clock.advance(10)
    reply = workspace.post("U0CAROL", INCIDENTS, "customers call", said["looking"])["ts"]
    workspace.react("U0BOB", INCIDENTS, said["graph"], "eyes")
    workspace.react("U0DANA", INCIDENTS, said["graph"], "eyes")
    workspace.pin("U0BOB", INCIDENTS, reply)
    posted(desk)
    heard = desk.chat.history(INCIDENTS, since)
    assert [message.text for message in heard] == ["errors at 23 % & rising", "looking", "graph", "customers call"]
    assert heard[0] == Message(
        channel=INCIDENTS,
        ts=said["errors at 23 % & rising"],
        incident="",
        user="U0DANA",
        text="errors at 23 % & rising",
        at=since,
        link=desk.chat.link(INCIDENTS, said["errors at 23 % & rising"]),
    )
    assert heard[2].reactions == ("eyes", "eyes")
    assert (heard[3].thread, heard[3].pinned) == (said["looking"], True)
    answer = workspace.call("chat.getPermalink", channel=INCIDENTS, message_ts=reply)
    assert heard[3].link == answer.json["permalink"]


# ---------------------------------------------------------------- people


def test_names_are_asked_once_and_nobody_is_asked_about_who_is_no_person(desk: Desk) -> None:
    users = ["U0DANA", "U0BOB", "U0NOBODY", "alertmanager", "", "watchkeeper"]
    names = {"U0DANA": "Dana Kim", "U0BOB": "Bob Okafor", "U0NOBODY": "U0NOBODY"}
    assert desk.chat.names(users) == names
    assert desk.chat.names(users) == names
    assert desk.calls("users.info") == 3
    desk.clock.advance(3_601)
    desk.chat.names(["U0DANA"])
    assert desk.calls("users.info") == 4


def test_members_are_asked_for_once_a_minute_however_many_commands_come(desk: Desk) -> None:
    for _ in range(50):  # Slack answers 20 a minute: whoever is on call must not be refused for that
        assert "U0BOB" in desk.chat.members("S0PAY")
    assert desk.calls("usergroups.users.list") == 1
    desk.clock.advance(61)
    desk.chat.members("S0PAY")
    assert desk.calls("usergroups.users.list") == 2


def test_members_of_a_group_come_in_slacks_order(desk: Desk) -> None:
    assert desk.chat.members("S0PAY") == ("U0BOB", "U0ALICE")
    with pytest.raises(ProviderError, match="no_such_subteam"):
        desk.chat.members("S0NONE")


# ---------------------------------------------------------------- files and canvases


def shared(desk: Desk, content: str = "# INC-7", file: str = "") -> str:
    def upload(again: bool) -> str:
        return desk.chat.upload(INCIDENTS, "INC-7-postmortem.md", "Postmortem of INC-7", content, file)

    id: str = desk.in_the_end(upload)
    return id


METHODS_OF_UPLOAD = ["files.getUploadURLExternal", "files.upload", "files.completeUploadExternal"]


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html500"])
@pytest.mark.parametrize("method", METHODS_OF_UPLOAD)
def test_a_file_is_shared_once_whatever_is_lost(desk: Desk, method: str, fault: Any) -> None:
    desk.workspace.faults.add(method, fault)
    file = shared(desk)
    assert [f["id"] for m in desk.workspace.messages(INCIDENTS) for f in m.get("files", [])] == [file]
    assert desk.workspace.files[file].text == "# INC-7"


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html500"])
@pytest.mark.parametrize("method", METHODS_OF_UPLOAD)
def test_a_plot_is_in_its_thread_once_whatever_is_lost(desk: Desk, method: str, fault: Any) -> None:
    since = desk.clock.now()
    parent = desk.chat.post(INCIDENTS, Card(text="card"), "k", since=since, again=False)
    desk.workspace.faults.add(method, fault)

    def attach(again: bool) -> str:
        return desk.chat.attach(INCIDENTS, parent, "plot.png", "checkout: aborted", b"\x89PNG", since=since)

    file = desk.in_the_end(attach)
    assert attach(True) == file
    replies = [m for m in desk.workspace.channel(INCIDENTS).messages.values() if m.get("files")]
    assert [(m["thread_ts"], m["files"][0]["id"]) for m in replies] == [(parent, file)]
    assert desk.workspace.files[file].content == b"\x89PNG"


def test_another_draft_is_another_file_and_a_known_one_is_not_sent_again(desk: Desk) -> None:
    first = shared(desk)
    assert shared(desk) == first
    assert shared(desk, file=first) == first
    assert shared(desk, "# INC-7, anew") != first
    assert shared(desk, "# third", file="F9999") not in ("F9999", first)


def test_a_canvas_is_made_once_and_then_replaced(desk: Desk) -> None:
    desk.workspace.faults.add("conversations.canvases.create", "drop_after")
    canvas = desk.in_the_end(lambda again: desk.chat.canvas(INCIDENTS, "# one", ""))
    assert desk.chat.canvas(INCIDENTS, "# two", canvas) == canvas
    assert desk.workspace.canvases[canvas].markdown == "# two"
    assert len(desk.workspace.canvases) == 1


def test_where_the_plan_has_no_canvas_that_is_final(desk: Desk) -> None:
    code = "team_tier_cannot_create_channel_canvases"
    desk.workspace.faults.add("conversations.canvases.create", "error", error=code)
    with pytest.raises(ProviderError, match=code) as caught:
        desk.chat.canvas(INCIDENTS, "# one", "")
    assert caught.value.permanent


# ---------------------------------------------------------------- how it calls


def test_a_limit_is_kept_to_by_everybody_and_only_for_that_method(desk: Desk) -> None:
    desk.workspace.faults.add("conversations.create", "ratelimited", retry_after=17)
    with pytest.raises(NotYet) as caught:
        desk.chat.open_channel("inc-7-checkout", SINCE, again=False)
    assert caught.value.seconds == 17
    twin = SlackChat(desk.client, desk.store, desk.clock.now, desk.me)
    desk.clock.advance(16)
    with pytest.raises(NotYet):
        twin.open_channel("inc-7-checkout", SINCE, again=False)
    assert desk.calls("conversations.create") == 1  # nobody asked Slack in the meantime
    twin.find_channel("#incidents")
    desk.clock.advance(1.1)
    assert twin.open_channel("inc-7-checkout", SINCE, again=False)


def test_everything_is_done_once_though_every_first_call_is_limited(desk: Desk) -> None:
    for method in METHODS:
        desk.workspace.faults.add(method, "ratelimited", retry_after=3)
    channel = opened(desk)
    ts = desk.in_the_end(lambda again: desk.chat.post(channel.id, card(), "k", since=SINCE, again=again))
    desk.in_the_end(lambda again: desk.chat.pin(channel.id, ts))
    desk.in_the_end(lambda again: desk.chat.set_topic(channel.id, "SEV2"))
    desk.in_the_end(lambda again: desk.chat.invite(channel.id, ["U0DANA"]))
    desk.in_the_end(lambda again: desk.chat.bookmark(channel.id, "Alert", "https://prometheus.example"))
    room = desk.workspace.channels[channel.id]
    assert (list(room.pins), room.topic, len(room.bookmarks)) == ([ts], "SEV2", 1)
    assert "U0DANA" in room.members
    assert len(desk.messages(channel.id)) == 1


def test_a_storm_of_posts_stays_within_slacks_limits(desk: Desk) -> None:
    for n in range(40):
        posted(desk, f"k{n}")
        desk.in_the_end(lambda again: desk.chat.set_topic(INCIDENTS, f"topic {desk.clock.now()}"))
    limited = [call for call in desk.workspace.calls if call.error == "ratelimited"]
    assert limited == []
    assert len(desk.messages(INCIDENTS)) == 40


def test_no_tier_is_exceeded_in_any_minute() -> None:
    for name, method in METHODS.items():
        assert method.burst + 60 / method.gap <= method.per_minute, name


def test_a_read_is_asked_twice_and_a_write_once(desk: Desk) -> None:
    desk.workspace.faults.add("users.conversations", "drop_after")
    assert desk.chat.find_channel("#incidents")
    assert desk.calls("users.conversations") == 2
    desk.workspace.faults.add("pins.add", "drop_after")
    with pytest.raises(ProviderError):
        desk.chat.pin(GENERAL, "1772712000.000001")
    assert desk.calls("pins.add") == 1


def test_a_missing_scope_is_named(desk: Desk) -> None:
    desk.workspace.faults.add("pins.list", "error", error="missing_scope")
    with pytest.raises(ProviderError, match=r"pins\.list needs the scope pins:read") as caught:
        desk.chat.pins(INCIDENTS)
    assert caught.value.permanent


@pytest.mark.parametrize("code", ["internal_error", "fatal_error"])
def test_where_slack_does_not_know_itself_neither_do_we(desk: Desk, code: str) -> None:
    desk.workspace.faults.add("chat.postMessage", "error", error=code)
    with pytest.raises(ProviderError) as caught:
        desk.chat.post(INCIDENTS, card(), "k", since=SINCE, again=False)
    assert (caught.value.unknown, caught.value.permanent) == (True, False)


@pytest.mark.parametrize(
    "code", ["is_archived", "channel_not_found", "not_in_channel", "invalid_blocks", "invalid_auth"]
)
def test_a_definite_no_is_final_and_nothing_happened(desk: Desk, code: str) -> None:
    desk.workspace.faults.add("chat.postMessage", "error", error=code)
    with pytest.raises(ProviderError) as caught:
        desk.chat.post(INCIDENTS, card(), "k", since=SINCE, again=False)
    assert (caught.value.unknown, caught.value.permanent) == (False, True)


def test_bad_blocks_are_told_with_slacks_own_words(desk: Desk) -> None:
    with pytest.raises(ProviderError, match=r"chat\.postMessage: invalid_blocks .*json-pointer"):
        desk.chat.post(INCIDENTS, card(blocks=({"type": "nonsense"},)), "k", since=SINCE, again=False)


def test_while_slack_is_gone_it_is_not_known_and_no_token_is_told(desk: Desk) -> None:
    desk.workspace.faults.cut(True)
    with pytest.raises(ProviderError) as caught:
        desk.chat.post(INCIDENTS, card(), "k", since=SINCE, again=False)
    assert caught.value.unknown
    assert BOT_TOKEN not in str(caught.value)
    nobody = SlackChat(connect(BOT_TOKEN, "http://127.0.0.1:9/api/"), desk.store, desk.clock.now, desk.me)
    with pytest.raises(ProviderError) as refused:
        nobody.post(INCIDENTS, card(), "k", since=SINCE, again=False)
    assert not refused.value.unknown  # nobody listened: it was certainly not done


def test_who_we_are_is_asked_when_it_is_first_needed(desk: Desk) -> None:
    chat = SlackChat(desk.client, desk.store, desk.clock.now)
    before = desk.calls("auth.test")
    assert chat.me == desk.me
    assert chat.me.user == "U0WATCH"
    assert desk.calls("auth.test") == before + 1


def test_a_link_is_wanted_while_the_database_is_read_and_asks_nobody(desk: Desk) -> None:
    chat = SlackChat(desk.client, desk.store, desk.clock.now)
    before = desk.calls("auth.test")
    assert chat.link(INCIDENTS, "1.2") == ""
    assert desk.calls("auth.test") == before
    assert chat.me.url  # once it is known, it is a link
    assert chat.link(INCIDENTS, "1.2") == desk.chat.link(INCIDENTS, "1.2") == f"{chat.me.url}archives/{INCIDENTS}/p12"


def test_a_slack_on_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert connect(BOT_TOKEN, "http://127.0.0.1:1/api/").proxy is None
    assert connect(BOT_TOKEN).proxy == "http://proxy.example:3128"


def test_whom_this_system_trusts_is_read_once_and_not_for_every_call() -> None:
    assert connect(BOT_TOKEN).ssl is not None
    assert connect(BOT_TOKEN).ssl is connect(BOT_TOKEN).ssl


def test_nothing_is_kept_for_longer_than_it_is_true(desk: Desk) -> None:
    kept = slack.Kept[str](timedelta(seconds=10), desk.clock.now, most=2)
    for key in ("a", "b", "c"):
        kept.put(key, key)
    assert [kept.get(key) for key in ("a", "b", "c")] == [None, None, "c"]
    desk.clock.advance(10)
    assert kept.get("c") is None


def test_a_message_shows_what_was_posted(desk: Desk) -> None:
    posted(desk)
    assert "Checkout is slow" in text_of(desk.messages(INCIDENTS)[0])


def test_a_reaction_of_ours_is_there_once_and_gone_once(desk: Desk) -> None:
    said = desk.workspace.post("U0DANA", INCIDENTS, "look")
    for there, left in ((True, ["white_check_mark"]), (False, [])):
        for _ in range(2):
            desk.in_the_end(
                lambda again, there=there: desk.chat.react(INCIDENTS, said["ts"], "white_check_mark", there=there)
            )
        message = desk.workspace.channel(INCIDENTS).messages[said["ts"]]
        assert [one["name"] for one in message.get("reactions", ())] == left
    desk.workspace.delete("U0DANA", INCIDENTS, said["ts"])
    desk.chat.react(INCIDENTS, said["ts"], "eyes", there=True)


def test_one_message_is_read_by_its_time(desk: Desk) -> None:
    first = desk.workspace.post("U0DANA", INCIDENTS, "look")
    desk.workspace.post("U0BOB", INCIDENTS, "where?")
    found = desk.chat.message(INCIDENTS, first["ts"])
    assert found
    assert (found.text, found.user) == ("look", "U0DANA")
    assert desk.chat.message(INCIDENTS, "1.000001") is None
