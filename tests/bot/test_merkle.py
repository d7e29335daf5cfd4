"""The tree is that of RFC 6962: known roots, every proof holds, and none holds for anything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.merkle import (
    Range,
    Subtree,
    Unproven,
    consistency,
    inclusion,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The leaves that implementations of Certificate Transparency are tested with, and the root of the first n of them.
LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
MOST = 300
HASHES = [leaf_hash(str(number).encode()) for number in range(MOST)]


def over(hashes: list[bytes]) -> Subtree:
    return lambda start, end: root_of(hashes[start:end])


def by_definition(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(by_definition(hashes[:k]), by_definition(hashes[k:]))


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    assert root_of(map(leaf_hash, LEAVES[:size])).hex() == ROOTS[size - 1]


def test_known_proofs() -> None:
    """RFC 6962, 2.1.3: of its tree of seven leaves d0 to d6, named as there."""
    a, b, c, d, e, f, j = (leaf_hash(leaf) for leaf in LEAVES[:7])
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, l = node_hash(g, h), node_hash(i, j)  # noqa: E741
    tree = over([a, b, c, d, e, f, j])
    assert inclusion(0, 7, tree) == (b, h, l)
    assert inclusion(3, 7, tree) == (c, g, l)
    assert inclusion(4, 7, tree) == (f, j, k)
    assert inclusion(6, 7, tree) == (i, k)
    assert consistency(3, 7, tree) == (c, d, g, l)
    assert consistency(4, 7, tree) == (l,)
    assert consistency(6, 7, tree) == (i, j, k)


@given(st.integers(1, MOST))
@settings(max_examples=25, deadline=None)
def test_appended_one_by_one_it_is_the_tree_of_the_definition(size: int) -> None:
    assert root_of(HASHES[:size]) == by_definition(HASHES[:size])


def test_whole_trees_are_appended_as_their_leaves_would_be() -> None:
    tiles = Range().plus(root_of(HASHES[:64]), 64).plus(root_of(HASHES[64:128]), 64).plus(HASHES[128])
    assert tiles.root() == root_of(HASHES[:129])
    with pytest.raises(ValueError, match="2 leaves cannot follow 129"):
        tiles.plus(HASHES[0], 2)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_leaf_is_proved_and_nothing_else_is(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    tree, root = over(HASHES[:size]), root_of(HASHES[:size])
    proof = inclusion(index, size, tree)
    verify_inclusion(HASHES[index], index, size, proof, root)
    said = [HASHES[index], *proof, root]
    for bad in (flipped(said, data), [*said[:-1], HASHES[0], root], [said[0], *said[2:]] if proof else [b"", root]):
        with pytest.raises(Unproven):
            verify_inclusion(bad[0], index, size, bad[1:-1], bad[-1])
    other = data.draw(st.integers(-1, size).filter(lambda other: other != index))
    with pytest.raises(Unproven):
        verify_inclusion(HASHES[index], other, size, proof, root)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_later_tree_is_proved_to_go_on_and_nothing_else_is(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, MOST))
    earlier = data.draw(st.integers(1, size - 1))
    tree, before, root = over(HASHES[:size]), root_of(HASHES[:earlier]), root_of(HASHES[:size])
    proof = consistency(earlier, size, tree)
    verify_consistency(earlier, size, before, root, proof)
    said = [before, root, *proof]
    for bad in (flipped(said, data), [*said, HASHES[0]], said[:-1]):
        with pytest.raises(Unproven):
            verify_consistency(earlier, size, bad[0], bad[1], bad[2:])
    rewritten = [*HASHES[: earlier - 1], leaf_hash(b"nicer"), *HASHES[earlier:size]]
    with pytest.raises(Unproven):
        verify_consistency(earlier, size, before, root_of(rewritten), consistency(earlier, size, over(rewritten)))


def flipped(hashes: list[bytes], data: st.DataObject) -> list[bytes]:
    """One bit of one of them is another."""
    which, bit = data.draw(st.integers(0, len(hashes) - 1)), data.draw(st.integers(0, 255))
    other = (int.from_bytes(hashes[which]) ^ 1 << bit).to_bytes(32)
    return [*hashes[:which], other, *hashes[which + 1 :]]


def test_the_same_tree_goes_on_from_itself_without_a_proof() -> None:
    root = root_of(HASHES[:5])
    verify_consistency(5, 5, root, root, consistency(5, 5, over(HASHES[:5])))
    with pytest.raises(Unproven, match="differ"):
        verify_consistency(5, 5, root, HASHES[0], ())
    with pytest.raises(Unproven, match="differ"):
        verify_consistency(5, 5, root, root, (root,))


def test_a_tree_without_leaves_proves_nothing() -> None:
    with pytest.raises(ValueError, match="without leaves"):
        Range().root()
    with pytest.raises(ValueError, match="no leaf 0 in a tree of 0"):
        inclusion(0, 0, over([]))
    with pytest.raises(ValueError, match="does not go on from one of 0"):
        consistency(0, 3, over(HASHES[:3]))
    with pytest.raises(Unproven, match="no leaf 0 in a tree of 0"):
        verify_inclusion(HASHES[0], 0, 0, (), HASHES[0])
    with pytest.raises(Unproven, match="does not go on from one of 0"):
        verify_consistency(0, 3, HASHES[0], HASHES[0], ())
    with pytest.raises(Unproven, match="32 bytes"):
        verify_inclusion(b"", 0, 1, (), b"")
