"""What whoever gets a role is told, and what is said where nobody has it."""

from __future__ import annotations

from datetime import timedelta

from bot import text
from bot.cards.kit import actions, context, press, section
from bot.decision import Card
from bot.model import Incident, Role
from bot.positions import Position, short


def instructions_card(incident: Incident, role: Role, position: Position) -> Card:
    """A direct message. The instructions are the configuration's own, so they may use Slack's marks."""
    where = text.channel(incident.channel, incident.channel_name)
    line = f":clipboard: You are *{text.brief(position.title, 60)}* of {incident.id}"
    facts = text.dotted([str(incident.severity), text.brief(incident.title, 150), where])
    hand = press("Hand it off", f"incident handoff {incident.id} {role}", f"handoff.{role}")
    return Card(
        text=text.fallback(line),
        blocks=(section(f"{line}\n{facts}"), section(text.cut(position.instructions, 2500)), actions(hand)),
    )


def vacancy_card(incident: Incident, role: Role, title: str, empty: timedelta, whom: str = "", *, calls: bool) -> Card:
    """`whom`: who is asked by name. `calls`: there is an on-call for it."""
    name = text.brief(title, 60)
    asked = f"{text.mention(whom)}, still nobody" if whom else "Nobody"
    since = "it was opened again" if incident.reopened_at else "it was opened"
    line = f":raising_hand: {asked} is *{name}* of {incident.id}, {text.span(empty)} after {since}."
    take = press(f"Take {short(role, title)}", f"incident role {incident.id} {role}", f"role.{role}", "primary")
    page = press("Page the on-call", f"incident page {incident.id} {role}", "page") if calls else None
    give = context(f"Somebody else: `/incident role {role} @who`")
    return Card(text=text.fallback(line), blocks=(section(line), actions(take, page), give))
