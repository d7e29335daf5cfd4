"""A checkpoint of the ledger, as it is posted: to be copied whole."""

from __future__ import annotations

from bot.cards.kit import context, section
from bot.decision import Card
from bot.model import Checkpoint
from bot.text import fenced

LONGEST = 2_000  # a name may be long, the rest is not


def checkpoint_card(made: Checkpoint) -> Card:
    entries = "1 entry" if made.size == 1 else f"{made.size:,} entries"
    head = f":lock: Checkpoint {made.number} of the ledger, over {entries}"
    hint = "Whoever keeps this can show later whether the record was changed: `watchkeeper ledger verify --pin FILE`"
    return Card(text=head, blocks=(section(head), section(fenced(f"\n{made.note}", LONGEST)), context(hint)))
