"""The ledger's key: where it comes from, and what it signs."""

from __future__ import annotations

import importlib
import secrets
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bot.checkpoints import NAME, Key, Note, Signature, Unreadable, decoded, encoded, key_of, name_of, note_of
from bot.merkle import Unproven
from bot.model import Checkpoint
from storage.store import Store

SECRET = 32  # bytes
WRITTEN = (
    "WATCHKEEPER_LEDGER_KEY is not 32 bytes in base64: make one with `openssl rand -base64 32`. What follows, after "
    "a space, are the public keys that were used before, each as `watchkeeper ledger key` printed it."
)
KEPT, NAMED = "ledger key", "ledger name"


class BadKey(ValueError):
    """The message says how a key is written."""


def ed25519() -> Any:
    """Loaded with the first signature: to start, and to answer, takes none."""
    return importlib.import_module("handlers.ed25519")


def verify(public: bytes, text: bytes, signature: bytes) -> bool:
    made: bool = ed25519().verify(public, text, signature)
    return made


@dataclass(frozen=True)
class Signer:
    """`name` is what the log is called, in every checkpoint and in the key. `former`: keys that signed before this one.

    `signed` is the last of this process that was kept: whoever removes it from the database is noticed until a restart.
    """

    name: str
    secret: bytes = field(repr=False)
    former: tuple[Key, ...] = ()
    signed: list[Note] = field(default_factory=list, repr=False, compare=False)

    @cached_property
    def key(self) -> Key:
        return Key(name=self.name, raw=ed25519().public(self.secret))

    @property
    def keys(self) -> tuple[Key, ...]:
        return (self.key, *self.former)

    def sign(self, note: Note) -> Note:
        raw = ed25519().sign(self.secret, note.text.encode())
        return replace(note, signatures=(Signature(name=self.name, id=self.key.id, raw=raw),))

    def remember(self, note: Note) -> None:
        """Once it stands: what could not be committed, or was signed a moment too late, is not to be missed."""
        self.signed[:] = [note]

    def must_follow(self, before: Checkpoint | None) -> None:
        """Raises Unproven where the newest checkpoint in the database cannot be the one to go on from."""
        if self.signed and (before is None or before.size < self.signed[0].size):
            raise Unproven(f"the checkpoint over {self.signed[0].size} entries that was signed last is gone")
        if before and note_of(before.note).signer(self.keys, verify) is None:
            raise Unproven(f"checkpoint {before.number} is not signed by {self.key.short} or a key before it")


def signer(given: str, url: str, store: Store) -> Signer:
    """With the key that was given, else the one that the first start made and keeps. Raises BadKey."""
    kept = given or store.remember(KEPT, encoded(secrets.token_bytes(SECRET)))
    return _signer(store.remember(NAMED, name_of(url)), kept)


def known(given: str, store: Store) -> Signer | None:
    """The same, without making one: None where nothing was ever signed. Raises BadKey."""
    kept = given or store.kept(KEPT)
    return _signer(store.kept(NAMED) or NAME, kept) if kept else None


def _signer(name: str, text: str) -> Signer:
    first, *others = text.split()
    secret = decoded(first)
    if len(secret) != SECRET:
        raise BadKey(WRITTEN)
    try:
        return Signer(name, secret, tuple(map(key_of, others)))
    except Unreadable:
        raise BadKey(WRITTEN) from None
