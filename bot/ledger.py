"""The ledger: every entry is a leaf of one Merkle tree, of which only what goes on from what was signed is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot import merkle
from bot.checkpoints import Note, decoded, encoded, note_of
from bot.decision import Decision, PostCheckpoint
from bot.merkle import Range, Unproven, leaf_hash, root_of
from bot.model import Checkpoint, Entry, EntryKind, Tile

TILE = 256
HEARTBEAT = timedelta(hours=6)
# What somebody may want to have been otherwise is sealed within a minute; the rest waits for that or for the heartbeat.
AT_ONCE = (EntryKind.ACTION, EntryKind.CHANGE, EntryKind.INCIDENT)
AS_JSON = json.JSONEncoder(separators=(",", ":")).encode


def leaf(entry: Entry) -> bytes:
    """All that an entry says, in bytes that are the same for ever: a line of JSON, all ASCII, in this order.

    `v` is the version of this form. A leaf that was sealed is never written in another.
    """
    content = {
        "v": 1,
        "seq": entry.seq,
        "at": _time(entry.at),
        "kind": entry.kind.value,
        "text": entry.text,
        "by": entry.by,
        "whom": entry.whom,
        "incident": entry.incident,
        "source": entry.source,
        "noted_at": _time(entry.noted_at) if entry.noted_at else "",
    }
    return AS_JSON(content).encode()


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def in_order(entries: Iterable[Entry], first: int = 1) -> Iterator[Entry]:
    """As they come. Raises Unproven where one is missing: their numbers have no gap."""
    for number, entry in enumerate(entries, first):
        if entry.seq != number:
            raise Unproven(f"entry {number} is missing")
        yield entry


# ---------------------------------------------------------------- the tree


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The tree over the first `size` entries: whole tiles by their hash, and the leaves of those looked into."""

    size: int
    tiles: Sequence[bytes] = ()
    leaves: Mapping[int, bytes] = field(default_factory=dict, hash=False)

    def subtree(self, start: int, end: int) -> bytes:
        """Raises Unproven where what it takes is not there."""
        range_, at = Range(), start
        while at < end:
            if at % TILE == 0 and at + TILE <= end and at // TILE < len(self.tiles):
                range_, at = range_.plus(self.tiles[at // TILE], TILE), at + TILE
            elif at in self.leaves:
                range_, at = range_.plus(self.leaves[at]), at + 1
            else:
                raise Unproven(f"entry {at + 1} is missing")
        return range_.root()

    def root(self) -> bytes:
        return self.subtree(0, self.size)


def first_of(tile: int) -> int:
    """The number of the first entry in it."""
    return tile * TILE + 1


def tile_of(seq: int) -> int:
    return (seq - 1) // TILE


def tile(number: int, leaves: Sequence[bytes]) -> Tile:
    return Tile(number=number, hash=encoded(root_of(leaves)), leaves=encoded(b"".join(leaves)))


def leaves_of(tile: Tile) -> list[bytes]:
    """The hashes that it keeps. Raises Unproven where they are not those that its own is made of."""
    raw = decoded(tile.leaves)
    found = [raw[at : at + merkle.SIZE] for at in range(0, len(raw), merkle.SIZE)]
    if len(raw) != TILE * merkle.SIZE or root_of(found) != decoded(tile.hash):
        raise Unproven(f"tile {tile.number} of the ledger was changed")
    return found


# ---------------------------------------------------------------- sealing


def is_due(before: Checkpoint | None, entries: int, acted: bool, now: datetime) -> bool:
    """`entries`: how many there are; `acted`: whether one since `before` is sealed at once."""
    if before is None:
        return entries > 0
    return acted or now - before.at >= HEARTBEAT


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is to be signed, and the tiles that are whole now."""

    size: int
    root: bytes
    tiles: tuple[Tile, ...] = ()

    def note(self, origin: str) -> Note:
        return Note(origin=origin, size=self.size, root=self.root)


def draft(before: Checkpoint | None, tiles: Sequence[bytes], entries: Iterable[Entry]) -> Draft:
    """The tree as it is now. `entries`: those after the whole `tiles`.

    Raises Unproven where it does not go on from what was signed before: then nothing may be signed.
    """
    sealed = note_of(before.note) if before else None
    known, leaves, new = list(tiles), {}, []
    kept = tile_of(sealed.size) if sealed else -1  # the tile in which the last checkpoint ends is looked into once more
    size = start = len(known) * TILE
    for entry in in_order(entries, start + 1):
        leaves[size] = leaf_hash(leaf(entry))
        size += 1
        if size % TILE == 0:
            new.append(tile(len(known), [leaves[at] for at in range(size - TILE, size)]))
            known.append(decoded(new[-1].hash))
            if len(known) - 1 != kept:
                leaves = {at: hash for at, hash in leaves.items() if at < size - TILE}
    tree = Tree(size=size, tiles=known, leaves=leaves)
    root = tree.root()
    if sealed:
        proof = merkle.consistency(sealed.size, size, tree.subtree)
        merkle.verify_consistency(sealed.size, size, sealed.root, root, proof)
    return Draft(size=size, root=root, tiles=tuple(new))


def sealed(
    newest: Checkpoint | None, before: Checkpoint | None, draft: Draft, note: Note, channel: str, now: datetime
) -> Decision:
    """The draft is signed. Where another was faster, its checkpoint stands."""
    if newest != before:
        return Decision()
    made = Checkpoint(
        number=before.number + 1 if before else 1, size=draft.size, root=encoded(draft.root), note=str(note), at=now
    )
    return Decision(save=(*draft.tiles, made), do=(PostCheckpoint(made.id),) if channel else ())
