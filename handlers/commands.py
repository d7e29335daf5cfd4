"""Where every line that people type, press or submit goes."""

from __future__ import annotations

from bot import roles
from bot.cards import incident as cards
from bot.cards.help import help_card
from bot.commands import COMMANDS, HELP, Ask, Submission, must_be_text, naming, unknown_verb
from bot.decision import Decision
from bot.errors import Refused
from handlers import (
    authority,
    consent,
    declaring,
    drills,
    incidents,
    marks,
    merging,
    pages,
    polls,
    postmortems,
    questions,
    rollouts,
    silences,
    status,
    subscriptions,
    tasks,
    unparsed,
    updates,
)
from handlers.world import World


def run(world: World, ask: Ask) -> Decision:
    """Raises Refused, ProviderError, NotYet or Busy."""
    try:
        return _run(world, ask)
    except Refused as refusal:
        drills.note_refusal(world, ask, refusal)
        refusal.instead = naming(refusal.instead, ask.split()[1])
        raise


def _run(world: World, ask: Ask) -> Decision:
    verb, words = ask.split()
    if not verb:
        return tray(world, ask)
    if verb in HELP or words.lower() in HELP:
        words = words if verb in HELP else verb
        usages = roles.usages(COMMANDS[ask.command], world.policy)
        return Decision(say=help_card(ask.command, usages, words, world.commands[ask.command]))
    if verb not in COMMANDS[ask.command]:
        raise unknown_verb(ask.command, verb)
    must_be_text(ask.command, verb, words)
    authority.admit(world, ask)
    drills.must_stay_inside(world, ask, verb)
    match ask.command, verb:
        case "rollout", _:
            place, drilled = drills.world_of(world, ask)
            return drills.said(drilled, rollouts.run(place, ask))
        case _, "drill":
            return drills.run(world, ask)
        case _, "update":
            return updates.update(world, ask)
        case _, "publish" | "maintenance":
            return status.run(world, ask)
        case _, "snooze" | "approve" | "withhold":
            return updates.steer(world, ask)
        case _, "subscribe" | "unsubscribe":
            return subscriptions.run(world, ask)
        case _, "silence" | "unsilence" | "silences":
            return silences.run(world, ask)
        case _, "task" | "followup" | "done":
            return tasks.run(world, ask)
        case _, "poll" | "vote":
            return polls.run(world, ask)
        case _, "merge":
            return merging.run(world, ask)
        case _, "declare" | "join":
            return declaring.run(world, ask)
        case _, "page" | "ack":
            return pages.run(world, ask)
        case _, "unparsed":
            return unparsed.run(world, ask)
        case _, "answer":
            return questions.run(world, ask)
        case _, "postmortem":
            return postmortems.ask(world, ask)
        case _:
            return incidents.run(world, ask)


def tray(world: World, ask: Ask) -> Decision:
    """The bare command: its verbs as buttons."""
    if ask.command == "rollout":
        return rollouts.run(world, ask)
    incident, odd = world.read(lambda tx: (tx.incident_in(ask.channel), tx.count_unparsed()))
    return Decision(say=cards.tray(incident, odd))


def submit(world: World, form: Submission) -> Decision:
    """A submitted form. Raises Invalid (a Refused) with the field to mend."""
    authority.admit_form(world, form)
    match form.callback:
        case "rollout.confirm" | "rollout.object":
            return consent.submit(drills.world_of_request(world, form.subject), form)
        case "incident.publish":
            return status.submit(world, form)
        case "incident.update":
            return updates.submit(world, form)
        case "task.add":
            return marks.submit(world, form)
        case "incident.declare":
            return declaring.submit(world, form)
        case "incident.resolve" | "role.handoff":
            return incidents.submit(world, form)
        case _:
            raise Refused("I do not know this form any more. Please open it again.")
