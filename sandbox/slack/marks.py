"""What people put on messages and channels: reactions, pins, bookmarks."""

from __future__ import annotations

import re
from copy import deepcopy

from sandbox.slack import model, talk
from sandbox.slack.model import Channel, Json, Pin, SlackError
from sandbox.slack.state import State

REACTION = re.compile(r"[a-z0-9_+'\-]{1,100}(::skin-tone-[2-6])?")
MOST_REACTIONS, MOST_PINS, MOST_BOOKMARKS = 50, 100, 100
LONGEST_TITLE, LONGEST_LINK = 256, 2_048


def react(state: State, channel: Channel, ts: str, user: str, name: str) -> None:
    name = name.strip(":")
    if not REACTION.fullmatch(name):
        raise SlackError("invalid_name")
    message = state.message(channel, ts)
    reactions = message.setdefault("reactions", [])
    found = next((one for one in reactions if one["name"] == name), None)
    if found is None:
        if len(reactions) >= MOST_REACTIONS:
            raise SlackError("too_many_emoji")
        found = {"name": name, "users": [], "count": 0}
        reactions.append(found)
    if user in found["users"]:
        raise SlackError("already_reacted")
    found["users"].append(user)
    found["count"] = len(found["users"])
    _reacted(state, channel, message, user, name, "reaction_added")


def unreact(state: State, channel: Channel, ts: str, user: str, name: str) -> None:
    name = name.strip(":")
    message = state.message(channel, ts)
    found = next((one for one in message.get("reactions", ()) if one["name"] == name and user in one["users"]), None)
    if found is None:
        raise SlackError("no_reaction")
    found["users"].remove(user)
    found["count"] = len(found["users"])
    message["reactions"] = [one for one in message["reactions"] if one["users"]]
    if not message["reactions"]:
        del message["reactions"]
    _reacted(state, channel, message, user, name, "reaction_removed")


def _reacted(state: State, channel: Channel, message: Json, user: str, name: str, kind: str) -> None:
    item = {"type": "message", "channel": channel.id, "ts": message["ts"]}
    event = {"type": kind, "user": user, "reaction": name, "item": item, "item_user": message.get("user", "")}
    state.emit(event, channel)
    state.notice(channel.id)


def pin(state: State, channel: Channel, ts: str, user: str) -> None:
    message = state.message(channel, ts)
    if ts in channel.pins:
        raise SlackError("already_pinned")
    if len(channel.pins) >= MOST_PINS:
        raise SlackError("too_many_pins")
    if message.get("subtype") not in (None, "bot_message", "thread_broadcast", "file_share", "me_message"):
        raise SlackError("not_pinnable")
    channel.pins[ts] = Pin(ts, user, state.seconds())
    message["pinned_to"] = [channel.id]
    message["pinned_info"] = {"channel": channel.id, "pinned_by": user, "pinned_ts": state.seconds()}
    _pinned(state, channel, message, channel.pins[ts], user, "pin_added")
    talk.remark(state, channel, user, "pinned_item", f"<@{user}> pinned a message to this channel.", item_ts=ts)


def unpin(state: State, channel: Channel, ts: str, user: str) -> None:
    message = state.message(channel, ts)
    found = channel.pins.pop(ts, None)
    if found is None:
        raise SlackError("no_pin")
    del message["pinned_to"], message["pinned_info"]
    _pinned(state, channel, message, found, user, "pin_removed")


def pin_item(state: State, channel: Channel, pin: Pin) -> Json:
    message = deepcopy(channel.messages[pin.ts])
    message["permalink"] = state.permalink(channel.id, pin.ts, str(message.get("thread_ts") or ""))
    message.pop("metadata", None)
    about = {"channel": channel.id, "created": pin.at, "created_by": pin.by}
    return {"type": "message", **about, "message": message}


def _pinned(state: State, channel: Channel, message: Json, pin: Pin, user: str, kind: str) -> None:
    event: Json = {
        "type": kind,
        "user": user,
        "channel_id": channel.id,
        "item": pin_item(state, channel, pin),
        "item_user": message.get("user", ""),
        "pin_count": len(channel.pins),
        "pinned_info": {"channel": channel.id, "pinned_by": pin.by, "pinned_ts": pin.at},
    }
    if kind == "pin_removed":
        event["has_pins"] = bool(channel.pins)
    state.emit(event, channel)
    state.notice(channel.id)


def add_bookmark(state: State, channel: Channel, user: str, title: str, link: str, emoji: str = "") -> Json:
    _check_bookmark(title, link)
    if len(channel.bookmarks) >= MOST_BOOKMARKS:
        raise SlackError("too_many_bookmarks")
    app = {"app_id": model.APP_ID} if state.person(user).is_bot else {"app_id": None}
    bookmark = {
        "id": state.new_id("Bk"),
        "channel_id": channel.id,
        "title": title,
        "link": link,
        "emoji": emoji,
        "icon_url": "",
        "type": "link",
        "entity_id": None,
        "date_created": state.seconds(),
        "date_updated": 0,
        "rank": f"{len(channel.bookmarks):02d}",
        "last_updated_by_user_id": user,
        "last_updated_by_team_id": model.TEAM,
        "shortcut_id": "",
        **app,
    }
    channel.bookmarks.append(bookmark)
    state.notice(channel.id)
    return bookmark


def edit_bookmark(state: State, channel: Channel, id: str, user: str, **more: str | None) -> Json:
    bookmark = find_bookmark(channel, id)
    wanted = bookmark | {key: value for key, value in more.items() if value is not None}
    _check_bookmark(wanted["title"], wanted["link"])
    bookmark |= wanted | {"date_updated": state.seconds(), "last_updated_by_user_id": user}
    state.notice(channel.id)
    return bookmark


def remove_bookmark(state: State, channel: Channel, id: str) -> None:
    channel.bookmarks.remove(find_bookmark(channel, id))
    state.notice(channel.id)


def find_bookmark(channel: Channel, id: str) -> Json:
    found = next((one for one in channel.bookmarks if one["id"] == id), None)
    if found is None:
        raise SlackError("not_found")
    return found


def _check_bookmark(title: str, link: str) -> None:
    if not title or len(title) > LONGEST_TITLE:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] invalid title"]})
    if not re.match(r"https?://[^\s/]", link) or len(link) > LONGEST_LINK:
        raise SlackError("invalid_link")
