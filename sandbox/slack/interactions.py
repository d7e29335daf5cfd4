"""What the app is sent when a person types a command, presses or chooses something, and what its answers do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from sandbox.slack import elements, model, talk, text, views
from sandbox.slack.model import Channel, Json, SlackError
from sandbox.slack.state import State
from sandbox.slack.tickets import Response

AT = re.compile(r"(?<![\w<])@([\w.-]*\w)")
HASH = re.compile(r"(?<![\w<&])#([\w-]*\w)")
REFERENCE = re.compile(r"<([@#])(\w+)>")


def response_url(state: State, token: str) -> str:
    return f"{state.web}/respond/{token}"


def envelope(state: State, kind: str, user: str) -> Json:
    """What every interaction carries."""
    return {
        "type": kind,
        "user": state.member_json(user),
        "api_app_id": model.APP_ID,
        "token": model.VERIFICATION_TOKEN,
        "team": {"id": model.TEAM, "domain": model.DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def channel_json(room: Channel) -> Json:
    name = "directmessage" if room.is_im else "privategroup" if room.is_private else room.name
    return {"id": room.id, "name": name}


# ------------------------------------------------------------ commands


def command(state: State, user: str, room: Channel, known: Json, rest: str, token: str) -> Json:
    """A slash command, which is flat, as the fields of a form are."""
    where = channel_json(room)
    return {
        "token": model.VERIFICATION_TOKEN,
        "team_id": model.TEAM,
        "team_domain": model.DOMAIN,
        "channel_id": where["id"],
        "channel_name": where["name"],
        "user_id": user,
        "user_name": state.person(user).handle,
        "command": known["command"],
        "text": _typed(state, rest, bool(known.get("should_escape"))),
        "api_app_id": model.APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url(state, token),
        "trigger_id": state.tickets.trigger(user),
    }


def _typed(state: State, rest: str, with_ids: bool) -> str:
    """A command's text as the app gets it: with the names of people and channels as ids, if it wants that."""
    if not with_ids:
        return text.outside_marks(rest, text.escape)
    people = {one.handle: f"<@{one.id}|{one.handle}>" for one in state.people.values()}
    people |= {one.handle: f"<!subteam^{one.id}|@{one.handle}>" for one in state.groups.values()}
    rooms = {one.name: f"<#{one.id}|{one.name}>" for one in state.channels.values() if one.name}
    said = text.outside_marks(REFERENCE.sub(lambda found: _with_name(state, found), rest), text.escape)
    said = text.outside_marks(said, lambda part: HASH.sub(lambda found: rooms.get(found[1], found[0]), part))
    return text.outside_marks(said, lambda part: AT.sub(lambda found: people.get(found[1], found[0]), part))


def _with_name(state: State, found: re.Match[str]) -> str:
    mark, id = found.groups()
    names = {one.id: one.handle for one in state.people.values()} | {
        one.id: one.name for one in state.channels.values()
    }
    return f"<{mark}{id}|{names[id]}>" if id in names else found.group()


# ------------------------------------------------------------ presses, submissions, shortcuts


def press_in_message(
    state: State, user: str, room: Channel, ts: str, what: tuple[str, str, Any], values: Mapping[str, Any]
) -> tuple[Json, str]:
    """The payload, and the token of its response URL. `what` is action id, block id or "", and value."""
    whispered = talk.whispered(state, room.id, user, ts)
    message = whispered or state.message(room, ts)
    if user not in room.members:
        raise SlackError("not_in_channel")
    attached = [block for one in message.get("attachments") or () for block in one.get("blocks") or ()]
    blocks = [*(message.get("blocks") or ()), *attached]
    block, element, action = _action(state, blocks, what)
    chosen = {} if element["type"] in elements.STATELESS else {block["block_id"]: what[2]}
    thread = str(message.get("thread_ts") or "")
    token = state.tickets.response(user, room.id, ts, thread, is_ephemeral=whispered is not None)
    container = {"type": "message", "message_ts": ts, "channel_id": room.id, "is_ephemeral": whispered is not None}
    payload = {
        "container": container | ({"thread_ts": thread} if thread else {}),
        "channel": channel_json(room),
        "trigger_id": state.tickets.trigger(user),
        "response_url": response_url(state, token),
        "state": {"values": elements.state(blocks, {**values, **chosen})},
        "actions": [action],
    }
    if not whispered:  # an ephemeral message is not kept by Slack, so it cannot send it back
        payload["message"] = deepcopy(message)
    return envelope(state, "block_actions", user) | payload, token


def press_in_view(state: State, user: str, id: str, what: tuple[str, str, Any], values: Mapping[str, Any]) -> Json:
    view = views.theirs(state, user, id)
    block, element, action = _action(state, view["blocks"], what)
    chosen = {} if element["type"] in elements.STATELESS else {block["block_id"]: what[2]}
    return envelope(state, "block_actions", user) | {
        "container": {"type": "view", "view_id": id},
        "trigger_id": state.tickets.trigger(user, id),
        "view": with_values(view, {**values, **chosen}),
        "actions": [action],
    }


def _action(state: State, blocks: list[Json], what: tuple[str, str, Any]) -> tuple[Json, Json, Json]:
    action_id, block_id, value = what
    block, element = elements.find(blocks, action_id, block_id, value)
    return block, element, elements.action(block, element, value, state.ts())


def with_values(view: Json, values: Mapping[str, Any]) -> Json:
    return deepcopy(view) | {"state": {"values": elements.state(view["blocks"], values)}}


def submission(state: State, user: str, view: Json) -> Json:
    trigger = state.tickets.trigger(user, view["id"])
    return envelope(state, "view_submission", user) | {"view": view, "trigger_id": trigger, "response_urls": []}


def shortcut(state: State, user: str, callback_id: str, message: tuple[str, str] | None) -> Json:
    about = {"callback_id": callback_id, "action_ts": state.ts(), "trigger_id": state.tickets.trigger(user)}
    if not message:
        return envelope(state, "shortcut", user) | about
    room = state.channel(message[0])
    found = state.message(room, message[1])
    token = state.tickets.response(user, room.id, found["ts"])
    where = {"channel": channel_json(room), "message": deepcopy(found), "message_ts": found["ts"]}
    return envelope(state, "message_action", user) | about | where | {"response_url": response_url(state, token)}


# ------------------------------------------------------------ answers


def answer(state: State, response: Response, body: Json, content: Json) -> None:
    """Do what an answer asks for; `content` is its text and blocks, as they are kept."""
    room = state.channels[response.channel]
    if body.get("delete_original"):
        _remove(state, room, response)
    elif body.get("replace_original") and response.ts:
        _replace(state, room, response, content)
    else:
        show(state, room, response, body, content)


def show(state: State, room: Channel, response: Response, body: Json, content: Json) -> None:
    bot, thread = state.people[model.BOT_USER], str(body.get("thread_ts") or response.thread)
    said = content.pop("text")
    if body.get("response_type") == "in_channel":
        message = talk.say(state, room, bot, said, thread if thread in room.messages else "", **content)
    else:
        message = talk.whisper(state, room, response.user, said, bot, thread_ts=thread, **content)
    response.shown.append(message)
    state.notice(room.id, response.user)


def _replace(state: State, room: Channel, response: Response, content: Json) -> None:
    content = {"blocks": None, "attachments": None, **content}
    if not response.is_ephemeral:
        talk.change(state, room, response.ts, model.BOT_USER, content.pop("text"), **content)
        return
    message = talk.whispered(state, room.id, response.user, response.ts)
    if message is None:
        return
    for key, value in content.items():
        if value is None:
            message.pop(key, None)
        else:
            message[key] = value
    response.shown.append(message)
    state.notice(room.id, response.user)


def _remove(state: State, room: Channel, response: Response) -> None:
    if response.is_ephemeral:
        talk.forget(state, room.id, response.user, response.ts)
    else:
        talk.take_back(state, room, response.ts, model.BOT_USER)
