"""Two incidents that are one: merged when people see it, or joined before a second one is opened."""

from __future__ import annotations

from datetime import datetime

from bot import merging, text
from bot.commands import Ask, incident_id
from bot.decision import Decision
from bot.errors import Refused
from bot.incidents import must_be_open
from bot.model import Incident
from handlers.incidents import find
from handlers.world import World
from storage.store import Tx


def run(world: World, ask: Ask) -> Decision:
    """`merge INC-3` in a channel, `merge INC-7 INC-3` anywhere, `join INC-3`. Raises Refused."""
    verb, words = ask.split()
    return join(world, words, ask.by) if verb == "join" else merge(world, ask, words)


def merge(world: World, ask: Ask, words: str) -> Decision:
    *first, last = words.split() or [""]
    other = incident_id(last)
    if other is None or len(first) > 1:
        raise Refused("Say which incident it turned out to be; nothing was changed.", instead=merging.USAGE)

    def think(tx: Tx, now: datetime) -> Decision:
        incident, _ = find(tx, ask, f"{first[0]} " if first else "")
        return merging.merge(incident, tx.incident(other), tx.alerts(incident.id), ask.by, now)

    return world.decide(think)


def join(world: World, words: str, by: str) -> Decision:
    id = incident_id(words.strip())
    if id is None:
        raise Refused("Say which incident.", instead="/incident list")
    return Decision(say=brought(world, world.read(lambda tx: tx.incident(id)), by))


def brought(world: World, incident: Incident, user: str) -> str:
    """Invites a person to the incident's channel; what to say to them."""
    must_be_open(incident)
    if not incident.channel:
        raise Refused(f"{incident.id} has no channel yet. Please try again in a moment.")
    refused = world.chat.invite(incident.channel, [user])
    where = text.channel(incident.channel, incident.channel_name)
    return f"{incident.id} goes on in {where}." + (" Slack would not let me invite you." if refused else "")
