"""Shortcuts: declaring from anywhere, and what is made of a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App

from bot.commands import Ask
from bot.decision import Decision, Modal
from bot.errors import Refused
from handlers import marks
from handlers.slack.answers import Answers, Origin, notice, refusal
from handlers.slack.commands import demand_member, run
from handlers.slack.identity import Identity
from handlers.world import World

DECLARE, TIMELINE, TASK = "shortcut.declare", "shortcut.timeline", "shortcut.task"


def register(app: App, world: World, answers: Answers, me: Identity) -> None:
    @app.shortcut(re.compile(""))
    def used(ack: Ack, body: dict[str, Any]) -> None:
        ack()
        origin = origin_of(body)
        answers.answer(origin, lambda: use(world, body, origin, me))


def origin_of(body: Mapping[str, Any]) -> Origin:
    return Origin(
        user=str((body.get("user") or {}).get("id") or ""),
        channel=str((body.get("channel") or {}).get("id") or ""),
        response_url=str(body.get("response_url") or ""),
        trigger=str(body.get("trigger_id") or ""),
    )


def use(world: World, body: Mapping[str, Any], origin: Origin, me: Identity) -> Decision:
    team, callback = str((body.get("user") or {}).get("team_id") or ""), str(body.get("callback_id") or "")
    if callback == DECLARE:
        return declare(world, Ask(command="incident", text="declare", by=origin.user, trigger=origin.trigger), me, team)
    demand_member(world, me, origin.user, team)
    message = body.get("message") or {}
    if callback == TIMELINE:
        return marks.to_timeline(world, origin.channel, message, origin.user)
    if callback == TASK:
        return marks.to_task(world, origin.channel, message)
    raise Refused("I do not know this shortcut any more: it is from an older version.", instead="/incident")


def declare(world: World, ask: Ask, me: Identity, team: str) -> Decision:
    """It comes from nowhere in particular, so a form is the only place for an answer."""
    try:
        return run(world, ask, me, team)
    except Refused as error:
        return Decision(say=Modal(view=notice(refusal(error, world.commands))))
