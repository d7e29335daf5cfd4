"""What is left to do, and the buttons that say it is done."""

from __future__ import annotations

from collections.abc import Sequence

from bot import text
from bot.cards.kit import press, section
from bot.decision import Card
from bot.model import Incident, Task

LISTED = 12
MARKS = {"question": ":question:", "follow-up": ":repeat:"}


def line(task: Task) -> str:
    """One line of a list."""
    due = f", due {task.due_at:%d %b %H:%M} UTC" if task.due_at else ""
    return f"{MARKS.get(task.kind, ':pushpin:')} {text.brief(task.text, 200)} ({text.mention(task.owner)}{due})"


def left(tasks: Sequence[Task]) -> list[Task]:
    """What is to be done now as it came, then what is put off, the earliest due first."""
    return sorted((t for t in tasks if not t.done_at), key=lambda t: (t.due_at is not None, t.due_at or t.at, t.id))


def task_list(incident: Incident, tasks: Sequence[Task]) -> Card:
    """For whoever asked."""
    todo = left(tasks)
    if not todo:
        nothing = f"*{incident.id}*: nothing is left to do."
        return Card(text=text.fallback(nothing), blocks=(section(nothing),))
    title = f"*{incident.id}*: {text.plural(len(todo), 'thing')} left to do"
    rows = [
        section(line(task), press("Done", f"incident done {task.id}", f"done.{n}"), 600)
        for n, task in enumerate(todo[:LISTED])
    ]
    more = [section(f"and {len(todo) - LISTED} more")] if len(todo) > LISTED else []
    return Card(text=text.fallback(title), blocks=(section(title), *rows, *more))
