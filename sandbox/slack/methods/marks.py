"""pins.*, reactions.* and bookmarks.*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slack import marks
from sandbox.slack.api import TIER_2, TIER_3, Args, method
from sandbox.slack.methods.conversations import public, readable
from sandbox.slack.model import BOT_USER, Channel, Json, SlackError

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace


def item(workspace: Workspace, args: Args) -> tuple[Channel, str]:
    channel = workspace.channel_of(args.need("channel", "channel_not_found"), BOT_USER)
    return channel, args.need("timestamp", "no_item_specified")


@method("pins.add", TIER_2, "pins:write")
def pin(workspace: Workspace, args: Args) -> Json:
    channel, ts = item(workspace, args)
    marks.pin(workspace, channel, ts, BOT_USER)
    return {}


@method("pins.remove", TIER_2, "pins:write")
def unpin(workspace: Workspace, args: Args) -> Json:
    channel, ts = item(workspace, args)
    marks.unpin(workspace, channel, ts, BOT_USER)
    return {}


@method("pins.list", TIER_2, "pins:read")
def pins(workspace: Workspace, args: Args) -> Json:
    channel = readable(workspace, args)
    newest = sorted(channel.pins.values(), key=lambda one: one.at, reverse=True)
    return {"items": [marks.pin_item(workspace, channel, one) for one in newest]}


@method("reactions.add", TIER_3, "reactions:write")
def react(workspace: Workspace, args: Args) -> Json:
    channel, ts = item(workspace, args)
    marks.react(workspace, channel, ts, BOT_USER, args.need("name", "invalid_name"))
    return {}


@method("reactions.remove", TIER_2, "reactions:write")
def unreact(workspace: Workspace, args: Args) -> Json:
    channel, ts = item(workspace, args)
    marks.unreact(workspace, channel, ts, BOT_USER, args.need("name", "invalid_name"))
    return {}


@method("reactions.get", TIER_3, "reactions:read")
def reactions(workspace: Workspace, args: Args) -> Json:
    channel = readable(workspace, args)
    message = workspace.message(channel, args.need("timestamp", "no_item_specified"))
    return {"type": "message", "channel": channel.id, "message": public(message, args)}


def place(workspace: Workspace, args: Args, write: bool = True) -> Channel:
    id = args.need("channel_id", "channel_not_found")
    if id not in workspace.channels:
        raise SlackError("channel_not_found")
    return workspace.channel_of(id, BOT_USER) if write else workspace.channels[id]


@method("bookmarks.add", TIER_2, "bookmarks:write")
def add(workspace: Workspace, args: Args) -> Json:
    channel, title = place(workspace, args), args.need("title")
    if args.need("type") != "link":
        raise SlackError("invalid_bookmark_type")
    emoji = args.text("emoji")
    return {"bookmark": marks.add_bookmark(workspace, channel, BOT_USER, title, args.text("link"), emoji)}


@method("bookmarks.edit", TIER_2, "bookmarks:write")
def edit(workspace: Workspace, args: Args) -> Json:
    wanted = {name: args.text(name) for name in ("title", "link", "emoji") if name in args}
    bookmark = marks.edit_bookmark(workspace, place(workspace, args), args.need("bookmark_id"), BOT_USER, **wanted)
    return {"bookmark": bookmark}


@method("bookmarks.list", TIER_3, "bookmarks:read")
def bookmarks(workspace: Workspace, args: Args) -> Json:
    return {"bookmarks": place(workspace, args, write=False).bookmarks}


@method("bookmarks.remove", TIER_2, "bookmarks:write")
def remove(workspace: Workspace, args: Args) -> Json:
    marks.remove_bookmark(workspace, place(workspace, args), args.need("bookmark_id"))
    return {}
