"""PDF: pages that pdftotext reads, with every script's letters in them, and the same bytes each time."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.account import Principal
from app.domain.entry import EntryKind
from app.domain.errors import InvalidEvent
from app.exports.document import Document
from app.exports.formats.pdf import FORMAT, charts, cover
from app.exports.formats.pdf.figures import Figures
from app.exports.formats.pdf.page import Pages
from app.exports.formats.pdf.setting import broken, line, seen
from app.exports.formats.pdf.values import Values, grouped
from app.exports.order import order
from app.ledger.commands import Rules, record
from app.ports import Files, Store
from app.question.rows import Rows
from app.question.scope import Scope
from tests.conftest import Clock
from tests.events import usage
from tests.exports import nations
from tests.exports.world import content, frozen

SHOWN = [name for name in nations.NAMES if "runes" not in name]


def program(name: str, *words: str, data: bytes = b"") -> str:
    """What a program of poppler's says of a file that it is given."""
    found = shutil.which(name)
    assert found, f"{name} is needed: scripts/system-packages brings it"
    return subprocess.run([found, *words], input=data, capture_output=True, check=True, timeout=60).stdout.decode()


def pages_of(data: bytes) -> list[str]:
    """The text of each page. What turns the direction around, which pdftotext puts in, is left out."""
    text = program("pdftotext", "-layout", "-", "-", data=data)
    return [re.sub("[\u202a-\u202e]", "", each) for each in text.split("\f")[:-1]]


@pytest.mark.parametrize("kind", nations.ASKED)
async def test_made_twice_at_different_hours_it_has_the_same_bytes_and_its_digest_and_number_on_every_page(
    store: Store, files: Files, admin: Principal, rules: Rules, clock: Clock, kind: str
) -> None:
    await nations.fill(store, admin, rules)
    as_of = (await store.head(admin.account.id)).sequence
    made = []
    for _ in range(2):
        export = await frozen(store, files, admin, rules, kind, "pdf", nations.ASKED[kind], as_of=as_of)
        made.append(await content(files, export))
        clock.advance(days=3)

    assert made[0] == made[1]
    pages = pages_of(made[0])
    report = order(kind, "pdf", nations.ASKED[kind]).report
    assert [export.digest in page for page in pages] == [True] * len(pages)  # type: ignore[operator]
    assert [f"page {number} of {len(pages)}" in page for number, page in enumerate(pages, 1)] == [True] * len(pages)
    assert report.title in pages[0]
    assert "acme" in pages[0]
    assert [each.title for each in report.sections if each.title not in "".join(pages[1:])] == []


async def test_the_cover_says_whose_it_is_what_was_asked_as_of_when_and_the_totals(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await nations.fill(store, admin, rules)
    asked = nations.ASKED["usage-summary"] | {"local_time": ["Asia/Kolkata"]}
    export = await frozen(store, files, admin, rules, "usage-summary", "pdf", asked)
    page = re.sub(" +", " ", pages_of(await content(files, export))[0])

    for told in (
        "Period 2026-03-01 until before 2026-05-01",
        f"As of sequence {export.as_of}, recorded 2026-04-01 17:30:00 +05:30",
        "Group by customer_id,product_id",
        "Times are in Asia/Kolkata",
        f"Rows {export.rows}",
        "12,345,678,901,234,567,890.1234567890123457",
        "Charge in EUR over time",
        "Charge in EUR by product and customer",
    ):
        assert told in page


async def test_names_of_every_script_are_found_as_they_were_written_in_fonts_that_are_all_embedded(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await nations.fill(store, admin, rules)
    data = await content(files, await frozen(store, files, admin, rules, "usage-ledger", "pdf", {}))

    text = unicodedata.normalize("NFC", "\n".join(pages_of(data)))
    assert [name for name in SHOWN if name not in text] == []
    assert "U+16A0U+16A2U+16A6 runes and U+12000" in text
    fonts = program("pdffonts", "-", data=data).splitlines()[2:]
    assert len(fonts) >= 10
    assert {tuple(each.split()[-5:-2]) for each in fonts} == {("yes", "yes", "yes")}


async def test_a_long_text_is_broken_over_lines_and_pages_and_nothing_of_it_is_cut(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    words = " ".join(f"word{number:05}" for number in range(5_000))
    await record(store, admin, [usage(id="1", additional_data={"long": words}), usage(id="2")], rules=rules)
    data = await content(files, await frozen(store, files, admin, rules, "usage-ledger", "pdf", {}))

    assert re.findall("word[0-9]{5}", "".join(pages_of(data))) == words.split()


async def test_past_fifty_thousand_rows_it_is_refused_before_a_file_is_begun(
    store: Store, files: Files, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await nations.fill(store, admin, rules)
    before = await store.head(admin.account.id)

    async def counted(_: Rows) -> int:
        return 50_001

    async def created() -> Any:
        raise AssertionError("a file was begun")

    monkeypatch.setattr(store, "count", counted)
    monkeypatch.setattr(files, "create", created)
    with pytest.raises(InvalidEvent) as refused:
        await frozen(store, files, admin, rules, "usage-ledger", "pdf", {})

    assert (refused.value.code, refused.value.field) == ("VALIDATION_ERROR", "format")
    assert refused.value.reason.startswith(
        "pdf is for reading, and takes at most 50,000 rows; here are more: csv, jsonl, json and xlsx"
    )
    assert await store.head(admin.account.id) == before
    question = Rows(Scope(admin.account.id, before.sequence), kinds=frozenset({EntryKind.GATEWAY}))
    assert await store.rows(question) == []


def test_signs_that_cannot_be_seen_are_shown_as_their_numbers() -> None:
    assert seen("a\u202eb\u200f\x07\n\ue000") == "aU+202EbU+200FU+0007U+000AU+E000"
    assert seen("👩\u200d🚀 नमस्ते") == "👩\u200d🚀 नमस्ते"


@given(st.text(max_size=60), st.integers(2_000, 20_000))
def test_a_text_that_is_broken_has_all_its_letters_on_lines_that_fit(text: str, width: int) -> None:
    lines = broken(text, False, width)
    assert "".join(each.text for each in lines).replace(" ", "") == seen(text).replace(" ", "")
    assert all(each.width <= width or len(each.text) < 4 for each in lines)


def test_what_runs_from_the_right_is_set_from_the_right_and_numbers_within_it_from_the_left() -> None:
    told = [each.text for each in line("abc שלום 12").pieces]
    assert told == ["abc ", "12", " ", "שלום"]
    hebrew = next(each for each in line("שלום").pieces)
    assert (hebrew.turned, [each.text for each in hebrew.glyphs]) == (True, ["ם", "ו", "ל", "ש"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [("0", "0"), ("1234", "1,234"), ("-1234567.5", "-1,234,567.5"), ("999", "999"), ("-100", "-100"), ("0.123456", "0.123456")],
)
def test_decimals_have_commas_between_their_thousands_and_all_their_places(text: str, shown: str) -> None:
    assert grouped(text) == shown


def test_what_a_ledger_tells_is_added_up_exactly_and_days_without_anything_are_shown() -> None:
    report = order("usage-ledger", "pdf", {}).report
    figures = Figures(report, Values("Asia/Kolkata"))
    row = dict.fromkeys([each.name for each in report.sections[0].columns])
    tiny = {"quantity": "0.000000000000000001", "unit": "GB"}
    huge = {"quantity": "12345678901234567890", "unit": "GB"}
    rows = [
        row | {"occurred_at": "2026-03-01T20:00:00.000000Z", "customer_id": "c1"} | tiny,
        row | {"occurred_at": "2026-03-04T01:00:00.000000Z", "customer_id": "c2"} | huge,
        row | {"occurred_at": "2026-03-04T02:00:00.000000Z", "customer_id": None, "charge": "-1", "currency": "EUR"},
    ]
    figures.add(report.sections[0], rows[:2])

    one = 10**18
    assert figures.totals() == [(("Entries", None), 2 * one), (("Quantity", "GB"), 12345678901234567890 * one + 1)]
    assert figures.trend() == (
        ("Quantity", "GB"),
        [("2026-03-02", 1), ("2026-03-03", 0), ("2026-03-04", 12345678901234567890 * one)],
    )
    assert figures.largest() == (("Quantity", "GB"), [("c2", 12345678901234567890 * one), ("c1", 1)])
    figures.add(report.sections[0], rows[2:])
    assert figures.trend() is None
    assert figures.totals()[-1] == (("Charge", "EUR"), -one)


def test_a_chart_of_more_bars_than_fit_adds_neighbours_up_and_one_of_losses_hangs_from_zero() -> None:
    pages = Pages("t", "a", "as of", "sha256:0")
    pages.begin()
    charts.trend(pages, 40, 300, "Many", [(f"d{at}", at * 10**18) for at in range(200)])
    pages.y -= charts.HEIGHT
    charts.largest(pages, 40, 300, "Losses", [(f"g{at}", -at * 10**18) for at in range(20)])
    text = pages_of(pages.finished())[0]
    assert "each bar is 3 of them" in text
    assert re.search(r"12 others .*-162", re.sub(" +", " ", text))


def test_a_cover_with_more_filters_than_a_page_holds_goes_on_over_pages() -> None:
    asked = {"customer_id": tuple(f"customer-{at:04}" for at in range(1_500))}
    report = order("usage-summary", "pdf", {}).report
    values = Values("UTC")
    pages = Pages("t", "a", "as of", "sha256:0")
    cover.draw(pages, Document(report, asked, 1, None), Figures(report, values), values, 0)
    text = pages_of(pages.finished())
    assert len(text) > 1
    assert re.findall("customer-[0-9]{4}", "".join(text)) == list(asked["customer_id"])


def test_it_can_not_be_gone_on_with_and_takes_no_more_rows_than_people_read() -> None:
    assert (FORMAT.resumed, FORMAT.most_rows) == (None, 50_000)


def test_a_file_that_is_begun_and_never_ended_leaves_nothing_open() -> None:
    writer = FORMAT.writer(Document(order("usage-ledger", "pdf", {}).report, {}, 1, None))
    aside = writer._aside  # type: ignore[attr-defined]

    del writer
    gc.collect()

    assert aside.closed
