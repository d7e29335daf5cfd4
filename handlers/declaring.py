"""Declaring an incident, typed or by form, and being brought to the one that it is already."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot import declaring, text
from bot.cards import incident as cards
from bot.commands import Ask, Invalid, Submission, incident_id, must_be_somebody
from bot.decision import Decision
from bot.errors import Refused
from bot.incidents import must_be_open
from bot.model import Incident, Severity
from handlers import authority
from handlers.world import World
from storage.store import Tx

ANOTHER = "new"  # what the form says for "it is another one"


def run(world: World, ask: Ask) -> Decision:
    """declare [text] | join INC-n. Raises Refused."""
    verb, words = ask.split()
    if verb == "join":
        return join(world, words, ask.by)
    if not words and ask.trigger:
        return Decision(say=cards.declare_modal(tuple(world.policy.services)))
    if not words:
        raise Refused("Say what is wrong in a few words.", instead="/incident declare checkout is down sev2")
    what = declaring.parse(words, world.policy)

    def think(tx: Tx, now: datetime) -> Decision:
        here = of_service(world, tx, what)
        declaring.must_be_news(what, declaring.twin(what, here, tx.incidents(open_only=True)))
        return declaring.declare(what, here, tx.next_number(), ask.by, world.policy, now)

    return world.decide(think)


def of_service(world: World, tx: Tx, what: declaring.Declaration) -> tuple[Incident, ...]:
    """The open incidents of the service that it names."""
    service = declaring.about(what, world.policy)
    return tx.open_incident_of(service.name, service.environment) if what.service else ()


def submit(world: World, form: Submission) -> Decision:
    """A submitted form; where it may be one that is open, the form comes back and asks."""
    again, what = form.values.get("again", ""), declaration(world, form)
    if again and again != ANOTHER:
        incident = world.read(lambda tx: tx.incident(again))
        authority.must_know(world, incident, incident.id, form.by)
        return Decision(say=brought(world, incident, form.by))

    def think(tx: Tx, now: datetime) -> Decision:
        here = of_service(world, tx, what)
        if twin := declaring.twin(what, here, tx.incidents(open_only=True)):
            return Decision(say=cards.declare_modal(tuple(world.policy.services), what.title, what, twin))
        return declaring.declare(what, here, tx.next_number(), form.by, world.policy, now)

    asked = world.read(lambda tx: think(tx, world.now()))
    return world.decide(think) if asked.save else asked  # a form that comes back is not a form that was done


def declaration(world: World, form: Submission) -> declaring.Declaration:
    """Raises Invalid."""
    title = form.values.get("title", "").strip()
    if not title:
        raise Invalid({"title": "A few words are enough."})
    severity = Severity(int(form.values.get("severity") or Severity.SEV3))
    what = declaring.entered(title, form.values.get("service", ""), severity, world.policy)
    return replace(
        what,
        impact=form.values.get("impact", "").strip(),
        new=form.values.get("again") == ANOTHER,
        private=form.values.get("private") == "private",
    )


def join(world: World, words: str, by: str) -> Decision:
    must_be_somebody(by, "cannot be invited", "/incident list")
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
