"""A status update, as those who work on it and as everybody else reads it."""

from __future__ import annotations

from collections.abc import Iterator

from bot import text
from bot.cards.kit import context, section
from bot.decision import Card
from bot.model import Incident, Update

RESPONDERS, BROADCAST = "responders", "broadcast"


def update_card(incident: Incident, update: Update, audience: str) -> Card:
    """`audience` is "responders" or "broadcast"; a broadcast names no alert, no service, no person and no channel."""
    title = text.dotted([f"*{incident.id}*", str(update.severity), f"*{update.phase.capitalize()}*"])
    words = text.paragraph(update.text, 2500)
    small = text.dotted(_small(update, audience))
    blocks = [section(f":loudspeaker: {title}\n{words}")]
    if small:
        blocks.append(context(small))
    return Card(text=text.fallback(f"{title}: {words}"), blocks=tuple(blocks))


def _small(update: Update, audience: str) -> Iterator[str]:
    if audience == RESPONDERS:
        yield f"Update {update.number} by {text.mention(update.by)}"
    if update.next_at:
        yield f"Next update by {text.when(update.next_at)}"
    elif audience == BROADCAST:
        yield "No further update is planned"
