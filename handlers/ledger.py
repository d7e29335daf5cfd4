"""The ledger: seal what was noted, post checkpoints where we cannot change them, prove, export and verify."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import structlog
from prometheus_client import Gauge

from bot import audits, ledger, receipts
from bot.audits import Audit, Pin
from bot.cards.ledger import checkpoint_card
from bot.checkpoints import Key, Note, Proof, Unreadable, key_of, note_of, notes_in
from bot.ledger import TILE, Draft, Tree, tile_of
from bot.merkle import Unproven, inclusion, leaf_hash, root_of
from bot.model import Checkpoint, Entry
from handlers.broadcasts import place
from handlers.sealing import verify
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

log = structlog.get_logger(__name__)

SEALED = Gauge("watchkeeper_ledger_entries_sealed", "Entries that the newest checkpoint of the ledger covers")
BROKEN = Gauge("watchkeeper_ledger_broken", "1 where entries are not as they were signed: nothing is signed any more")

ENTRIES, CHECKPOINTS, KEY = "entries.jsonl", "checkpoints.jsonl", "key.txt"


# ---------------------------------------------------------------- sealing


def seal(world: World) -> None:
    """Signs the tree as it is, if that is due. Nothing is signed that does not go on from what was signed before."""
    signer = world.signer
    if signer is None:
        return
    try:
        found = world.read(lambda tx: drafted(tx, world.now()))
    except Unproven as why:
        BROKEN.set(1)
        log.error("entries are not as they were signed; nothing is signed. Run watchkeeper ledger verify", why=str(why))
        return
    BROKEN.set(0)
    if found is None:
        return
    before, draft = found
    note, channel = signer.sign(draft.note(signer.name)), world.policy.ledger_channel
    world.decide(lambda tx, now: ledger.sealed(tx.ledger.newest(), before, draft, note, channel, now))
    SEALED.set(draft.size)


def drafted(tx: Tx, now: datetime) -> tuple[Checkpoint | None, Draft] | None:
    """The newest checkpoint and what is to follow it; None while nothing is due. Raises Unproven."""
    before = tx.ledger.newest()
    since, count = before.size if before else 0, tx.ledger.count()
    if count < since:
        raise Unproven(f"entries {count + 1} to {since} are gone")
    if not ledger.is_due(before, count, tx.ledger.acted(since), now):
        return None
    tiles = ledger.hashes(tx.ledger.tiles())[: since // TILE]
    return before, ledger.draft(before, tiles, tx.ledger.entries(len(tiles) * TILE + 1))


def post(world: World, id: str, job: Job) -> Think:
    """The newest alone: it covers what the others do."""
    made, newest = world.read(lambda tx: (tx.ledger.checkpoint(id), tx.ledger.newest()))
    if made is None or made != newest or not world.policy.ledger_channel:
        return nothing
    channel = place(world, world.policy.ledger_channel)
    world.chat.post(channel, checkpoint_card(made), made.id, since=job.created_at, again=job.again)
    return nothing


# ---------------------------------------------------------------- proving


@dataclass(frozen=True, kw_only=True)
class Covered:
    """How it stands with some entries, as it was just computed. `wrong`: why they are not proved."""

    total: int
    sealed: frozenset[int] = frozenset()
    checkpoint: Checkpoint | None = None
    by: str = ""
    wrong: str = ""

    @property
    def waiting(self) -> int:
        return self.total - len(self.sealed)


def covered(tx: Tx, seqs: Collection[int], key: Key) -> Covered:
    """Whether these entries are those that the newest checkpoint was signed over: each is read and hashed anew."""
    made = tx.ledger.newest()
    if made is None:
        return Covered(total=len(seqs))
    sealed = frozenset(seq for seq in seqs if seq <= made.size)
    told = Covered(total=len(seqs), sealed=sealed, checkpoint=made, by=key.short)
    try:
        proving(tx, note_of(made.note), sealed, key)
    except (Unproven, Unreadable) as why:
        return Covered(total=told.total, sealed=sealed, checkpoint=made, by=key.short, wrong=str(why))
    return told


def proving(tx: Tx, note: Note, seqs: Collection[int], key: Key) -> Tree:
    """The tree that was signed, as it is now, ready to prove these. Raises Unproven where it is another."""
    if note.signer([key], verify) is None:
        raise Unproven(f"the checkpoint is not signed by {key.short}")
    tree = looked_into(tx, note.size, seqs)
    if tree.root() != note.root:
        raise Unproven("the ledger has another root than the one that was signed")
    return tree


def looked_into(tx: Tx, size: int, seqs: Iterable[int]) -> Tree:
    """The tree over so many entries, with the leaves of every tile that one of these stands in.

    Raises Unproven where such a tile is not what it was: one of its 256 entries was changed.
    """
    tiles = ledger.hashes(tx.ledger.tiles())[: size // TILE]
    wanted = {tile_of(seq) for seq in seqs} | ({tile_of(size)} if size % TILE else set())
    leaves = {entry.seq - 1: leaf_hash(ledger.leaf(entry)) for entry in tx.ledger.of_tiles(wanted)}
    tree = Tree(size=size, tiles=tiles, leaves=leaves)
    for number in sorted(wanted):
        if number < len(tiles):
            hashes = [leaves[at] for at in range(number * TILE, number * TILE + TILE) if at in leaves]
            if len(hashes) < TILE or root_of(hashes) != tiles[number]:
                first = ledger.first_of(number)
                raise Unproven(f"an entry between {first} and {first + TILE - 1} is not what it was when it was sealed")
    return tree


def receipt(tx: Tx, of: str, seqs: Collection[int], key: Key) -> str:
    """Those of these entries that are sealed, each with its proof. Raises Unproven where there is none to give."""
    made = tx.ledger.newest()
    sealed = sorted(seq for seq in seqs if made and seq <= made.size)
    if made is None or not sealed:
        raise Unproven(
            f"nothing of {of} is sealed yet. Actions and changes are within a minute, the rest within six hours"
        )
    note = note_of(made.note)
    subtree, wanted = cache(proving(tx, note, sealed, key).subtree), set(sealed)  # lines share most of their paths
    entries = tx.ledger.of_tiles({tile_of(seq) for seq in sealed})
    leaves = {entry.seq: ledger.leaf(entry) for entry in entries if entry.seq in wanted}
    proofs = [
        (leaves[seq], Proof(index=seq - 1, steps=inclusion(seq - 1, note.size, subtree), note=note)) for seq in sealed
    ]
    return receipts.receipt(of, key, proofs)


# ---------------------------------------------------------------- verifying


def verified(tx: Tx, keys: Collection[Key], pins: Collection[Pin]) -> Audit:
    """All of it, from the entries on. Raises Unproven."""
    tiles = ledger.hashes(tx.ledger.tiles())
    leaves = ((entry.seq, ledger.leaf(entry)) for entry in tx.ledger.entries())
    return audits.audit(leaves, tx.ledger.checkpoints(), tiles, pins, audits.trust(keys, verify))


def exported(tx: Tx, key: Key, folder: Path) -> int:
    """Everything that `verified_export` needs. How many entries those are. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    with (folder / ENTRIES).open("wb") as file:
        for entry in tx.ledger.entries():
            file.write(ledger.leaf(entry) + b"\n")
            count += 1
    made = [json.dumps({**asdict(one), "at": one.at.isoformat()}) + "\n" for one in tx.ledger.checkpoints()]
    (folder / CHECKPOINTS).write_text("".join(made), encoding="utf-8")
    (folder / KEY).write_text(f"{key}\n", encoding="utf-8")
    return count


def verified_export(folder: Path, keys: Collection[Key], pins: Collection[Pin]) -> Audit:
    """As `verified`, without a database. Raises OSError, Unreadable."""
    known = keys or [key_of((folder / KEY).read_text(encoding="utf-8"))]
    made = [_checkpoint(line) for line in (folder / CHECKPOINTS).read_text(encoding="utf-8").splitlines()]
    with (folder / ENTRIES).open("rb") as file:
        return audits.audit(_leaves(file), made, [], pins, audits.trust(known, verify))


def _checkpoint(line: str) -> Checkpoint:
    try:
        content = json.loads(line)
        return Checkpoint(**{**content, "at": datetime.fromisoformat(content["at"])})
    except (ValueError, TypeError, LookupError):
        raise Unreadable(f"{CHECKPOINTS} was not written by `watchkeeper ledger export`") from None


def _leaves(file: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for line in file:
        leaf = line.rstrip(b"\n")
        try:
            yield int(json.loads(leaf)["seq"]), leaf
        except (ValueError, TypeError, LookupError):
            raise Unreadable(f"{ENTRIES} has a line that is no entry: {leaf[:60]!r}") from None


def pins_in(where: str, text: str) -> list[Pin]:
    """Raises Unreadable where there is none in it."""
    found = [Pin(where=where, note=note) for note in notes_in(text)]
    if not found:
        raise Unreadable(f"there is no checkpoint in {where}: paste the three lines, the empty one and the signature")
    return found


def numbers(tx: Tx, of: str, incident: str | None) -> tuple[int, ...]:
    """The entries of an incident, or the one with this number."""
    if incident:
        return tuple(entry.seq for entry in tx.entries(incident))
    entry: Entry | None = tx.ledger.entry(int(of)) if of.isdecimal() and len(of) < 10 else None
    return (entry.seq,) if entry else ()
