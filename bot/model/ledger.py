"""What proves that the entries are as they were."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The root over the first `size` entries, signed. `note` is what counts; the rest is read from it."""

    number: int
    size: int
    root: str  # base64
    note: str
    at: datetime

    @property
    def id(self) -> str:
        return f"ledger/{self.number}"


@dataclass(frozen=True, kw_only=True)
class Tile:
    """The root over 256 entries, those from 256 × `number` on: a proof reads it in their place."""

    number: int
    hash: str  # base64

    @property
    def id(self) -> str:
        return f"tile/{self.number}"
