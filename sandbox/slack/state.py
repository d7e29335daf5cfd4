"""What a workspace remembers, under one lock, and which of its events the app gets to hear."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.clock import Clock
from sandbox.slack import model
from sandbox.slack.model import App, Canvas, Channel, File, Group, Json, Person, SlackError
from sandbox.slack.tickets import Tickets

# The scopes of which an event needs one; in private channels and direct messages the scope of their own kind.
EVENT_SCOPES = {
    "app_mention": ("app_mentions:read",),
    "channel_created": ("channels:read",),
    "channel_archive": ("channels:read",),
    "channel_unarchive": ("channels:read",),
    "channel_rename": ("channels:read",),
    "group_archive": ("groups:read",),
    "group_unarchive": ("groups:read",),
    "group_rename": ("groups:read",),
    "file_shared": ("files:read",),
    "member_joined_channel": ("channels:read", "groups:read"),
    "member_left_channel": ("channels:read", "groups:read"),
    "message.channels": ("channels:history",),
    "message.groups": ("groups:history",),
    "message.im": ("im:history",),
    "pin_added": ("pins:read",),
    "pin_removed": ("pins:read",),
    "reaction_added": ("reactions:read",),
    "reaction_removed": ("reactions:read",),
}


@dataclass(frozen=True)
class Notice:
    """Something looks different now: in a channel, or to one person."""

    channel: str = ""
    user: str = ""


class State:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.url = ""  # where this workspace is served
        self.app = App()
        self.team = {"id": model.TEAM, "name": model.TEAM_NAME, "domain": model.DOMAIN}
        people = model.seed_people()
        self.people: dict[str, Person] = {one.id: one for one in people}
        self.groups: dict[str, Group] = {one.id: one for one in model.seed_groups()}
        rooms = model.seed_channels(self.seconds(), list(self.people))
        self.channels: dict[str, Channel] = {one.id: one for one in rooms}
        self.files: dict[str, File] = {}
        self.canvases: dict[str, Canvas] = {}
        self.views: dict[str, list[Json]] = {}  # user → open modals, the top one last
        self.home: dict[str, Json] = {}
        self.whispers: dict[tuple[str, str], list[Json]] = {}  # channel, user → ephemeral messages
        self.scheduled: dict[str, Json] = {}
        self.tickets = Tickets(clock)
        self.outgoing: deque[Json] = deque()  # events on their way to the app
        self._counts: dict[str, int] = {}
        self._last_ts = 0
        self._listeners: list[Callable[[Notice], None]] = []

    # ------------------------------------------------------------ time and names

    def seconds(self) -> int:
        return int(self.clock.now().timestamp())

    def ts(self) -> str:
        """A new message timestamp: now, but later than every one before."""
        now = self.clock.now()
        micros = int(now.timestamp()) * 1_000_000 + now.microsecond
        self._last_ts = max(micros, self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}{self._counts[prefix]:04d}"

    def new_block_id(self) -> str:
        return self.new_id("b")

    @property
    def web(self) -> str:
        """The workspace's own address, without a slash at its end."""
        return self.url or f"https://{model.DOMAIN}.slack.com"

    def permalink(self, channel: str, ts: str, thread: str = "") -> str:
        link = f"{self.web}/archives/{channel}/p{ts.replace('.', '')}"
        return f"{link}?thread_ts={thread}&cid={channel}" if thread and thread != ts else link

    # ------------------------------------------------------------ finding

    def channel(self, name_or_id: str) -> Channel:
        """By id or name, with or without #."""
        found = self.channels.get(name_or_id) or self.named(name_or_id.removeprefix("#"))
        if found is None:
            raise SlackError("channel_not_found")
        return found

    def named(self, name: str) -> Channel | None:
        return next((one for one in self.channels.values() if one.name == name and not one.is_im), None)

    def channel_of(self, id: str, member: str = "") -> Channel:
        """A channel that can be written to: not archived, and `member` is in it."""
        channel = self.channel(id)
        if member and member not in channel.members:
            raise SlackError("channel_not_found" if channel.is_private else "not_in_channel")
        if channel.is_archived:
            raise SlackError("is_archived")
        return channel

    def person(self, id: str) -> Person:
        if id not in self.people:
            raise SlackError("user_not_found")
        return self.people[id]

    def message(self, channel: Channel, ts: str) -> Json:
        if ts not in channel.messages:
            raise SlackError("message_not_found")
        return channel.messages[ts]

    # ------------------------------------------------------------ telling

    def subscribe(self, listener: Callable[[Notice], None]) -> Callable[[], None]:
        """`listener` hears of every change, in the thread that made it and under the lock: it must not wait."""
        with self.lock:
            self._listeners.append(listener)
        return lambda: self._unsubscribe(listener)

    def _unsubscribe(self, listener: Callable[[Notice], None]) -> None:
        with self.lock:
            self._listeners.remove(listener)

    def notice(self, channel: str = "", user: str = "") -> None:
        for listener in self._listeners:
            listener(Notice(channel, user))
        self.changed.notify_all()

    def emit(self, event: Json, channel: Channel | None = None, name: str = "") -> None:
        """Tell the app, if it is in the channel, subscribed to the event, and allowed to know."""
        name = name or event["type"]
        if channel and model.BOT_USER not in channel.members:
            return
        if not self.app.hears(name) or not self.app.may(*EVENT_SCOPES.get(name, ())):
            return
        event.setdefault("event_ts", event.get("ts") or self.ts())
        self.outgoing.append(self._envelope(event))

    def _envelope(self, event: Json) -> Json:
        id = self.new_id("Ev")
        bot: Json = {"enterprise_id": None, "team_id": model.TEAM, "user_id": model.BOT_USER, "is_bot": True}
        return {
            "token": model.VERIFICATION_TOKEN,
            "team_id": model.TEAM,
            "context_team_id": model.TEAM,
            "api_app_id": model.APP_ID,
            "event": event,
            "type": "event_callback",
            "event_id": id,
            "event_time": self.seconds(),
            "authorizations": [{**bot, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
            "event_context": f"4-{id}",
        }

    def member_json(self, user: str) -> dict[str, Any]:
        """A user as interactive payloads show them."""
        person = self.person(user)
        return {"id": person.id, "username": person.handle, "name": person.handle, "team_id": person.team}
