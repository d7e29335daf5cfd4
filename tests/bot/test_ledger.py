"""What is hashed of an entry, when it is sealed, and that a tree of tiles is the tree of its leaves."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta, timezone

import pytest

from bot import ledger
from bot.cards.ledger import checkpoint_card
from bot.checkpoints import Note, decoded, encoded
from bot.decision import Decision, PostCheckpoint
from bot.ledger import HEARTBEAT, TILE, Draft, Tree, draft, is_due, leaf, leaves_of, tile
from bot.merkle import Unproven, inclusion, leaf_hash, root_of, verify_inclusion
from bot.model import Checkpoint, Entry, EntryKind
from tests.blockkit import check
from tests.golden import same_as
from tests.values import NOON, minutes

ENTRY = Entry(
    at=NOON,
    kind=EntryKind.ACTION,
    text='rolled "v42" back – ü\n',
    by="U0DANA",
    whom="U0BOB",
    incident="INC-7",
    source="INC-7/rollback/checkout",
    seq=20,
    noted_at=NOON + timedelta(microseconds=7),
)


def entries(first: int, last: int) -> list[Entry]:
    return [replace(ENTRY, seq=seq) for seq in range(first, last + 1)]


def root(size: int) -> bytes:
    return root_of(leaf_hash(leaf(entry)) for entry in entries(1, size))


HASHES = [leaf_hash(leaf(entry)) for entry in entries(1, TILE)]


def made(size: int, number: int = 1) -> Checkpoint:
    note = Note(origin="shop", size=size, root=root(size))
    signed = f"{note}— shop AAAAAAAA\n"
    return Checkpoint(number=number, size=size, root=encoded(note.root), note=signed, at=NOON)


def test_a_leaf_is_the_same_for_ever() -> None:
    """What was sealed with other bytes would no longer be proved. A new form needs a new `v`, for new entries alone."""
    assert leaf(ENTRY) == (
        b'{"v":1,"seq":20,"at":"2026-03-05T12:00:00.000000Z","kind":"action",'
        b'"text":"rolled \\"v42\\" back \\u2013 \\u00fc\\n",'
        b'"by":"U0DANA","whom":"U0BOB","incident":"INC-7","source":"INC-7/rollback/checkout",'
        b'"noted_at":"2026-03-05T12:00:00.000007Z"}'
    )
    assert leaf(replace(ENTRY, at=NOON.astimezone(timezone(timedelta(hours=2))))) == leaf(ENTRY)


@pytest.mark.parametrize("name", [field.name for field in fields(Entry)])
def test_all_that_an_entry_says_is_in_its_leaf(name: str) -> None:
    other = {"kind": EntryKind.NOTE, "seq": 21, "at": NOON + minutes(1), "noted_at": NOON}.get(name, "other")
    assert leaf(replace(ENTRY, **{name: other})) != leaf(ENTRY)


@pytest.mark.parametrize(
    ("before", "count", "acted", "after", "due"),
    [
        (None, 0, False, minutes(0), False),
        (None, 1, False, minutes(0), True),
        (made(1), 2, False, minutes(1), False),
        (made(1), 2, True, minutes(1), True),
        (made(1), 1, False, HEARTBEAT - minutes(1), False),
        (made(1), 1, False, HEARTBEAT, True),
    ],
)
def test_when_it_is_sealed(before: Checkpoint | None, count: int, acted: bool, after: timedelta, due: bool) -> None:
    assert is_due(before, count, acted, NOON + after) is due


@pytest.mark.parametrize(("before", "size"), [(0, 1), (0, 600), (1, 2), (255, 257), (256, 300), (250, 900), (512, 512)])
def test_it_goes_on_from_what_was_signed(before: int, size: int) -> None:
    known = [
        root_of(leaf_hash(leaf(e)) for e in entries(at * TILE + 1, at * TILE + TILE)) for at in range(before // TILE)
    ]
    drafted = draft(made(before) if before else None, known, entries(len(known) * TILE + 1, size))
    assert (drafted.size, drafted.root) == (size, root(size))
    assert [tile.number for tile in drafted.tiles] == list(range(before // TILE, size // TILE))


def test_what_does_not_go_on_is_not_signed() -> None:
    other = [replace(entry, text="nicer") if entry.seq == 20 else entry for entry in entries(1, 40)]
    with pytest.raises(Unproven, match="does not go on"):
        draft(made(30), [], other)
    with pytest.raises(Unproven, match="entry 20 is missing"):
        draft(made(30), [], [entry for entry in other if entry.seq != 20])
    with pytest.raises(Unproven, match="does not go on"):
        draft(made(300), [bytes(32)], entries(257, 310))


def test_a_leaf_is_proved_from_its_own_tile_and_the_hashes_of_the_others() -> None:
    size = 3 * TILE + 40
    drafted = draft(None, [], entries(1, size))
    there = [*entries(TILE + 1, 2 * TILE), *entries(3 * TILE + 1, size)]
    tree = Tree(
        size=size,
        tiles=[decoded(one.hash) for one in drafted.tiles],
        leaves={entry.seq - 1: leaf_hash(leaf(entry)) for entry in there},
    )
    for seq in (TILE + 1, TILE + 77, 2 * TILE, size):
        proof = inclusion(seq - 1, size, tree.subtree)
        verify_inclusion(leaf_hash(leaf(replace(ENTRY, seq=seq))), seq - 1, size, proof, drafted.root)
    with pytest.raises(Unproven, match="is missing"):
        inclusion(0, size, tree.subtree)


def test_a_checkpoint_is_saved_with_its_tiles_and_posted_where_that_is_wished() -> None:
    new = Draft(size=300, root=root(300), tiles=(tile(0, HASHES),))
    note = new.note("shop")
    kept = ledger.sealed(made(30), made(30), new, note, "", NOON)
    assert kept.save == (*new.tiles, Checkpoint(number=2, size=300, root=encoded(new.root), note=str(note), at=NOON))
    assert kept.note == ()  # a line about it would have to be sealed as well, and so on for ever
    assert kept.do == ()
    assert ledger.sealed(None, None, new, note, "#log", NOON).do == (PostCheckpoint("ledger/1"),)
    assert ledger.sealed(made(40, 2), made(30), new, note, "#log", NOON) == Decision()  # another was faster


def test_a_tile_keeps_the_hashes_that_its_own_is_made_of() -> None:
    kept = tile(0, HASHES)
    assert leaves_of(kept) == HASHES
    for other in (replace(kept, hash=encoded(bytes(32))), replace(kept, leaves=""), replace(kept, leaves=kept.hash)):
        with pytest.raises(Unproven, match="tile 0 of the ledger was changed"):
            leaves_of(other)


def test_a_checkpoint_is_posted_to_be_copied_whole() -> None:
    card = checkpoint_card(replace(made(300, 2), note=f"{Note(origin='a&b', size=300, root=bytes(32))}— a&b AAAA\n"))
    check(card)
    same_as("cards/checkpoint.json", card)
