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
    """The 256 entries after 256 × `number`: the root over them and the hash of each, to be read in their place."""

    number: int
    hash: str  # base64
    leaves: str  # base64, one hash after the other

    @property
    def id(self) -> str:
        return f"tile/{self.number}"
