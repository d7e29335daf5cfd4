"""What one person sees of the workspace: their channels with unread marks, messages, threads, modals and home."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sandbox.slack import talk
from sandbox.slack.model import TEAM, TEAM_NAME, Channel, Json, Person, SlackError

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

LOOK_BACK = 300  # messages that are looked at for unread ones
FARTHEST = 2_000  # messages shown at most, however far back somebody jumps
NOTICES = ("channel_", "group_", "im_", "pinned_item", "bot_")


class Desk:
    """Reads the workspace for the page. Everything it returns is to be used under the workspace's lock."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._read: dict[tuple[str, str], str] = {}  # person, channel → ts of the last message that they saw

    def person(self, id: str) -> str:
        """The id of somebody who can act; the first one, if nobody is named."""
        humans = [one.id for one in self.workspace.people.values() if not one.is_bot]
        if not id:
            return humans[0]
        if id not in humans:
            raise SlackError("user_not_found", f"There is nobody called {id}.")
        return id

    def overview(self, me: str) -> Json:
        """All but the messages."""
        space = self.workspace
        return {
            "me": me,
            "team": {"id": TEAM, "name": TEAM_NAME},
            "people": [person_as_json(one, home=one.is_bot and space.app.home) for one in space.people.values()],
            "groups": [group.as_json(with_users=True) for group in space.groups.values()],
            "channels": [self._room(one, me) for one in space.channels.values() if visible(one, me)],
            "commands": space.commands,
            "shortcuts": space.shortcuts,
            "views": space.views.get(me, []),
        }

    def _room(self, channel: Channel, me: str) -> Json:
        unread = list(self._unread(channel, me)) if me in channel.members else []
        return {**room_as_json(channel, me), "unread": len(unread), "mentions": self._mentions(channel, me, unread)}

    def _unread(self, channel: Channel, me: str) -> Iterator[Json]:
        seen = self._read.get((me, channel.id), "")
        for _, message in zip(range(LOOK_BACK), reversed(channel.messages.values()), strict=False):
            if message["ts"] <= seen:
                return
            if message.get("user") != me and not is_notice(message) and not talk.is_reply(message):
                yield message

    def _mentions(self, channel: Channel, me: str, messages: Iterable[Json]) -> int:
        groups = [f"<!subteam^{one.id}" for one in self.workspace.groups.values() if me in one.users]
        marks = (f"<@{me}", "<!here", "<!channel", "<!everyone", *groups)
        return sum(1 for one in messages if channel.is_im or any(mark in one.get("text", "") for mark in marks))

    def mark_read(self, me: str, channel: str, ts: str) -> None:
        key = (me, self.workspace.channel(channel).id)
        self._read[key] = max(ts, self._read.get(key, ""))

    def channel(self, me: str, id: str, limit: int, reach: str = "") -> Json:
        """A channel with its last messages: `limit` of them, or more to have the one at `reach` among them."""
        channel = self._find(me, id)
        messages, more = self._last(channel, me, limit, reach)
        pins = [{"ts": pin.ts, "by": pin.by, "message": channel.messages.get(pin.ts)} for pin in channel.pins.values()]
        canvas = self.workspace.canvases.get(channel.canvas)
        return {
            **room_as_json(channel, me),
            "topic": channel.topic,
            "purpose": channel.purpose,
            "members": channel.members,
            "pins": pins,
            "bookmarks": channel.bookmarks,
            "canvas": canvas and {"id": canvas.id, "title": canvas.title, "markdown": canvas.markdown},
            "last_read": self._read.get((me, channel.id), ""),
            "messages": messages,
            "more": more,
        }

    def _find(self, me: str, id: str) -> Channel:
        channel = self.workspace.channel(id)
        if not visible(channel, me):
            raise SlackError("channel_not_found", "There is no such channel.")
        return channel

    def _last(self, channel: Channel, me: str, limit: int, reach: str) -> tuple[list[Json], bool]:
        """Oldest first, with what only this person sees; and whether there are earlier ones."""
        found: list[Json] = []
        more = False
        for message in reversed(channel.messages.values()):
            if talk.is_reply(message):
                continue
            enough = len(found) >= limit and not (reach and found[-1]["ts"] > reach)
            if enough or len(found) >= FARTHEST:
                more = True
                break
            found.append(message)
        oldest = found[-1]["ts"] if more else ""
        own = [one for one in self._whispers(channel, me) if not one.get("thread_ts") and one["ts"] > oldest]
        return sorted([*found, *own], key=lambda one: str(one["ts"])), more

    def _whispers(self, channel: Channel, me: str) -> list[Json]:
        return self.workspace.whispers.get((channel.id, me), [])

    def thread(self, me: str, id: str, ts: str) -> Json:
        """The messages of a thread, oldest first; none if it is gone."""
        channel = self._find(me, id)
        parent = channel.messages.get(ts)
        root = str(parent.get("thread_ts") or ts) if parent else ""
        shared = talk.in_thread(self.workspace, channel, root) if root in channel.messages else []
        own = [one for one in self._whispers(channel, me) if root and one.get("thread_ts") == root]
        pins = [{"ts": pin.ts, "by": pin.by} for pin in channel.pins.values()]
        return {"messages": sorted([*shared, *own], key=lambda one: str(one["ts"])), "pins": pins}

    def file(self, id: str) -> Json:
        """A file or a canvas as text."""
        if id in self.workspace.canvases:
            return {"text": self.workspace.canvases[id].markdown}
        if id not in self.workspace.files:
            raise SlackError("file_not_found", "This file is gone.")
        return {"text": self.workspace.files[id].text}


def visible(channel: Channel, me: str) -> bool:
    return me in channel.members or not (channel.is_private or channel.is_im)


def is_notice(message: Json) -> bool:
    """A line about the channel, not something said."""
    return str(message.get("subtype", "")).startswith(NOTICES)


def room_as_json(channel: Channel, me: str) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_private": channel.is_private,
        "is_im": channel.is_im,
        "with": channel.partner(me) if channel.is_im else "",
        "member": me in channel.members,
        "archived": channel.is_archived,
        "created": channel.created,
    }


def person_as_json(one: Person, home: bool = False) -> Json:
    return {
        "id": one.id,
        "handle": one.handle,
        "name": one.name,
        "title": one.title,
        "is_bot": one.is_bot,
        "bot_id": one.bot_id,
        "home": home,  # whether there is a home to visit
    }
