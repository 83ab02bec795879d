"""The digest of an export: the Merkle tree hash of RFC 9162, section 2.1.1, over the canonical rows.

A leaf is SHA-256(0x00 ‖ row), a node SHA-256(0x01 ‖ left ‖ right), and a tree of n leaves is split at the largest power of two
below n. So every 1,024 rows, counted from the first, are a subtree of their own, and the hashes of these are kept: from them
alone the digest can be made again, and two exports that differ can be told apart to within 1,024 rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

SUBTREE_ROWS = 1_024
"""Rows under one kept hash. A power of two, since no other number of leaves makes a subtree of a larger tree."""
_HASH_BYTES = 32


class Tree:
    """A tree that grows row by row, in the memory of one subtree and the kept hashes (32 bytes for 1,024 rows)."""

    def __init__(self, subtrees: bytes = b"") -> None:
        """Empty, or already as large as the kept hashes of these subtrees say."""
        self._subtrees = bytearray(subtrees)
        self._leaves: list[bytes] = []

    def add(self, rows: Iterable[bytes]) -> None:
        """Grow by these rows, in order."""
        for row in rows:
            self._leaves.append(hashlib.sha256(b"\x00" + row).digest())
            if len(self._leaves) == SUBTREE_ROWS:
                self._subtrees += _perfect(self._leaves)
                self._leaves.clear()

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self._subtrees) // _HASH_BYTES * SUBTREE_ROWS + len(self._leaves)

    @property
    def subtrees(self) -> bytes:
        """The hashes of the full subtrees of 1,024 rows, 32 bytes each, in order."""
        return bytes(self._subtrees)

    def root(self) -> bytes:
        """The tree hash; that of the empty tree is SHA-256 of nothing."""
        kept = self._subtrees
        full = [bytes(kept[at : at + _HASH_BYTES]) for at in range(0, len(kept), _HASH_BYTES)]
        peaks = [*_peaks(full), *_peaks(self._leaves)]
        if not peaks:
            return hashlib.sha256(b"").digest()
        found = peaks.pop()
        while peaks:
            found = _node(peaks.pop(), found)
        return found

    def digest(self) -> str:
        """The tree hash as exports state it."""
        return stated(self.root())


def stated(digest: bytes) -> str:
    """A SHA-256 digest as exports state it: `sha256:` and 64 hex digits."""
    return f"sha256:{digest.hex()}"


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _perfect(nodes: Sequence[bytes]) -> bytes:
    """The hash over as many nodes of one height as a power of two."""
    while len(nodes) > 1:
        nodes = [_node(nodes[at], nodes[at + 1]) for at in range(0, len(nodes), 2)]
    return nodes[0]


def _peaks(nodes: Sequence[bytes]) -> list[bytes]:
    """The hashes of the largest perfect trees that nodes of one height make, from the left, each smaller than the one before."""
    found = []
    at = 0
    while at < len(nodes):
        width = 1 << ((len(nodes) - at).bit_length() - 1)
        found.append(_perfect(nodes[at : at + width]))
        at += width
    return found
