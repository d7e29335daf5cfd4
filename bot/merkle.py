"""Merkle trees of RFC 6962 and RFC 9162 with SHA-256: roots, and proofs that anybody can check without the leaves.

A tree is never held whole. What stands in it is asked for by `Subtree`: the hash over the leaves from `start` to `end`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Subtree = Callable[[int, int], bytes]
SIZE = hashlib.sha256().digest_size


class Unproven(Exception):
    """The proof does not show what it should; the message says why."""


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True)
class Range:
    """What it takes to go on after `size` leaves: the roots of the perfect trees that they make, from the left."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def plus(self, hash: bytes, leaves: int = 1) -> Range:
        """With one more leaf, or a perfect tree of a power of two of them, which begins at a multiple of that."""
        if leaves & (leaves - 1) or self.size % leaves:
            raise ValueError(f"{leaves} leaves cannot follow {self.size} as one tree")
        peaks, filled = list(self.peaks), self.size // leaves
        while filled & 1:
            hash, filled = node_hash(peaks.pop(), hash), filled >> 1
        return Range(self.size + leaves, (*peaks, hash))

    def root(self) -> bytes:
        """Raises ValueError where there is no leaf: a tree without any proves nothing."""
        if not self.peaks:
            raise ValueError("a tree without leaves has no root here")
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of(hashes: Iterable[bytes]) -> bytes:
    """Over the hashes of leaves: in pairs, and one that is left over goes up as it is. Raises ValueError for none."""
    level = list(hashes)
    if not level:
        return Range().root()
    while len(level) > 1:
        alone = level[-1:] if len(level) % 2 else []
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)] + alone
    return level[0]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


# ---------------------------------------------------------------- a leaf is in the tree


def inclusion(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """PATH(index, D[size]) of RFC 6962, 2.1.1: from the leaf's neighbour up. Raises ValueError for a leaf outside."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162, 2.1.3.2, of the hash of a leaf. Raises Unproven."""
    if not 0 <= index < size:
        raise Unproven(f"there is no leaf {index} in a tree of {size}")
    _whole(leaf, *proof, root)
    position, last, hash = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise Unproven("the proof is too long")
        if position & 1 or position == last:
            hash = node_hash(step, hash)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            hash = node_hash(hash, step)
        position, last = position >> 1, last >> 1
    if last:
        raise Unproven("the proof is too short")
    if hash != root:
        raise Unproven("the leaf is not in this tree")


# ---------------------------------------------------------------- a tree goes on from an earlier one


def consistency(earlier: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """PROOF(earlier, D[size]) of RFC 6962, 2.1.2. Raises ValueError where no tree of `earlier` leaves comes before."""
    if not 0 < earlier <= size:
        raise ValueError(f"a tree of {size} leaves does not go on from one of {earlier}")
    path: list[bytes] = []
    start, end, whole = 0, size, True
    while earlier != end:
        middle = start + _split(end - start)
        if earlier <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start, whole = middle, False
    return tuple(reversed(path if whole else [*path, subtree(start, end)]))


def verify_consistency(earlier: int, size: int, before: bytes, root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162, 2.1.4.2: the tree with `root` begins with the leaves of that with `before`. Raises Unproven."""
    if not 0 < earlier <= size:
        raise Unproven(f"a tree of {size} leaves does not go on from one of {earlier}")
    _whole(before, root, *proof)
    if earlier == size:
        if proof or before != root:
            raise Unproven("two trees of the same size differ")
        return
    steps = list(proof) if earlier & (earlier - 1) else [before, *proof]
    if not steps:
        raise Unproven("the proof is too short")
    position, last = earlier - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise Unproven("the proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, step)
        position, last = position >> 1, last >> 1
    if last:
        raise Unproven("the proof is too short")
    if old != before or new != root:
        raise Unproven("the later tree does not go on from the earlier one")


def _whole(*hashes: bytes) -> None:
    """Also that none is empty."""
    if any(len(hash) != SIZE for hash in hashes):
        raise Unproven(f"a hash is not {SIZE} bytes long")
