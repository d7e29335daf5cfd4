"""Slack as the bot's chat: each verb found before it is done, because Slack has no idempotency key."""

from __future__ import annotations

import hashlib
import html
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any, Generic, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from slack_sdk import WebClient

from bot import events
from bot.decision import Card
from bot.errors import Gone, ProviderError
from bot.model import Message
from handlers.providers.slack_api import TIMEOUT, Answered, Api
from handlers.slack.identity import Identity, answers, preflight
from handlers.world import Channel
from storage.store import Store

EVENT_TYPE = "watchkeeper"  # of the metadata that our posts carry
SLACK_AND_WE = timedelta(minutes=1)  # how far apart the two clocks may be
SUFFIXES = 20
CHANNELS = "public_channel,private_channel"
INVITED_AT_ONCE = 30
LONGEST_TEXT, LONGEST_TOPIC, LONGEST_NAME = 3_900, 250, 80  # chat.update refuses more than 4,000 characters
HOPELESS = frozenset({"channel_not_found", "not_in_channel", "is_archived", "missing_scope"})  # for everybody
DELETED = frozenset({"message_not_found", "cant_update_message"})  # the second: a stone stands where it was
SETTLED = frozenset({"already_reacted", "no_reaction", "message_not_found"})  # the message may be gone
ALREADY_THERE = frozenset({"already_in_channel", "cant_invite_self"})
UNKNOWN_ADDRESS = frozenset({"users_not_found", "missing_scope"})
QUIET = {"unfurl_links": False, "unfurl_media": False}  # nobody's address is fetched because an alert named it
PERSON = re.compile(r"[UW][A-Z0-9]{2,}")

T = TypeVar("T")


class Kept(Generic[T]):
    """Answers that stay true for a while, so that a card with ten names is not ten calls."""

    def __init__(self, ttl: timedelta, now: Callable[[], datetime], most: int = 5_000) -> None:
        self.ttl, self.now, self.most = ttl, now, most
        self.values: dict[str, tuple[datetime, T]] = {}
        self.guard = threading.Lock()

    def get(self, key: str) -> T | None:
        with self.guard:
            at, value = self.values.get(key, (None, None))
        return value if at is not None and self.now() - at < self.ttl else None

    def put(self, key: str, value: T) -> T:
        with self.guard:
            if len(self.values) >= self.most:
                self.values.clear()
            self.values[key] = (self.now(), value)
        return value


class SlackChat:
    """`identity` may be left out: then it is asked for when it is first needed, and kept."""

    def __init__(
        self, client: WebClient, store: Store, now: Callable[[], datetime], identity: Identity | None = None
    ) -> None:
        self.api, self.client, self.identity = Api(client, store, now), client, identity
        self.people: Kept[dict[str, Any]] = Kept(timedelta(hours=1), now)
        self.channels: Kept[list[dict[str, Any]]] = Kept(timedelta(minutes=1), now)
        self.groups: Kept[tuple[str, ...]] = Kept(timedelta(minutes=1), now)
        self.addresses: Kept[str] = Kept(timedelta(hours=1), now)
        self.threads: Kept[list[dict[str, Any]]] = Kept(timedelta(minutes=2), now)

    @property
    def me(self) -> Identity:
        if self.identity is None:
            self.identity = preflight(self.client)
        return self.identity

    def answers(self) -> bool:
        return answers(self.client)

    # ------------------------------------------------------------ channels

    def open_channel(self, name: str, since: datetime, *, again: bool, private: bool = False) -> Channel:
        """The channel of that name that we created since then, or a new one; a name that others hold gets a number.

        What is to be private is never looked for, or made, among what all can read.
        """
        names = candidates(channel_name(name))
        if again and (found := self.opened(names, since, private)):
            return found
        secret = {"is_private": True} if private else {}
        for wanted in names:
            try:
                made = self.api.call("conversations.create", name=wanted, **secret)["channel"]
                return Channel(id=made["id"], name=made.get("name") or wanted)
            except Answered as error:
                if error.code != "name_taken":
                    raise
            if found := self.opened([wanted], since, private):
                return found
        raise ProviderError("Slack", f"{names[0]} and {SUFFIXES - 1} numbered names are taken", permanent=True)

    def opened(self, names: Sequence[str], since: datetime, private: bool) -> Channel | None:
        """One of these channels, if it is our own creation and recent enough to be this incident's."""
        earliest = int((since - SLACK_AND_WE).timestamp())  # Slack counts whole seconds
        ours = {
            channel["name"]: channel
            for channel in self.mine(fresh=True)
            if channel.get("creator") == self.me.user
            and bool(channel.get("is_private")) is private
            and float(channel.get("created") or 0) >= earliest
        }
        found = next((ours[name] for name in names if name in ours), None)
        return Channel(id=found["id"], name=found["name"]) if found else None

    def mine(self, *, fresh: bool = False) -> list[dict[str, Any]]:
        """The channels that the bot is in."""
        if not fresh and (kept := self.channels.get("")) is not None:
            return kept
        listed = self.api.pages("users.conversations", "channels", types=CHANNELS, exclude_archived=True)
        return self.channels.put("", list(listed))

    def find_channel(self, name: str) -> Channel | None:
        """By "#name" or id; None where the bot is not in it."""
        wanted = name.removeprefix("#")
        known = self.channels.get("") or []  # a person who has just invited the bot does not wait for this to age
        for channels in (known, None):
            for channel in self.mine(fresh=True) if channels is None else channels:
                if wanted in (channel["id"], channel.get("name")):
                    return Channel(id=channel["id"], name=channel.get("name") or "")
        return None

    def inside(self, channel: str) -> tuple[str, ...]:
        """Who is in it, now: whoever was let in or taken out a moment ago counts."""
        return tuple(map(str, self.api.pages("conversations.members", "members", channel=channel)))

    def set_topic(self, channel: str, topic: str) -> None:
        """Only where it changes: each setting is a line in the channel that people have to read past."""
        topic = fit(topic, LONGEST_TOPIC)
        info = self.api.call("conversations.info", channel=channel)["channel"]
        before = str((info.get("topic") or {}).get("value") or "")
        if html.unescape(before) != html.unescape(topic):
            self.api.call("conversations.setTopic", channel=channel, topic=topic)

    def bookmark(self, channel: str, title: str, link: str) -> None:
        for found in self.api.call("bookmarks.list", channel_id=channel).get("bookmarks") or ():
            if _same_link(str(found.get("link") or ""), link):
                return
            if found.get("title") == title and found.get("app_id"):  # ours: people's bookmarks carry no app
                self.api.call("bookmarks.edit", channel_id=channel, bookmark_id=found["id"], title=title, link=link)
                return
        self.api.call("bookmarks.add", channel_id=channel, title=title[:255], type="link", link=link)

    def invite(self, channel: str, users: Sequence[str]) -> tuple[str, ...]:
        """Who is not there already; returned are those that Slack would not let in."""
        refused: list[str] = []
        for start in range(0, len(users), INVITED_AT_ONCE):
            refused += self.invite_some(channel, users[start : start + INVITED_AT_ONCE])
        return tuple(refused)

    def invite_some(self, channel: str, users: Sequence[str]) -> list[str]:
        """Slack invites nobody where it refuses one: the refused are taken out and the rest is asked again."""
        try:
            self.api.call("conversations.invite", channel=channel, users=",".join(users))
            return []
        except Answered as error:
            if error.code in HOPELESS or not error.permanent:
                raise
            blamed = _blamed(error, users)
        if not blamed:  # one of them, but which?
            return [who for user in users for who in self.invite_some(channel, [user])]
        refused = [user for user, code in blamed.items() if code not in ALREADY_THERE]
        rest = [user for user in users if user not in blamed]
        return refused + (self.invite_some(channel, rest) if rest else [])

    # ------------------------------------------------------------ messages

    def post(self, channel: str, card: Card, key: str, *, since: datetime, again: bool, thread: str = "") -> str:
        """The ts of the one message with this key."""
        if again and (ts := self.posted(channel, key, since, thread)):
            return ts
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"k": key}}
        place = {"thread_ts": thread} if thread else {}
        sent = self.api.call("chat.postMessage", channel=channel, metadata=metadata, **place, **QUIET, **_shown(card))
        return str(sent["ts"])

    def posted(self, channel: str, key: str, since: datetime, thread: str) -> str | None:
        """A message of ours that carries this key: its post may have succeeded with the answer lost."""
        for raw in self.said(channel, since, thread, include_all_metadata=True):
            metadata = raw.get("metadata") or {}
            if metadata.get("event_type") != EVENT_TYPE or not self.is_ours(raw):
                continue
            if (metadata.get("event_payload") or {}).get("k") == key:
                return str(raw["ts"])
        return None

    def said(self, channel: str, since: datetime, thread: str = "", **more: Any) -> Iterator[dict[str, Any]]:
        """What was said in the channel or the thread since then, as Slack has it."""
        oldest = f"{(since - SLACK_AND_WE).timestamp():.6f}"
        if thread:
            more["ts"] = thread
        method = "conversations.replies" if thread else "conversations.history"
        return self.api.pages(method, "messages", channel=channel, oldest=oldest, inclusive=True, **more)

    def is_ours(self, raw: Mapping[str, Any]) -> bool:
        return raw.get("bot_id") == self.me.bot or raw.get("user") == self.me.user

    def edit(self, channel: str, ts: str, card: Card) -> None:
        """Raises Gone where somebody has deleted it."""
        try:
            self.api.call("chat.update", channel=channel, ts=ts, **_shown(card))
        except Answered as error:
            if error.code in DELETED:
                raise Gone("Slack", f"the message {ts} was deleted ({error.code})") from None
            raise

    def whisper(self, channel: str, user: str, card: Card) -> None:
        self.api.call("chat.postEphemeral", channel=channel, user=user, **_shown(card))

    def pin(self, channel: str, ts: str) -> None:
        try:
            self.api.call("pins.add", channel=channel, timestamp=ts)
        except Answered as error:
            if error.code != "already_pinned":
                raise

    def react(self, channel: str, ts: str, name: str, *, there: bool) -> None:
        """Our own reaction with this emoji, there or not."""
        try:
            if there:
                self.api.call("reactions.add", channel=channel, timestamp=ts, name=name)
            else:
                self.api.call("reactions.remove", channel=channel, timestamp=ts, name=name)
        except Answered as error:
            if error.code not in SETTLED:
                raise

    def message(self, channel: str, ts: str) -> Message | None:
        """What was said there then, in the channel itself; None where there is nothing that somebody said."""
        here = {"channel": channel, "oldest": ts, "latest": ts, "inclusive": True, "limit": 1}
        found = self.api.call("conversations.history", **here).get("messages") or ()
        raw = next((one for one in found if one.get("ts") == ts and events.is_spoken(one)), None)
        return events.message(channel, raw, link=permalink(self.me, channel, ts)) if raw else None

    def link(self, channel: str, ts: str) -> str:
        """The permalink, put together rather than asked for; "" until Slack has said where we are.

        It is wanted while the database is read, and Slack may be away: so nobody is asked here.
        """
        return permalink(self.identity, channel, ts)

    def address(self, channel: str) -> str:
        """Where the channel opens, "" where that is not known."""
        return _archive(self.me, channel) if channel else ""

    def history(self, channel: str, since: datetime) -> tuple[Message, ...]:
        """What people said, in the channel and in its threads, oldest first."""
        heard: dict[str, Message] = {}
        pinned = {str((item.get("message") or {}).get("ts")) for item in self.pins(channel)}
        for raw in self.said(channel, since):
            self.hear(channel, raw, heard)
            for reply in self.replies(channel, since, raw) if raw.get("reply_count") else ():
                self.hear(channel, reply, heard)
        return tuple(events.pin(heard[ts], ts in pinned) for ts in sorted(heard))

    def replies(self, channel: str, since: datetime, parent: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Kept for a while: when a rate limit stops a long reading, the next one goes on where this one was stopped."""
        key = f"{channel} {parent['ts']} {parent.get('reply_count')} {parent.get('latest_reply')}"
        if (kept := self.threads.get(key)) is not None:
            return kept
        return self.threads.put(key, list(self.said(channel, since, str(parent["ts"]))))

    def hear(self, channel: str, raw: Mapping[str, Any], heard: dict[str, Message]) -> None:
        if events.is_spoken(raw) and not self.is_ours(raw):
            message = events.message(channel, raw, link=permalink(self.me, channel, str(raw["ts"])))
            heard[message.ts] = message

    def pins(self, channel: str) -> list[dict[str, Any]]:
        if (kept := self.threads.get(f"pins {channel}")) is not None:
            return kept
        items: list[dict[str, Any]] = self.api.call("pins.list", channel=channel).get("items") or []
        return self.threads.put(f"pins {channel}", items)

    # ------------------------------------------------------------ people

    def direct(self, user: str) -> str:
        """The channel of direct messages with them; it is opened, unless it is."""
        return str(self.api.call("conversations.open", users=user)["channel"]["id"])

    def members(self, group: str) -> tuple[str, ...]:
        """As of the last minute: who may act is asked with every command, more often than Slack would answer."""
        if (kept := self.groups.get(group)) is not None:
            return kept
        listed = self.api.call("usergroups.users.list", usergroup=group).get("users")
        return self.groups.put(group, tuple(listed or ()))

    def find_person(self, address: str) -> str:
        """The id of whoever has this e-mail address, or ""; also where we may not ask for addresses."""
        if (kept := self.addresses.get(address)) is not None:
            return kept
        try:
            found = str(self.api.call("users.lookupByEmail", email=address)["user"]["id"])
        except Answered as error:
            if error.code not in UNKNOWN_ADDRESS:
                raise
            found = ""
        return self.addresses.put(address, found)

    def names(self, users: Sequence[str]) -> dict[str, str]:
        """Display names of those ids that are people's; one whom Slack does not know keeps the id."""
        return {user: self.name(user) for user in dict.fromkeys(users) if PERSON.fullmatch(user)}

    def name(self, user: str) -> str:
        found = self.person(user)
        profile = found.get("profile") or {}
        known = (profile.get("display_name"), found.get("real_name"), profile.get("real_name"), found.get("name"))
        return str(next(filter(None, known), user))

    def is_me(self, user: str) -> bool:
        """As far as it is known who we are: nobody waits for Slack to learn it."""
        return self.identity is not None and user == self.identity.user

    def is_guest(self, user: str) -> bool:
        """Whether Slack lets them into a few channels only, or they belong to another organisation."""
        found = self.person(user)
        strange = not self.me.is_home(str(found.get("team_id") or ""))
        return strange or any(found.get(flag) for flag in ("is_restricted", "is_ultra_restricted", "is_stranger"))

    def person(self, user: str) -> dict[str, Any]:
        """What Slack knows of them; nothing where it knows nobody of that id."""
        if (kept := self.people.get(user)) is not None:
            return kept
        try:
            found = self.api.call("users.info", user=user)["user"]
        except Answered as error:
            if not error.permanent:
                raise
            found = {}
        return self.people.put(user, found)

    # ------------------------------------------------------------ forms and files

    def open_view(self, trigger: str, view: dict[str, Any]) -> None:
        self.api.call("views.open", trigger_id=trigger, view=view)

    def publish_home(self, user: str, view: dict[str, Any]) -> None:
        self.api.call("views.publish", user_id=user, view=view)

    def upload(self, channel: str, name: str, title: str, content: str, file: str) -> str:
        """The id of the file in the channel. Its title ends in a fingerprint, by which it is found again."""
        data = content.encode()
        title = f"{title} · {hashlib.sha256(data).hexdigest()[:8]}"
        if shared := self.shared(channel, title, file):
            return shared
        return self.uploaded(name, title, data, channel_id=channel)

    def attach(self, channel: str, thread: str, name: str, title: str, content: bytes, *, since: datetime) -> str:
        """The id of the one file with this title in the thread. What was put there before `since` is not looked for."""
        for raw in self.said(channel, since, thread):
            files = (raw.get("files") or ()) if self.is_ours(raw) else ()
            if found := next((str(file["id"]) for file in files if file.get("title") == title), ""):
                return found
        return self.uploaded(name, title, content, channel_id=channel, thread_ts=thread)

    def uploaded(self, name: str, title: str, data: bytes, **where: str) -> str:
        slot = self.api.call("files.getUploadURLExternal", filename=name, length=len(data))
        self.put(str(slot["upload_url"]), data)
        files = json.dumps([{"id": slot["file_id"], "title": title}])
        self.api.call("files.completeUploadExternal", files=files, **where)
        return str(slot["file_id"])

    def shared(self, channel: str, title: str, file: str) -> str:
        """This very file where it is in the channel already, else ""."""
        if file and self.is_shared(channel, file):
            return file
        recent = self.api.call("conversations.history", channel=channel, limit=200).get("messages") or ()
        files = (found for raw in recent if self.is_ours(raw) for found in raw.get("files") or ())
        return next((str(found["id"]) for found in files if found.get("title") == title), "")

    def is_shared(self, channel: str, file: str) -> bool:
        try:
            shares = self.api.call("files.info", file=file)["file"].get("shares") or {}
        except Answered as error:
            if error.code in ("file_not_found", "file_deleted"):
                return False
            raise
        return any(channel in where for where in shares.values())

    def put(self, url: str, data: bytes) -> None:
        """The bytes to the address that Slack gave for them; nobody sees them before completeUploadExternal."""
        if urlsplit(url).scheme not in ("https", "http"):
            raise ProviderError("Slack", "gave an upload address that is no web address", permanent=True)
        proxies = {"http": self.client.proxy, "https": self.client.proxy} if self.client.proxy else {}
        request = Request(url, data, {"Content-Type": "application/octet-stream"}, method="POST")  # noqa: S310
        try:
            with build_opener(ProxyHandler(proxies)).open(request, timeout=TIMEOUT) as answer:
                answer.read()
        except HTTPError as error:
            error.close()
            raise ProviderError("Slack", f"the upload answered HTTP {error.code}") from None
        except (OSError, HTTPException) as error:
            raise ProviderError("Slack", f"the upload got no answer ({type(error).__name__})") from None

    def canvas(self, channel: str, markdown: str, canvas: str) -> str:
        """The channel's canvas with this content. Raises a permanent ProviderError where the plan has no canvases."""
        content = {"type": "markdown", "markdown": markdown}
        if not canvas:
            try:
                made = self.api.call("conversations.canvases.create", channel_id=channel, document_content=content)
                return str(made["canvas_id"])
            except Answered as error:
                if error.code != "channel_canvas_already_exists":
                    raise
            info = self.api.call("conversations.info", channel=channel)["channel"]
            canvas = str(((info.get("properties") or {}).get("canvas") or {}).get("file_id") or "")
        change = {"operation": "replace", "document_content": content}
        self.api.call("canvases.edit", canvas_id=canvas, changes=[change])
        return canvas


def permalink(me: Identity | None, channel: str, ts: str) -> str:
    archive = _archive(me, channel)
    return f"{archive}/p{ts.replace('.', '')}" if archive else ""


def _archive(me: Identity | None, channel: str) -> str:
    return f"{me.url.rstrip('/')}/archives/{channel}" if me and me.url and channel else ""


def channel_name(name: str) -> str:
    """By Slack's rules: lower case letters, digits, - and _, at most 80 of them."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:LONGEST_NAME].rstrip("-") or "incident"


def candidates(name: str) -> list[str]:
    """The name, then the name with -2, -3 …, each short enough."""
    return [name] + [f"{name[: LONGEST_NAME - 3].rstrip('-')}-{n}" for n in range(2, SUFFIXES + 1)]


def fit(text: str, most: int = LONGEST_TEXT) -> str:
    """Cut to what Slack takes, never through an entity or a mention."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return re.sub(r"(?:&[a-z]{0,5}|<[^<>]*)$", "", cut) + "…"


def _shown(card: Card) -> dict[str, Any]:
    """A card as arguments: nothing in it becomes a mention or a link that the card does not spell out."""
    blocks = {"blocks": list(card.blocks)} if card.blocks else {}
    return {"text": fit(card.text), "parse": "none", "link_names": False, **blocks}


def _same_link(one: str, other: str) -> bool:
    return html.unescape(one).rstrip("/") == other.rstrip("/")


def _blamed(error: Answered, users: Sequence[str]) -> dict[str, str]:
    """User → error code, as far as Slack names them."""
    named = {str(e.get("user")): str(e.get("error")) for e in error.answer.get("errors") or () if not e.get("ok")}
    blamed = {user: code for user, code in named.items() if user in users}
    return blamed or ({users[0]: error.code} if len(users) == 1 else {})
