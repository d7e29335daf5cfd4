"""What speaks for or against an action, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Safety(StrEnum):
    SAFE = "SAFE"
    RISKY = "RISKY"
    BLOCKED = "BLOCKED"


@dataclass(frozen=True)
class Reason:
    """One thing to know before doing it, as mrkdwn. `firm`: it blocks, and breaking the glass does not help."""

    text: str
    weight: Safety = Safety.RISKY
    firm: bool = False
    instead: str = ""  # the line that takes away what blocks, where whoever may act may type it

    def __str__(self) -> str:
        return self.text


def firm(text: str) -> Reason:
    """The cluster would ignore it or do something else; nobody can override that."""
    return Reason(text, Safety.BLOCKED, firm=True)


def blocking(text: str, instead: str = "") -> Reason:
    """A rule of ours forbids it; breaking the glass overrides it."""
    return Reason(text, Safety.BLOCKED, instead=instead)


def good(text: str) -> Reason:
    """It speaks for it, or is only to be known; it makes nothing safer that something else makes risky."""
    return Reason(text, Safety.SAFE)
