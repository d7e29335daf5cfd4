"""Postmortem drafts: from the timeline and the chat, into the channel and out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot import postmortem, timeline
from bot.commands import Ask
from bot.decision import Decision, DraftPostmortem, SharePostmortem
from bot.errors import InDrill, ProviderError, Refused
from bot.model import Entry, EntryKind, Incident, Message, Postmortem, Role
from handlers.incidents import find, linked
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

log = structlog.get_logger(__name__)

CHAT_BEFORE = timedelta(minutes=1)  # the clocks of Slack and ours


def ask(world: World, ask: Ask) -> Decision:
    """`/incident postmortem`: draft it anew, from all that is known now."""

    def think(tx: Tx, now: datetime) -> Decision:
        incident, _ = find(tx, ask, ask.split()[1])
        if incident.drill or incident.cancelled:
            why = "is a drill, which is debriefed" if incident.drill else "turned out to be no incident"
            refused = InDrill if incident.drill else Refused
            raise refused(f"{incident.id} {why}: there is no postmortem of it.", instead="/incident timeline")
        say = f"I am drafting the postmortem of {incident.id}; it will be in its channel in a moment."
        return Decision(do=(DraftPostmortem(incident.id),), say=say)

    return world.decide(think)


def draft(world: World, id: str) -> Think:
    incident = world.read(lambda tx: tx.incident(id))
    heard = history(world, incident)
    people = world.read(lambda tx: _people(tx, id, heard))
    names = world.chat.names(sorted(people))

    def think(tx: Tx, now: datetime) -> Decision:
        markdown = compose(tx, id, names, now, world.policy.titles, heard)
        before = tx.postmortem(id)
        text = "postmortem drafted" if before is None else "postmortem drafted anew"
        saved = Postmortem(
            incident=id,
            markdown=markdown,
            drafted_at=now,
            by=incident.by,
            canvas=before.canvas if before else "",
            version=before.version if before else 0,
        )
        return Decision(
            save=(saved, *unspoiled(tx, id, heard)),
            note=(Entry(incident=id, at=now, kind=EntryKind.INCIDENT, text=text),),
            do=(SharePostmortem(id),),
        )

    return think


def history(world: World, incident: Incident) -> tuple[Message, ...]:
    """What Slack has of the channel; where Slack says never, what we heard has to do."""
    if not incident.channel:
        return ()
    try:
        messages = world.chat.history(incident.channel, incident.opened_at - CHAT_BEFORE)
    except ProviderError as error:
        if not error.permanent:
            raise
        log.warning("history unreadable, drafting from stored messages", incident=incident.id, error=str(error))
        return ()
    return tuple(replace(message, incident=incident.id) for message in messages)


def unspoiled(tx: Tx, id: str, heard: tuple[Message, ...]) -> tuple[Message, ...]:
    """What was read, but for what was deleted since: it must not come back."""
    gone = {message.id for message in tx.messages(id) if message.deleted}
    return tuple(message for message in heard if message.id not in gone)


def _people(tx: Tx, id: str, heard: tuple[Message, ...]) -> set[str]:
    spoke = {message.user for message in (*tx.messages(id), *heard)}
    acted = {who for entry in tx.entries(id) for who in (entry.by, entry.whom)}
    return spoke | acted | {a.user for a in tx.assignments(id)}


def compose(
    tx: Tx,
    id: str,
    names: dict[str, str],
    now: datetime,
    titles: Mapping[Role, str],
    heard: tuple[Message, ...] = (),
) -> str:
    """The draft as Markdown. What Slack says now of a message wins over what we heard of it then; of what was deleted,
    also while we could not hear it, nothing is said.
    """
    incident = tx.incident(id)
    read = {message.id for message in heard}
    stored = [message for message in tx.messages(id) if not heard or message.deleted or message.id in read]
    messages = {message.id: message for message in (*stored, *unspoiled(tx, id, heard))}
    assignments = tx.assignments(id)
    lines = timeline.timeline(incident, tx.entries(id), tuple(messages.values()), assignments, names, titles=titles)
    updates, requests, tasks = tx.updates(id), tx.requests(id), tx.tasks(id)
    return postmortem.draft(incident, lines, assignments, linked(tx, id), updates, requests, names, now, tasks, titles)


def share(world: World, id: str, job: Job) -> Think:
    incident, draft = world.read(lambda tx: (tx.incident(id), tx.postmortem(id)))
    if draft is None or not incident.channel:
        return nothing
    file = draft.file or world.chat.upload(
        incident.channel, f"{id}-postmortem.md", f"Postmortem of {id}: draft", draft.markdown, ""
    )
    canvas = draft.canvas
    try:
        canvas = world.chat.canvas(incident.channel, draft.markdown, draft.canvas)
    except ProviderError as error:
        if not error.permanent:
            raise
        log.info("no canvas in this workspace; the file is enough", incident=id, error=str(error))
    return lambda tx, now: _shared(tx, id, draft.version, file, canvas)


def _shared(tx: Tx, id: str, version: int, file: str, canvas: str) -> Decision:
    latest = tx.postmortem(id)
    if latest is None or latest.version != version:  # drafted anew meanwhile; that one shares itself
        return Decision()
    return Decision(save=(replace(latest, file=file, canvas=canvas),))
