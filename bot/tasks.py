"""What is to be done, now or after the fire is out, and the reminder when it is due."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from bot.commands import PERSON, again, as_typed, must_be_somebody, person
from bot.decision import Decision, PostCard, RemindTask, SendPost
from bot.errors import Refused
from bot.incidents import CHANNEL
from bot.model import Entry, EntryKind, Incident, Post, Task
from bot.text import brief, mention

TASK, FOLLOW_UP, QUESTION = "task", "follow-up", "question"
DUE_AFTER = timedelta(hours=24)
AFTERWARDS = timedelta(days=7)  # what a person puts off until the fire is out


def followup(
    incident: str, number: int, text: str, *, owner: str, by: str, now: datetime, after: timedelta = DUE_AFTER
) -> Decision:
    """`number` makes the id unique; `incident` is "" where there is none. The owner is reminded `after` so long."""
    task = Task(
        id=f"{incident or 'rollout'}/task/{number}",
        incident=incident,
        kind=FOLLOW_UP,
        text=text,
        owner=owner,
        by=by,
        at=now,
        due_at=now + after,
    )
    return Decision(
        save=(task,),
        note=(Entry(incident=incident, at=now, kind=EntryKind.NOTE, by=by, text=f"follow-up: {text}", source=task.id),),
        do=(RemindTask(task.id, due=task.due_at), *_card(task)),
    )


def parse(words: str, verb: str, by: str) -> tuple[str, str]:
    """What is to be done and by whom, of `check the logs @bob`; without a name by who says so. Raises Refused."""
    if words.split()[-1:] == ["@"]:
        raise Refused("Behind the @ stands no name; nothing was noted.", instead=f"/incident {verb} {again(words)}who")
    first, *more = words.split() or [""]
    if more and PERSON.match(more[-1]):
        return as_typed(" ".join((first, *more[:-1]))), person(more[-1])
    if more and PERSON.match(first):
        return as_typed(" ".join(more)), person(first)
    if not re.search(r"\w", words) or PERSON.match(first):
        raise Refused("Say what is to be done.", instead=f"/incident {verb} look at the payment logs @who")
    must_be_somebody(by, "can do nothing about it", f"/incident {verb} {again(words)} @who")
    return as_typed(words), by


def add(incident: Incident, kind: str, number: int, text: str, *, owner: str, by: str, now: datetime) -> Decision:
    """A task for now, a question that is open, or a follow-up for afterwards; only this one is reminded of."""
    due = now + AFTERWARDS if kind == FOLLOW_UP else None
    task = Task(
        id=f"{incident.id}/task/{number}",
        incident=incident.id,
        kind=kind,
        text=text,
        owner=owner,
        by=by,
        at=now,
        due_at=due,
    )
    return Decision(
        save=(task,),
        note=(_entry(task, kind, by, now),),
        do=(*(RemindTask(task.id, due=at) for at in (due,) if at), *_card(task)),
        say=f"{kind.capitalize()} of {mention(owner)}: {brief(text, 300)}",
    )


def done(task: Task, by: str, now: datetime) -> Decision:
    if task.done_at:
        raise Refused("That is done already; nothing was changed.")
    return Decision(
        save=(replace(task, done_at=now),),
        note=(_entry(task, "answered" if task.kind == QUESTION else "done", by, now),),
        do=_card(task),
        say=f"Done: {brief(task.text, 300)}",
    )


def _entry(task: Task, said: str, by: str, now: datetime) -> Entry:
    text = f"{said}: {task.text}"
    return Entry(incident=task.incident, at=now, kind=EntryKind.NOTE, by=by, text=text, source=task.id)


def remind(task: Task, there: Incident | None, elsewhere: str, now: datetime) -> Decision:
    """Said once. `there`: the incident in whose channel, which for what was merged is the one that it goes on in.

    `elsewhere` is where a task without an incident is heard of; "" for nowhere. Of what was no incident nobody hears.
    """
    if task.done_at or task.reminded_at or task.due_at is None:
        return Decision()
    if now < task.due_at:
        return Decision(do=(RemindTask(task.id, due=task.due_at),))
    noted = Decision(
        save=(replace(task, reminded_at=now),),
        note=(Entry(incident=task.incident, at=now, kind=EntryKind.NOTE, text=f"due: {task.text}", source=task.id),),
        do=_card(task),
    )
    channel = CHANNEL if task.incident else elsewhere
    if not channel or (there and there.cancelled):
        return noted
    where = there.id if there else ""
    of = f" of {task.incident}" if where != task.incident else ""
    text = f":alarm_clock: {mention(task.owner)}, this {task.kind}{of} is due: {brief(task.text, 1000)}"
    post = Post(id=f"{task.id}/reminder", incident=where, channel=channel, text=text)
    return noted + Decision(save=(post,), do=(SendPost(post.id),))


def moot(task: Task, why: str, now: datetime) -> Decision:
    """There is nothing left to do of it; nobody is reminded."""
    if task.done_at:
        return Decision()
    text = f"no longer to be done: {task.text} ({why})"
    return Decision(
        save=(replace(task, done_at=now),),
        note=(Entry(incident=task.incident, at=now, kind=EntryKind.NOTE, text=text, source=task.id),),
        do=_card(task),
    )


def _card(task: Task) -> tuple[PostCard, ...]:
    return (PostCard(task.incident),) if task.incident else ()
