"""Checkpoints, keys and proofs as text, as other programs read them: the formats of C2SP (signed-note, tlog-checkpoint,
tlog-proof). Nothing is signed here."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.merkle import SIZE

Verify = Callable[[bytes, bytes, bytes], bool]  # a public key, a text, and a signature that may be of both

ED25519 = b"\1"
ID = 4  # bytes of a key's id
NAME = "watchkeeper"
DASH = "—"
PROOF = "c2sp.org/tlog-proof@v1"
LONGEST = 64  # steps of a proof, of any tree that there can be
B64 = r"[A-Za-z0-9+/]+={0,2}"
NOTE = re.compile(rf"([^\s+]+)\n(\d{{1,15}})\n({B64})\n\n((?:{DASH} [^\s+]+ {B64}(?:\n|$))+)")
MARKS = re.compile(r"^[ \t>`]+|[ \t`]+$", re.MULTILINE)  # what a chat or a mail puts around what is pasted


class Unreadable(ValueError):
    """The text is not in the format; the message says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A public key by its name, as it stands in each signature. Written NAME+ID+BASE64."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:ID]

    @property
    def short(self) -> str:
        return f"{self.name}+{self.id.hex()}"

    def __str__(self) -> str:
        return f"{self.short}+{encoded(ED25519 + self.raw)}"


def key_of(text: str) -> Key:
    """Raises Unreadable."""
    name, _, rest = text.strip().partition("+")
    id, _, content = rest.partition("+")
    raw = decoded(content)
    if not name or len(raw) != 1 + SIZE or raw[:1] != ED25519:
        raise Unreadable("a key is written NAME+ID+BASE64, as `watchkeeper ledger key` prints it")
    key = Key(name=name, raw=raw[1:])
    if key.id.hex() != id:
        raise Unreadable(f"the key does not fit its own id {id[:8]}: it was not copied whole")
    return key


def name_of(url: str) -> str:
    """What the log is called: where the bot is reached, without what a name cannot hold."""
    parts = urlsplit(url)
    return re.sub(r"[\s+]", "-", f"{parts.netloc}{parts.path}".strip("/")) or NAME


# ---------------------------------------------------------------- signed notes


@dataclass(frozen=True, kw_only=True)
class Signature:
    name: str
    id: bytes
    raw: bytes


@dataclass(frozen=True, kw_only=True)
class Note:
    """A checkpoint as it was signed: `text` is what the signatures are over."""

    origin: str
    size: int
    root: bytes
    signatures: tuple[Signature, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{encoded(self.root)}\n"

    def __str__(self) -> str:
        lines = (f"{DASH} {one.name} {encoded(one.id + one.raw)}\n" for one in self.signatures)
        return f"{self.text}\n{''.join(lines)}"

    def signer(self, keys: Collection[Key], verify: Verify) -> Key | None:
        """Whose signature it bears, of the keys that are known here. The key's name must be the log's own."""
        for key in keys:
            for one in self.signatures:
                ours = (one.name, one.id) == (key.name, key.id) and key.name == self.origin
                if ours and verify(key.raw, self.text.encode(), one.raw):
                    return key
        return None


def note_of(text: str) -> Note:
    """The one note that this is. Raises Unreadable."""
    found = tuple(notes_in(text))
    if len(found) != 1:
        raise Unreadable(f"there {'is no checkpoint' if not found else f'are {len(found)} checkpoints'} in it")
    return found[0]


def notes_in(text: str) -> Iterator[Note]:
    """Every checkpoint in a text, also one that was pasted from a chat. What is none is passed over."""
    for match in NOTE.finditer(MARKS.sub("", text.replace("\r\n", "\n"))):
        origin, size, root, signed = match.groups()
        if len(decoded(root)) == SIZE and int(size) > 0:
            yield Note(origin=origin, size=int(size), root=decoded(root), signatures=tuple(_signatures(signed)))


def _signatures(lines: str) -> Iterator[Signature]:
    for line in lines.splitlines():
        _, name, content = line.split(" ")
        raw = decoded(content)
        yield Signature(name=name, id=raw[:ID], raw=raw[ID:])


# ---------------------------------------------------------------- proofs


@dataclass(frozen=True, kw_only=True)
class Proof:
    """That one leaf is among those of a checkpoint."""

    index: int
    steps: tuple[bytes, ...]
    note: Note

    def __str__(self) -> str:
        return "\n".join([PROOF, f"index {self.index}", *map(encoded, self.steps), "", str(self.note)])


def proof_of(text: str) -> Proof:
    """Raises Unreadable."""
    above, _, below = text.partition("\n\n")
    first, *lines = above.split("\n")
    if first == PROOF and lines and lines[0].startswith("extra "):
        lines = lines[1:]
    if first != PROOF or not lines or not re.fullmatch(r"index \d{1,15}", lines[0]) or len(lines) > 1 + LONGEST:
        raise Unreadable(f"it is no proof: that begins with {PROOF} and the leaf's index")
    return Proof(index=int(lines[0].split()[1]), steps=_hashes(lines[1:]), note=note_of(below))


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    found = tuple(map(decoded, lines))
    if any(len(hash) != SIZE for hash in found):
        raise Unreadable("a step of the proof is no hash")
    return found


# ---------------------------------------------------------------- bytes as text


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def decoded(text: str) -> bytes:
    """What is not base64 is nothing, which no hash and no key is."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
