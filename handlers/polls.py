"""Polls: a proposal's card, its votes and its end."""

from __future__ import annotations

from datetime import datetime

from bot import polls
from bot.cards.marking import marked
from bot.cards.poll import poll_card
from bot.commands import Ask
from bot.decision import Decision
from bot.errors import Refused
from bot.model import Poll
from bot.text import code
from handlers import channels
from handlers.incidents import edited, find
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

# ---------------------------------------------------------------- effects


def show(world: World, id: str, job: Job) -> Think:
    poll, incident = world.read(lambda tx: (tx.poll(id), tx.incident(tx.poll(id).incident)))
    channel = channels.must_be_open(world, incident)
    card = marked(incident, poll_card(poll))
    if poll.ts:
        edited(world, channel, poll.ts, card)  # one that was taken away stays away
        return nothing
    ts = world.chat.post(channel, card, poll.id, since=poll.at, again=job.again)
    return lambda tx, now: polls.shown(tx.poll(id), ts)


def end(world: World, id: str) -> Think:
    return lambda tx, now: polls.end(tx.poll(id), now)


# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    verb, words = ask.split()
    if verb == "vote":
        id, _, word = words.partition(" ")
        return world.decide(lambda tx, now: polls.vote(named(tx, id), word.strip().lower(), ask.by, now))

    def think(tx: Tx, now: datetime) -> Decision:
        incident, proposal = find(tx, ask, words)
        return polls.ask(incident, proposal, tx.count_polls(incident.id) + 1, ask.by, now)

    return world.decide(think)


def named(tx: Tx, id: str) -> Poll:
    """Raises Refused where there is none of that name."""
    found = tx.find_poll(id)
    if found is None:
        what = f"There is no poll {code(id, 60)}" if id else "Say which poll"
        raise Refused(f"{what}; nothing was changed.", instead=polls.USAGE)
    return found
