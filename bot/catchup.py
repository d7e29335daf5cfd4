"""For whoever comes late: what goes on, who leads, what was tried, what to read. Nobody has to stop and tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot import text
from bot.cards import task as tasks_
from bot.cards.incident import LAMP, VERDICTS
from bot.cards.kit import context, header, section
from bot.cards.marking import mark
from bot.decision import Card
from bot.model import Alert, Assignment, Change, Entry, EntryKind, Incident, Link, Role, Task, Update, Verdict
from bot.positions import TITLES

SUSPECTS, TRIED, TASKS, READS = 3, 6, 3, 3
YOUNG = timedelta(minutes=5)  # until then the pinned card is all there is
TRIALS = (EntryKind.ACTION, EntryKind.NOTE)


def is_wanted(incident: Incident, joined_at: datetime) -> bool:
    """Whether somebody who joined the channel then is told what goes on."""
    return incident.is_open and joined_at - incident.opened_at >= YOUNG


def catchup(
    incident: Incident,
    assignments: Sequence[Assignment],
    linked: Sequence[tuple[Link, Change]],
    entries: Sequence[Entry],
    updates: Sequence[Update],
    tasks: Sequence[Task],
    alerts: Sequence[Alert],
    card: str,
    now: datetime,
    titles: Mapping[Role, str] = TITLES,
) -> Card:
    """`linked` as `links.ranked` has it, the rest as storage has it; `card` is the link to the pinned card."""
    parts = (
        ("", _going_on(incident, updates, now)),
        ("Who leads", _who(assignments, titles)),
        ("What may have done it", _suspects(linked)),
        ("What was tried and seen", _tried(incident, entries)),
        ("What is left to do", _left(tasks)),
    )
    sections = [_part(title, list(lines)) for title, lines in parts]
    reads = list(_reads(alerts, card))
    return Card(
        text=text.fallback(f"Catch-up on {incident.id}: {text.brief(incident.title, 100)}"),
        blocks=(
            header(
                text.dotted([mark(incident), f"Catch-up on {incident.id}", str(incident.severity), incident.service])
            ),
            *(section(words, n=1800) for words in sections if words),
            *((context(f"To read: {text.dotted(reads)}", 2000),) if reads else ()),
        ),
    )


def _part(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"*{title}*" if title else "", *lines]).strip() if lines else ""


def _going_on(incident: Incident, updates: Sequence[Update], now: datetime) -> Iterator[str]:
    lamp = LAMP[incident.severity] if incident.is_open else ":white_check_mark:"
    yield f"{lamp} *{text.brief(incident.title, 200)}*"
    ended = incident.resolved_at
    lasted = f"for {text.span(now - incident.began)}" if ended is None else f"after {text.span(ended - incident.began)}"
    yield text.dotted([f"*{incident.phase.capitalize()}*", f"{lasted}, since {text.when(incident.began)}"])
    if incident.impact.strip():
        yield f"Impact: {text.brief(incident.impact, 300)}"
    if updates:
        yield f"Last update, {text.when(updates[-1].at)}: {text.brief(updates[-1].text, 400)}"


def _who(assignments: Sequence[Assignment], titles: Mapping[Role, str]) -> Iterator[str]:
    holders = {a.role: a.user for a in assignments if a.user}
    free = [title.lower() for role, title in titles.items() if role not in holders]
    yield (
        text.dotted(f"{title} {text.mention(holders[role])}" for role, title in titles.items() if role in holders)
        or "Nobody yet."
    )
    if free:
        yield f"Nobody is {', '.join(free)}: `/incident role` takes it."


def _suspects(linked: Sequence[tuple[Link, Change]]) -> Iterator[str]:
    for link, change in [pair for pair in linked if pair[0].verdict is not Verdict.DISMISSED][:SUSPECTS]:
        what = text.code(f"{change.called} {change.version}", 100)
        yield text.dotted([f"{VERDICTS[link.verdict]} {what}", text.brief(", ".join(link.reasons), 200)])
    if out := [pair for pair in linked if pair[0].verdict is Verdict.DISMISSED][:SUSPECTS]:
        yield f"Not it: {', '.join(text.code(f'{c.called} {c.version}', 60) for _, c in out)}"


def _tried(incident: Incident, entries: Sequence[Entry]) -> Iterator[str]:
    """Tasks stand below."""
    tried = [e for e in entries if e.kind in TRIALS and not e.source.startswith(f"{incident.id}/task/")]
    for entry in tried[-TRIED:]:
        who = entry.whom or entry.by
        by = f" ({text.mention(who)})" if text.is_person(who) else ""
        yield f"{text.when(entry.at)} {text.brief(entry.text, 160)}{by}"


def _left(tasks: Sequence[Task]) -> Iterator[str]:
    todo = tasks_.left(tasks)
    yield from map(tasks_.line, todo[:TASKS])
    if len(todo) > TASKS:
        yield f"and {len(todo) - TASKS} more: `/incident task`"


def _reads(alerts: Sequence[Alert], card: str) -> Iterator[str]:
    """Each address once."""
    urls = [("the card", card), *(pair for a in alerts for pair in (("runbook", a.runbook), ("alert", a.url)))]
    seen: dict[str, str] = {}
    for label, url in urls:
        if url and text.is_link(url) and len(url) <= 400 and len(seen) <= READS:
            seen.setdefault(url, label)
    yield from (text.link(url, label) for url, label in seen.items())
