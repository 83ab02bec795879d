"""Which keys of additional data a table has columns for, found in a pass over all rows before the first is written."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from typing import Any

import orjson

from app.domain.errors import InvalidEvent
from app.exports.document import EXPANDED, expanded_column
from app.reports.report import Section

MOST_KEYS = 200
"""Keys that a table may have columns for."""


async def keys_of(parts: AsyncIterable[tuple[Section, Sequence[Any]]]) -> tuple[str, ...]:
    """The keys that occur, in the order in which the ledger first saw them among these rows, whichever way the rows run.

    So the columns of a later export begin with those of an earlier one. Keys seen first in the same entry stand in their
    canonical order. Raises InvalidEvent for more than 200.
    """
    seen: dict[str, tuple[int, int]] = {}
    told = 0
    async for section, batch in parts:
        if not expanded_column(section):
            continue
        column = next(each for each in section.columns if each.name == EXPANDED)
        place = next((each for each in section.columns if each.name == "sequence"), None)
        for row in batch:
            told += 1
            text = getattr(row, column.attribute)
            if text is None:
                continue
            # A row that has no sequence of its own is seen where it stands.
            sequence = told if place is None else getattr(row, place.attribute)
            for at, key in enumerate(orjson.loads(text)):
                before = seen.get(key)
                if before is None or (sequence, at) < before:
                    seen[key] = (sequence, at)
            if len(seen) > MOST_KEYS:
                raise InvalidEvent(
                    "format",
                    f"makes a column of each key of additional data, and there are more than {MOST_KEYS} here;"
                    " json has no such bound, and filters leave fewer",
                )
    return tuple(sorted(seen, key=lambda key: seen[key]))
