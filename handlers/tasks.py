"""Tasks: made, done, listed, and the reminder when one is due."""

from __future__ import annotations

from datetime import datetime

from bot import tasks
from bot.cards.task import task_list
from bot.commands import Ask, again
from bot.decision import Decision
from bot.errors import Refused
from bot.model import Task
from bot.text import code
from handlers import names
from handlers.incidents import find
from handlers.world import Think, World
from storage.store import Tx

KINDS = {"task": tasks.TASK, "followup": tasks.FOLLOW_UP}

# ---------------------------------------------------------------- effects


def remind(world: World, id: str) -> Think:
    def think(tx: Tx, now: datetime) -> Decision:
        task = tx.task(id)
        return tasks.remind(task, tx.survivor(task.incident), world.policy.announce, now)

    return think


# ---------------------------------------------------------------- commands


def run(world: World, ask: Ask) -> Decision:
    verb, words = ask.split()
    if verb == "done":
        return world.decide(lambda tx, now: tasks.done(named(tx, words), ask.by, now))
    incident, rest = world.read(lambda tx: find(tx, ask, words))
    if verb == "task" and not rest:
        return Decision(say=task_list(incident, world.read(lambda tx: tx.tasks(incident.id))))
    rest = names.understood(world, incident, rest, verb)
    text, owner = tasks.parse(rest, verb, ask.by)
    names.must_be_people(world, f"<@{owner}>", f"/incident {verb} {again(text)} @who")
    return world.decide(lambda tx, now: add(tx, incident.id, KINDS[verb], text, owner, ask.by, now))


def named(tx: Tx, words: str) -> Task:
    """Raises Refused where there is none of that name."""
    found = tx.find_task(words.strip())
    if found is None:
        what = f"There is no task {code(words, 60)}" if words else "Say which task"
        raise Refused(f"{what}; nothing was changed.", instead="/incident task")
    return found


def add(tx: Tx, incident: str, kind: str, text: str, owner: str, by: str, now: datetime) -> Decision:
    number = len(tx.tasks(incident)) + 1
    return tasks.add(tx.incident(incident), kind, number, text, owner=owner, by=by, now=now)
