"""Channels: made, named, joined, left and archived. Each act is announced in the channel and to the app."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.slack import model, talk
from sandbox.slack.model import Channel, Json, SlackError
from sandbox.slack.state import State

NAME = re.compile(r"[a-z0-9_\-\u00c0-\uffff]+")
LONGEST_NAME, LONGEST_TOPIC = 80, 250
GENERAL = "C0GENERAL"


def check_name(state: State, name: str, itself: str = "", blind: bool = False) -> None:
    """`blind`: as when two are made at the same moment, nobody sees that the name is taken."""
    if not name:
        raise SlackError("invalid_name_required")
    if len(name) > LONGEST_NAME:
        raise SlackError("invalid_name_maxlength")
    if not re.search(r"[a-z0-9\u00c0-\uffff]", name):
        raise SlackError("invalid_name_punctuation")
    if not NAME.fullmatch(name):
        raise SlackError("invalid_name_specials")
    holder = state.named(name)
    if holder and holder.id != itself and not blind:
        raise SlackError("name_taken")


def create(state: State, user: str, name: str, is_private: bool = False, blind: bool = False) -> Channel:
    check_name(state, name, blind=blind)
    channel = Channel(state.new_id("C"), name, user, state.seconds(), [user], is_private=is_private)
    state.channels[channel.id] = channel
    if not is_private:
        made = {"id": channel.id, "name": name, "created": channel.created, "creator": user, "is_channel": True}
        state.emit({"type": "channel_created", "channel": made})
    _joined(state, channel, user)
    return channel


def direct(state: State, users: Sequence[str]) -> tuple[Channel, bool]:
    """The direct messages between two, and whether they were open already."""
    for user in users:
        state.person(user)
    for channel in state.channels.values():
        if channel.is_im and set(channel.members) == set(users):
            return channel, True
    channel = Channel(state.new_id("D"), "", users[0], state.seconds(), list(users), is_im=True)
    state.channels[channel.id] = channel
    state.notice(channel.id)
    return channel, False


def join(state: State, channel: Channel, user: str, inviter: str = "") -> bool:
    """False if they are in already."""
    if channel.is_archived:
        raise SlackError("is_archived")
    if user in channel.members:
        return False
    channel.members.append(user)
    _joined(state, channel, user, inviter)
    return True


def _joined(state: State, channel: Channel, user: str, inviter: str = "") -> None:
    by = {"inviter": inviter} if inviter else {}
    event = {"type": "member_joined_channel", "user": user, "channel": channel.id, "team": model.TEAM, **by}
    state.emit({**event, "channel_type": "G" if channel.is_private else "C"}, channel)
    subtype = "group_join" if channel.is_private else "channel_join"
    talk.remark(state, channel, user, subtype, f"<@{user}> has joined the channel", **by)


def invite(state: State, channel: Channel, by: str, users: Sequence[str], force: bool = False) -> None:
    """All of them, or with an error none at all; `force` invites those that can be."""
    errors = [
        {"user": user, "ok": False, "error": code} for user in users if (code := _refusal(state, channel, by, user))
    ]
    refused = {error["user"] for error in errors}
    if errors and not (force and len(refused) < len(users)):
        raise SlackError(str(errors[0]["error"]), errors=errors)
    for user in users:
        if user not in refused:
            join(state, channel, user, by)


def _refusal(state: State, channel: Channel, by: str, user: str) -> str:
    person = state.people.get(user)
    if person is None or person.deleted:
        return "user_not_found"
    if user == by:
        return "cant_invite_self"
    if user in channel.members:
        return "already_in_channel"
    if person.is_ultra_restricted:
        return "ura_max_channels"
    return "user_is_restricted" if person.is_restricted else ""


def leave(state: State, channel: Channel, user: str) -> bool:
    """False if they were not in."""
    if user not in channel.members:
        return False
    if channel.id == GENERAL:
        raise SlackError("cant_leave_general")
    subtype = "group_leave" if channel.is_private else "channel_leave"
    talk.remark(state, channel, user, subtype, f"<@{user}> has left the channel")
    kind = "G" if channel.is_private else "C"
    event = {"type": "member_left_channel", "user": user, "channel": channel.id, "team": model.TEAM}
    state.emit({**event, "channel_type": kind}, channel)
    channel.members.remove(user)
    return True


def set_topic(state: State, channel: Channel, user: str, topic: str) -> None:
    _fits(topic)
    channel.topic = topic
    words = f"set the channel topic: {topic}" if topic else "cleared the channel topic"
    talk.remark(state, channel, user, _subtype(channel, "topic"), f"<@{user}> {words}", topic=topic)


def set_purpose(state: State, channel: Channel, user: str, purpose: str) -> None:
    _fits(purpose)
    channel.purpose = purpose
    words = f"set the channel description: {purpose}" if purpose else "cleared the channel description"
    talk.remark(state, channel, user, _subtype(channel, "purpose"), f"<@{user}> {words}", purpose=purpose)


def _fits(text: str) -> None:
    if len(text) > LONGEST_TOPIC:
        raise SlackError("too_long")


def _subtype(channel: Channel, what: str) -> str:
    return f"{channel.kind}_{what}"


def rename(state: State, channel: Channel, user: str, name: str) -> None:
    check_name(state, name, itself=channel.id)
    old, channel.name = channel.name, name
    channel.previous_names.append(old)
    made: Json = {"id": channel.id, "name": name, "name_normalized": name, "created": channel.created}
    state.emit({"type": f"{channel.kind}_rename", "channel": made}, channel)
    words = f'<@{user}> has renamed the channel from "{old}" to "{name}"'
    talk.remark(state, channel, user, _subtype(channel, "name"), words, old_name=old, name=name)


def archive(state: State, channel: Channel, user: str) -> None:
    if channel.is_archived:
        raise SlackError("already_archived")
    if channel.id == GENERAL:
        raise SlackError("cant_archive_general")
    talk.remark(state, channel, user, _subtype(channel, "archive"), f"<@{user}> archived the channel")
    state.emit({"type": f"{channel.kind}_archive", "channel": channel.id, "user": user}, channel)
    channel.is_archived = True
    state.notice(channel.id)


def unarchive(state: State, channel: Channel, user: str) -> None:
    if not channel.is_archived:
        raise SlackError("not_archived")
    channel.is_archived = False
    state.emit({"type": f"{channel.kind}_unarchive", "channel": channel.id, "user": user}, channel)
    talk.remark(state, channel, user, _subtype(channel, "unarchive"), f"<@{user}> un-archived the channel")
