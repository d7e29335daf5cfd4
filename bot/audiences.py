"""One set of facts, four renderings: what each audience reads of an update, as data.

Responders read everything; executives what it means and what comes next; support what they may tell customers; the
public what they see and what they can do, and nothing of our insides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.model import Audience, Incident, Phase, Update
from bot.text import clock, span

HEADLINE = 100  # characters
PROMISE_NOTHING = "Please promise no time at which it is over."


@dataclass(frozen=True)
class Fact:
    """Plain text, not escaped; without a label it stands by itself."""

    label: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Telling:
    """An update in the words of an audience. `facts` begin with what users see."""

    title: str
    facts: tuple[Fact, ...]
    next_at: datetime | None
    over: bool

    @property
    def next_words(self) -> str:
        """When to expect more, for those whose reader cannot turn a time into theirs."""
        if self.over:
            return ""
        return f"Next update by {clock(self.next_at)} UTC." if self.next_at else "No further update is planned."


def tell(incident: Incident, update: Update, audience: Audience) -> Telling:
    facts = {
        Audience.RESPONDERS: _responders,
        Audience.EXECUTIVES: _executives,
        Audience.SUPPORT: _support,
        Audience.PUBLIC: _public,
    }[audience](incident, update)
    return Telling(
        title=_title(incident, update, audience),
        facts=tuple(Fact(fact.label, fact.words.strip()) for fact in facts if fact.words.strip()),
        next_at=update.next_at,
        over=update.phase is Phase.RESOLVED,
    )


def _title(incident: Incident, update: Update, audience: Audience) -> str:
    phase = update.phase.capitalize()
    match audience:
        case Audience.PUBLIC:
            return phase
        case Audience.SUPPORT:
            return f"{incident.id} · {phase}"
        case _:
            return f"{incident.id} · {update.severity} · {phase}"


def _responders(incident: Incident, update: Update) -> Iterator[Fact]:
    yield Fact("", update.text)
    yield Fact("Scope", update.scope)
    yield Fact("Workaround", update.workaround)
    yield Fact("What changed", update.changed)
    yield Fact("Next", update.ahead)


def _executives(incident: Incident, update: Update) -> Iterator[Fact]:
    yield Fact("", update.text)
    yield Fact("Who is affected", update.scope)
    where = f"{incident.service}, " if incident.service else ""
    lasted = span(update.at - incident.began)
    yield Fact("So far", f"{where}{'it lasted' if update.phase is Phase.RESOLVED else 'going on for'} {lasted}")
    yield Fact("What changed", update.changed)
    yield Fact("What happens next", update.ahead)


def _support(incident: Incident, update: Update) -> Iterator[Fact]:
    yield Fact("What customers see", update.text)
    yield Fact("Who is affected", update.scope)
    yield Fact("What helps them", update.workaround)
    yield Fact("What happens next", update.ahead)
    if update.phase is not Phase.RESOLVED:
        yield Fact("What to say", PROMISE_NOTHING)


def _public(incident: Incident, update: Update) -> Iterator[Fact]:
    yield Fact("", update.text)
    yield Fact("Who is affected", update.scope)
    yield Fact("What you can do", update.workaround)
    yield Fact("What happens next", update.ahead)


# ---------------------------------------------------------------- in plain text


def plain(telling: Telling) -> str:
    """The body of a letter, or of a status page's update."""
    lines = [f"{fact.label}: {fact.words}" if fact.label else fact.words for fact in telling.facts]
    return "\n\n".join(filter(None, [*lines, telling.next_words]))


def headline(first: Update) -> str:
    """What outsiders call the incident: the first sentence of the first thing that they were told."""
    sentence = " ".join(first.text.split())
    for end in (". ", "! ", "? "):
        sentence = sentence.partition(end)[0]
    sentence = sentence.rstrip(".!? ")
    return sentence if len(sentence) <= HEADLINE else f"{sentence[: HEADLINE - 1].rstrip()}…"


# ---------------------------------------------------------------- for machines


def as_data(incident: Incident, update: Update, audience: Audience) -> dict[str, Any]:
    """The body of a webhook: the public's holds no name of ours but the incident's id."""
    told = tell(incident, update, audience)
    inside = {} if audience is Audience.PUBLIC else {"severity": str(update.severity), "service": incident.service}
    return {
        "type": "incident.resolved" if told.over else "incident.update",
        "timestamp": stamp(update.at),
        "data": {
            "incident": incident.id,
            "update": update.number,
            "audience": audience.value,
            "phase": update.phase.value,
            "began_at": stamp(incident.began),
            "next_update_at": stamp(update.next_at) if update.next_at else None,
            "headline": headline(update),
            "text": plain(told),
            "facts": [{"label": fact.label, "words": fact.words} for fact in told.facts],
            **inside,
        },
    }


def stamp(at: datetime) -> str:
    """ "2026-03-05T12:09:00Z"."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
