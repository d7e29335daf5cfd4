"""What a workspace is made of, and the people, channels and app that ours starts with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]

BOT_TOKEN = "xoxb-sandbox"  # noqa: S105  # a pretend secret
APP_TOKEN = "xapp-sandbox"  # noqa: S105
SIGNING_SECRET = "sandbox-signing-secret"  # noqa: S105
VERIFICATION_TOKEN = "sandbox-verification"  # noqa: S105

TEAM, TEAM_NAME, DOMAIN = "T0SHOP", "Corner Shop", "corner-shop"
BOT_USER, BOT_ID, APP_ID = "U0WATCH", "B0WATCH", "A0WATCH"
SLACKBOT = "USLACKBOT"


class SlackError(Exception):
    """Slack's error code, and what the answer carries beside it. `says` is what a person reads, if not the code."""

    def __init__(self, code: str, says: str = "", **more: Any) -> None:
        super().__init__(says or code)
        self.code, self.more = code, more


@dataclass
class Person:
    id: str
    handle: str
    name: str
    title: str = ""
    is_bot: bool = False
    bot_id: str = ""
    team: str = TEAM
    deleted: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False

    @property
    def email(self) -> str:
        return f"{self.handle}@corner-shop.example"

    def as_json(self, with_email: bool = True) -> Json:
        first, _, last = self.name.partition(" ")
        profile: Json = {
            "real_name": self.name,
            "real_name_normalized": self.name,
            "display_name": self.handle if self.is_bot else self.name,
            "first_name": first,
            "last_name": last,
            "title": self.title,
            "team": self.team,
        }
        if with_email and not self.is_bot:
            profile["email"] = self.email
        if self.bot_id:
            profile |= {"bot_id": self.bot_id, "api_app_id": APP_ID}
        return {
            "id": self.id,
            "team_id": self.team,
            "name": self.handle,
            "real_name": self.name,
            "deleted": self.deleted,
            "tz": "Etc/UTC",
            "tz_label": "UTC",
            "tz_offset": 0,
            "profile": profile,
            "is_admin": False,
            "is_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "is_stranger": self.team != TEAM,
            "updated": 0,
        }


@dataclass
class Group:
    """A user group, such as @payments-oncall."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...]

    def as_json(self, with_users: bool = False) -> Json:
        found: Json = {
            "id": self.id,
            "team_id": TEAM,
            "is_usergroup": True,
            "name": self.name,
            "handle": self.handle,
            "description": "",
            "is_external": False,
            "date_delete": 0,
            "user_count": len(self.users),
            "prefs": {"channels": [], "groups": []},
        }
        return found | ({"users": list(self.users)} if with_users else {})


@dataclass
class Pin:
    ts: str
    by: str
    at: int


@dataclass
class Channel:
    """`messages` is in the order of posting; replies stand in it as well."""

    id: str
    name: str
    creator: str
    created: int
    members: list[str] = field(default_factory=list)
    topic: str = ""
    purpose: str = ""
    messages: dict[str, Json] = field(default_factory=dict)
    pins: dict[str, Pin] = field(default_factory=dict)
    bookmarks: list[Json] = field(default_factory=list)
    previous_names: list[str] = field(default_factory=list)
    is_private: bool = False
    is_archived: bool = False
    is_im: bool = False
    canvas: str = ""  # file id

    @property
    def kind(self) -> str:
        """The word that message events use: channel, group or im."""
        return "im" if self.is_im else "group" if self.is_private else "channel"

    def partner(self, user: str) -> str:
        """Whom `user` talks to in a direct message."""
        return next((one for one in self.members if one != user), user)

    def as_json(self, viewer: str = BOT_USER) -> Json:
        if self.is_im:
            return {"id": self.id, "created": self.created, "is_im": True, "user": self.partner(viewer)}
        found: Json = {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_general": self.name == "general",
            "is_member": viewer in self.members,
            "is_shared": False,
            "is_ext_shared": False,
            "is_org_shared": False,
            "created": self.created,
            "creator": self.creator,
            "context_team_id": TEAM,
            "topic": {"value": self.topic, "creator": self.creator if self.topic else "", "last_set": 0},
            "purpose": {"value": self.purpose, "creator": self.creator if self.purpose else "", "last_set": 0},
            "previous_names": list(self.previous_names),
            "num_members": len(self.members),
            "properties": {},
        }
        if self.canvas:
            found["properties"]["canvas"] = {"file_id": self.canvas, "is_empty": False, "quip_thread_id": ""}
        return found


@dataclass
class File:
    id: str
    name: str
    title: str
    user: str
    created: int
    length: int = 0
    content: bytes = b""
    uploaded: bool = False
    shares: dict[str, list[Json]] = field(default_factory=dict)  # channel → where it was shared

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


@dataclass
class Canvas:
    id: str
    title: str
    markdown: str
    channel: str = ""


@dataclass(frozen=True)
class Call:
    """One call that the app made to the Web API, and the error that it was answered with, if any."""

    method: str
    args: Json
    at: datetime
    token: str
    error: str = ""


@dataclass(frozen=True)
class App:
    """The app as it was installed. Where a field is None, nothing was said and everything is allowed."""

    name: str = "Watchkeeper"
    commands: tuple[Json, ...] | None = None
    shortcuts: tuple[Json, ...] | None = None
    scopes: frozenset[str] | None = None
    events: frozenset[str] | None = None
    interactive: bool = True
    home: bool = True

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> App:
        """What a Slack manifest asks for."""
        features, settings = manifest.get("features") or {}, manifest.get("settings") or {}
        return cls(
            name=manifest["display_information"]["name"],
            commands=tuple(features.get("slash_commands") or ()),
            shortcuts=tuple(features.get("shortcuts") or ()),
            scopes=frozenset(((manifest.get("oauth_config") or {}).get("scopes") or {}).get("bot") or ()),
            events=frozenset((settings.get("event_subscriptions") or {}).get("bot_events") or ()),
            interactive=bool((settings.get("interactivity") or {}).get("is_enabled")),
            home=bool((features.get("app_home") or {}).get("home_tab_enabled")),
        )

    def may(self, *scopes: str) -> bool:
        """Whether one of these scopes was granted; no scope at all is needed by nobody."""
        return not scopes or self.scopes is None or not self.scopes.isdisjoint(scopes)

    def hears(self, event: str) -> bool:
        return self.events is None or event in self.events

    def command(self, name: str) -> Json | None:
        if self.commands is None:
            return {"command": name, "should_escape": True}
        return next((one for one in self.commands if one["command"] == name), None)

    def has_shortcut(self, callback: str) -> bool:
        return self.shortcuts is None or any(one["callback_id"] == callback for one in self.shortcuts)


def seed_people() -> list[Person]:
    return [
        Person("U0DANA", "dana", "Dana Kim", "On call for the storefront"),
        Person("U0ALICE", "alice", "Alice Moreau", "Backend"),
        Person("U0BOB", "bob", "Bob Okafor", "Payments"),
        Person("U0CAROL", "carol", "Carol Ruiz", "Support"),
        Person("U0ERIN", "erin", "Erin Walsh", "Engineering manager"),
        Person(BOT_USER, "watchkeeper", "Watchkeeper", is_bot=True, bot_id=BOT_ID),
    ]


def seed_groups() -> list[Group]:
    return [Group("S0PAY", "payments-oncall", "Payments on call", ("U0BOB", "U0ALICE"))]


def seed_channels(created: int, members: list[str]) -> list[Channel]:
    rooms = {
        "general": "Everything and everyone",
        "incidents": "What is broken right now",
        "status-updates": "Updates on running incidents",
        "support": "What customers tell us",
        "deploys": "What is being shipped",
    }
    ids = ("C0GENERAL", "C0INCIDENTS", "C0STATUS", "C0SUPPORT", "C0DEPLOYS")
    return [
        Channel(id, name, "U0ERIN", created, list(members), purpose=purpose)
        for id, (name, purpose) in zip(ids, rooms.items(), strict=True)
    ]
