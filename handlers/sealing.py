"""The ledger's key: where it comes from, and what it signs."""

from __future__ import annotations

import importlib
import secrets
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bot.checkpoints import NAME, Key, Note, Signature, decoded, encoded, name_of
from storage.store import Store

SECRET = 32  # bytes
KEPT, NAMED = "ledger key", "ledger name"


class BadKey(ValueError):
    """WATCHKEEPER_LEDGER_KEY is not 32 bytes in base64: make one with `openssl rand -base64 32`."""


def ed25519() -> Any:
    """Loaded with the first signature: to start, and to answer, takes none."""
    return importlib.import_module("handlers.ed25519")


def verify(public: bytes, text: bytes, signature: bytes) -> bool:
    made: bool = ed25519().verify(public, text, signature)
    return made


@dataclass(frozen=True)
class Signer:
    """`name` is what the log is called, in every checkpoint and in the key."""

    name: str
    secret: bytes = field(repr=False)

    @cached_property
    def key(self) -> Key:
        return Key(name=self.name, raw=ed25519().public(self.secret))

    def sign(self, note: Note) -> Note:
        raw = ed25519().sign(self.secret, note.text.encode())
        return replace(note, signatures=(Signature(name=self.name, id=self.key.id, raw=raw),))


def signer(given: str, url: str, store: Store) -> Signer:
    """With the key that was given, else the one that the first start made and keeps. Raises BadKey."""
    secret = secret_of(given) if given else decoded(store.remember(KEPT, encoded(secrets.token_bytes(SECRET))))
    return Signer(store.remember(NAMED, name_of(url)), secret)


def known(given: str, store: Store) -> Signer | None:
    """The same, without making one: None where nothing was ever signed. Raises BadKey."""
    kept = given or store.kept(KEPT)
    return Signer(store.kept(NAMED) or NAME, secret_of(kept)) if kept else None


def secret_of(text: str) -> bytes:
    secret = decoded(text)
    if len(secret) != SECRET:
        raise BadKey(str(BadKey.__doc__))
    return secret
