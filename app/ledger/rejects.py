"""The rejects of an import, in the shape of its input, so that they can be mended and imported again as they are.

CSV keeps its columns and gains a last one, `_rejected`. JSON becomes JSON Lines whose objects gain a key `_rejected`; a line that
could not be read is kept as text: `{"_rejected": …, "_line": "…"}`. Both are left out when the file is read again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from app.ledger.exact_json import write_json
from app.ledger.intake.item import LINE, REJECTED, Item


class Rejects:
    """Writes rejects to `write`, which is first called with the first of them, and always with whole lines."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._begun = False

    def add(self, items: Sequence[tuple[Item, str]], columns: Sequence[str] | None) -> None:
        """Add items, each with the reason it is told; `columns` are those of CSV, None for JSON."""
        if not items:
            return
        if columns is None:
            self._write("".join(_line(item, reason) for item, reason in items).encode())
            return
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        if not self._begun:
            rows.writerow((*columns, REJECTED))
            self._begun = True
        for item, reason in items:
            # A row that had too many or too few cells still has, so that it is not taken for a whole one before it is mended.
            cells = item.raw if item.value is None else item.value.values()
            rows.writerow((*cells, reason))
        # What was no UTF-8 in the input is written as it was.
        self._write(text.getvalue().encode(errors="surrogateescape"))


def _line(item: Item, reason: str) -> str:
    told = {REJECTED: reason, LINE: item.raw} if item.value is None else item.value | {REJECTED: reason}
    return write_json(told) + "\n"
