"""Memory: what an export takes does not grow with its rows."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import pytest

from app.exports.encoding import Encoding
from app.exports.formats import FORMATS
from app.exports.order import Order
from app.ports import Ledger
from app.question.scope import Scope
from app.reports.parameters import Parameters
from app.reports.report import Opened, Report, Section, column, columns_of


@dataclass
class Row:
    sequence: int = column("Sequence", "Its number.")
    name: str | None = column("Name", "Some text.")
    amount: Decimal = column("Amount", "Some number.")


SECTION = Section("rows", "Rows", "", Row, columns_of(Row))


def counting(count: int) -> Report:
    async def answer(_: Ledger, opened: Opened, parameters: Parameters) -> AsyncIterator[tuple[Section, Sequence[Any]]]:
        for at in range(0, count, 1_000):
            yield SECTION, [Row(number, f"row {number}", Decimal(number)) for number in range(at, at + 1_000)]

    return Report("counted", "Counted", "", (SECTION,), (), answer)


# What takes a bounded number of rows may hold them.
UNBOUNDED = [each for each in FORMATS if each.most_rows is None]


@pytest.mark.parametrize("format", UNBOUNDED, ids=[each.name for each in UNBOUNDED])
async def test_ten_times_the_rows_take_no_more_memory(format: Any) -> None:
    peaks = []
    # A workbook takes its time, all the more while its memory is looked at.
    # The first time brings what is loaded once, which is not in question here.
    for count in (1_000, 5_000, 50_000) if format.resumed else (1_000, 6_000, 12_000):
        order = Order(counting(count), format, {}, Parameters())
        encoding = Encoding(cast(Ledger, None), order, Opened(Scope(1, 1), None, frozen=True))
        tracemalloc.start()
        async for _ in encoding.chunks():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert encoding.tree.rows == count

    assert peaks[2] - peaks[1] < 500_000
    assert peaks[2] < 6_000_000
