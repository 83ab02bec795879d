"""The Merkle tree of RFC 9162, section 2.1, over a ledger's leaves: growing it, its root at any size, and proofs from it.

Of the inner nodes only those of every 1,024 leaves are kept (level 1), and of every 1,024 of these (level 2) and so on: 32 bytes
for 1,024 entries. Whatever else a root or a proof needs is hashed again from at most 1,024 nodes of each level.

The leaf of entry n stands at index n - 1. A node is SHA-256(0x01 ‖ left ‖ right); what a leaf is, `app.domain.entry.leaf` says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

WIDTH = 1_024
"""Nodes of one level under one of the next that is kept."""
_BITS = WIDTH.bit_length() - 1
EMPTY = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

Span = tuple[int, int, int]
"""A level, and the positions of the first of its nodes and of the one after the last. Level 0 is that of the leaves."""
Kept = tuple[int, int, bytes]
"""A node that is kept: its level, its position within the level, and its hash."""


def node(left: bytes, right: bytes) -> bytes:
    """The node over two."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect(nodes: Sequence[bytes]) -> bytes:
    """The node over as many nodes of one height as a power of two."""
    while len(nodes) > 1:
        nodes = [node(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
    return nodes[0]


def completes(size: int, added: int) -> bool:
    """Whether a tree of `size` leaves comes to have another node to keep when it grows by so many."""
    return size % WIDTH + added >= WIDTH


async def grow(size: int, leaves: Sequence[bytes], nodes: Callable[[Span], Awaitable[Sequence[bytes]]]) -> list[Kept]:
    """The nodes to keep once a tree of `size` leaves has grown by these. `nodes` looks up those that are there already.

    Raises ValueError where some of these are missing.
    """
    kept: list[Kept] = []
    level, added = 0, leaves
    while completes(size, len(added)):
        open_ = size % WIDTH
        before = await nodes((level, size - open_, size)) if open_ else ()
        if len(before) != open_:
            raise ValueError(f"of the nodes {size - open_} to {size} of level {level} there are {len(before)}")
        row = [*before, *added]
        level, size = level + 1, size // WIDTH
        added = [perfect(row[at : at + WIDTH]) for at in range(0, len(row) - WIDTH + 1, WIDTH)]
        kept += [(level, size + at, each) for at, each in enumerate(added)]
    return kept


def spans(size: int, indexes: Iterable[int] = ()) -> list[Span]:
    """Which nodes have to be known for the root of a tree of `size` leaves, and for paths from the leaves with these indexes.

    On each level those that are under no kept node of the next, and the neighbours of what lies on a path.
    """
    found: set[Span] = set()
    level = 0
    at = set(indexes)
    while size:
        group = {each // WIDTH for each in at if each < size}
        if size % WIDTH:
            group.add(size // WIDTH)
        found |= {(level, each * WIDTH, min((each + 1) * WIDTH, size)) for each in group}
        level, size, at = level + 1, size // WIDTH, {each // WIDTH for each in at}
    return sorted(found)


async def read(size: int, nodes: Callable[[Span], Awaitable[Sequence[bytes]]], indexes: Iterable[int] = ()) -> Nodes:
    """The tree of `size` leaves, for its root and for paths from the leaves with these indexes. `nodes` looks them up.

    Raises ValueError where some are missing.
    """
    known: dict[Span, Sequence[bytes]] = {}
    for span in spans(size, indexes):
        level, first, end = span
        known[span] = found = await nodes(span)
        if len(found) != end - first:
            raise ValueError(f"of the nodes {first} to {end} of level {level} there are {len(found)}")
    return Nodes(size, known)


async def root(size: int, nodes: Callable[[Span], Awaitable[Sequence[bytes]]]) -> bytes:
    """The tree hash of the first `size` leaves, which costs less than to know the nodes that it is made of.

    Raises ValueError where some of those are missing.
    """
    found: bytes | None = None
    for level, first, end in spans(size):
        row = await nodes((level, first, end))
        if len(row) != end - first:
            raise ValueError(f"of the nodes {first} to {end} of level {level} there are {len(row)}")
        while row:
            # The smallest of the perfect trees that stand side by side is the last one.
            width = len(row) & -len(row)
            peak = perfect(row[-width:])
            row = row[:-width]
            found = peak if found is None else node(peak, found)
    return EMPTY if found is None else found


class Growing:
    """A tree that grows leaf by leaf in memory of a few nodes, and gives its root at every size."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Grow by a leaf."""
        self.size += 1
        height, found = 0, leaf
        while self._peaks and self._peaks[-1][0] == height:
            found = node(self._peaks.pop()[1], found)
            height += 1
        self._peaks.append((height, found))

    def root(self) -> bytes:
        """The tree hash of what it has grown to."""
        if not self._peaks:
            return EMPTY
        found = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            found = node(peak, found)
        return found


class Nodes:
    """A tree of `size` leaves of which only some nodes are known: those in `spans`, for what is to be asked."""

    def __init__(self, size: int, known: Mapping[Span, Sequence[bytes]]) -> None:
        self.size = size
        self._known: dict[tuple[int, int], bytes] = {}
        for (level, first, _), nodes in known.items():
            self._known |= {(level * _BITS, first + at): each for at, each in enumerate(nodes)}

    def root(self) -> bytes:
        """The tree hash."""
        return self._hash(0, self.size) if self.size else EMPTY

    def leaf(self, index: int) -> bytes:
        """The leaf at that index."""
        return self._known[0, index]

    def inclusion(self, index: int) -> list[bytes]:
        """The audit path of the leaf at that index (RFC 9162, section 2.1.3.1)."""
        assert 0 <= index < self.size
        path: list[bytes] = []
        first, end = 0, self.size
        while end - first > 1:
            middle = first + _split(end - first)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(first, middle))
                first = middle
        return path[::-1]

    def consistency(self, older: int) -> list[bytes]:
        """The proof that the tree of the first `older` leaves is the beginning of this one (RFC 9162, section 2.1.4.1)."""
        assert 0 <= older <= self.size
        if older in (0, self.size):
            return []
        proof: list[bytes] = []
        first, end, whole = 0, self.size, True
        while end != older:
            middle = first + _split(end - first)
            if older <= middle:
                proof.append(self._hash(middle, end))
                end = middle
            else:
                proof.append(self._hash(first, middle))
                first, whole = middle, False
        if not whole:
            proof.append(self._hash(first, end))
        return proof[::-1]

    def _hash(self, first: int, end: int) -> bytes:
        """The hash over the leaves from `first` to before `end`: a subtree of this tree."""
        width = end - first
        if width & (width - 1) == 0:
            return self._perfect(width.bit_length() - 1, first // width)
        middle = first + _split(width)
        return node(self._hash(first, middle), self._hash(middle, end))

    def _perfect(self, height: int, position: int) -> bytes:
        found = self._known.get((height, position))
        if found is None:
            if height == 0:
                raise KeyError(position)
            found = node(self._perfect(height - 1, 2 * position), self._perfect(height - 1, 2 * position + 1))
            self._known[height, position] = found
        return found


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)
