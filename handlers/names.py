"""Whom a line names: asked of Slack only where somebody typed a name that Slack made no mention of."""

from __future__ import annotations

from bot import names
from bot.errors import NotYet, ProviderError, Refused
from bot.model import Incident
from bot.outages import SLACK
from handlers.world import World


def understood(world: World, incident: Incident, words: str, verb: str) -> str:
    """The words with a mention for each name that is known here, and none of the bot's. Raises Refused."""
    if names.AT.search(words):
        known = near(world, incident)
        words = names.understood(words, known)
        if name := names.unnamed(words):
            raise names.nobody(name, words, verb, known)
    return words


def must_be_people(world: World, words: str, instead: str) -> None:
    """Raises Refused for what is given to the bot."""
    if any(world.chat.is_me(user) for user in names.mentioned(words)):
        raise Refused("That is me, and I can neither hold a role nor do a task. Nothing was changed.", instead=instead)


def near(world: World, incident: Incident) -> dict[str, str]:
    """Who is likely meant by a name: those in the channel, and those in the configuration."""
    listed = configured(world)
    reach = world.read(lambda tx: tx.reach(SLACK))
    if not incident.channel or (reach is not None and reach.away):  # whoever calls for help must not wait for it
        return listed
    try:
        return listed | world.chat.names(world.chat.inside(incident.channel))
    except (ProviderError, NotYet):  # a refusal without names is one, too
        return listed


def configured(world: World) -> dict[str, str]:
    """Those of the configuration alone, for whom nobody waits."""
    return {who: contact.name for who, contact in world.policy.people.items() if contact.name}
