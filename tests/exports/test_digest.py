"""The digest: the tree hash of RFC 9162, held to a plain recursive one and to Certificate Transparency's own test vectors."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exports.digest import SUBTREE_ROWS, Tree

# Leaves and roots from the tests of Certificate Transparency's reference implementation, which RFC 6962 and RFC 9162 describe.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def plainly(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + plainly(leaves[:split]) + plainly(leaves[split:])).digest()


def numbered(count: int) -> list[bytes]:
    return [b"row %d" % at for at in range(count)]


def grown(leaves: list[bytes], *, step: int = 1_000) -> Tree:
    tree = Tree()
    for at in range(0, len(leaves), step):
        tree.add(leaves[at : at + step])
    return tree


@pytest.mark.parametrize("count", range(len(ROOTS)))
def test_certificate_transparencys_vectors_hold(count: int) -> None:
    assert grown(LEAVES[:count]).root().hex() == ROOTS[count]


@pytest.mark.parametrize("count", [*range(40), 1_000, 1_023, 1_024, 1_025, 2_047, 2_048, 2_049, 3_000, 5_121])
def test_a_tree_hashes_as_the_plain_recursion_does(count: int) -> None:
    rows = numbered(count)

    tree = grown(rows)

    assert (tree.root(), tree.rows) == (plainly(rows), count)
    assert tree.digest() == f"sha256:{plainly(rows).hex()}"


@given(st.integers(0, 3_000), st.integers(1, 3_000))
def test_how_rows_come_in_batches_makes_no_difference(count: int, step: int) -> None:
    rows = numbered(count)
    assert grown(rows, step=step).root() == grown(rows).root()


def test_the_kept_hashes_are_those_of_every_1024_rows_and_make_the_digest_again() -> None:
    rows = numbered(4 * SUBTREE_ROWS)
    tree = grown(rows)

    kept = [tree.subtrees[at : at + 32] for at in range(0, len(tree.subtrees), 32)]

    assert kept == [plainly(rows[at : at + SUBTREE_ROWS]) for at in range(0, len(rows), SUBTREE_ROWS)]
    left, right = (hashlib.sha256(b"\x01" + kept[at] + kept[at + 1]).digest() for at in (0, 2))
    assert tree.root() == hashlib.sha256(b"\x01" + left + right).digest()


def test_a_row_that_differs_shows_in_the_one_kept_hash_over_it() -> None:
    rows = numbered(3 * SUBTREE_ROWS + 5)
    other = [*rows]
    other[SUBTREE_ROWS + 7] = b"something else"

    before, after = grown(rows).subtrees, grown(other).subtrees

    differing = [at // 32 for at in range(0, len(before), 32) if before[at : at + 32] != after[at : at + 32]]
    assert differing == [1]


def test_asking_for_the_hash_does_not_end_the_tree() -> None:
    rows = numbered(1_500)
    tree = grown(rows[:700])
    first = tree.root()
    tree.add(rows[700:])
    assert (first, tree.root()) == (plainly(rows[:700]), plainly(rows))
