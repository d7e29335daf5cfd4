"""Messages: said, changed and taken back, in channels and threads, for all or for one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from sandbox.slack import model
from sandbox.slack.model import Channel, Json, Person, SlackError
from sandbox.slack.state import State
from sandbox.slack.text import people_in

PLURAL = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}
SHOWN_IN_PARENT = 5  # faces of a thread


def author(state: State, person: Person) -> Json:
    """The fields that say who wrote a message."""
    if not person.is_bot:
        return {"user": person.id, "team": person.team, "client_msg_id": state.new_id("msg-")}
    profile = {
        "id": person.bot_id,
        "deleted": False,
        "name": person.handle,
        "updated": 0,
        "app_id": model.APP_ID,
        "team_id": person.team,
        "icons": {},
    }
    who: Json = {"user": person.id, "bot_id": person.bot_id, "app_id": model.APP_ID, "team": person.team}
    return {**who, "bot_profile": profile}


def say(state: State, channel: Channel, person: Person, text: str, thread: str = "", **more: Any) -> Json:
    """A new message by `person`; with `thread` a reply to that message. Returns it as it is kept."""
    message: Json = {"type": "message", **author(state, person), "text": text, "ts": state.ts()}
    message |= {key: value for key, value in more.items() if value is not None}
    if thread:
        _reply(state, channel, message, thread)
    channel.messages[message["ts"]] = message
    _tell(state, channel, message)
    if model.BOT_USER in people_in(text) and not person.is_bot and not message.get("subtype"):
        mention: Json = {key: message[key] for key in ("user", "text", "ts", "team", "thread_ts") if key in message}
        state.emit({"type": "app_mention", **mention, "channel": channel.id}, channel)
    state.notice(channel.id)
    return message


def remark(state: State, channel: Channel, user: str, subtype: str, text: str, **more: Any) -> Json:
    """A line about the channel, such as a join or a new topic."""
    message: Json = {"type": "message", "subtype": subtype, "ts": state.ts(), "user": user, "text": text, **more}
    channel.messages[message["ts"]] = message
    _tell(state, channel, message)
    state.notice(channel.id)
    return message


def _reply(state: State, channel: Channel, message: Json, thread: str) -> None:
    parent = state.message(channel, thread)
    thread = str(parent.get("thread_ts") or thread)
    parent = state.message(channel, thread)
    message |= {"thread_ts": thread, "parent_user_id": parent.get("user", "")}
    replies = [one for one in channel.messages.values() if one.get("thread_ts") == thread and one is not parent]
    _count_replies(parent, [*replies, message])


def _count_replies(parent: Json, replies: list[Json]) -> None:
    if not replies:
        for key in ("thread_ts", "reply_count", "reply_users_count", "latest_reply", "reply_users", "subscribed"):
            parent.pop(key, None)
        return
    users = list(dict.fromkeys(str(one.get("user", "")) for one in replies))
    parent |= {
        "thread_ts": parent["ts"],
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "latest_reply": replies[-1]["ts"],
        "reply_users": users[:SHOWN_IN_PARENT],
        "is_locked": False,
        "subscribed": False,
    }


def _tell(state: State, channel: Channel, said: Json, **more: Any) -> None:
    event = {**deepcopy(said), "channel": channel.id, "channel_type": channel.kind, **more}
    event.pop("metadata", None)  # only its own events carry it
    state.emit(event, channel, PLURAL[channel.kind])


def is_reply(message: Json) -> bool:
    """Whether it stands in a thread only."""
    thread = message.get("thread_ts")
    return bool(thread) and thread != message["ts"] and message.get("subtype") != "thread_broadcast"


def top_level(channel: Channel) -> list[Json]:
    return [one for one in channel.messages.values() if not is_reply(one)]


def in_thread(state: State, channel: Channel, ts: str) -> list[Json]:
    """The message that a thread hangs on, and the replies, oldest first."""
    if ts not in channel.messages:
        raise SlackError("thread_not_found")
    thread = str(channel.messages[ts].get("thread_ts") or ts)
    replies = [one for one in channel.messages.values() if one.get("thread_ts") == thread and one["ts"] != thread]
    return [channel.messages[thread], *replies]


def change(state: State, channel: Channel, ts: str, user: str, text: str, **more: Any) -> Json:
    """Edit a message; what is given as None is taken out of it."""
    message = state.message(channel, ts)
    if message.get("user") != user or message.get("subtype") not in (None, "thread_broadcast", "file_share"):
        raise SlackError("cant_update_message")
    before = deepcopy(message)
    message |= {"text": text, "edited": {"user": user, "ts": state.ts()}}
    for key, value in more.items():
        if value is None:
            message.pop(key, None)
        else:
            message[key] = value
    _tell_hidden(state, channel, "message_changed", message=deepcopy(message), previous_message=before)
    return message


def take_back(state: State, channel: Channel, ts: str, user: str) -> None:
    message = state.message(channel, ts)
    if message.get("user") != user:
        raise SlackError("cant_delete_message")
    channel.pins.pop(ts, None)
    if message.get("reply_count"):
        channel.messages[ts] = _tombstone(message)
    else:
        del channel.messages[ts]
        _leave_thread(state, channel, str(message.get("thread_ts") or ""))
    _tell_hidden(state, channel, "message_deleted", deleted_ts=ts, previous_message=message)


def _tombstone(message: Json) -> Json:
    """What stands where a message was that has replies."""
    kept = {key: value for key, value in message.items() if key.startswith(("thread", "reply", "latest", "ts"))}
    said = {"user": model.SLACKBOT, "text": "This message was deleted."}
    return {"type": "message", "subtype": "tombstone", "hidden": True, **said, **kept}


def _leave_thread(state: State, channel: Channel, thread: str) -> None:
    if thread:
        parent, *replies = in_thread(state, channel, thread)
        _count_replies(parent, replies)


def _tell_hidden(state: State, channel: Channel, subtype: str, **more: Any) -> None:
    """An event about a message that is a message itself, but one that nobody sees."""
    for key in ("message", "previous_message"):
        if key in more:
            more[key] = {name: value for name, value in more[key].items() if name != "metadata"}
    _tell(state, channel, {"type": "message", "subtype": subtype, "hidden": True, "ts": state.ts()}, **more)
    state.notice(channel.id)


def whisper(state: State, channel: Channel, user: str, text: str, by: Person | None = None, **more: Any) -> Json:
    """A message that only `user` sees. The app hears nothing of it, and nobody finds it again."""
    who = author(state, by) if by else {"user": model.SLACKBOT}
    message: Json = {"type": "message", **who, "text": text, "ts": state.ts(), "is_ephemeral": True}
    message |= {key: value for key, value in more.items() if value}
    state.whispers.setdefault((channel.id, user), []).append(message)
    state.notice(channel.id, user)
    return message


def whispered(state: State, channel: str, user: str, ts: str) -> Json | None:
    return next((one for one in state.whispers.get((channel, user), ()) if one["ts"] == ts), None)


def forget(state: State, channel: str, user: str, ts: str) -> None:
    """Take an ephemeral message away."""
    kept = state.whispers.get((channel, user), [])
    kept[:] = [one for one in kept if one["ts"] != ts]
    state.notice(channel, user)
