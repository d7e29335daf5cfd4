"""Slash commands: the line as it was typed becomes an Ask."""

from __future__ import annotations

from typing import Any

import structlog
from slack_bolt import Ack, App

from bot.commands import Ask
from bot.decision import Decision
from bot.errors import NotYet, ProviderError, Refused
from bot.events import plain
from handlers import commands
from handlers.slack.answers import Answers, Origin
from handlers.slack.identity import Identity
from handlers.world import World

log = structlog.get_logger(__name__)

OUTSIDER = "Only members of this workspace can do that; nothing was changed."


def register(app: App, world: World, answers: Answers, me: Identity) -> None:
    for command, name in world.commands.items():
        app.command(name)(listener(command, world, answers, me))


def listener(command: str, world: World, answers: Answers, me: Identity) -> Any:
    def typed(ack: Ack, body: dict[str, Any]) -> None:
        ack()
        ask = Ask(
            command=command,
            text=plain(str(body.get("text") or "")),
            by=str(body.get("user_id") or ""),
            channel=str(body.get("channel_id") or ""),
            trigger=str(body.get("trigger_id") or ""),
        )
        url = str(body.get("response_url") or "")
        origin = Origin(user=ask.by, channel=ask.channel, response_url=url, trigger=ask.trigger)
        team = str(body.get("team_id") or "")
        answers.answer(origin, lambda: run(world, ask, me, team))

    return typed


def run(world: World, ask: Ask, me: Identity, team: str) -> Decision:
    demand_member(world, me, ask.by, team, sure=moves_a_rollout(ask))
    return commands.run(world, ask)


MOVES = frozenset({"resume", "promote", "abort", "retry", "rollback", "confirm", "approve", "suspend", "restore"})


def moves_a_rollout(ask: Ask) -> bool:
    return ask.command == "rollout" and ask.split()[0] in MOVES


def demand_member(world: World, me: Identity, user: str, team: str, *, sure: bool = False) -> None:
    """Raises Refused for guests and for people of other organisations: every button can be pressed by all who see it.

    Where Slack does not say who they are, people of our team are not kept from their incident; but a rollout is moved
    only by those of whom we are `sure`.
    """
    if not me.is_home(team):
        raise Refused(OUTSIDER)
    try:
        guest = world.chat.is_guest(user)
    except (ProviderError, NotYet) as error:
        log.warning("not known whether this is a guest", user=user, error=str(error))
        if sure:
            raise Refused("Slack does not say just now whether you are a guest here. Please try again.") from None
        return
    if guest:
        raise Refused(OUTSIDER)
