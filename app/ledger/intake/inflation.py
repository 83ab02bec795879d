"""Taking gzip off an input where it is on, in pieces of bounded size, and never more in all than is allowed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from app.domain.errors import InvalidBody, PayloadTooLarge

PIECE = 131_072
"""Bytes that are inflated at a time, however far they were packed."""
_MAGIC = b"\x1f\x8b"
_GZIP = 31
"""zlib's way of saying: a gzip member with its header and check sum (RFC 1952)."""


class Inflater:
    """Gives an input's bytes plain, be they plain or gzip (also several members in a row)."""

    def __init__(self, *, gzip: bool | None = None, largest: int | None = None) -> None:
        """`gzip` None looks at the first two bytes; `largest` bounds both the bytes that come and those that leave."""
        self._gzip = gzip
        self._largest = largest
        self._came = 0
        self._left = 0
        self._held = b""
        self._member = zlib.decompressobj(_GZIP)
        self._inside = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes of `data`, in pieces. Raises InvalidBody for broken gzip, PayloadTooLarge past the bound."""
        self._came = self._bounded(self._came + len(data))
        if self._gzip is None:
            data = self._held + data
            if len(data) < len(_MAGIC):
                self._held = data
                return
            self._gzip = data.startswith(_MAGIC)
            self._held = b""
        for piece in self._members(data) if self._gzip else (data,):
            self._left = self._bounded(self._left + len(piece))
            yield piece

    def finish(self) -> Iterator[bytes]:
        """What was held back; raises InvalidBody where gzip ends too early."""
        if self._held:
            yield self._held
        if self._inside or (self._gzip and not self._came):
            raise InvalidBody("the gzip data ends too early")

    def _members(self, data: bytes) -> Iterator[bytes]:
        while data:
            if not self._inside:
                # Padding with zeros after a member is common; another member may follow.
                data = data.lstrip(b"\0")
                self._inside = bool(data)
            try:
                piece = self._member.decompress(data, PIECE)
            except zlib.error:
                raise InvalidBody("the gzip data is broken") from None
            if piece:
                yield piece
            data = self._member.unconsumed_tail
            if self._member.eof:
                data = self._member.unused_data
                self._member = zlib.decompressobj(_GZIP)
                self._inside = False

    def _bounded(self, size: int) -> int:
        if self._largest is not None and size > self._largest:
            raise PayloadTooLarge(f"the body is larger than {self._largest:,} bytes")
        return size
