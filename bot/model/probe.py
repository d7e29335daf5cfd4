"""The nouns of a probe: how it stands, and what it has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How a probe stands by its last look. Several bad looks in a row alert it, and as many good ones end that."""

    id: str  # the probe's name
    service: str
    environment: str
    faults: tuple[str, ...]  # of the last look, in words; none: it was good
    kinds: tuple[str, ...]  # of the same, without figures: while they are the same, nothing is new
    around: str  # whether traffic has somewhere healthy to go, and the apology page is served
    in_a_row: int  # looks that ended as the last one
    since: datetime  # the first of these
    checked_at: datetime
    last_good_at: datetime | None = None
    alerted_at: datetime | None = None
    red_since: datetime | None = None  # the first bad look of its latest alert, also when that is over
    kept: int = 0  # pieces of evidence so far
    version: int = 0

    @property
    def good(self) -> bool:
        return not self.faults

    @property
    def red(self) -> bool:
        """The last look was bad, or it is too early to believe the good ones."""
        return not self.good or self.alerted_at is not None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a probe saw when it turned. The latest of each probe are kept."""

    id: str  # "prices/7"
    probe: str
    at: datetime
    incident: str
    faults: tuple[str, ...]
    status: int
    seconds: float
    size: int
    headers: Mapping[str, str]  # without those that hold secrets
    beginning: str
