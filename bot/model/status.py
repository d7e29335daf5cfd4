"""The nouns of the status page: what customers are told, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.model.incident import Phase


class ComponentState(StrEnum):
    """How a part of the product does, as customers know it. The best first."""

    OPERATIONAL = "operational"
    MAINTENANCE = "maintenance"
    DEGRADED = "degraded"
    PARTIAL = "partial"
    MAJOR = "major"

    @property
    def rank(self) -> int:
        return list(ComponentState).index(self)

    @property
    def words(self) -> str:
        return {
            "operational": "Operational",
            "maintenance": "Under maintenance",
            "degraded": "Degraded performance",
            "partial": "Partial outage",
            "major": "Major outage",
        }[self.value]


@dataclass(frozen=True, kw_only=True)
class PublicUpdate:
    """What was told to customers. `components` is component → state, of those that the incident touches."""

    incident: str
    number: int
    phase: Phase
    title: str  # for customers; it need not be the incident's own
    text: str
    by: str
    at: datetime
    components: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def id(self) -> str:
        return f"{self.incident}/public/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """Work that customers are told of ahead."""

    id: str  # MNT-3
    components: tuple[str, ...]
    text: str
    starts_at: datetime
    until: datetime
    by: str
    at: datetime
    ended_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Export:
    """How the copies of the status page do that go to one place. `id` is the place's name."""

    id: str
    done_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0  # in a row
    trouble: str = ""
    told: bool = False  # people were told that it fails
    version: int = 0
