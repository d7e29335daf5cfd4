"""A long incident, made up but the same each time: what the timeline and the draft are timed on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.model import Assignment, Entry, EntryKind, Incident, Message, Phase, Role, Severity
from bot.postmortem import draft
from bot.timeline import timeline

BEGAN = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
PEOPLE = {"U0DANA": "Dana Kim", "U0ALICE": "Alice Moreau", "U0BOB": "Bob Okafor", "U0CAROL": "Carol Ruiz"}
SAID = (
    "looking at the canary pods now",
    "checkout v42 answers 23.4 % of requests with 503, v41 none",
    "who deployed last? https://ci.example.com/builds/4711",
    "rolled back checkout to v41, watching the error rate",
    "payment-7f9c restarted at 12:41, same error: connection refused to 10.0.3.17:5432",
    "ok",
    "customers say that prices are wrong as well",
    "+1",
)


def message(number: int) -> Message:
    at = BEGAN + timedelta(seconds=number)
    ts = f"{at.timestamp():.6f}"
    in_thread = number % 7 == 3
    return Message(
        channel="C0001",
        ts=ts,
        incident="INC-1",
        user=list(PEOPLE)[number % len(PEOPLE)],
        text=f"{SAID[number % len(SAID)]} ({number})",
        at=at,
        thread=f"{(at - timedelta(seconds=3)).timestamp():.6f}" if in_thread else "",
        pinned=number % 500 == 0,
        reactions=("eyes",) if number % 50 == 0 else (),
        link=f"https://shop.slack.com/archives/C0001/p{ts.replace('.', '')}",
    )


def entries(count: int) -> list[Entry]:
    return [
        Entry(
            incident="INC-1",
            at=BEGAN + timedelta(seconds=20 * number),
            kind=EntryKind.ALERT,
            by="alertmanager",
            text=f"Checkout error ratio fired on 10.0.0.{number % 250}",
            seq=number + 1,
        )
        for number in range(count)
    ]


def draft_of(messages: int) -> str:
    """The Markdown for an incident with so many messages and a twentieth as many entries."""
    incident = Incident(
        id="INC-1",
        number=1,
        title="Checkout fails",
        service="checkout",
        environment="production",
        severity=Severity.SEV1,
        opened_at=BEGAN,
        onset_at=BEGAN - timedelta(minutes=2),
        channel="C0001",
    )
    end = BEGAN + timedelta(seconds=messages)
    held = [Assignment(incident="INC-1", role=Role.COMMANDER, user="U0DANA", by="U0DANA", at=BEGAN, version=1)]
    lines = timeline(incident, entries(messages // 20), [message(n) for n in range(messages)], held, PEOPLE)
    resolved = replace(incident, phase=Phase.RESOLVED, resolved_at=end, summary="Rolled back to v41.")
    return draft(resolved, lines, held, (), (), (), PEOPLE, end)
