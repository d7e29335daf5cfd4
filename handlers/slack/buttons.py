"""Buttons and menus: the value of what is pressed is the line it stands for, so pressing is typing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App

from bot.commands import COMMANDS, Ask
from bot.decision import Decision
from bot.errors import Refused
from handlers.slack.answers import Answers, Origin
from handlers.slack.commands import run
from handlers.slack.identity import Identity
from handlers.world import World

LINE = re.compile(r"^ask\.")


def register(app: App, world: World, answers: Answers, me: Identity) -> None:
    @app.action(LINE)
    def pressed(ack: Ack, body: dict[str, Any]) -> None:
        ack()
        origin = origin_of(body)
        answers.answer(origin, lambda: press(world, body, origin, me))

    @app.action(re.compile(""))
    def other(ack: Ack) -> None:
        """Link buttons and the inputs of forms are reported too; what they mean is elsewhere."""
        ack()


def press(world: World, body: Mapping[str, Any], origin: Origin, me: Identity) -> Decision:
    command, _, text = line_of(body).partition(" ")
    if command not in COMMANDS:
        raise Refused("I do not know this button any more: it is from an older version.", instead="/incident")
    ask = Ask(command=command, text=text, by=origin.user, channel=origin.channel, trigger=origin.trigger)
    return run(world, ask, me, str((body.get("user") or {}).get("team_id") or ""))


def line_of(body: Mapping[str, Any]) -> str:
    action: Mapping[str, Any] = next(iter(body.get("actions") or ()), {})
    chosen = action.get("selected_option") or {}
    return str(action.get("value") or chosen.get("value") or "")


def origin_of(body: Mapping[str, Any]) -> Origin:
    container = body.get("container") or {}
    return Origin(
        user=str((body.get("user") or {}).get("id") or ""),
        channel=str((body.get("channel") or {}).get("id") or container.get("channel_id") or ""),
        response_url=str(body.get("response_url") or ""),
        trigger=str(body.get("trigger_id") or ""),
        private=bool(container.get("is_ephemeral")),
        in_view=container.get("type") == "view",
    )
