"""chat.*: the app's messages."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.slack import elements, talk
from sandbox.slack.api import TIER_3, TIER_4, TIER_POST, Args, Limited, cursor, method, page
from sandbox.slack.blocks import message_problems, too_long
from sandbox.slack.model import BOT_USER, Channel, Json, SlackError
from sandbox.slack.rates import UNLIMITED
from sandbox.slack.rooms import direct
from sandbox.slack.text import posted

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

LONGEST_TEXT, LONGEST_UPDATE, LONGEST_MARKDOWN = 40_000, 4_000, 12_000
MOST_ATTACHMENTS = 100
LARGEST_METADATA = 8_000  # bytes; Slack says that there is a limit, not which
FARTHEST = timedelta(days=120)
MOST_SCHEDULED = 30  # in one channel within five minutes


def destination(workspace: Workspace, args: Args) -> Channel:
    """A channel that the bot is in, by id or name; a user's id means the direct messages with them."""
    id = args.need("channel", "channel_not_found")
    if id in workspace.people:
        return direct(workspace, [BOT_USER, id])[0]
    return workspace.channel_of(id, BOT_USER)


def content(workspace: Workspace, args: Args) -> Json:
    """Text, blocks and attachments, as they are kept."""
    blocks, attachments = args.nested("blocks", "invalid_blocks_format"), args.nested("attachments")
    markdown = args.text("markdown_text")
    if markdown:
        if blocks or "text" in args:
            raise SlackError("markdown_text_conflict")
        if len(markdown) > LONGEST_MARKDOWN:
            raise SlackError("msg_too_long")
        blocks = [{"type": "markdown", "text": markdown}]
    if not blocks and not attachments and "text" not in args:
        raise SlackError("no_text")
    if attachments and len(attachments) > MOST_ATTACHMENTS:
        raise SlackError("too_many_attachments")
    found: Json = {"text": posted(args.text("text"))[:LONGEST_TEXT]}
    if blocks:
        found["blocks"] = checked(workspace, blocks)
    if attachments:
        found["attachments"] = attachments
    return found


def checked(workspace: Workspace, blocks: Any) -> list[Json]:
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if problems := message_problems(blocks):
        raise SlackError("invalid_blocks", errors=problems, response_metadata={"messages": problems})
    if too_long(blocks):
        raise SlackError("msg_blocks_too_long")
    return elements.with_ids(blocks, workspace.new_block_id)


def metadata(args: Args) -> Json:
    given = args.nested("metadata")
    if not given:
        return {}
    if not isinstance(given, dict) or not given.get("event_type") or not isinstance(given.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(given).encode()) > LARGEST_METADATA:
        raise SlackError("metadata_too_large")
    return {"metadata": given}


@method("chat.postMessage", TIER_POST, "chat:write")
def post(workspace: Workspace, args: Args) -> Json:
    channel = destination(workspace, args)
    found = content(workspace, args) | metadata(args)
    thread = args.text("thread_ts")
    if thread and thread not in channel.messages:
        raise SlackError("thread_not_found")
    if wait := workspace.rates.wait_in(channel.id):
        raise Limited(wait)
    if thread and args.flag("reply_broadcast"):
        found["subtype"] = "thread_broadcast"
    message = talk.say(workspace, channel, workspace.people[BOT_USER], found.pop("text"), thread, **found)
    return {"channel": channel.id, "ts": message["ts"], "message": message}


@method("chat.update", TIER_3, "chat:write")
def update(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel_of(args.need("channel", "channel_not_found"), BOT_USER)
    if len(args.text("text")) > LONGEST_UPDATE:
        raise SlackError("msg_too_long")
    found = content(workspace, args) | metadata(args)
    kept: Json = {"blocks": None, "attachments": None, "metadata": None} | found  # what is not sent again is gone
    text = kept.pop("text")
    message = talk.change(workspace, channel, args.need("ts", "message_not_found"), BOT_USER, text, **kept)
    return {"channel": channel.id, "ts": message["ts"], "text": text, "message": message}


@method("chat.delete", TIER_3, "chat:write")
def delete(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel_of(args.need("channel", "channel_not_found"), BOT_USER)
    ts = args.need("ts", "message_not_found")
    talk.take_back(workspace, channel, ts, BOT_USER)
    return {"channel": channel.id, "ts": ts}


@method("chat.postEphemeral", TIER_4, "chat:write")
def whisper(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channel_of(args.need("channel", "channel_not_found"), BOT_USER)
    user = args.need("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    found = content(workspace, args)
    bot = workspace.people[BOT_USER]
    thread = args.text("thread_ts")
    message = talk.whisper(workspace, channel, user, found.pop("text"), bot, thread_ts=thread, **found)
    return {"message_ts": message["ts"]}


@method("chat.scheduleMessage", TIER_3, "chat:write")
def schedule(workspace: Workspace, args: Args) -> Json:
    channel, at = destination(workspace, args), args.number("post_at", 0)
    now = workspace.seconds()
    if at <= now:
        raise SlackError("time_in_past")
    if at > now + FARTHEST.total_seconds():
        raise SlackError("time_too_far")
    near = [
        one for one in workspace.scheduled.values() if one["channel"] == channel.id and abs(one["post_at"] - at) < 300
    ]
    if len(near) >= MOST_SCHEDULED:
        raise SlackError("restricted_too_many")
    id = workspace.new_id("Q")
    found = content(workspace, args) | metadata(args) | {"thread": args.text("thread_ts")}
    workspace.scheduled[id] = {"id": id, "channel": channel.id, "post_at": at, "date_created": now, "content": found}
    said = {"type": "delayed_message", "user": BOT_USER, "text": found["text"]}
    return {"scheduled_message_id": id, "channel": channel.id, "post_at": at, "message": said}


@method("chat.scheduledMessages.list", TIER_3)
def scheduled(workspace: Workspace, args: Args) -> Json:
    wanted = args.text("channel")
    found = [
        {**{key: one[key] for key in ("id", "post_at", "date_created")}, "channel_id": one["channel"], "text": text}
        for one in workspace.scheduled.values()
        if wanted in ("", one["channel"]) and (text := one["content"]["text"]) is not None
    ]
    items, next = page(found, args)
    return {"scheduled_messages": items, **cursor(next)}


@method("chat.deleteScheduledMessage", TIER_3, "chat:write")
def unschedule(workspace: Workspace, args: Args) -> Json:
    if workspace.scheduled.pop(args.text("scheduled_message_id"), None) is None:
        raise SlackError("invalid_scheduled_message_id")
    return {}


@method("chat.getPermalink", UNLIMITED)
def permalink(workspace: Workspace, args: Args) -> Json:
    channel = workspace.channels.get(args.need("channel", "channel_not_found"))
    if channel is None:
        raise SlackError("channel_not_found")
    message = workspace.message(channel, args.need("message_ts", "message_not_found"))
    link = workspace.permalink(channel.id, message["ts"], str(message.get("thread_ts") or ""))
    return {"channel": channel.id, "permalink": link}
