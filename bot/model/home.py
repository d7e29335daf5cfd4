"""What a person sees of the bot without asking it: their App Home."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Home:
    """Somebody's App Home: when they opened it last, and what it shows."""

    id: str  # the person's
    opened_at: datetime
    shown_at: datetime | None = None  # when it was last published
    shown: str = ""  # a fingerprint of what was published; "": it is to be published anew
    version: int = 0
