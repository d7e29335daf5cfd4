"""What Slack tells of an incident's channel: what of it is kept, and what it changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.decision import Decision, HandleEvent
from bot.model import Entry, EntryKind, Event, Incident, Message

KINDS = frozenset(
    {
        "message",
        "reaction_added",
        "reaction_removed",
        "pin_added",
        "pin_removed",
        "channel_rename",
        "group_rename",
        "channel_id_changed",
        "member_joined_channel",
    }
)
REACTIONS = ("reaction_added", "reaction_removed")
HOME = "app_home_opened"  # heard, but not kept: all it says is that somebody looks
SPOKEN = frozenset({"", "bot_message", "file_share", "me_message", "thread_broadcast"})  # the rest is Slack talking

Raw = Mapping[str, Any]


def plain(text: str) -> str:
    """Slack's text as it was typed: its three entities undone, mentions such as <@U1> left as they are."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def at(ts: str) -> datetime:
    """The time in a Slack timestamp such as "1732172400.000200", exact to the microsecond."""
    seconds, _, micros = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros.ljust(6, "0")[:6] or 0))


TS = re.compile(r"\d{1,11}\.\d{1,6}")


def in_thread(link: str, channel: str, thread: str) -> str:
    """A permalink that opens the thread and not only the channel."""
    return f"{link}?thread_ts={thread}&cid={channel}" if link and thread else link


def message(channel: str, raw: Raw, *, link: str = "", incident: str = "") -> Message:
    """A message object of Slack's, from an event or from the history."""
    ts, thread = str(raw["ts"]), str(raw.get("thread_ts") or "")
    thread = "" if thread == ts else thread
    names = [str(file.get("title") or file.get("name") or "a file") for file in raw.get("files") or ()]
    return Message(
        channel=channel,
        ts=ts,
        incident=incident,
        user=str(raw.get("user") or raw.get("bot_id") or raw.get("username") or ""),
        text=plain(str(raw.get("text") or "")) or (f"shared {', '.join(names)}" if names else ""),
        at=at(ts),
        thread=thread,
        pinned=channel in (raw.get("pinned_to") or ()),
        # One name per person, so that one of two can take theirs back.
        reactions=tuple(sorted(str(r["name"]) for r in raw.get("reactions") or () for _ in range(r.get("count", 1)))),
        link=in_thread(link, channel, thread),
    )


def pin(said: Message, pinned: bool) -> Message:
    return replace(said, pinned=said.pinned or pinned)


def is_spoken(raw: Raw) -> bool:
    """Somebody said it; Slack itself announces joins, topics and pins with other subtypes."""
    return str(raw.get("subtype") or "") in SPOKEN and bool(TS.fullmatch(str(raw.get("ts") or "")))


def home_of(body: Raw) -> str:
    """Whose App Home was opened, if that is what was told. Its tab with messages is another matter."""
    event = body.get("event")
    if not isinstance(event, Mapping) or event.get("type") != HOME or event.get("tab", "home") != "home":
        return ""
    return str(event.get("user") or "")


def channel_of(event: Raw) -> str:
    """The channel that an event is about, or ""."""
    channel = event.get("channel") or event.get("channel_id") or event.get("old_channel_id")
    if isinstance(channel, Mapping):
        channel = channel.get("id")
    return str(channel or _item(event).get("channel") or "")


def _item(event: Raw) -> Raw:
    item = event.get("item")
    return item if isinstance(item, Mapping) else {}


def _inner(event: Raw) -> Raw:
    """The message that an edit, a deletion or a pin is about; for anything else the event itself."""
    for found in (event.get("message"), event.get("previous_message"), _item(event).get("message")):
        if isinstance(found, Mapping):
            return found
    return event


def subject_of(event: Raw) -> str:
    """The ts of the message that an event is about, or ""."""
    ts = str(event.get("deleted_ts") or _item(event).get("ts") or _inner(event).get("ts") or "")
    return ts if TS.fullmatch(ts) else ""


def is_wanted(body: Raw, ours: tuple[str, ...]) -> bool:
    """Whether we use an event at all. `ours` are our own user and bot id: what we said needs no hearing."""
    event = body.get("event")
    if not isinstance(event, Mapping) or not body.get("event_id"):
        return False
    if event.get("type") not in KINDS or not channel_of(event):
        return False
    if event["type"] in ("channel_rename", "group_rename", "channel_id_changed"):
        return True
    if event["type"] == "member_joined_channel":
        return event.get("user") not in ours
    said_by = (event.get("user"), event.get("bot_id"), _inner(event).get("user"), _inner(event).get("bot_id"))
    if event["type"] == "message" and any(who in ours for who in said_by):
        return False
    if event["type"] in REACTIONS and event.get("user") in ours:
        return False  # our own receipt
    if event["type"] != "message":
        return bool(subject_of(event)) and event.get("item_user") not in ours
    subtype = str(event.get("subtype") or "")
    return bool(subject_of(event)) and (subtype in SPOKEN or subtype in ("message_changed", "message_deleted"))


def received(body: Raw, now: datetime) -> Decision:
    """Keep it before Slack is told that we have it. Events of one channel are handled one after the other."""
    id = f"{channel_of(body['event'])}/{body['event_id']}"
    event = Event(id=id, kind=str(body["event"]["type"]), body=dict(body["event"]), received_at=now)
    return Decision(save=(event,), do=(HandleEvent(id),))


def handle(event: Event, incident: Incident | None, known: Message | None, link: str) -> Decision:
    """What an event changes. Doing it after a later one of the same message changes nothing.

    A reaction is counted and does not say whose it was, so this is committed with the receipt of the event's one job.
    """
    if incident is None:
        return Decision()
    body = event.body
    match event.kind:
        case "message":
            changed = _said(body, incident, known, link)
        case "pin_added" | "pin_removed":
            changed = _pinned(body, incident, known, link, event.kind == "pin_added")
        case "reaction_added" | "reaction_removed":
            changed = _reacted(body, known, event.kind == "reaction_added")
        case "channel_rename" | "group_rename":
            return renamed(incident, str(body["channel"].get("name") or ""), event.received_at)
        case "channel_id_changed":
            return moved(incident, str(body.get("new_channel_id") or ""))
        case _:
            return Decision()
    return Decision(save=(changed,)) if changed and changed != known else Decision()


def _said(body: Raw, incident: Incident, known: Message | None, link: str) -> Message | None:
    raw, channel = _inner(body), channel_of(body)
    subtype = body.get("subtype")
    if subtype == "message_deleted" or raw.get("subtype") == "tombstone":
        gone = known or message(channel, {**raw, "ts": subject_of(body)}, link=link, incident=incident.id)
        return replace(gone, text="", deleted=True)  # deleting often takes back a secret
    if not is_spoken(raw):
        return None
    said = message(channel, raw, link=link, incident=incident.id)
    if known is None:
        return said
    if subtype == "message_changed" and not known.deleted:
        return replace(known, text=said.text)
    return known  # an edit or the deletion was here first


def _pinned(body: Raw, incident: Incident, known: Message | None, link: str, pinned: bool) -> Message | None:
    raw, channel = _inner(body), channel_of(body)
    if known is None and (raw is body or not is_spoken(raw)):
        return None  # the history will have it
    return replace(known or message(channel, raw, link=link, incident=incident.id), pinned=pinned)


def _reacted(body: Raw, known: Message | None, added: bool) -> Message | None:
    if known is None:
        return None  # the history will have it
    name, names = str(body.get("reaction") or ""), list(known.reactions)
    if added:
        names.append(name)
    elif name in names:
        names.remove(name)
    return replace(known, reactions=tuple(sorted(names)))


def renamed(incident: Incident, name: str, now: datetime) -> Decision:
    if not name or name == incident.channel_name:
        return Decision()
    was = f"#{incident.channel_name} is now #{name}" if incident.channel_name else f"the channel is now #{name}"
    return Decision(
        save=(replace(incident, channel_name=name),),
        note=(Entry(incident=incident.id, at=now, kind=EntryKind.INCIDENT, text=was),),
    )


def moved(incident: Incident, channel: str) -> Decision:
    """Slack gave the channel another id, as it does when one is shared."""
    return Decision(save=(replace(incident, channel=channel),)) if channel else Decision()
