"""Short words for what every test of storage says."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.decision import Decision, Effect, Noun
from bot.model import Entry, EntryKind
from storage.store import Job, Store
from tests.values import NOON


def keep(store: Store, *nouns: Noun) -> None:
    store.decide(lambda tx, now: Decision(save=nouns), NOON)


def do(store: Store, *effects: Effect, now: datetime = NOON) -> None:
    store.decide(lambda tx, at: Decision(do=effects), now)


def claim(store: Store, now: datetime = NOON) -> Job:
    (job,) = store.claim(now)
    return job


def done(store: Store, job: Job, now: datetime = NOON) -> None:
    store.decide(lambda tx, at: Decision(), now, job)


def entry(text: str, incident: str = "INC-7", **other: object) -> Entry:
    return Entry(incident=incident, at=NOON, kind=EntryKind.NOTE, text=text, **other)  # type: ignore[arg-type]


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)
