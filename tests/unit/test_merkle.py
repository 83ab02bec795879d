"""The tree of RFC 9162: grown in any steps it is the same, and its proofs hold where the standard's own rules check them."""

from __future__ import annotations

import hashlib
import random

import pytest

from app.domain import merkle
from app.domain.merkle import EMPTY, Kept, Nodes, Span, grow, node, spans


def leaves_of(count: int) -> list[bytes]:
    return [hashlib.sha256(b"\x00%d" % at).digest() for at in range(count)]


def stated(leaves: list[bytes]) -> bytes:
    """The tree hash as RFC 9162, section 2.1.1, defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node(stated(leaves[:middle]), stated(leaves[middle:]))


async def grown(leaves: list[bytes], steps: random.Random) -> dict[tuple[int, int], bytes]:
    """Every node that is kept of these leaves, appended in steps of any length."""
    kept: dict[tuple[int, int], bytes] = {(0, at): leaf for at, leaf in enumerate(leaves)}

    async def nodes(span: Span) -> list[bytes]:
        level, first, end = span
        return [kept[level, at] for at in range(first, end)]

    size = 0
    while size < len(leaves):
        added = leaves[size : size + steps.choice((1, 1, 2, 3, 7, 19))]
        new: list[Kept] = await grow(size, added, nodes)
        kept |= {(level, position): digest for level, position, digest in new}
        size += len(added)
    return kept


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees whose levels are four nodes wide, so that a few hundred leaves have five of them."""
    monkeypatch.setattr(merkle, "WIDTH", 4)
    monkeypatch.setattr(merkle, "_BITS", 2)


def known(kept: dict[tuple[int, int], bytes], size: int, *indexes: int) -> Nodes:
    return Nodes(size, {span: [kept[span[0], at] for at in range(span[1], span[2])] for span in spans(size, indexes)})


@pytest.mark.usefixtures("narrow")
async def test_every_root_and_proof_of_every_size_is_the_standards() -> None:
    leaves = leaves_of(150)
    kept = await grown(leaves, random.Random(7))

    async def nodes(span: Span) -> list[bytes]:
        return [kept[span[0], at] for at in range(span[1], span[2])]

    for size in range(151):
        root = stated(leaves[:size])
        assert await merkle.root(size, nodes) == root
        assert known(kept, size).root() == root
        for index in {0, size // 3, size - 1} if size else ():
            tree = known(kept, size, index)
            assert tree.root() == root
            assert tree.leaf(index) == leaves[index]
            assert implied(leaves[index], index, size, tree.inclusion(index)) == root
        for older in {1, size // 2, size - 1, size} - {0, -1}:
            if older <= size:
                proof = known(kept, size, older - 1).consistency(older)
                assert extends(older, size, stated(leaves[:older]), root, proof)
                assert not extends(older, size, bytes(32), root, proof)


async def test_growing_over_a_gap_is_refused() -> None:
    async def nodes(_span: Span) -> list[bytes]:
        return []

    with pytest.raises(ValueError, match="of the nodes 0 to 1 of level 0 there are 0"):
        await grow(1, leaves_of(2_000), nodes)
    with pytest.raises(ValueError, match="of the nodes 0 to 1 of level 0 there are 0"):
        await merkle.root(1, nodes)


def implied(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an audit path gives: RFC 9162, section 2.1.3.2, to the letter."""
    fn, sn, root = index, size - 1, leaf
    for each in path:
        assert sn != 0
        if fn & 1 or fn == sn:
            root = node(each, root)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node(root, each)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return root


def extends(first: int, second: int, first_hash: bytes, second_hash: bytes, path: list[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2, to the letter."""
    if first == second:
        return not path and first_hash == second_hash
    if first & (first - 1) == 0:
        path = [first_hash, *path]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for each in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(each, fr), node(each, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, each)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_hash and sr == second_hash and sn == 0
