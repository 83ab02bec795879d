"""One item of an input, the kinds of input, and what every reader of one does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from app.domain.errors import InvalidEvent

LARGEST_ITEM = 131_072
"""Bytes of one item as it stands in the input."""
REJECTED = "_rejected"
"""Column or key of a rejects file that says why an item was rejected; it is left out when such a file is read."""
LINE = "_line"
"""Key of a rejects file that holds a line that could not be read; its text is read in the line's place."""


class Kind(StrEnum):
    """How an input is written."""

    CSV = "csv"
    """RFC 4180, with a header row."""
    JSONL = "jsonl"
    """JSON Lines: an object in each line."""
    JSON = "json"
    """An array of objects, or one object."""
    ACCESS_LOG = "access-log"
    """A web server's log in the combined format: a call in each line."""


@dataclass(slots=True)
class Item:
    """One item: its `value`, or the `error` that keeps it from having one.

    For the rejects, `raw` is its text as it came, where it has one: a JSON item's, and of any other that has no value its text or
    its cells.
    """

    index: int
    """From 0, in the order of the input."""
    line: int
    """The line of the input in which it begins, from 1."""
    value: dict[str, Any] | None
    error: InvalidEvent | None = None
    raw: str | list[str] = ""


class Reader(Protocol):
    """Turns the bytes of an input into items, however the bytes are cut. Used from one thread at a time."""

    def feed(self, data: bytes) -> Iterator[Item]:
        """The items that are complete now. Raises InvalidBody or PayloadTooLarge where reading cannot go on."""
        ...

    def finish(self) -> Iterator[Item]:
        """The items that the end of the input completes; raises as `feed` does."""
        ...


def too_large(text: str) -> bool:
    """Whether an item's text has more bytes than an item may have."""
    return len(text) > LARGEST_ITEM or (not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > LARGEST_ITEM)


TOO_LARGE = f"is larger than {LARGEST_ITEM:,} bytes"
