"""conversations.*: channels and what was said in them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING

from sandbox.slack import rooms, talk
from sandbox.slack.api import LONGEST_PAGE, TIER_2, TIER_3, TIER_4, USUAL_PAGE, Args, cursor, method, page
from sandbox.slack.model import BOT_USER, Channel, Json, SlackError

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

MOST_INVITED = 100
TS = re.compile(r"\d{1,11}(\.\d{1,6})?")


def either(
    *, public: tuple[str, ...], private: tuple[str, ...], direct: tuple[str, ...] = ()
) -> dict[str, tuple[str, ...]]:
    return {"channel": public, "group": private, "im": direct or private}


MANAGE = either(public=("channels:manage",), private=("groups:write",))
READ = either(public=("channels:read",), private=("groups:read",), direct=("im:read",))
HISTORY = either(public=("channels:history",), private=("groups:history",), direct=("im:history",))
INVITE = either(public=("channels:manage", "channels:write.invites"), private=("groups:write", "groups:write.invites"))
TOPIC = either(public=("channels:manage", "channels:write.topic"), private=("groups:write", "groups:write.topic"))


def managing(name: str, per_minute: int, scopes: dict[str, tuple[str, ...]] = MANAGE) -> Callable[..., Callable]:  # type: ignore[type-arg]
    return method(name, per_minute, *scopes["channel"], by_channel=scopes)


def shown(channel: Channel) -> Json:
    return {"channel": channel.as_json()}


def readable(workspace: Workspace, args: Args) -> Channel:
    """A channel whose content the bot may read."""
    channel = workspace.channels.get(args.need("channel", "channel_not_found"))
    if channel is None or (channel.is_private and BOT_USER not in channel.members):
        raise SlackError("channel_not_found")
    if BOT_USER not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def visible(workspace: Workspace, args: Args) -> Channel:
    """A channel that the bot knows of."""
    channel = workspace.channels.get(args.need("channel", "channel_not_found"))
    if channel is None or (channel.is_private and BOT_USER not in channel.members):
        raise SlackError("channel_not_found")
    return channel


def writable(workspace: Workspace, args: Args) -> Channel:
    visible(workspace, args)
    return workspace.channel_of(args.text("channel"), BOT_USER)


@managing("conversations.create", TIER_2)
def create(workspace: Workspace, args: Args) -> Json:
    name = args.need("name", "invalid_name_required")
    return shown(rooms.create(workspace, BOT_USER, name, args.flag("is_private"), args.blind))


@managing("conversations.invite", TIER_3, INVITE)
def invite(workspace: Workspace, args: Args) -> Json:
    channel, users = writable(workspace, args), args.names("users")
    if not users:
        raise SlackError("no_user")
    if len(users) > MOST_INVITED:
        raise SlackError("too_many_users")
    rooms.invite(workspace, channel, BOT_USER, users, args.flag("force"))
    return shown(channel)


@managing("conversations.kick", TIER_3)
def kick(workspace: Workspace, args: Args) -> Json:
    channel, user = writable(workspace, args), args.need("user", "user_not_found")
    if user == BOT_USER:
        raise SlackError("cant_kick_self")
    workspace.person(user)
    if not rooms.leave(workspace, channel, user):
        raise SlackError("not_in_channel")
    return {}


@method("conversations.join", TIER_3, "channels:join")
def join(workspace: Workspace, args: Args) -> Json:
    channel = visible(workspace, args)
    if rooms.join(workspace, channel, BOT_USER):
        return shown(channel)
    warned = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    return shown(channel) | warned


@managing("conversations.leave", TIER_3)
def leave(workspace: Workspace, args: Args) -> Json:
    return {} if rooms.leave(workspace, visible(workspace, args), BOT_USER) else {"not_in_channel": True}


@managing("conversations.setTopic", TIER_2, TOPIC)
def set_topic(workspace: Workspace, args: Args) -> Json:
    channel = writable(workspace, args)
    rooms.set_topic(workspace, channel, BOT_USER, args.text("topic"))
    return shown(channel)


@managing("conversations.setPurpose", TIER_2, TOPIC)
def set_purpose(workspace: Workspace, args: Args) -> Json:
    channel = writable(workspace, args)
    rooms.set_purpose(workspace, channel, BOT_USER, args.text("purpose"))
    return shown(channel)


@managing("conversations.rename", TIER_2)
def rename(workspace: Workspace, args: Args) -> Json:
    channel = writable(workspace, args)
    if channel.creator != BOT_USER:
        raise SlackError("not_authorized")
    rooms.rename(workspace, channel, BOT_USER, args.need("name", "invalid_name_required"))
    return shown(channel)


@managing("conversations.archive", TIER_2)
def archive(workspace: Workspace, args: Args) -> Json:
    channel = visible(workspace, args)
    if BOT_USER not in channel.members:
        raise SlackError("not_in_channel")
    rooms.archive(workspace, channel, BOT_USER)
    return {}


@managing("conversations.unarchive", TIER_2)
def unarchive(workspace: Workspace, args: Args) -> Json:
    rooms.unarchive(workspace, visible(workspace, args), BOT_USER)
    return {}


@managing("conversations.info", TIER_3, READ)
def info(workspace: Workspace, args: Args) -> Json:
    channel = visible(workspace, args)
    found = channel.as_json()
    if not args.flag("include_num_members"):
        found.pop("num_members", None)
    return {"channel": found}


@managing("conversations.members", TIER_4, READ)
def members(workspace: Workspace, args: Args) -> Json:
    found, next = page(visible(workspace, args).members, args)
    return {"members": found, **cursor(next)}


@method("conversations.list", TIER_2, "channels:read", "groups:read", "im:read")
def listing(workspace: Workspace, args: Args) -> Json:
    return channels(workspace, args, lambda channel: not channel.is_private or BOT_USER in channel.members)


@method("users.conversations", TIER_3, "channels:read", "groups:read", "im:read")
def mine(workspace: Workspace, args: Args) -> Json:
    user = args.text("user", BOT_USER)
    workspace.person(user)
    return channels(workspace, args, lambda channel: user in channel.members)


def channels(workspace: Workspace, args: Args, which: Callable[[Channel], bool]) -> Json:
    names = {"public_channel": "channel", "private_channel": "group", "im": "im"}
    wanted = {names.get(one, "") for one in args.names("types") or ["public_channel"]}
    found = [
        channel
        for channel in workspace.channels.values()
        if channel.kind in wanted and which(channel) and not (channel.is_archived and args.flag("exclude_archived"))
    ]
    items, next = page(found, args)
    return {"channels": [channel.as_json() for channel in items], **cursor(next)}


@method("conversations.open", TIER_3, "im:write")
def open_direct(workspace: Workspace, args: Args) -> Json:
    users = args.names("users")
    if len(users) != 1:
        raise SlackError("method_not_supported_for_channel_type" if users else "users_list_not_supplied")
    channel, already = rooms.direct(workspace, [BOT_USER, users[0]])
    told = {"already_open": True, "no_op": True} if already else {}
    return {"channel": channel.as_json() if args.flag("return_im") else {"id": channel.id}, **told}


@managing("conversations.history", TIER_3, HISTORY)
def history(workspace: Workspace, args: Args) -> Json:
    channel = readable(workspace, args)
    found = list(reversed(within(talk.top_level(channel), args)))
    items, next = turn(found, args)
    told = {"response_metadata": {"next_cursor": next}} if next else {}
    return {
        "messages": [public(one, args) for one in items],
        "has_more": bool(next),
        "pin_count": len(channel.pins),
        "channel_actions_ts": None,
        "channel_actions_count": 0,
        **told,
    }


@managing("conversations.replies", TIER_3, HISTORY)
def replies(workspace: Workspace, args: Args) -> Json:
    channel = readable(workspace, args)
    parent, *answers = talk.in_thread(workspace, channel, args.need("ts", "thread_not_found"))
    items, next = turn([parent, *within(answers, args)], args, newest_first=False)
    told = {"response_metadata": {"next_cursor": next}} if next else {}
    return {"messages": [public(one, args) for one in items], "has_more": bool(next), **told}


def within(messages: list[Json], args: Args) -> list[Json]:
    """Those between `oldest` and `latest`, with the two themselves if `inclusive`."""
    oldest, latest, inclusive = moment(args, "oldest"), moment(args, "latest"), args.flag("inclusive")

    def fits(ts: int) -> bool:
        if inclusive and ts in (oldest, latest):
            return True
        return (oldest is None or ts > oldest) and (latest is None or ts < latest)

    return [one for one in messages if fits(micros(one["ts"]))]


def moment(args: Args, name: str) -> int | None:
    """A timestamp in microseconds: as floats, neighbours would be the same."""
    if name not in args:
        return None
    if not TS.fullmatch(args.text(name)):
        raise SlackError(f"invalid_ts_{name}")
    return micros(args.text(name))


def micros(ts: str) -> int:
    seconds, _, rest = ts.partition(".")
    return int(seconds) * 1_000_000 + int(rest.ljust(6, "0")[:6])


def turn(messages: list[Json], args: Args, newest_first: bool = True) -> tuple[list[Json], str]:
    """A page that starts at the message which its cursor names, so that new ones do not shift it."""
    if "cursor" in args:
        start = _decoded(args.text("cursor"))
        messages = [one for one in messages if (one["ts"] <= start if newest_first else one["ts"] >= start)]
    limit = args.number("limit", USUAL_PAGE)
    if limit < 1:
        raise SlackError("invalid_limit")
    limit = min(limit, LONGEST_PAGE)
    next = _encoded(messages[limit]["ts"]) if len(messages) > limit else ""
    return messages[:limit], next


def _encoded(ts: str) -> str:
    return base64.b64encode(f"next_ts:{ts}".encode()).decode()


def _decoded(cursor: str) -> str:
    try:
        word, _, ts = base64.b64decode(cursor, validate=True).decode().partition(":")
    except ValueError:
        raise SlackError("invalid_cursor") from None
    if word != "next_ts":
        raise SlackError("invalid_cursor")
    return ts


def public(message: Json, args: Args) -> Json:
    """A message as it is read back: of its metadata only the type, unless all is asked for."""
    found = deepcopy(message)
    if "metadata" in found and not args.flag("include_all_metadata"):
        found["metadata"] = {"event_type": found["metadata"]["event_type"]}
    return found
