"""What a channel reads of the time in which Slack was away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot import text
from bot.cards.kit import context, paged, section
from bot.decision import Card

LINES, LINE = 25, 400  # of one summary, whose blocks hold about 13,000 characters in all


def summary(incident: str, said: Sequence[tuple[datetime, str]], since: datetime, until: datetime) -> Card:
    """One message instead of many: when each was written and what it says, which is escaped already."""
    lines = [f"{text.when(at)} {text.cut(' '.join(words.split()), LINE)}" for at, words in said[-LINES:]]
    if (more := len(said) - len(lines)) > 0:
        hint = f": `/incident timeline {incident}`" if incident else ""
        lines.insert(0, f"{text.plural(more, 'earlier message')}{hint}")
    head = f":satellite_antenna: *Slack was away* from {text.when(since)} to {text.when(until)}. Meanwhile:"
    return Card(text=text.fallback(head), blocks=(section(head), *paged(lines)))


def written_at(card: Card, at: datetime) -> Card:
    """A message that waited for Slack, with its true time."""
    line = f"Written at {text.when(at)}, while Slack was away."
    blocks = card.blocks or (section(card.text),)
    return replace(card, blocks=(*blocks, context(line)))
