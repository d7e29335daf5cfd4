"""What people mark in the chat: for the timeline, as a task, as a follow-up, as an open question. Once each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot import tasks
from bot.decision import Decision, ShowMark
from bot.errors import Refused
from bot.model import Entry, EntryKind, Incident, Mark, Message, Task
from bot.policy import TIMELINE, Policy
from bot.text import clip, is_person

LONGEST = 1000  # characters of a message that are taken


def meaning(reaction: str, policy: Policy) -> str:
    """What an emoji says here, "" for nothing; `star::skin-tone-2` is a star."""
    return policy.emoji.get(reaction.partition("::")[0], "")


def id_of(message: str, what: str) -> str:
    return f"{message}/{what}"


def mark(
    incident: Incident,
    message: Message,
    what: str,
    before: Mark | None,
    by: str,
    now: datetime,
    *,
    number: int,
    text: str = "",
    owner: str = "",
) -> Decision:
    """`before` is the same mark, if there was one; `number` that of the next task. `text` and `owner` of a task may
    be said; else they are the message's words and whoever marks it. Raises Refused where it is marked already.
    """
    if before and before.undone_at is None:
        raise Refused(f"That was done by <@{before.by}> already; nothing was changed.")
    words = clip(text or message.text, LONGEST)
    if not words.strip() or message.deleted:
        raise Refused("There are no words in that message; nothing was changed.")
    version = before.version if before else 0
    kept = Mark(
        id=id_of(message.id, what),
        incident=incident.id,
        message=message.id,
        what=what,
        by=by,
        at=now,
        task="" if what == TIMELINE else f"{incident.id}/task/{number}",
        version=version,
    )
    shown = Decision(save=(kept,), do=(ShowMark(message.id),))
    if what == TIMELINE:
        return shown + Decision(note=(_line(incident, message, words, by),), say="It is on the timeline.")
    return shown + tasks.add(incident, what, number, words, owner=owner or by, by=by, now=now)


def _line(incident: Incident, message: Message, words: str, by: str) -> Entry:
    """When it was said, by whom, and where to read it."""
    author = message.user if is_person(message.user) and message.user != by else ""
    source = message.link or message.id
    return Entry(
        incident=incident.id, at=message.at, kind=EntryKind.NOTE, by=by, whom=author, text=words, source=source
    )


def take_back(mark: Mark | None, task: Task | None, by: str, now: datetime) -> Decision:
    """By whoever set it. The timeline keeps its line, and one that takes it back."""
    if mark is None or mark.undone_at or mark.by != by:
        return Decision()
    gone = Decision(save=(replace(mark, undone_at=now),), do=(ShowMark(mark.message),))
    if task:
        return gone + tasks.moot(task, "its mark was taken back", now)
    text = "took a message off the timeline again"
    source = mark.message
    note = Entry(incident=mark.incident, at=now, kind=EntryKind.NOTE, by=by, text=text, source=source)
    return gone if mark.task else gone + Decision(note=(note,))


def stands(marks: Sequence[Mark]) -> bool:
    """Whether a message carries any mark still."""
    return any(mark.undone_at is None for mark in marks)
