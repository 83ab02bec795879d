"""What is read from bytes, however they are cut: JSON, JSON Lines and CSV, plain and packed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidBody, PayloadTooLarge
from app.ledger.intake import LARGEST_ITEM, Inflater, Item, Kind, kind_of, reader_for

BOM = b"\xef\xbb\xbf"
Told = tuple[int, int, Any, str | None]


def read(kind: Kind, chunks: Iterable[bytes]) -> Iterator[Item]:
    reader = reader_for(kind)
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.finish()


def told(kind: Kind, *chunks: bytes) -> list[Told]:
    """Index, line, value and the reason why there is none."""
    return [(each.index, each.line, each.value, each.error and each.error.reason) for each in read(kind, chunks)]


def values(kind: Kind, *chunks: bytes) -> list[Any]:
    return [value for _, _, value, _ in told(kind, *chunks)]


def reasons(kind: Kind, *chunks: bytes) -> list[str | None]:
    return [reason for *_, reason in told(kind, *chunks)]


def broken(kind: Kind, *chunks: bytes) -> str:
    with pytest.raises(InvalidBody) as error:
        list(read(kind, chunks))
    return error.value.message


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted({each % (len(data) + 1) for each in at}), len(data)]
    return [data[left:right] for left, right in pairwise(edges)]


# JSON


def test_an_array_gives_its_items_with_exact_numbers() -> None:
    body = b'[{"n": 0.10, "m": 12345678901234567890123456789, "t": "\\u00e9"},\n {"a": {"b": [1e3, true, null]}}]'
    assert told(Kind.JSON, body) == [
        (0, 1, {"n": Decimal("0.10"), "m": 12345678901234567890123456789, "t": "é"}, None),
        (1, 2, {"a": {"b": [Decimal("1e3"), True, None]}}, None),
    ]


def test_one_object_is_one_item_and_an_empty_array_is_none() -> None:
    assert values(Kind.JSON, b' {"a": 1} ') == [{"a": 1}]
    assert values(Kind.JSON, b"[ ]\n") == []


def test_a_byte_order_mark_is_passed_over() -> None:
    assert values(Kind.JSON, BOM[:1], BOM[1:] + b'[{"a": 1}]') == [{"a": 1}]
    assert values(Kind.JSONL, BOM + b'{"a": 1}') == [{"a": 1}]
    assert values(Kind.CSV, BOM + b"a\n1\n") == [{"a": "1"}]
    assert broken(Kind.JSON, b"[", BOM + b"]").endswith("column 2: expecting value")


@pytest.mark.parametrize(
    ("body", "where", "reason"),
    [
        (b"", "line 1, column 1", "ends too early"),
        (b"[", "line 1, column 2", "ends too early"),
        (b'[{"a": 1}', "line 1, column 10", "ends too early"),
        (b'[{"a": 1},', "line 1, column 11", "ends too early"),
        (b'[{"a": 1},]', "line 1, column 11", "expecting value"),
        (b'[{"a": 1}\n\n  {"a": 2}]', "line 3, column 3", "expecting ',' or ']'"),
        (b'[{"a": 1},\n{"a" 2}]', "line 2, column 6", "expecting ':' delimiter"),
        (b"[{'a': 1}]", "line 1, column 3", "expecting property name enclosed in double quotes"),
        (b'[{"a": "b', "line 1, column 8", "unterminated string starting at"),
        (b'[{"a": 01}]', "line 1, column 9", "expecting ',' delimiter"),
        (b'[{"a": "\t"}]', "line 1, column 9", "invalid control character at"),
        (b'[{"a": 1}] []', "line 1, column 12", "has something after its end"),
        (b'{"a": 1}\n{"a": 2}', "line 2, column 1", "has something after its end"),
        (b"hello", "line 1, column 1", "must be an array of objects, or one object"),
        (b"[" * 5_000, "line 1, column 2", "is nested too deeply"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_broken_json_text_is_told_with_its_place(body: bytes, where: str, reason: str, size: int) -> None:
    assert broken(Kind.JSON, *cut(body, range(0, len(body), size))) == f"the JSON text is broken at {where}: {reason}"


def test_the_place_is_told_right_far_into_a_text_too() -> None:
    lines = b"[" + b",\n".join(b'{"a": %d, "b": "\xc3\xa9"}' % n for n in range(50_000)) + b",\n{]"
    assert broken(Kind.JSON, *cut(lines, range(0, len(lines), 65_536))) == (
        "the JSON text is broken at line 50,001, column 2: expecting property name enclosed in double quotes"
    )
    one_line = b"[" + b"".join(b'{"a": %07d},' % n for n in range(1_000_000, 1_050_000)) + b"!"
    assert broken(Kind.JSON, *cut(one_line, range(0, len(one_line), 65_536))) == (
        f"the JSON text is broken at line 1, column {50_000 * 15 + 2:,}: expecting value"
    )


def test_bytes_that_are_no_utf8_break_a_json_text_and_are_told_with_their_place() -> None:
    for chunks in ([b'[{"a": "\xff"}]'], [b'[{"a": "', b"\xff", b'"}]']):
        assert broken(Kind.JSON, *chunks) == "the JSON text is not UTF-8 at byte 9"
    assert broken(Kind.JSON, b'[{"a": "\xc3', b'\x28"}]') == "the JSON text is not UTF-8 at byte 9"
    assert broken(Kind.JSON, b'[{"a": "\xc3') == "the JSON text is not UTF-8 at byte 9"


FAULTS = [
    (b'{"a": 1, "a": 2}', 'has the key "a" twice'),
    (b'{"a": {"b": 1, "c": 2, "b": 1}}', 'has the key "b" twice'),
    (b'{"a": NaN}', "has NaN, which is no number in JSON"),
    (b'{"a": [-Infinity]}', "has -Infinity, which is no number in JSON"),
    (b'{"a": ' + b"9" * 129 + b"}", "has a number that is far too long to be recorded"),
    (b'{"a": 0.' + b"9" * 129 + b"}", "has a number that is far too long to be recorded"),
    (b'{"a": 1e99999999999999999999}', "has a number that is far too long to be recorded"),
    (b'{"a": "\\ud83d"}', "contains half of a surrogate pair"),
    (b'{"\\uDE00": 1}', "contains half of a surrogate pair"),
    (b'{"a": ' * 65 + b"1" + b"}" * 65, "is nested deeper than 64 levels"),
    (b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}", "is nested deeper than 64 levels"),
    (b"[1]", "must be an object of keys and values"),
    (b"null", "must be an object of keys and values"),
    (b'"text"', "must be an object of keys and values"),
]


@pytest.mark.parametrize(("item", "reason"), FAULTS)
def test_an_item_that_is_json_and_cannot_be_taken_is_rejected_alone(item: bytes, reason: str) -> None:
    assert told(Kind.JSON, b'[{"x": 1}, ' + item + b', {"x": 2}]') == [
        (0, 1, {"x": 1}, None),
        (1, 1, None, reason),
        (2, 1, {"x": 2}, None),
    ]
    assert told(Kind.JSONL, b'{"x": 1}\n' + item + b'\n{"x": 2}\n') == [
        (0, 1, {"x": 1}, None),
        (1, 2, None, reason),
        (2, 3, {"x": 2}, None),
    ]


def test_what_is_nearly_a_fault_is_taken() -> None:
    deep = b'{"a": ' * 64 + b"1" + b"}" * 64
    assert reasons(
        Kind.JSONL, deep, b'\n{"a": "\\ud83d\\ude00", "b": "\\u0000", "c": "\\\\ud83d", "d": ' + b"9" * 128 + b"}"
    ) == [None, None]


def test_an_item_that_is_too_large_ends_a_json_text_and_is_rejected_alone_as_a_line() -> None:
    within = b'{"a": "' + b"x" * (LARGEST_ITEM - 9) + b'"}'
    beyond = b'{"a": "' + b"x" * (LARGEST_ITEM - 8) + b'"}'
    wide = b'{"a": "' + "é".encode() * (LARGEST_ITEM // 2 - 4) + b'"}'
    too_large = f"is larger than {LARGEST_ITEM:,} bytes"
    assert reasons(Kind.JSON, b"[" + within + b"," + within + b"]") == [None, None]
    for body in (beyond, wide, b'{"a": "' + b"x" * 3 * LARGEST_ITEM, b'{"a": [' + b"1," * 3 * LARGEST_ITEM):
        with pytest.raises(PayloadTooLarge) as error:
            list(read(Kind.JSON, [b"[" + within + b",", body, b"]"]))
        assert error.value.message == f"item 1 {too_large}"
        assert reasons(Kind.JSONL, within + b"\n", body, b'\n{"a": 1}') == [None, too_large, None]


# JSON Lines


def test_a_line_is_an_item_and_blank_lines_are_passed_over() -> None:
    body = b'{"a": 1}\r\n\n  \t\r\n{"a": 2}  \n{"a": 3}'
    assert told(Kind.JSONL, body) == [(0, 1, {"a": 1}, None), (1, 4, {"a": 2}, None), (2, 5, {"a": 3}, None)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": 1', "is not JSON: expecting ',' delimiter at column 8"),
        (b'{"a": 1} {"a": 2}', "is not JSON: has something after its end at column 10"),
        (b"hello", "is not JSON: expecting value at column 1"),
        (b'{"a": "\xff"}', "is not UTF-8 at byte 8"),
        (b"[" * 5_000, "is not JSON: is nested too deeply at column 1"),
    ],
)
def test_a_broken_line_is_one_rejected_item(line: bytes, reason: str) -> None:
    assert told(Kind.JSONL, b'{"a": 1}\n' + line + b'\n{"a": 2}') == [
        (0, 1, {"a": 1}, None),
        (1, 2, None, reason),
        (2, 3, {"a": 2}, None),
    ]


# CSV


def test_rows_are_objects_of_their_cells_as_texts() -> None:
    body = b'id,"a name",note\r\n1,"x, ""y""","two\r\nlines"\r\n\r\n2,,\n3,NULL,"'
    body += "é".encode() + b'"'
    assert told(Kind.CSV, body) == [
        (0, 2, {"id": "1", "a name": 'x, "y"', "note": "two\r\nlines"}, None),
        (1, 5, {"id": "2", "a name": "", "note": ""}, None),
        (2, 6, {"id": "3", "a name": "NULL", "note": "é"}, None),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1", "has 1 cells, the header has 2"),
        (b"1,2,3", "has 3 cells, the header has 2"),
        (b'"1\n1"', "has 1 cells, the header has 2"),
        (b'1,"2"x', "has a quote that is never closed, or one in a cell that is not enclosed in quotes"),
        (b"1,\xff", "is not UTF-8"),
        (b"1," + b"x" * LARGEST_ITEM, f"is larger than {LARGEST_ITEM:,} bytes"),
    ],
)
def test_a_broken_row_is_one_rejected_item(row: bytes, reason: str) -> None:
    lines = row.count(b"\n") + 1
    assert told(Kind.CSV, b"a,b\n0,0\n" + row + b"\n2,2\n") == [
        (0, 2, {"a": "0", "b": "0"}, None),
        (1, 3, None, reason),
        (2, 3 + lines, {"a": "2", "b": "2"}, None),
    ]


@pytest.mark.parametrize("following", [0, 1, 5, 60_000])
def test_a_quote_that_is_never_closed_costs_its_own_line_only(following: int) -> None:
    found = told(Kind.CSV, b'a,b\n1,5" pipe\n' + b"2,2\n" * following)
    assert [reason for *_, reason in found] == [
        "has a quote that is never closed, or one in a cell that is not enclosed in quotes",
        *[None] * following,
    ]
    assert [line for _, line, _, _ in found] == list(range(2, following + 3))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the CSV text has no header row"),
        (b"a,b,a\n", "the header of the CSV text has the column 'a' twice"),
        (b'a,"b"x\n', "the CSV text has no header row that can be read"),
        (b"a,\xff\n", "the CSV text has no header row that can be read"),
        (b"\n1\n", "the CSV text has no header row that can be read"),
        (b"a" * (LARGEST_ITEM + 1) + b"\n1\n", "the CSV text has no header row that can be read"),
    ],
)
def test_a_csv_text_without_a_header_is_broken(body: bytes, message: str) -> None:
    assert broken(Kind.CSV, body) == message


# However it is cut

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    ("😀", "\u2028", '"', "\\", "a,b", "\n", "\r\n", "é" * 3)
)
_SCALAR = st.none() | st.booleans() | _TEXT | st.integers(-(10**30), 10**30)
_OBJECT = st.dictionaries(
    _TEXT.filter(lambda key: key not in ("_rejected", "_line")),
    st.recursive(_SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=6),
    max_size=4,
)
_CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.lists(_OBJECT, max_size=6), _CUTS, st.booleans(), st.sampled_from((None, 1)))
def test_json_is_read_the_same_however_it_is_cut(objects: list[Any], cuts: list[int], ascii_: bool, indent: int | None) -> None:
    body = json.dumps(objects, ensure_ascii=ascii_, indent=indent).encode()
    assert values(Kind.JSON, *cut(body, cuts)) == objects
    assert values(Kind.JSON, *(body[at : at + 1] for at in range(len(body)))) == objects


@given(st.lists(_OBJECT, max_size=6), _CUTS, st.booleans())
def test_json_lines_are_read_the_same_however_they_are_cut(objects: list[Any], cuts: list[int], ascii_: bool) -> None:
    body = b"\n".join(json.dumps(each, ensure_ascii=ascii_).encode() for each in objects)
    assert values(Kind.JSONL, *cut(body, cuts)) == objects


@given(st.data(), _CUTS, st.sampled_from(("\n", "\r\n")))
def test_csv_is_read_the_same_however_it_is_cut(data: st.DataObject, cuts: list[int], end: str) -> None:
    columns = data.draw(st.lists(_TEXT.filter(lambda name: name != "_rejected"), min_size=2, max_size=4, unique=True))
    rows = data.draw(st.lists(st.lists(_TEXT, min_size=len(columns), max_size=len(columns)), max_size=5))
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([columns, *rows])
    found = values(Kind.CSV, *cut(text.getvalue().encode(), cuts))
    assert found == [dict(zip(columns, row, strict=True)) for row in rows]


@given(st.binary(max_size=300), _CUTS, st.sampled_from(list(Kind)))
def test_any_bytes_are_read_the_same_however_they_are_cut(body: bytes, cuts: list[int], kind: Kind) -> None:
    def outcome(chunks: list[bytes]) -> Any:
        found = []
        try:
            for item in read(kind, chunks):
                found.append((item.index, item.line, item.value, item.error and item.error.reason, item.raw))
        except InvalidBody as error:
            # Items before the broken place are only told once enough text is at hand.
            return error.message
        return found

    assert outcome(cut(body, cuts)) == outcome([body])


@given(
    st.lists(st.sampled_from(('"', ",", "\n", "\r\n", "a", "é", '""', '"a\nb"', "1,2\n")), max_size=40),
    _CUTS,
)
def test_no_line_of_a_csv_text_is_lost_however_its_quotes_stand(parts: list[str], cuts: list[int]) -> None:
    body = ("a,b\n" + "".join(parts)).encode()
    found = list(read(Kind.CSV, cut(body, cuts)))
    assert [each.index for each in found] == list(range(len(found)))
    lines = body.decode().split("\n")
    edges = [*(each.line for each in found), len(lines) + 1]
    for item, (first, following) in zip(found, pairwise(edges), strict=True):
        own = "\n".join(lines[first - 1 : following - 1])
        if item.value is None:
            assert isinstance(item.raw, list)
            assert item.raw == [own.rstrip("\r\n")] or item.raw == next(csv.reader([own.rstrip("\r\n")]))
        else:
            assert list(item.value.values()) == next(csv.reader([own], strict=True))


# gzip


def inflated(chunks: Iterable[bytes], **how: Any) -> bytes:
    inflater = Inflater(**how)
    pieces = [piece for chunk in chunks for piece in inflater.feed(chunk)]
    return b"".join((*pieces, *inflater.finish()))


@given(st.binary(max_size=2_000), st.binary(max_size=50), _CUTS)
def test_gzip_is_found_and_taken_off_however_it_is_cut(data: bytes, more: bytes, cuts: list[int]) -> None:
    packed = gzip.compress(data) + gzip.compress(more) + b"\0" * 3
    assert inflated(cut(packed, cuts)) == data + more
    assert inflated(cut(packed, cuts), gzip=True) == data + more


@given(st.binary(max_size=100).filter(lambda data: data[:2] != b"\x1f\x8b"), _CUTS)
def test_what_is_not_packed_passes_as_it_is(data: bytes, cuts: list[int]) -> None:
    assert inflated(cut(data, cuts)) == data


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        ([gzip.compress(b"x" * 100)[:-1]], "the gzip data ends too early"),
        ([gzip.compress(b"x" * 100)[:5]], "the gzip data ends too early"),
        ([gzip.compress(b"x") + b"more"], "the gzip data is broken"),
        ([b"\x1f\x8b\x08 nothing packed"], "the gzip data is broken"),
        ([gzip.compress(b"x" * 100)[:-8] + b"12345678"], "the gzip data is broken"),
    ],
)
def test_broken_gzip_is_refused(chunks: list[bytes], message: str) -> None:
    with pytest.raises(InvalidBody) as error:
        inflated(chunks)
    assert error.value.message == message
    with pytest.raises(InvalidBody) as error:
        inflated([b'[{"a": 1}]'], gzip=True)
    assert error.value.message == "the gzip data is broken"
    with pytest.raises(InvalidBody) as error:
        inflated([], gzip=True)
    assert error.value.message == "the gzip data ends too early"


def test_a_bound_holds_for_what_comes_and_for_what_it_swells_to() -> None:
    packed = gzip.compress(b"x" * 1_000)
    assert len(inflated([packed], largest=1_000)) == 1_000
    for chunks in ([packed], [b"y" * 1_000], [gzip.compress(b"")] * 60):
        with pytest.raises(PayloadTooLarge) as error:
            inflated(chunks, largest=999)
        assert error.value.message == "the body is larger than 999 bytes"


@pytest.mark.parametrize("kind", [Kind.JSONL, Kind.CSV, Kind.JSON])
def test_what_swells_a_thousandfold_takes_little_memory(kind: Kind) -> None:
    bomb = gzip.compress(b" " * 64_000_000)
    tracemalloc.start()
    inflater, reader = Inflater(), reader_for(kind)
    assert [item for piece in inflater.feed(bomb) for item in reader.feed(piece)] == []
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16_000_000


# Which kind


@pytest.mark.parametrize(
    ("name", "beginning", "kind"),
    [
        ("usage.csv", b'{"a": 1}', Kind.CSV),
        ("usage.CSV.gz", b"a,b\n", Kind.CSV),
        ("usage.jsonl", b"[]", Kind.JSONL),
        ("usage.ndjson.gz", b"", Kind.JSONL),
        ("usage.json", b' [{"a": 1}]', Kind.JSON),
        ("usage.json", b'{"a": 1}', Kind.JSON),
        ("usage.json", b'{\n"a": 1}', Kind.JSON),
        ("usage.json", b'{"a": 1}\n{"a": 2}\n', Kind.JSONL),
        ("usage", BOM + b'[{"a": 1}]', Kind.JSON),
        ("", b'{"a": 1}\n{"a": 2}\n', Kind.JSONL),
        ("usage.txt", b"a,b\n1,2\n", Kind.CSV),
        ("", b"", Kind.CSV),
    ],
)
def test_the_kind_is_told_by_the_name_and_else_by_the_beginning(name: str, beginning: bytes, kind: Kind) -> None:
    assert kind_of(name, beginning) == kind
