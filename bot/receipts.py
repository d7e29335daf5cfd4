"""Receipts: lines of the record with their proofs, to be checked without the database and without us."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.audits import Pin, noun
from bot.checkpoints import Key, Note, Proof, Unreadable, Verify, key_of, proof_of
from bot.merkle import Unproven, leaf_hash, verify_inclusion
from bot.text import clip, one_line

SHOWN, TEXT = 40, 100  # entries that are printed, and characters of each


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a receipt proves, line by line, and whether all of it holds."""

    lines: tuple[str, ...]
    good: bool


def receipt(of: str, key: Key, proved: Sequence[tuple[bytes, Proof]]) -> str:
    """As JSON: each entry's leaf as it was hashed, and its proof in the format of C2SP's tlog-proof."""
    entries = [{"entry": leaf.decode(), "proof": str(proof)} for leaf, proof in proved]
    content = {"receipt": 1, "of": of, "key": str(key), "entries": entries}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def check(text: str, keys: Collection[Key], pins: Collection[Pin], verify: Verify) -> Checked:
    """`keys`: those that are known; without one the receipt's own is taken, which does not prove whose it is.

    Raises Unreadable.
    """
    of, own, pairs = _read(text)
    wrong = [why for entry, proof in pairs if (why := _why_not(entry, proof, keys or [own], verify))]
    notes = {proof.note.size: proof.note for _, proof in pairs}
    said = [*wrong, *(line for pin in pins if (line := _compared(pin, notes, good=False)))]
    if said:
        return Checked(lines=tuple(said), good=False)
    by = ", ".join(key.short for key in keys or [own])
    said.append(f"✓ {len(pairs):,} {noun(len(pairs))} of {one_line(of)} as they were signed by {by}.")
    said += [f"  {_shown(entry)}" for entry, _ in pairs[:SHOWN]]
    if (more := len(pairs) - SHOWN) > 0:
        said.append(f"  and {more:,} more")
    said += [line for pin in pins if (line := _compared(pin, notes, good=True))]
    if not keys:
        said.append(f"· The key is the receipt's own: compare it with the one that you know (--key). {own}")
    return Checked(lines=tuple(said), good=True)


def _read(text: str) -> tuple[str, Key, list[tuple[str, Proof]]]:
    try:
        content = json.loads(text)
        pairs = [(str(one["entry"]), proof_of(one["proof"])) for one in content["entries"]]
        return str(content["of"]), key_of(content["key"]), pairs
    except Unreadable as error:
        raise Unreadable(f"this is no receipt: {error}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Unreadable("this is no receipt as `watchkeeper ledger receipt` writes it") from None


def _why_not(entry: str, proof: Proof, keys: Collection[Key], verify: Verify) -> str:
    note = proof.note
    if note.signer(keys, verify) is None:
        return f"✗ Entry {proof.index + 1:,}: its checkpoint is not signed by the key."
    try:
        verify_inclusion(leaf_hash(entry.encode()), proof.index, note.size, proof.steps, note.root)
    except Unproven as why:
        return f"✗ Entry {proof.index + 1:,}: {why}."
    return ""


def _compared(pin: Pin, notes: dict[int, Note], *, good: bool) -> str:
    """What a checkpoint from elsewhere adds, of what is good or of what is not."""
    size = pin.note.size
    if size not in notes:
        told = "only the log can tell whether both are of one tree"
        return f"· {pin.where}: a checkpoint over {size:,} entries; {told}." if good else ""
    same = notes[size].root == pin.note.root
    if same is not good:
        return ""
    return f"✓ {pin.where}: the same checkpoint." if same else f"✗ {pin.where}: over the same entries another root."


def _shown(entry: str) -> str:
    """An entry, for people: what is in the leaf."""
    try:
        content = json.loads(entry)
        return f"{content['seq']:>6}  {content['at'][:19]}Z  {clip(one_line(content['text']), TEXT)}"
    except (ValueError, LookupError, TypeError):
        return clip(one_line(entry), TEXT)
