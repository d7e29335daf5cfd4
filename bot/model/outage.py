"""Whether Slack answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How it stands between us and a chat, as all replicas know it together."""

    id: str  # "slack"
    since: datetime  # it fails, is away, or is back, since then
    failures: int = 0  # looks in a row that got no answer
    away: bool = False
    version: int = 0
