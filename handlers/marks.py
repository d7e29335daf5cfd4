"""Marks in the chat: by emoji, by shortcut, and the receipt that shows that they were seen."""

from __future__ import annotations

from datetime import datetime

import structlog

from bot import events, marks
from bot.cards.forms import task_modal
from bot.commands import Invalid, Submission, person
from bot.decision import Card, Decision, Modal
from bot.errors import ProviderError, Refused
from bot.events import Raw
from bot.model import Event, Incident, Message
from bot.policy import TIMELINE
from handlers.world import Think, World, nothing
from storage.store import Tx

OUTSIDER = ":no_entry: Only members of this workspace can mark messages for an incident; nothing was changed."

log = structlog.get_logger(__name__)

# ---------------------------------------------------------------- effects


def show(world: World, id: str) -> Think:
    """A reaction of ours on a message that is marked; none on one that is no more."""
    channel, _, ts = id.partition("/")
    if world.policy.receipt:
        standing = world.read(lambda tx: marks.stands(tx.marks(id)))
        world.chat.react(channel, ts, world.policy.receipt, there=standing)
    return nothing


# ---------------------------------------------------------------- emoji


def reacted(world: World, event: Event) -> Think:
    """What a reaction means beside being one. Asks Slack for what is not known, so outside of any transaction."""
    what = marks.meaning(str(event.body.get("reaction") or ""), world.policy)
    by, channel, ts = str(event.body.get("user") or ""), events.channel_of(event.body), events.subject_of(event.body)
    if not what or not ts:
        return nothing
    if event.kind == "reaction_removed":
        return lambda tx, now: taken_back(tx, f"{channel}/{ts}", what, by, now)
    if world.chat.is_guest(by):
        tell_outsider(world, channel, by)
        return nothing
    message = world.read(lambda tx: tx.message(channel, ts)) or world.chat.message(channel, ts)
    return (lambda tx, now: quietly(tx, message, what, by, now)) if message else nothing


def tell_outsider(world: World, channel: str, by: str) -> None:
    try:
        world.chat.whisper(channel, by, Card(text=OUTSIDER))
    except ProviderError as error:
        log.warning("a guest was not told", channel=channel, user=by, error=str(error))


def quietly(tx: Tx, message: Message, what: str, by: str, now: datetime) -> Decision:
    """A second one of the same sort is nothing: nobody asked for an answer."""
    try:
        return mark(tx, message, what, by, now)
    except Refused:
        return Decision()


def taken_back(tx: Tx, message: str, what: str, by: str, now: datetime) -> Decision:
    found = tx.mark(marks.id_of(message, what))
    return marks.take_back(found, tx.find_task(found.task) if found and found.task else None, by, now)


def mark(tx: Tx, message: Message, what: str, by: str, now: datetime, text: str = "", owner: str = "") -> Decision:
    incident = here(tx, message.channel)
    before, number = tx.mark(marks.id_of(message.id, what)), len(tx.tasks(incident.id)) + 1
    return marks.mark(incident, message, what, before, by, now, number=number, text=text, owner=owner)


def here(tx: Tx, channel: str) -> Incident:
    """Raises Refused where it is no incident's channel."""
    found = tx.incident_in(channel)
    if found is None:
        raise Refused("This is not an incident's channel; nothing was changed.", instead="/incident declare")
    return found


# ---------------------------------------------------------------- shortcuts


def to_timeline(world: World, channel: str, raw: Raw, by: str) -> Decision:
    """The shortcut "Add to timeline" on a message as Slack sends it."""
    message = said(world, channel, raw)
    return world.decide(lambda tx, now: mark(tx, message, TIMELINE, by, now))


def to_task(world: World, channel: str, raw: Raw) -> Decision:
    """The shortcut "Make a task": its words can be changed first."""
    message = said(world, channel, raw)
    incident = world.read(lambda tx: here(tx, channel))
    return Decision(say=Modal(view=task_modal(incident, message.id, message.text).view))


def said(world: World, channel: str, raw: Raw) -> Message:
    """Raises Refused for what nobody said."""
    if not events.is_spoken(raw):
        raise Refused("Nobody said that; nothing was changed.")
    return events.message(channel, raw, link=world.chat.link(channel, str(raw["ts"])))


def submit(world: World, form: Submission) -> Decision:
    """The form of a task. Which message it was comes back through the client, so it has to be of the incident."""
    id, _, subject = form.subject.partition("|")
    channel, _, ts = subject.partition("/")
    text, who = form.values.get("text", "").strip(), form.values.get("user", "")
    if not text:
        raise Invalid({"text": "Say what is to be done."})
    message = world.read(lambda tx: tx.message(channel, ts)) or world.chat.message(channel, ts)
    if message is None:
        raise Refused("That message is gone; nothing was changed.")

    def think(tx: Tx, now: datetime) -> Decision:
        if here(tx, channel).id != id:
            raise Refused("That message is not of this incident; nothing was changed.")
        return mark(tx, message, form.values.get("kind") or "task", form.by, now, text, person(who) if who else "")

    return world.decide(think)
