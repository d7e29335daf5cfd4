"""What is left to do after the fire is out, and the reminder when it is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.decision import Decision, PostCard, RemindTask, SendPost
from bot.incidents import CHANNEL
from bot.model import Entry, EntryKind, Post, Task
from bot.text import brief, mention

FOLLOW_UP = "follow-up"
DUE_AFTER = timedelta(hours=24)


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


def remind(task: Task, elsewhere: str, now: datetime) -> Decision:
    """Said once. `elsewhere` is where a task without an incident is heard of; "" for nowhere."""
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
    if not channel:
        return noted
    text = f":alarm_clock: {mention(task.owner)}, this {task.kind} is due: {brief(task.text, 1000)}"
    post = Post(id=f"{task.id}/reminder", incident=task.incident, channel=channel, text=text)
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
