"""Items of one JSON text: an array of objects, or a single object."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

from app.domain.errors import InvalidBody, PayloadTooLarge
from app.ledger.exact_json import Decoder, Unreadable, after_space
from app.ledger.intake.item import LARGEST_ITEM, TOO_LARGE, Item, too_large
from app.ledger.intake.json_items import item_of

_ENOUGH = 2 * LARGEST_ITEM


class JsonReader:
    """See `Reader`. An item is only read once as much text is at hand as an item may have at most.

    So nothing is ever read twice, and an item that is cut off is not taken for a broken one. What breaks JSON's own rules
    breaks the whole text, since nobody can say where the next item begins.
    """

    def __init__(self) -> None:
        self._json = Decoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._bytes = 0
        self._begun = False
        self._waiting: list[str] = []
        self._waiting_size = 0
        self._text = ""
        self._at = 0
        self._index = 0
        self._expect: Callable[[bool], Item | None] = self._opening
        self._array = True
        self._line, self._counted = 1, 0
        """The line at offset `_counted` of the text."""
        self._line_start = 0
        """The offset at which that line began, below 0 once its beginning was dropped."""

    def feed(self, data: bytes) -> Iterator[Item]:
        self._take(data, final=False)
        if len(self._text) + self._waiting_size >= _ENOUGH:
            yield from self._items(final=False)

    def finish(self) -> Iterator[Item]:
        self._take(b"", final=True)
        yield from self._items(final=True)
        if self._expect != self._nothing:
            raise self._broken("ends too early", len(self._text))

    def _take(self, data: bytes, *, final: bool) -> None:
        try:
            text = self._utf8.decode(data, final)
        except UnicodeDecodeError as error:
            # The decoder's own buffer stands before `data` in what it could not decode.
            at = self._bytes - (len(error.object) - len(data)) + error.start
            raise InvalidBody(f"the JSON text is not UTF-8 at byte {at + 1:,}") from None
        self._bytes += len(data)
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        self._waiting.append(text)
        self._waiting_size += len(text)

    def _items(self, *, final: bool) -> Iterator[Item]:
        self._text = "".join((self._text, *self._waiting))
        self._waiting, self._waiting_size = [], 0
        while True:
            self._at = after_space(self._text, self._at)
            left = len(self._text) - self._at
            if left == 0 or (left <= LARGEST_ITEM and not final):
                break
            item = self._expect(final)
            if item is not None:
                yield item
        self._move_on(self._at)
        self._line_start -= self._at
        self._text, self._at, self._counted = self._text[self._at :], 0, 0

    def _opening(self, final: bool) -> Item | None:
        sign = self._text[self._at]
        if sign == "{":
            self._array = False
            return self._item(final)
        if sign != "[":
            raise self._broken("must be an array of objects, or one object", self._at)
        self._at += 1
        self._expect = self._first
        return None

    def _first(self, final: bool) -> Item | None:
        if self._text[self._at] != "]":
            return self._item(final)
        self._at += 1
        self._expect = self._nothing
        return None

    def _item(self, final: bool) -> Item:
        start, index = self._at, self._index
        try:
            value, end = self._json.value_at(self._text, start)
        except Unreadable as error:
            position = start if error.position is None else error.position
            unended = error.reason.startswith("unterminated string") and not final
            if unended or position - start > LARGEST_ITEM:
                raise PayloadTooLarge(f"item {index} {TOO_LARGE}") from None
            raise self._broken(error.reason, position) from None
        text = self._text[start:end]
        if too_large(text):
            raise PayloadTooLarge(f"item {index} {TOO_LARGE}")
        self._move_on(start)
        self._at, self._index = end, index + 1
        self._expect = self._between if self._array else self._nothing
        return item_of(self._json, index, self._line, value, text)

    def _between(self, final: bool) -> None:
        sign = self._text[self._at]
        if sign not in ",]":
            raise self._broken("expecting ',' or ']'", self._at)
        self._at += 1
        self._expect = self._item if sign == "," else self._nothing

    def _nothing(self, final: bool) -> None:
        raise self._broken("has something after its end", self._at)

    def _move_on(self, position: int) -> None:
        """Count the lines up to an offset that is not before the one counted last."""
        lines = self._text.count("\n", self._counted, position)
        if lines:
            self._line += lines
            self._line_start = self._text.rfind("\n", self._counted, position) + 1
        self._counted = position

    def _broken(self, reason: str, position: int) -> InvalidBody:
        self._move_on(position)
        column = position - self._line_start + 1
        return InvalidBody(f"the JSON text is broken at line {self._line:,}, column {column:,}: {reason}")
