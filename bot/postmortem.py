"""The first draft of a postmortem: what is known, each with its source, and honest blanks for what is not.

It says how things came about, not who was at fault: people stand as roles; names are in the timeline's "who" and among
the responders only. There is no single root cause: factors are several, and a belief is one until it has evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from bot.case import Case, Pair, cite
from bot.markdown import link, md
from bot.model import (
    Assignment,
    Change,
    EntryKind,
    Incident,
    Request,
    RequestState,
    Role,
    Task,
    Update,
    Verdict,
)
from bot.positions import TITLES
from bot.promises import noun
from bot.text import is_link, plural, span
from bot.timeline import BEFORE, CHAT, GAP, Line, name_of

BLANK = "_to be filled in_"
BELIEF = "belief — evidence needed"
ROWS = 48  # of one table: a canvas takes tables of 300 cells, and these have six columns
FIRST_UPDATE = timedelta(minutes=15)
COMMANDED = timedelta(minutes=5)


def draft(
    incident: Incident,
    lines: Sequence[Line],
    assignments: Sequence[Assignment],
    linked: Sequence[Pair],
    updates: Sequence[Update],
    requests: Sequence[Request],
    names: Mapping[str, str],
    now: datetime,
    tasks: Sequence[Task] = (),
    titles: Mapping[Role, str] = TITLES,
) -> str:
    """Markdown. The same facts make the same text; `names` is Slack id → display name."""
    case = Case(
        incident=incident,
        lines=lines,
        assignments=assignments,
        linked=linked,
        updates=sorted(updates, key=lambda update: update.number),
        requests=sorted(requests, key=lambda request: (request.at, request.id)),
        names=names,
        now=now,
        tasks=tasks,
        titles=titles,
    )
    parts = [
        _title(case),
        _part("Summary", _summary(case)),
        _part("Impact", _impact(case)),
        _part("Timeline", _timeline(case)),
        _part("Contributing factors", _factors(case)),
        _part("Five Whys", _whys(case)),
        _part("What went well", _bullets(_went_well(case))),
        _part("What went less well", _bullets(_went_less_well(case))),
        _part("Where we got lucky", _bullets(_lucky(case))),
        _part("Follow-ups", _follow_ups(case)),
        _part("Open questions", _bullets(_questions(case))),
        _part("Responders", _responders(case)),
    ]
    return "\n\n".join(parts) + "\n"


def _part(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"## {title}", "", *lines])


def _bullets(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"- {line}"


# ---------------------------------------------------------------- what it was


def _title(case: Case) -> str:
    incident = case.incident
    place = f"{md(incident.service)} ({md(incident.environment)})" if incident.service else BLANK
    return "\n".join(
        [
            f"# {incident.id}: {md(incident.title)}",
            "",
            "| | |",
            "|---|---|",
            f"| Severity | {incident.severity} |",
            f"| Incident | {incident.phase} |",
            f"| Service | {place} |",
            "| Owner of this document | _to be filled in; most often whoever was commander_ |",
            f"| State of this document | Draft, drafted {_stamp(case.now)} |",
        ]
    )


def _summary(case: Case) -> Iterator[str]:
    incident = case.incident
    yield md(incident.summary) if incident.summary.strip() else f"{BLANK}: what happened, in two or three sentences."
    yield ""
    what = f"on {md(incident.service)} " if incident.service else ""
    yield f"{incident.severity} {what}from {_stamp(case.began)} " + (
        f"to {_stamp(case.ended)}, {span(case.ended - case.began)}." if case.ended else "on; it is not resolved yet."
    )
    if causes := [change for tie, change in case.linked if tie.verdict is Verdict.CAUSED]:
        yield f"A responder confirmed as its cause: {', '.join(_change(change) for change in causes)}."
    elif suspects := [change for tie, change in case.linked if tie.verdict is Verdict.SUSPECT]:
        yield f"Suspected, not confirmed: {', '.join(_change(change) for change in suspects)}."


def _change(change: Change) -> str:
    return md(f"{change.change} of {change.called} {change.version}".rstrip())


def _impact(case: Case) -> Iterator[str]:
    incident, calm = case.incident, case.mitigated
    yield "| | |"
    yield "|---|---|"
    yield f"| What users saw | {md(incident.impact) if incident.impact.strip() else BLANK} |"
    unknown = "" if incident.onset_at else " (when it was opened; the onset is unknown)"
    yield f"| Began | {_stamp(case.began)}{unknown} |"
    yield f"| Detected after | {_after(case.began, incident.opened_at if incident.onset_at else None)} |"
    yield f"| Mitigated after | {_after(case.began, calm.at if calm else None)}{cite(calm)} |"
    yield f"| Resolved after | {_after(case.began, case.ended)} |"
    for what in ("Users affected", "Requests or orders failed", "Money or data lost", "Service level missed by"):
        yield f"| {what} | {BLANK}: number, and where it was read |"


def _after(began: datetime, then: datetime | None) -> str:
    return span(then - began) if then else BLANK


# ---------------------------------------------------------------- the timeline


def _timeline(case: Case) -> Iterator[str]:
    yield "Times are in UTC. Facts come from machines and commands; *chat* is what people wrote, as they wrote it."
    for phase, lines in groupby(case.lines, key=lambda line: line.phase):
        yield ""
        yield f"### {'Before it was opened' if phase == BEFORE else phase.capitalize()}"
        rows = list(lines)
        for at in range(0, len(rows), ROWS):
            yield ""
            yield "| | Time | Kind | What | Who | Source |"
            yield "|---|---|---|---|---|---|"
            yield from (_row(line, case.began) for line in rows[at : at + ROWS])


def _row(line: Line, began: datetime) -> str:
    kind = f"*{CHAT}*, pinned" if line.pinned else (f"*{CHAT}*" if line.kind == CHAT else line.kind)
    who = f"{line.role} ({md(line.who)})" if line.role else md(line.who)
    cells = (line.id, _time(line.at, began), kind, md(line.text), who, _source(line.source))
    return "| " + " | ".join(f"_{cell}_" if line.kind == GAP and cell else cell for cell in cells) + " |"


def _time(at: datetime, began: datetime) -> str:
    at, began = at.astimezone(UTC), began.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == began.date() else f"{at:%Y-%m-%d %H:%M:%S}"


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _source(source: str) -> str:
    return link(source, "link") if is_link(source) else md(source)


# ---------------------------------------------------------------- how it came about


def _factors(case: Case) -> Iterator[str]:
    yield "Several things had to come together. Each needs evidence: a line of the timeline, or a link."
    yield ""
    yield from _bullets(_changes(case))
    yield from _bullets(
        [
            f"How it reached users: what let it pass the tests, reviews and steps before? — {BELIEF}",
            f"How it was noticed: {_noticed(case)}",
            f"How it could last {_lasted(case)}: what took the longest, and what was missing? — {BELIEF}",
        ]
    )
    if dismissed := [change for tie, change in case.linked if tie.verdict is Verdict.DISMISSED]:
        yield ""
        yield f"Looked at and set aside: {', '.join(_change(change) for change in dismissed)}."


def _lasted(case: Case) -> str:
    return span(case.ended - case.began) if case.ended else "this long"


def _noticed(case: Case) -> str:
    alert = case.first(EntryKind.ALERT)
    if alert:
        return f"by an alert{cite(alert)}."
    opened = next((line for line in case.of(EntryKind.INCIDENT) if line.at == case.incident.opened_at), None)
    return f"by a person who declared it{cite(opened)}; no alert is on record."


def _changes(case: Case) -> Iterator[str]:
    words = {
        Verdict.CAUSED: "confirmed as a cause by a responder",
        Verdict.SUSPECT: "suspected by its time and place; to be confirmed or dismissed",
        Verdict.FIXED: "named as a fix",
    }
    shown = [(tie, change) for tie, change in case.linked if tie.verdict in words]
    if not shown:
        yield f"No recorded change is linked to this incident. What else had changed? — {BELIEF}"
    for tie, change in shown:
        reasons = md(", ".join(tie.reasons)) or "no reason given"
        ids = case.evidence(change)
        evidence = f"Evidence: {', '.join(ids) or BELIEF}"
        where = f", {link(change.url, 'change')}" if change.url and is_link(change.url) else ""
        name = _change(change)
        yield f"{name[:1].upper()}{name[1:]}: {words[tie.verdict]} ({reasons}). {evidence}{where}"


# ---------------------------------------------------------------- five whys


@dataclass(frozen=True)
class Why:
    question: str
    evidence: str = ""


def _whys(case: Case) -> Iterator[str]:
    yield "Two chains to begin with; branch where an answer has more than one. An answer without evidence is a belief."
    for title, whys in (("How it came to happen", _came(case)), ("How it came to last", _stayed(case))):
        yield ""
        yield f"### {title}"
        yield ""
        for number, why in enumerate(whys, 1):
            yield f"{number}. {why.question}"
            yield f"   - Answer: {BLANK}"
            yield f"   - Evidence: {why.evidence or BELIEF}"


def _came(case: Case) -> Iterator[Why]:
    symptom = case.first(EntryKind.ALERT)
    likely = [(tie, c) for tie, c in case.linked if tie.verdict in (Verdict.CAUSED, Verdict.SUSPECT)]
    likely.sort(key=lambda pair: pair[0].verdict is not Verdict.CAUSED)
    yield Why("What did users or monitors see first?", symptom.id if symptom else "")
    if likely:
        _, change = likely[0]
        line = case.change_line(change)
        yield Why(f"By what mechanism could the {_change(change)} have led to that?", line.id if line else "")
    else:
        yield Why("What had changed in the system, its load or its surroundings shortly before?")
    yield Why("What made that mechanism possible?")
    yield Why("What would have shown it before it reached users, and how was that passed?")
    yield Why("What in the way the system is built or run made all of this the normal course of things?")


def _stayed(case: Case) -> Iterator[Why]:
    opened = next((line for line in case.of(EntryKind.INCIDENT) if line.phase != BEFORE), None)
    commander = case.first_commander
    action = case.first(EntryKind.ACTION)
    yield Why("What happened between the onset and the moment somebody knew?", opened.id if opened else "")
    yield Why("How did the right people come together, and what did they know?", commander.id if commander else "")
    yield Why("What was tried first, and what spoke for it then?", action.id if action else "")
    yield Why("What did the action that worked wait for?", case.mitigated.id if case.mitigated else "")
    yield Why("What would have made the same action possible five minutes earlier?")


# ---------------------------------------------------------------- how it went


def _went_well(case: Case) -> Iterator[str]:
    opened = case.incident.opened_at
    if (line := case.first_commander) and line.at - opened <= COMMANDED:
        yield f"It had a commander {_soon(line.at - opened)} it was opened{cite(line)}."
    if case.updates and case.updates[0].at - opened <= FIRST_UPDATE:
        yield f"The first update was out {_soon(case.updates[0].at - opened)} it was opened."
    kept, promised = case.promises
    if promised and kept == promised:
        yield f"Every promised update came on time ({promised} of {promised})."
    if case.of(EntryKind.ALERT):
        yield f"It was noticed {_noticed(case)}"
    for request in case.rollbacks:
        yield f"{_rollback(request)} was proven{_took(request)}."
    if line := case.mitigated:
        yield f"It was mitigated {span(line.at - case.began)} after it began{cite(line)}."
    yield f"{BLANK}: what else helped?"


def _soon(delta: timedelta) -> str:
    return "at once when" if delta < timedelta(minutes=1) else f"{span(delta)} after"


def _rollback(request: Request) -> str:
    return f"The {noun(request)} of {md(request.called)} from {md(request.from_version)} to {md(request.to_version)}"


def _took(request: Request) -> str:
    return f" {span(request.settled_at - request.at)} after it was asked for" if request.settled_at else ""


def _went_less_well(case: Case) -> Iterator[str]:
    opened, commander = case.incident.opened_at, case.first_commander
    if commander is None:
        yield "Nobody is on record as commander."
    elif commander.at - opened > COMMANDED:
        yield f"It had no commander for {span(commander.at - opened)}{cite(commander)}."
    if not case.updates:
        yield "No status update was published."
    elif case.updates[0].at - opened > FIRST_UPDATE:
        yield f"The first update came {span(case.updates[0].at - opened)} after it was opened."
    kept, promised = case.promises
    if kept < promised:
        yield f"{plural(promised - kept, 'promised update')} of {promised} came late{_broken(case)}."
    for request in case.requests:
        if request.state in (RequestState.FAILED, RequestState.NOTHING):
            yield f"{_rollback(request)} did not do what was wanted: {md(request.outcome) or 'no outcome on record'}"
    for line in case.of(EntryKind.TROUBLE)[:5]:
        yield f"The tools did not do their part: {md(line.text)}{cite(line)}"
    yield f"{BLANK}: what else was in the way?"


def _broken(case: Case) -> str:
    """ ": promised for 12:15, 4 min late; …", the first few."""
    late = [(promise.due, promise.late(case.now)) for promise in case.promised]
    told = [f"promised for {due:%H:%M}, {span(over)} late" for due, over in late if over][:5]
    return f": {'; '.join(told)}" if told else ""


def _lucky(case: Case) -> Iterator[str]:
    suspects = [change for tie, change in case.linked if tie.verdict in (Verdict.CAUSED, Verdict.SUSPECT)]
    if len(suspects) == 1:
        yield "Only one recorded change was near the onset; with several, finding it would have taken longer."
    if case.rollbacks:
        yield "There was a version to go back to, and going back was enough. Would it be, with a data migration?"
    yield f"{BLANK}: what could have made this worse, and by chance did not?"


# ---------------------------------------------------------------- what to do


def _follow_ups(case: Case) -> Iterator[str]:
    """Few, and each checkable: what was decided, then what is offered."""
    for task in case.tasks:
        owner, due = md(name_of(task.owner, case.names)), _stamp(task.due_at) if task.due_at else BLANK
        yield f"- [{'x' if task.done_at else ' '}] {md(task.text)} — owner: {owner}, due: {due}"
    for request in case.rollbacks:
        bad, service = md(request.from_version), md(request.called)
        yield _task(f"Take {bad} out of what {service} is released from, so that no later sync or retry ships it again")
    for tie, change in case.linked:
        if tie.verdict in (Verdict.CAUSED, Verdict.SUSPECT):
            yield _task(
                f"Make the fault of the {_change(change)} visible before release: name the check that would fail"
            )
    for request in case.requests:
        if request.state is RequestState.FAILED:
            yield _task(f"Find out why the {request.verb} of {md(request.called)} failed, and test it")
    kept, promised = case.promises
    if kept < promised:
        yield _task("Decide who sends updates when the comms lead is busy")
    if not case.of(EntryKind.ALERT):
        yield _task("Add the alert that would have noticed this, with the threshold it should have")
    yield _task(BLANK)


def _task(what: str) -> str:
    return f"- [ ] {what} — owner: {BLANK}, due: {BLANK}"


def _questions(case: Case) -> Iterator[str]:
    if case.incident.onset_at is None:
        yield "When did it begin? Nothing on record tells."
    if not case.incident.impact.strip():
        yield "What did users see, and how many of them?"
    for tie, change in case.linked:
        if tie.verdict is Verdict.SUSPECT:
            yield f"Did the {_change(change)} cause it, contribute to it, or only happen near it?"
    for line in case.lines:
        if line.kind == GAP:
            yield f"What was done from {_stamp(line.at)} on? The record says: {md(line.text)}."
    for request in case.requests:
        if request.state is RequestState.ACTING:
            yield f"What became of the {request.verb} of {md(request.called)}? It is not proven."
    yield f"{BLANK}: what is still unclear to those who were there?"


def _responders(case: Case) -> Iterator[str]:
    yield "| Role | Name |"
    yield "|---|---|"
    held = {a.role: a.user for a in case.assignments if a.user}
    for role, title in case.titles.items():
        yield f"| {md(title)} | {md(name_of(held[role], case.names)) if role in held else 'nobody'} |"
    spoke = {line.who for line in case.lines if line.kind == CHAT and not line.role}
    if spoke:
        yield f"| In the channel | {', '.join(md(who) for who in sorted(spoke))} |"
