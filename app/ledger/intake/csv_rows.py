"""Items of CSV (RFC 4180) with a header row: each row becomes an object of its cells, all of them texts."""

from __future__ import annotations

import codecs
import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence

from app.domain.errors import InvalidBody, InvalidEvent
from app.ledger.intake.item import LARGEST_ITEM, REJECTED, TOO_LARGE, Item, too_large

_KEPT = 1_000
"""Characters of an over-long line that are kept to tell which it was."""
_QUOTES = "has a quote that is never closed, or one in a cell that is not enclosed in quotes"


class CsvReader:
    """See `Reader`. A row ends at a line end outside quotes, so a quoted cell may hold line ends.

    A row that cannot be read, or whose cells are more or fewer than the header's, is one rejected item. Where a quote is never
    closed, only the line with that quote is lost: reading goes on with the line after it.
    """

    def __init__(self) -> None:
        # Bytes that are no UTF-8 become halves of surrogate pairs, so that a row with some of them is rejected alone.
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        self._rest = ""
        self._row: list[str] = []
        """The lines of the row that is being read: several where a quoted cell holds line ends."""
        self._quotes = 0
        self._size = 0
        self._line = 1
        self._index = 0
        self._marked = False
        self.columns: tuple[str, ...] = ()
        """The header's, without the one that says why a row was rejected; empty until the header is read."""

    def feed(self, data: bytes) -> Iterator[Item]:
        lines = (self._rest + self._utf8.decode(data)).split("\n")
        # An over-long line stays over-long, however much of it is still to come, and takes no more room.
        self._rest = lines.pop()[: LARGEST_ITEM + 1]
        return self._items(lines, final=False)

    def finish(self) -> Iterator[Item]:
        last = self._rest + self._utf8.decode(b"", final=True)
        yield from self._items([last] if last else [], final=True)
        if not self.columns:
            raise InvalidBody("the CSV text has no header row")

    def _items(self, lines: Sequence[str], *, final: bool) -> Iterator[Item]:
        waiting = deque(lines)
        while waiting or (final and self._row):
            if waiting:
                line = waiting.popleft()
                self._row.append(line)
                self._quotes += line.count('"')
                self._size += len(line) + 1
            # Quotes enclose a cell or are doubled within one: where a row ends, their number is even.
            unended = self._quotes & 1 == 1 and self._size <= LARGEST_ITEM and (waiting or not final)
            if unended:
                continue
            item, used = self._ended()
            waiting.extendleft(reversed(self._row[used:]))
            self._row, self._quotes, self._size = [], 0, 0
            self._line += used
            if item is not None:
                yield item

    def _ended(self) -> tuple[Item | None, int]:
        """What the lines of the row are, and how many of them that takes."""
        text = "\n".join(self._row)
        if not self.columns:
            self._begin(text)
            return None, len(self._row)
        if not text or text == "\r":
            return None, 1
        cells = None if too_large(text) else _cells(text)
        if cells is None:
            line = self._row[0].removesuffix("\r")
            return (self._rejected(TOO_LARGE, [line[:_KEPT]]) if too_large(line) else self._rejected(_QUOTES, [line])), 1
        if self._marked:
            cells.pop()
            if len(cells) == 1 < len(self.columns):
                # A line that could not be read is kept as one cell: somebody may have mended the text in it.
                line = cells[0]
                cells = _cells(line)
                if cells is None:
                    return self._rejected(_QUOTES, [line]), len(self._row)
        if len(cells) != len(self.columns):
            reason = f"has {len(cells)} cells, the header has {len(self.columns)}"
            return self._rejected(reason, cells), len(self._row)
        if _broken_utf8(text):
            return self._rejected("is not UTF-8", cells), len(self._row)
        self._index += 1
        return Item(self._index - 1, self._line, dict(zip(self.columns, cells, strict=True))), len(self._row)

    def _rejected(self, reason: str, cells: list[str]) -> Item:
        self._index += 1
        return Item(self._index - 1, self._line, None, InvalidEvent("", reason), cells)

    def _begin(self, text: str) -> None:
        cells = None if too_large(text) else _cells(text.removeprefix("\ufeff"))
        if not cells or _broken_utf8(text):
            raise InvalidBody("the CSV text has no header row that can be read")
        if cells[-1] == REJECTED and len(cells) > 1:
            self._marked = True
            cells = cells[:-1]
        if len(set(cells)) != len(cells):
            [(twice, _)] = Counter(cells).most_common(1)
            raise InvalidBody(f"the header of the CSV text has the column {twice[:64]!r} twice")
        self.columns = tuple(cells)


def _cells(text: str) -> list[str] | None:
    """The cells of a row; None where its quotes make none."""
    if text.count('"') & 1:
        return None
    try:
        return next(csv.reader((text,), strict=True), [])
    except csv.Error:
        return None


def _broken_utf8(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
