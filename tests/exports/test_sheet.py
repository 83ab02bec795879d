"""The workbooks of legacy contracts: cells hold what was said and run nothing, and a table takes as many sheets as it needs."""

from __future__ import annotations

import io
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from app.exports.sheet import Sheet, Value


def written(*rows: tuple[Value, ...]) -> Any:
    """The workbook, read back."""
    sheet = Sheet("Usage", ("a", "b"))
    sheet.add(rows)
    content = b"".join(sheet.finish())
    sheet.close()
    return load_workbook(io.BytesIO(content))


@pytest.mark.parametrize(
    "text", ["=1+1", '=HYPERLINK("http://x")', "#N/A", "#REF!", "+1", "-1", "@x", " x ", "12", "true", "é\U0001f600"]
)
def test_text_is_text_whatever_it_looks_like(text: str) -> None:
    cell = written((text, 1)).active["A2"]

    assert (cell.value, cell.data_type) == (text, "s")


@pytest.mark.parametrize(
    ("number", "read"),
    [
        (200, 200),
        (Decimal("2.95"), 2.95),
        (Decimal("-0.1"), -0.1),
        (Decimal("1E+3"), 1000),
        (Decimal("123456789012345"), 123456789012345),
        (Decimal("1234567890123456"), "1234567890123456"),
        (Decimal("0.123456789012345678"), "0.123456789012345678"),
        (Decimal("-0.000000000000000001"), "-0.000000000000000001"),
    ],
)
def test_a_number_that_spreadsheets_would_round_is_text_with_all_its_digits(number: Value, read: Any) -> None:
    assert written((number, None)).active["A2"].value == read


def test_what_xml_cannot_hold_is_written_as_workbooks_write_it() -> None:
    assert written(("a\x01b\x1f\ufffe", "c\nd")).active["A2"].value == "a_x0001_b_x001F__xFFFE_"


def test_a_table_without_rows_has_its_heading() -> None:
    assert list(written().active.iter_rows(values_only=True)) == [("a", "b")]


def test_a_table_goes_on_on_another_sheet_where_one_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.exports.sheet.LONGEST_SHEET", 3)
    book = written(*((at, None) for at in range(5)))

    told = {sheet.title: [row[0] for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
    assert told == {"Usage": ["a", 0, 1], "Usage 2": ["a", 2, 3], "Usage 3": ["a", 4]}


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sheet = Sheet("Usage", ("a",))
    sheet.add([("x",)])
    assert list(tmp_path.iterdir()) != []
    sheet.close()
    sheet.close()
    finished = Sheet("Usage", ("a",))
    b"".join(finished.finish())
    finished.close()

    assert list(tmp_path.iterdir()) == []
