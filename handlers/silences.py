"""Silences: asked for, ended, listed."""

from __future__ import annotations

from datetime import datetime

from bot import silences
from bot.alerts import triage
from bot.commands import Ask
from bot.decision import Decision
from bot.model import BOT, Silence
from handlers import alerts, freezes
from handlers.world import Think, World
from storage.store import Tx


def run(world: World, ask: Ask) -> Decision:
    """Raises Refused."""
    verb, words = ask.split()
    if verb == "silences":
        return world.read(lambda tx: listed(tx, world.now()))
    if verb == "unsilence":
        return world.decide(lambda tx, now: unsilence(world, tx, ask, words, now))
    return world.decide(lambda tx, now: silence(world, tx, ask, words, now))


def silence(world: World, tx: Tx, ask: Ask, words: str, now: datetime) -> Decision:
    wanted = silences.parse(words, world.policy, now)
    return silences.silence(wanted, tx.count_silences() + 1, ask.by, now, freezes.home(tx, ask))


def unsilence(world: World, tx: Tx, ask: Ask, words: str, now: datetime) -> Decision:
    return _end(world, tx, silences.find(words, tx.silences(now)), ask.by, now, freezes.home(tx, ask))


def listed(tx: Tx, now: datetime) -> Decision:
    standing = tx.silences(now)
    return Decision(say=silences.listed(standing, [tx.count_silenced(one.id) for one in standing], now))


def end(world: World, id: str) -> Think:
    """Its time is up: what still fires is news. Nothing where it was ended before."""

    def think(tx: Tx, now: datetime) -> Decision:
        silence = tx.silence(id)
        return Decision() if silence.ended_at else _end(world, tx, silence, BOT, now)

    return think


def _end(world: World, tx: Tx, silence: Silence, by: str, now: datetime, incident: str = "") -> Decision:
    still = tx.silenced(silence.id)
    ended = silences.end(silence, still, tx.count_silenced(silence.id), by, now, incident)
    if not still:
        return ended
    seen = alerts.seen(world, tx, now, still, without=silence.id)
    return triage(still, seen, world.policy, now) + ended
