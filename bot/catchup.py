"""What somebody has to know who comes later: what goes on, who leads, what was tried, what to read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot import text
from bot.cards.kit import Block, actions, context, press, section
from bot.case import Case
from bot.decision import Card
from bot.model import EntryKind, Incident, Link, RequestState, Role, Verdict

YOUNG = timedelta(minutes=5)  # until then the pinned card is all there is
TRIED, LINES, SUSPECTS = 3, 3, 2
OUTCOMES = {
    RequestState.DONE: "done, and proven",
    RequestState.FAILED: "failed",
    RequestState.ACTING: "under way",
    RequestState.CONFIRMED: "under way",
}
VERDICTS = {Verdict.SUSPECT: "is suspected", Verdict.CAUSED: "caused it", Verdict.FIXED: "fixed it"}


def is_wanted(incident: Incident, joined_at: datetime) -> bool:
    return incident.is_open and joined_at - incident.opened_at >= YOUNG


def catchup(case: Case, now: datetime) -> Card:
    incident = case.incident
    about = text.dotted(
        [f"*{incident.id}* {incident.severity}", text.brief(incident.service, 60), f"*{incident.phase}*"]
    )
    since = f"for {text.span(now - incident.began)}"
    blocks = [section(f"{about} {since}\n*{text.brief(incident.title, 200)}*{_impact(incident)}", n=1500)]
    blocks += [section(f"*{title}*\n" + "\n".join(lines), n=1500) for title, lines in _parts(case) if lines]
    return Card(text=text.fallback(f"{about} {since}"), blocks=(*blocks, *_reading(incident)))


def _impact(incident: Incident) -> str:
    return f"\nImpact: {text.brief(incident.impact, 300)}" if incident.impact.strip() else ""


def _parts(case: Case) -> Iterator[tuple[str, list[str]]]:
    yield "Who leads", [text.dotted(_holders(case))]
    yield "What probably did it", list(_suspects(case))
    yield "What was tried", [*_tried(case), *_lines(case)]
    yield "Last update", list(_update(case))


def _holders(case: Case) -> Iterator[str]:
    holders = {a.role: a.user for a in case.assignments if a.user}
    for role in Role:
        if role in holders or role is Role.COMMANDER:
            yield f"{role.title} {text.mention(holders[role]) if role in holders else '_nobody_'}"


def _suspects(case: Case) -> Iterator[str]:
    shown = [(link, change) for link, change in case.linked if link.verdict in VERDICTS]
    for link, change in shown[:SUSPECTS]:
        reasons = _reasons(link)
        yield f"{text.code(f'{change.service} {change.version}', 100)} {VERDICTS[link.verdict]}{reasons}"


def _reasons(link: Link) -> str:
    return f": {text.brief(', '.join(link.reasons), 150)}" if link.reasons else ""


def _tried(case: Case) -> Iterator[str]:
    for request in [one for one in case.requests if one.state in OUTCOMES][-TRIED:]:
        versions = " → ".join(filter(None, [request.from_version, request.to_version]))
        what = text.code(f"{request.verb} {request.service} {versions}".rstrip(), 120)
        yield f"{what}: {OUTCOMES[request.state]}"


def _lines(case: Case) -> Iterator[str]:
    for line in case.of(EntryKind.NOTE)[-LINES:]:
        yield f"{text.when(line.at)} {text.brief(line.text, 200)}"


def _update(case: Case) -> Iterator[str]:
    if case.updates:
        last = case.updates[-1]
        yield f"{text.when(last.at)} {text.brief(last.text, 400)}"
    if case.incident.next_update_at:
        yield f"The next one is due {text.when(case.incident.next_update_at)}"


def _reading(incident: Incident) -> list[Block]:
    return [
        context("Only you see this. The pinned card is kept up to date; the timeline has every step."),
        actions(
            press("Show card", f"incident show {incident.id}", "show", "primary"),
            press("Timeline", f"incident timeline {incident.id}", "timeline"),
        ),
    ]
