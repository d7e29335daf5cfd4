"""The nouns of drills: what can be played, what is, and how it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model.incident import Entry
from bot.model.rollout import named, stage_of


@dataclass(frozen=True, kw_only=True)
class Drill:
    """A story that is played. `address` is that of its stage, "" until that is up; `acts` are what ends the trouble."""

    id: str  # of its incident
    story: str
    title: str
    service: str
    by: str
    at: datetime
    acts: tuple[str, ...] = ()
    address: str = ""
    seen_at: datetime | None = None  # when the stage last answered
    heard: int = 0  # deploys that its CI has told of, and that are taken in
    shown_at: datetime | None = None  # when the first alert fired
    recovered_at: datetime | None = None
    ended_at: datetime | None = None
    version: int = 0

    @property
    def called(self) -> str:
        return named(self.service, stage_of(self.id))


@dataclass(frozen=True, kw_only=True)
class Story:
    """What can be played. `acts`: the verbs of /rollout without which the trouble does not end.

    `why_not`: what cannot, and why.
    """

    name: str
    title: str
    about: str
    service: str
    acts: tuple[str, ...] = ()
    why_not: str = ""


class Aim(StrEnum):
    """What people do in an incident, in the order in which it helps."""

    COMMANDER = "Commander"
    PAUSED = "Rollout paused"
    UPDATE = "First update"
    BACK = "Rolled back"
    LEFT = "Release left alone"
    PROVEN = "Recovery proven"


@dataclass(frozen=True)
class Goal:
    """What should happen `within` so long, or at all where that is None; `took` is None where it never did."""

    name: Aim
    within: timedelta | None
    took: timedelta | None

    @property
    def is_met(self) -> bool:
        return self.took is not None and (self.within is None or self.took <= self.within)


@dataclass(frozen=True, kw_only=True)
class Debrief:
    title: str
    story: str
    goals: tuple[Goal, ...]
    refused: tuple[Entry, ...] = ()
