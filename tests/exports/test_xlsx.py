"""XLSX: typed cells that openpyxl reads, no formula whatever a text says, and the same bytes each time."""

from __future__ import annotations

import gc
import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from app.domain.account import Principal
from app.domain.errors import InvalidEvent
from app.evidence import workbook
from app.exports.document import Document
from app.exports.formats.xlsx import FORMAT
from app.exports.formats.xlsx.book import fitting
from app.exports.formats.xlsx.texts import escaped
from app.exports.formats.xlsx.writing import XlsxWriter
from app.exports.order import order
from app.ledger.commands import Rules, record
from app.ports import Files, Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.report import Report, Section
from tests.conftest import Clock
from tests.events import usage
from tests.exports import nations
from tests.exports.world import content, frozen

ENTRIES = order("usage-ledger", "xlsx", {}).report.sections[0]


def opened(data: bytes) -> Any:
    return load_workbook(io.BytesIO(data))


def table(sheet: Any) -> list[dict[str, Any]]:
    """The cells of each row under its label."""
    labels, *rows = sheet.iter_rows()
    return [dict(zip([each.value for each in labels], row, strict=True)) for row in rows]


@pytest.mark.parametrize("kind", nations.ASKED)
async def test_made_twice_at_different_hours_it_has_the_same_bytes_and_a_sheet_for_each_section(
    store: Store, files: Files, admin: Principal, rules: Rules, clock: Clock, kind: str
) -> None:
    await nations.fill(store, admin, rules)
    as_of = (await store.head(admin.account.id)).sequence
    made = []
    for _ in range(2):
        export = await frozen(store, files, admin, rules, kind, "xlsx", nations.ASKED[kind], as_of=as_of)
        made.append(await content(files, export))
        clock.advance(days=3)

    assert made[0] == made[1]
    book = opened(made[0])
    report = order(kind, "xlsx", nations.ASKED[kind]).report
    assert book.sheetnames == ["Summary", *(each.title for each in report.sections)]
    assert [book[each.title].max_row - 1 for each in report.sections] == [export.sections.get(s.name, 0) for s in report.sections]
    assert not [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type in "fe"]


async def test_cells_have_the_types_that_a_spreadsheet_keeps_exactly(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await nations.fill(store, admin, rules)
    asked = {"order": ["asc"], "local_time": ["Asia/Kolkata"]}
    book = opened(await content(files, await frozen(store, files, admin, rules, "usage-ledger", "xlsx", asked)))
    sheet = book["Entries"]
    rows = table(sheet)
    second, wide = rows[1], next(each for each in rows if each["Sender's id"].value == "wide")

    assert (second["Sequence"].value, second["Quantity"].value, second["Charge"].value) == (2, 38.1, 1.005)
    assert (second["Quantity"].number_format, second["Charge"].number_format) == ("#,##0.0", "#,##0.000")
    assert second["Occurred at"].value == "2026-04-01T03:00:00.000000Z"
    assert second["Occurred at (Asia/Kolkata)"].value == datetime(2026, 4, 1, 8, 30, tzinfo=UTC).replace(tzinfo=None)
    assert second["Occurred at (Asia/Kolkata)"].is_date
    assert (wide["Quantity"].value, wide["Quantity"].data_type) == ("12345678901234567890.123456789012345678", "s")
    corner = sheet.cell(sheet.max_row, sheet.max_column).coordinate
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", f"A1:{corner}")
    assert all(each.width >= 11 for each in sheet.column_dimensions.values())
    assert len(sheet.column_dimensions) == sheet.max_column


async def test_a_text_that_would_run_is_the_text_itself_in_a_cell_marked_as_typed_after_an_apostrophe(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await nations.fill(store, admin, rules)
    asked = {"order": ["asc"], "action": ["usage.consumed"]}
    book = opened(await content(files, await frozen(store, files, admin, rules, "usage-ledger", "xlsx", asked)))
    told = {each["Customer"].value: each["Customer"] for each in table(book["Entries"])}

    assert {text: told[escaped(text)].quotePrefix for text in nations.HOSTILE} == {
        text: text in ("=1+1", "+49 30 1", "@SUM(A1)", "'=1") for text in nations.HOSTILE
    }


async def test_the_summary_says_what_was_asked_and_what_the_digests_mean(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await nations.fill(store, admin, rules)
    asked = nations.ASKED["subscription-settlement"]
    export = await frozen(store, files, admin, rules, "subscription-settlement", "xlsx", asked)
    sheet = opened(await content(files, export))["Summary"]

    told = {row[0].value: row[1].value for row in sheet.iter_rows() if row[0].value}
    assert (told["Report"], told["As of sequence"], told["subscription_id"]) == ("subscription_settlement", export.as_of, "s1")
    assert (told["Digest"], told["Groups"], told["to"]) == (export.digest, export.sections.get("groups", 0), "2026-03-20")
    assert "RFC 9162" in str([cell.value for row in sheet.iter_rows() for cell in row])


def test_past_the_rows_of_a_sheet_another_goes_on() -> None:
    report = Report("r", "R", "", (Section("only", "Only", "", object, ENTRIES.columns[1:2]),), (), lambda *_: None)  # type: ignore
    writer = XlsxWriter(Document(report, {}, 1, None), most_rows=4)
    data = b"".join(writer.begin())
    for at in range(0, 8, 2):
        data += b"".join(writer.rows(report.sections[0], [{"sequence": at}, {"sequence": at + 1}]))
    data += b"".join(writer.end("sha256:0"))

    book = opened(data)
    assert book.sheetnames == ["Summary", "Only", "Only 2", "Only 3"]
    assert [[row[0] for row in book[name].values] for name in book.sheetnames[1:]] == [
        ["Sequence", 0, 1, 2],
        ["Sequence", 3, 4, 5],
        ["Sequence", 6, 7],
    ]


async def test_a_text_that_is_too_long_for_a_cell_is_refused_and_not_cut(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(id="1", additional_data={"long": "a" * 32_767})], rules=rules)
    assert (await frozen(store, files, admin, rules, "usage-ledger", "xlsx", {})).rows == 1
    await record(store, admin, [usage(id="2", additional_data={"long": "a" * 32_768})], rules=rules)
    before = await store.head(admin.account.id)

    with pytest.raises(InvalidEvent) as refused:
        await frozen(store, files, admin, rules, "usage-ledger", "xlsx", {})

    assert (refused.value.code, refused.value.field) == ("VALIDATION_ERROR", "format")
    assert refused.value.reason.startswith("can hold 32,767 characters in a cell")
    assert await store.head(admin.account.id) == before
    assert len(await store.rows(Rows(Scope(admin.account.id, before.sequence)))) == 3


def test_a_file_that_is_begun_and_never_ended_leaves_nothing_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    writer = FORMAT.writer(Document(order("usage-ledger", "xlsx", {}).report, {}, 1, None))
    writer.rows(ENTRIES, [dict.fromkeys([each.name for each in ENTRIES.columns])])
    assert len(list(tmp_path.iterdir())) == 1

    del writer
    gc.collect()

    assert list(tmp_path.iterdir()) == []


@given(st.one_of(st.text(), st.text("_x0041F\x00\r\n￾a", max_size=12)))
def test_every_text_can_be_written_and_is_read_as_it_was(text: str) -> None:
    assert workbook._text(SimpleNamespace(value=escaped(text))) == text
    assert not any(each < " " and each not in "\t\n" for each in escaped(text))


def test_titles_of_sheets_are_short_clean_and_their_own() -> None:
    long = "What a very long title this one has"
    assert fitting("Quantities, total", set()) == "Quantities, total"
    assert fitting("a/b: [c]*?", set()) == "a b   c"
    assert (fitting(long, set()), fitting(long, {long[:31].lower()})) == (long[:31], f"{long[:29]} 2")
    assert fitting("summary", {"summary"}) == "summary 2"
