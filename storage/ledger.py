"""What the ledger is made of: entries by their number, the tiles over them, and the checkpoints that were signed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, bindparam, func, select

from bot.checkpoints import decoded
from bot.ledger import AT_ONCE
from bot.merkle import Unproven
from bot.model import Checkpoint, Entry, Tile
from storage.rows import table, to_noun

CHECKPOINTS, ENTRIES, TILES = table(Checkpoint), table(Entry), table(Tile)
PIECE = 4000  # entries of one query: what is read of the whole log is never held whole
PIECE_OF_TILES = 200  # 2 MB
LARGEST = 2**31 - 1
BETWEEN = (
    select(ENTRIES)
    .where(ENTRIES.c.seq > bindparam("after"), ENTRIES.c.seq <= bindparam("last"))
    .order_by(ENTRIES.c.seq)
    .limit(PIECE)
)
HASHES = select(TILES.c.number, TILES.c.hash).order_by(TILES.c.number)
NEWEST = select(CHECKPOINTS).order_by(CHECKPOINTS.c.number.desc()).limit(1)


class Ledger:
    """Of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def newest(self) -> Checkpoint | None:
        row = self.connection.execute(NEWEST).mappings().first()
        return to_noun(Checkpoint, row) if row else None

    def sealed(self) -> int:
        """How many entries it covers."""
        newest = self.newest()
        return newest.size if newest else 0

    def checkpoint(self, id: str) -> Checkpoint | None:
        number = int(id.rpartition("/")[2])
        row = self.connection.execute(select(CHECKPOINTS).where(CHECKPOINTS.c.number == number)).mappings().first()
        return to_noun(Checkpoint, row) if row else None

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """In the order in which they were signed."""
        rows = self.connection.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.number)).mappings()
        return tuple(to_noun(Checkpoint, row) for row in rows)

    def hashes(self) -> list[bytes]:
        """Of the tiles, in their order. Raises Unproven where one is missing."""
        found: list[bytes] = []
        for number, hash in self.connection.execute(HASHES):
            if number != len(found):
                raise Unproven(f"tile {len(found)} of the ledger is missing")
            found.append(decoded(hash))
        return found

    def tiles(self, numbers: Collection[int]) -> Iterator[Tile]:
        """Those with these numbers, with all that they hold."""
        wanted = sorted(numbers)
        for at in range(0, len(wanted), PIECE_OF_TILES):
            some = TILES.c.number.in_(wanted[at : at + PIECE_OF_TILES])
            rows = self.connection.execute(select(TILES).where(some).order_by(TILES.c.number))
            yield from (to_noun(Tile, row) for row in rows.mappings())

    def count(self) -> int:
        """How many entries there are: the number of the last one."""
        return self.connection.scalar(select(func.max(ENTRIES.c.seq))) or 0

    def acted(self, since: int) -> bool:
        """Whether one after this number is of a kind that is sealed at once."""
        some = select(1).where(ENTRIES.c.seq > since, ENTRIES.c.kind.in_([kind.value for kind in AT_ONCE])).limit(1)
        return self.connection.scalar(some) is not None

    def entry(self, seq: int) -> Entry | None:
        return next(self.entries(seq, seq), None)

    def entries(self, first: int = 1, last: int = LARGEST) -> Iterator[Entry]:
        """In the order of their numbers, read as they are asked for; both ends are among them."""
        after, full = first - 1, True
        while full:
            rows = self.connection.execute(BETWEEN, {"after": after, "last": last}).mappings().all()
            for row in rows:
                yield to_noun(Entry, row)
            full = len(rows) == PIECE
            after = rows[-1]["seq"] if full else after
