"""What was not understood, in Slack: listed, shown and replayed by those who look after the bot."""

from __future__ import annotations

from bot.cards import unparsed as cards
from bot.commands import Ask
from bot.decision import Decision
from bot.errors import Refused
from bot.text import plural
from handlers import hearing
from handlers.world import World

USAGE = "/incident unparsed [show ID | replay ID]"


def run(world: World, ask: Ask) -> Decision:
    """Raises Refused, also for whoever is none of `admins`: a body may say what is not for everybody."""
    if ask.by not in world.policy.admins:
        raise Refused("Only those in `admins` of the configuration see what senders posted; nothing was changed.")
    match ask.split()[1].split():
        case []:
            return Decision(say=cards.list_card(world.read(lambda tx: tx.all_unparsed()), world.now()))
        case ["show", id]:
            return Decision(say=cards.one_card(hearing.find(world, id), world.now()))
        case ["replay", id]:
            count = hearing.replay(world, world.sources, id, ask.by)
            return Decision(say=f"{hearing.find(world, id).id} is taken in now: {plural(count, 'fact')}.")
    raise Refused("I did not understand that; nothing was changed.", instead=USAGE)
