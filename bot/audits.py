"""Whether the entries are those that were signed: everything is computed anew, and said with what it does not prove."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.checkpoints import Key, Note, Unreadable, Verify, encoded, note_of
from bot.ledger import TILE, leaves_of
from bot.merkle import Range, Unproven, leaf_hash, root_of
from bot.model import Checkpoint, Tile

SHORT = 12  # characters of a root that people compare
FEW = 5  # numbers that are named
Trust = Callable[[Note], str]  # whose known key has signed it, "" if none has


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A checkpoint that was kept elsewhere, and where."""

    where: str
    note: Note


@dataclass(frozen=True, kw_only=True)
class Audit:
    """`wrong`: what does not fit, the first bad place first. `sealed`: the newest checkpoint that holds."""

    entries: int
    sealed: Checkpoint | None = None
    by: str = ""  # whose key signed it
    pins: tuple[Pin, ...] = ()  # those that hold
    wrong: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not self.wrong


def trust(keys: Collection[Key], verify: Verify) -> Trust:
    def signer(note: Note) -> str:
        key = note.signer(keys, verify)
        return key.short if key else ""

    return signer


@dataclass(frozen=True)
class Tiles:
    """What the ledger keeps of every 256 entries: the root over them, and their hashes where these are asked for."""

    hashes: Sequence[bytes] = ()
    look: Callable[[int], Tile] | None = None

    def kept(self, number: int) -> list[bytes]:
        """The hashes in one, none where they cannot be relied on."""
        try:
            return leaves_of(self.look(number)) if self.look else []
        except Unproven:
            return []


@dataclass
class _Walk:
    """One pass over all leaves. `good`: up to where a signed root has proved them."""

    trust: Trust
    tiles: Tiles
    range: Range = field(default_factory=Range)
    last: list[bytes] = field(default_factory=list)  # the leaves of the tile that is under way
    good: int = 0
    tiles_good: int = 0  # in entries: up to where tiles fit, since the last signed root
    tile_bad: int = 0  # the end of the first tile that does not fit, since the last signed root
    odd: int = 0  # the first entry that is not as its tile has it
    broken: bool = False
    sealed: Checkpoint | None = None
    by: str = ""
    held: list[Pin] = field(default_factory=list)
    unseen: list[Pin] = field(default_factory=list)  # those that have seen other entries
    unsigned: list[int] = field(default_factory=list)  # the numbers of checkpoints that no key has signed
    wrong: list[str] = field(default_factory=list)

    def leaf(self, leaf: bytes) -> None:
        hash = leaf_hash(leaf)
        self.last.append(hash)
        self.range = self.range.plus(hash)
        number, rest = divmod(self.range.size, TILE)
        if not rest:
            if number <= len(self.tiles.hashes):
                self.tile(number - 1)
            self.last.clear()

    def tile(self, number: int) -> None:
        if self.tile_bad:
            return
        if root_of(self.last) == self.tiles.hashes[number]:
            self.tiles_good = self.range.size
            if self.tiles.look and self.tiles.kept(number) != self.last:
                self.wrong.append(
                    f"Tile {number} of the ledger was changed; the entries under it are as its hash has them."
                )
            return
        self.tile_bad = self.range.size
        self.odd = self.first_odd(number)

    def first_odd(self, number: int) -> int:
        """The first entry read of this tile that it has otherwise, 0 where that is not known."""
        kept = self.tiles.kept(number) if number < len(self.tiles.hashes) else []
        pairs = enumerate(zip(self.last, kept, strict=False), number * TILE + 1)
        return next((seq for seq, (now, then) in pairs if now != then), 0)

    def checkpoint(self, made: Checkpoint) -> None:
        note = note_of(made.note)
        if (note.size, encoded(note.root)) != (made.size, made.root):
            self.wrong.append(f"Checkpoint {made.number} was changed: its row does not say what was signed.")
        elif not (by := self.trust(note)):
            self.unsigned.append(made.number)
        elif note.root == self.range.root():
            self.fits(made.number)
            self.sealed, self.by = made, by
        elif not self.broken:
            self.broken, self.odd = True, self.odd or self.first_odd(self.range.size // TILE)
            first, last = self.span()
            seen = f"as checkpoint {made.number} has seen {_them(first, last)}, which was signed {_when(made.at)}"
            self.wrong.append(f"{_entries(first, last)} not {seen}.")

    def fits(self, number: int) -> None:
        if self.tile_bad:
            under = f"the entries under it are as checkpoint {number} has them"
            self.wrong.append(f"Tile {self.tile_bad // TILE - 1} of the ledger was changed; {under}.")
        self.good = self.range.size
        self.tile_bad = self.odd = 0
        self.tiles_good = max(self.tiles_good, self.good)

    def span(self) -> tuple[int, int]:
        """Between what is known to be good and what is known to be bad."""
        if self.odd > self.good:
            return self.odd, self.odd
        first = max(self.good, self.tiles_good) + 1
        return first, min(self.range.size, self.tile_bad or self.range.size)

    def pin(self, pin: Pin) -> None:
        seen = pin.note.root == self.range.root()
        if not self.trust(pin.note):
            also = "" if seen else " Nor are the entries those that it has seen."
            why = "not signed by a key known here: it is of another log, or the key was exchanged since"
            self.wrong.append(f"{pin.where}: its checkpoint over {pin.note.size:,} entries is {why}.{also}")
        elif seen:
            self.held.append(pin)
        else:
            self.unseen.append(pin)


def audit(
    leaves: Iterable[tuple[int, bytes]],
    checkpoints: Sequence[Checkpoint],
    tiles: Tiles,
    pins: Collection[Pin],
    trust: Trust,
) -> Audit:
    """`leaves`: every entry's number and its bytes, in order."""
    walk, marks, pinned = _Walk(trust, tiles), defaultdict(list), defaultdict(list)
    walk.wrong += _gaps(checkpoints)
    for made in checkpoints:
        try:
            marks[note_of(made.note).size].append(made)
        except Unreadable as error:
            walk.wrong.append(f"Checkpoint {made.number} cannot be read: {error}.")
    for pin in pins:
        pinned[pin.note.size].append(pin)
    for seq, leaf in leaves:
        due = walk.range.size + 1
        if seq != due:
            walk.wrong.append(f"{_entries(due, max(due, seq - 1))} missing. What follows was not checked.")
            return _told(walk)
        walk.leaf(leaf)
        for made in marks.pop(seq, ()):
            walk.checkpoint(made)
        for pin in pinned.pop(seq, ()):
            walk.pin(pin)
    _gone(walk, marks, pinned)
    return _told(walk)


def _gaps(checkpoints: Sequence[Checkpoint]) -> list[str]:
    """Their numbers and sizes only grow."""
    wrong: list[str] = []
    size = 0
    for number, made in enumerate(checkpoints, 1):
        if made.number != number:
            return [*wrong, f"Checkpoint {number} is missing."]
        if made.size < size:
            wrong.append(f"Checkpoint {number} is over fewer entries than the one before it.")
        size = made.size
    return wrong


def _gone(walk: _Walk, marks: dict[int, list[Checkpoint]], pinned: dict[int, list[Pin]]) -> None:
    """Entries that somebody has signed, and that are not there."""
    last = walk.range.size
    if marks:
        size = max(marks)
        newest = marks[size][-1]
        seen = f"which checkpoint {newest.number} of {_when(newest.at)} has seen"
        walk.wrong.append(f"{_entries(last + 1, size)} gone, {seen}.")
    for size in sorted(pinned):
        walk.wrong += [f"{pin.where}: {_entries(last + 1, size)} gone, which it has seen." for pin in pinned[size]]


def _told(walk: _Walk) -> Audit:
    if walk.tile_bad and not walk.broken:
        walk.wrong.append(f"{_entries(*walk.span())} not as a tile of the ledger has {_them(*walk.span())}.")
    if walk.unsigned:
        which = ", ".join(map(str, walk.unsigned[:FEW])) + (" and more" if len(walk.unsigned) > FEW else "")
        walk.wrong.append(f"Not signed by a key known here (--key, if it was exchanged): checkpoint {which}.")
    for pin in walk.unseen:
        first = max((held.note.size for held in walk.held if held.note.size < pin.note.size), default=0) + 1
        anew = " They were written and signed anew by somebody who has the key."
        signed = not walk.broken and walk.good >= pin.note.size
        seen = f"{_entries(first, pin.note.size)} not as this checkpoint has seen them."
        walk.wrong.append(f"{pin.where}: {seen}{anew if signed else ''}")
    return Audit(
        entries=walk.range.size, sealed=walk.sealed, by=walk.by, pins=tuple(walk.held), wrong=tuple(walk.wrong)
    )


def lines(audit: Audit) -> list[str]:
    """What is proved, what is not, and what does not fit."""
    said = [f"✗ {wrong}" for wrong in audit.wrong]
    if audit.good and audit.sealed:
        size = audit.sealed.size
        said.append(
            f"✓ {_entries(1, size)} unchanged since {_when(audit.sealed.at)}, as far as the key can tell: "
            f"checkpoint {audit.sealed.number}, root {audit.sealed.root[:SHORT]}, key {audit.by}."
        )
    said += [f"✓ {pin.where}: {_entries(1, pin.note.size)} as this checkpoint has seen them." for pin in audit.pins]
    return said + [f"· {open}" for open in _open(audit)]


def _open(audit: Audit) -> list[str]:
    """What nobody could tell."""
    if not audit.good:
        return ["What was changed, and by whom, is not told by the ledger: compare with a backup or an export."]
    said = []
    since = audit.entries - (audit.sealed.size if audit.sealed else 0)
    if since:
        covered = "is" if since == 1 else "are"
        said.append(
            f"{since:,} {noun(since)} since then {covered} not covered by a checkpoint yet: "
            "a change to what no checkpoint covers is not noticed."
            if audit.sealed
            else f"Nothing is sealed yet: a change to the {since:,} {noun(since)} that there {covered} is not noticed."
        )
    if not audit.entries:
        said.append("There is no entry yet, so there is nothing to prove.")
    elif not audit.pins:
        said.append(
            "No checkpoint from elsewhere was given (--pin FILE): whoever has the database and the key could have "
            "rewritten everything and signed it anew."
        )
    return said


# ---------------------------------------------------------------- words


def _entries(first: int, last: int) -> str:
    if first == last:
        return f"Entry {first:,} is"
    return f"Entries {first:,} to {last:,} are"


def _them(first: int, last: int) -> str:
    return "it" if first == last else "them"


def noun(count: int) -> str:
    return "entry" if count == 1 else "entries"


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
