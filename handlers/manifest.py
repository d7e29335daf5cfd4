"""The Slack app's manifest, with the command names of this configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bot.events import HOME, KINDS

HERE = Path(__file__).resolve().parent
PLACES = (HERE / "manifest.yml", HERE.parent / "manifest.yml")  # in the wheel, in the source tree

# What each kind of event needs, and what it is called in a manifest where that differs.
EVENT_SCOPES: Mapping[str, str] = {
    "app_home_opened": "",
    "channel_id_changed": "channels:read",
    "channel_rename": "channels:read",
    "group_rename": "groups:read",
    "member_joined_channel": "channels:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "pin_added": "pins:read",
    "pin_removed": "pins:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
}


def subscriptions() -> frozenset[str]:
    """The events that we use, under the names of a manifest."""
    return KINDS - {"message"} | {"message.channels", "message.groups", HOME}


def manifest(commands: Mapping[str, str]) -> dict[str, Any]:
    """`commands` is our name → the slash command, such as {"incident": "/inc"}."""
    path = next(path for path in PLACES if path.is_file())
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for command in content["features"]["slash_commands"]:
        ours = command["command"].removeprefix("/")
        command["command"] = commands.get(ours, command["command"])
    return content
