"""What is a drill says so wherever it is read: nobody may take it for real."""

from __future__ import annotations

from dataclasses import replace

from bot.cards.kit import context
from bot.decision import Card
from bot.model import Incident

DRILL = "DRILL"
NOTE = ":performing_arts: *DRILL*: nothing here is real."


def mark(incident: Incident) -> str:
    """Before the name of an incident."""
    return DRILL if incident.drill else ""


def marked(incident: Incident | None, card: Card) -> Card:
    """A message about this incident, whoever wrote it."""
    if incident is None or not incident.drill:
        return card
    return replace(card, text=f"{DRILL}: {card.text}", blocks=(context(NOTE), *card.blocks) if card.blocks else ())
