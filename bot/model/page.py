"""The noun of a page: somebody is called, and then the next one, until somebody answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class PageState(StrEnum):
    CALLING = "calling"
    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"
    OVER = "over"  # the incident ended first


@dataclass(frozen=True, kw_only=True)
class Page:
    """`to` are called one after the other; `turn` says who is called now, since `turn_at`.

    `messages` is turn, or "" for the card in the incident's channel → where it stands, "D024BE91L/1732172400.000200".
    """

    id: str  # "INC-7/page/0"; 0 is the one that a severe incident makes by itself
    incident: str
    to: tuple[str, ...]
    why: str
    by: str
    at: datetime
    turn_at: datetime
    turn: int = 0
    state: PageState = PageState.CALLING
    settled_by: str = ""
    settled_at: datetime | None = None
    alarmed: bool = False  # the tool that calls people was told, too
    troubles: tuple[str, ...] = ()
    messages: Mapping[str, str] = field(default_factory=dict, hash=False)
    version: int = 0

    @property
    def who(self) -> str:
        """Whoever is called now, or was called last."""
        return self.to[self.turn]
