"""Items of JSON Lines: a line that cannot be read is one rejected item, and reading goes on with the next."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.errors import InvalidEvent
from app.ledger.exact_json import Decoder
from app.ledger.intake.item import LARGEST_ITEM, TOO_LARGE, Item
from app.ledger.intake.json_items import item_in

_BOM = b"\xef\xbb\xbf"
_KEPT = 1_000
"""Bytes of an over-long line that are kept to tell which it was."""


class JsonLinesReader:
    """See `Reader`. Blank lines are passed over."""

    def __init__(self) -> None:
        self._rest = b""
        self._json = Decoder()
        self._index = 0
        self._line = 0

    def feed(self, data: bytes) -> Iterator[Item]:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._line += 1
            item = self._item(line) if line else None
            if item is not None:
                yield item
        # An over-long line stays over-long, however much of it is still to come, and takes no more room.
        self._rest = self._rest[: LARGEST_ITEM + 1]

    def finish(self) -> Iterator[Item]:
        self._line += 1
        item = self._item(self._rest)
        if item is not None:
            yield item

    def _item(self, line: bytes) -> Item | None:
        if self._line == 1:
            line = line.removeprefix(_BOM)
        too_large = len(line) > LARGEST_ITEM
        line = line.strip(b" \t\r")
        if not line:
            return None
        index, self._index = self._index, self._index + 1
        if too_large:
            return self._rejected(index, TOO_LARGE, line[:_KEPT])
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            return self._rejected(index, f"is not UTF-8 at byte {error.start + 1}", line)
        return item_in(self._json, index, self._line, text)

    def _rejected(self, index: int, reason: str, line: bytes) -> Item:
        return Item(index, self._line, None, InvalidEvent("", reason), line.decode(errors="replace"))
