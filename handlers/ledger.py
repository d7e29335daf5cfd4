"""The ledger: seal what was noted, post checkpoints where we cannot change them, prove, export and verify."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO

import structlog
from prometheus_client import Gauge

from bot import audits, ledger, receipts
from bot.audits import Audit, Pin, Tiles
from bot.cards.ledger import checkpoint_card
from bot.checkpoints import Key, Note, Proof, Unreadable, key_of, note_of, notes_in
from bot.ledger import TILE, Draft, Tree, tile_of
from bot.merkle import Unproven, inclusion, leaf_hash
from bot.model import Checkpoint, Entry
from handlers.broadcasts import place
from handlers.sealing import Signer, verify
from handlers.world import Think, World, nothing
from storage.store import Job, Tx

log = structlog.get_logger(__name__)

BROKEN = Gauge("watchkeeper_ledger_broken", "1 where entries are not as they were signed: nothing is signed any more")

ENTRIES, CHECKPOINTS, KEY = "entries.jsonl", "checkpoints.jsonl", "key.txt"


# ---------------------------------------------------------------- sealing


def seal(world: World) -> None:
    """Signs the tree as it is, if that is due. Nothing is signed that does not go on from what was signed before."""
    signer = world.signer
    if signer is None:
        return
    try:
        found = world.read(lambda tx: drafted(tx, signer, world.now()))
    except (Unproven, Unreadable) as why:
        BROKEN.set(1)
        log.error("entries are not as they were signed; nothing is signed. Run watchkeeper ledger verify", why=str(why))
        return
    BROKEN.set(0)
    if found is None:
        return
    before, draft = found
    note, channel = signer.sign(draft.note(signer.name)), world.policy.ledger_channel
    made = world.decide(lambda tx, now: ledger.sealed(tx.ledger.newest(), before, draft, note, channel, now))
    if made.save:
        signer.remember(note)


def drafted(tx: Tx, signer: Signer, now: datetime) -> tuple[Checkpoint | None, Draft] | None:
    """The newest checkpoint and what is to follow it; None while nothing is due. Raises Unproven, Unreadable."""
    before = tx.ledger.newest()
    signer.must_follow(before)
    since, count = tx.ledger.sealed(), tx.ledger.count()
    if count < since:
        raise Unproven(f"entries {count + 1} to {since} are gone")
    if not ledger.is_due(before, count, tx.ledger.acted(since), now):
        return None
    tiles = tx.ledger.hashes()[: since // TILE]
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
    sealed: int = 0
    checkpoint: Checkpoint | None = None
    by: str = ""
    wrong: str = ""

    @property
    def waiting(self) -> int:
        return self.total - self.sealed


def covered(tx: Tx, entries: Collection[Entry], keys: Collection[Key]) -> Covered:
    """Whether these entries are those that the newest checkpoint was signed over: each is hashed anew."""
    made = tx.ledger.newest()
    if made is None:
        return Covered(total=len(entries))
    sealed = [entry for entry in entries if entry.seq <= made.size]
    told = Covered(total=len(entries), sealed=len(sealed), checkpoint=made)
    try:
        key, _ = proving(tx, note_of(made.note), sealed, keys)
    except (Unproven, Unreadable) as why:
        return replace(told, wrong=str(why))
    return replace(told, by=key.short)


def proving(tx: Tx, note: Note, entries: Collection[Entry], keys: Collection[Key]) -> tuple[Key, Tree]:
    """Who has signed it, and the tree with the leaves to prove these. Raises Unproven where one of all is another."""
    key = note.signer(keys, verify)
    if key is None:
        raise Unproven("the newest checkpoint is not signed by a key that is known here")
    whole = note.size // TILE
    leaves = {entry.seq - 1: leaf_hash(ledger.leaf(entry)) for entry in tx.ledger.entries(whole * TILE + 1, note.size)}
    wanted = {tile_of(entry.seq) for entry in entries} - {whole}
    for tile in tx.ledger.tiles(wanted):
        leaves |= dict(enumerate(ledger.leaves_of(tile), tile.number * TILE))
    tree = Tree(size=note.size, tiles=tx.ledger.hashes()[:whole], leaves=leaves)
    if tree.root() != note.root:
        raise Unproven("the ledger has another root than the one that was signed")
    for entry in entries:
        if leaf_hash(ledger.leaf(entry)) != leaves.get(entry.seq - 1):
            raise Unproven(f"entry {entry.seq} is not what it was when it was sealed")
    return key, tree


def receipt(tx: Tx, of: str, entries: Collection[Entry], keys: Collection[Key]) -> str:
    """Those of these entries that are sealed, each with its proof. Raises Unproven where there is none to give."""
    made = tx.ledger.newest()
    sealed = sorted((entry for entry in entries if made and entry.seq <= made.size), key=lambda entry: entry.seq)
    if made is None or not sealed:
        raise Unproven(
            f"nothing of {of} is sealed yet. Actions and changes are within a minute, the rest within six hours"
        )
    note = note_of(made.note)
    key, tree = proving(tx, note, sealed, keys)
    subtree = cache(tree.subtree)  # lines share most of their paths
    steps = {entry.seq: inclusion(entry.seq - 1, note.size, subtree) for entry in sealed}
    proofs = [(ledger.leaf(one), Proof(index=one.seq - 1, steps=steps[one.seq], note=note)) for one in sealed]
    return receipts.receipt(of, key, proofs)


# ---------------------------------------------------------------- verifying


def verified(tx: Tx, keys: Collection[Key], pins: Collection[Pin]) -> Audit:
    """All of it, from the entries on. Raises Unproven."""
    tiles = Tiles(tx.ledger.hashes(), lambda number: next(tx.ledger.tiles([number])))
    leaves = ((entry.seq, ledger.leaf(entry)) for entry in tx.ledger.entries())
    return audits.audit(leaves, tx.ledger.checkpoints(), tiles, pins, audits.trust(keys, verify))


def exported(tx: Tx, key: Key, folder: Path) -> int:
    """Everything that `verified_export` needs. How many entries those are. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = 0
    with _ours(folder / ENTRIES) as file:
        for entry in tx.ledger.entries():
            file.write(ledger.leaf(entry) + b"\n")
            count += 1
    with _ours(folder / CHECKPOINTS) as file:
        for one in tx.ledger.checkpoints():
            file.write(json.dumps({**asdict(one), "at": one.at.isoformat()}).encode() + b"\n")
    with _ours(folder / KEY) as file:
        file.write(f"{key}\n".encode())
    return count


def _ours(path: Path) -> BinaryIO:
    """A new file that nobody else on this machine may read: private incidents are in it, too."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def verified_export(folder: Path, keys: Collection[Key], pins: Collection[Pin]) -> Audit:
    """As `verified`, without a database. Raises OSError, Unreadable."""
    known = keys or [key_of((folder / KEY).read_text(encoding="utf-8"))]
    made = [_checkpoint(line) for line in (folder / CHECKPOINTS).read_text(encoding="utf-8").splitlines()]
    with (folder / ENTRIES).open("rb") as file:
        return audits.audit(_leaves(file), made, Tiles(), pins, audits.trust(known, verify))


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


def read_pins(where: str, text: str) -> list[Pin]:
    """Raises Unreadable where there is none in it."""
    found = [Pin(where=where, note=note) for note in notes_in(text)]
    if not found:
        raise Unreadable(f"there is no checkpoint in {where}: paste the three lines, the empty one and the signature")
    return found


def lines(tx: Tx, of: str, incident: str | None) -> tuple[Entry, ...]:
    """The entries of an incident, or the one with this number. Raises Unproven where there are none."""
    entry = tx.ledger.entry(int(of)) if not incident and of.isdecimal() and len(of) < 10 else None
    found = tx.entries(incident) if incident else (entry,) if entry else ()
    if not found:
        raise Unproven(f"there is no {of} in the ledger; name an incident as INC-7, or the number of an entry")
    return tuple(found)
