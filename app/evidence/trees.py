"""The hashes of the offline verifier: canonical JSON, leaves, trees and paths, as RFC 8785 and RFC 9162 state them.

Written apart from what the gateway itself hashes with, and importing nothing of it, so that the one checks the other.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from app.evidence.artifact import Row

BLOCK = 1_024
"""Rows under one kept hash: to within so many a difference is placed."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def entry_leaf(sequence: int, recorded_at: str, content_digest: bytes) -> bytes:
    """The leaf of an entry."""
    moment = datetime.strptime(recorded_at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    data = sequence.to_bytes(8, "big") + micros.to_bytes(8, "big", signed=True) + content_digest
    return hashlib.sha256(b"\0" + data).digest()


def included(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that an audit path gives (RFC 9162, section 2.1.3.2); None for a path of another length."""
    if not 0 <= index < size:
        return None
    first, last, found = index, size - 1, leaf
    for each in path:
        if last == 0:
            return None
        if first & 1 or first == last:
            found = _node(each, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = _node(found, each)
        first, last = first >> 1, last >> 1
    return found if last == 0 else None


def extends(older: int, newer: int, older_root: bytes, newer_root: bytes, path: list[bytes]) -> bool:
    """Whether a tree goes on from a smaller one (RFC 9162, section 2.1.4.2)."""
    if older == 0:
        return not path and older_root == hashlib.sha256(b"").digest() and newer >= 0
    if older == newer:
        return not path and older_root == newer_root
    if older > newer or not path:
        return False
    if older & (older - 1) == 0:
        path = [older_root, *path]
    first, last = older - 1, newer - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    left = right = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            left, right = _node(each, left), _node(each, right)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            right = _node(right, each)
        first, last = first >> 1, last >> 1
    return left == older_root and right == newer_root and last == 0


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a value without floats: keys by their UTF-16 units, no space, text as it is."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    return [_ordered(each) for each in value] if isinstance(value, list) else value


class Tree:
    """The tree over rows, compared block by block with the hashes that the manifest states."""

    def __init__(self, stated: list[str]) -> None:
        self._stated = stated
        self._blocks: list[bytes] = []
        self._leaves: list[bytes] = []
        self.differing: int | None = None
        """The first full block, from 1, whose hash is not the one stated."""

    def add(self, row: bytes) -> None:
        """Grow by a row."""
        self._leaves.append(hashlib.sha256(b"\0" + row).digest())
        if len(self._leaves) == BLOCK:
            self._blocks.append(tree_hash(self._leaves))
            self._leaves = []
            at = len(self._blocks)
            if self.differing is None and self._stated[at - 1 : at] != [f"sha256:{self._blocks[-1].hex()}"]:
                self.differing = at

    def end(self) -> None:
        """No more rows come: where blocks are missing, the first of them differs."""
        if self.differing is None and len(self._blocks) < len(self._stated):
            self.differing = len(self._blocks) + 1

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self._blocks) * BLOCK + len(self._leaves)

    def root(self) -> bytes:
        """The tree hash: blocks are whole subtrees, so that hashing over them is hashing over the rows."""
        rest = [tree_hash(self._leaves)] if self._leaves else []
        nodes = self._blocks + rest
        return tree_hash(nodes) if nodes else hashlib.sha256(b"").digest()


class Totals:
    """Adds up what the rows of each section say, by unit and by currency, without rounding."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str | None], Decimal] = {}

    def add(self, section: str, row: Row) -> None:
        """Add a row's quantity and charge."""
        with localcontext(prec=100):
            for column, of in (("quantity", "unit"), ("charge", "currency")):
                if row.get(column) is not None:
                    key = (section, column, row.get(of))
                    self._sums[key] = self._sums.get(key, Decimal(0)) + Decimal(row[column])

    def of(self, section: str, stated: Row) -> str:
        """The sum as plain text."""
        found = self._sums.get((section, stated["column"], stated["of"]), Decimal(0))
        text = f"{found:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) if found else "0"


def tree_hash(nodes: list[bytes]) -> bytes:
    """The tree hash over nodes of one height (RFC 9162, section 2.1.1, where they are leaves)."""
    if len(nodes) == 1:
        return nodes[0]
    middle = 1 << ((len(nodes) - 1).bit_length() - 1)
    return _node(tree_hash(nodes[:middle]), tree_hash(nodes[middle:]))


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def hash_of(stated: str) -> bytes:
    found = bytes.fromhex(stated.removeprefix("sha256:"))
    if len(found) != 32:
        raise ValueError(stated)
    return found
