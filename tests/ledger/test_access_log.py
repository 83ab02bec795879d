"""Lines of a web server's log as items: what is read from them, what is not, and the ids that they are given."""

from __future__ import annotations

import pytest

from app.ledger.intake import LARGEST_ITEM, Item, Kind, kind_of, reader_for

LINE = '10.0.0.7 - ann [01/Mar/2026:10:00:00 +0100] "GET /maps/tiles?z=3 HTTP/1.1" 200 512 "-" "curl/8.5"'


def read(data: bytes, *, cut: int | None = None) -> list[Item]:
    reader = reader_for(Kind.ACCESS_LOG)
    pieces = [data] if cut is None else [data[at : at + cut] for at in range(0, len(data), cut)]
    return [*(item for piece in pieces for item in reader.feed(piece)), *reader.finish()]


def one(line: str) -> dict[str, object]:
    (item,) = read(line.encode())
    assert item.value is not None, item.error
    return item.value


def test_a_line_is_read_field_by_field() -> None:
    value = one(LINE)
    assert len(str(value.pop("line_id"))) == 34
    assert value == {
        "host": "10.0.0.7", "ident": "-", "user": "ann", "time": "01/Mar/2026:10:00:00 +0100",
        "request": "GET /maps/tiles?z=3 HTTP/1.1", "method": "GET", "target": "/maps/tiles?z=3", "path": "/maps/tiles",
        "protocol": "HTTP/1.1", "status": "200", "bytes": "512", "referer": "-", "agent": "curl/8.5", "more": [],
    }  # fmt: skip


def test_the_common_format_and_further_fields_are_read_too() -> None:
    common = LINE.rpartition(' "-" ')[0]
    assert (one(common)["status"], one(common)["agent"]) == ("200", None)
    assert one(LINE + ' "203.0.113.9" "req-1"')["more"] == ["203.0.113.9", "req-1"]


def test_quotes_within_quotes_are_read_and_other_escapes_left_as_they_stand() -> None:
    value = one(LINE.replace("curl/8.5", r"say \"hi\" \\ \x16\x00"))
    assert value["agent"] == r'say "hi" \ \x16\x00'


def test_a_request_that_is_none_still_is_a_call_with_its_status() -> None:
    value = one(LINE.replace("GET /maps/tiles?z=3 HTTP/1.1", r"\x16\x03\x01").replace(" 200 ", " 400 "))
    assert (value["request"], value["method"], value["target"], value["path"]) == (r"\x16\x03\x01", None, None, None)
    assert value["status"] == "400"


def test_a_long_target_is_kept_whole_and_its_path_cut() -> None:
    target = "/a" * 1_000 + "?q=1"
    value = one(LINE.replace("/maps/tiles?z=3", target))
    assert (value["target"], value["path"]) == (target, ("/a" * 1_000)[:256])


@pytest.mark.parametrize(
    "line", ["nonsense", LINE.replace('" 200', " 200"), LINE.replace("[", ""), LINE.replace(" 200 ", " two "), '"' * 50]
)
def test_a_line_that_is_written_otherwise_is_one_rejected_item_with_its_text(line: str) -> None:
    before, item, after = read(f"{LINE}\n{line}\n{LINE}\n".encode())
    assert before.value is not None
    assert after.value is not None
    assert item.error is not None
    assert item.error.reason.startswith("is no line of the combined log format")
    assert (item.raw, item.line, item.index) == (line, 2, 1)


def test_lines_are_the_same_however_the_bytes_are_cut() -> None:
    data = f"{LINE}\r\n\n{LINE}\n{LINE.replace('ann', 'bob')}".encode()
    whole = [item.value for item in read(data)]
    assert len(whole) == 3
    assert [item.value for item in read(data, cut=7)] == whole


def test_equal_lines_are_different_calls_and_the_same_file_gives_the_same_ids() -> None:
    data = f"{LINE}\n{LINE}\n{LINE.replace('ann', 'bob')}\n".encode()
    first = [str(item.value and item.value["line_id"]) for item in read(data)]
    assert len(set(first)) == 3
    assert [each.rpartition("-")[2] for each in first] == ["0", "1", "0"]
    assert [str(item.value and item.value["line_id"]) for item in read(data)] == first


def test_a_line_over_the_bound_is_rejected_and_reading_goes_on() -> None:
    long = LINE.replace("curl", "x" * LARGEST_ITEM)
    item, after = read(f"{long}\n{LINE}\n".encode(), cut=50_000)
    assert item.error is not None
    assert item.error.reason == "is larger than 131,072 bytes"
    assert len(item.raw) == 1_000
    assert after.value is not None


def test_a_line_made_to_be_slow_is_read_as_fast_as_any() -> None:
    for hostile in ('"' + "\\" * 100_000, "a " * 50_000, 'a - - [t] "' + '\\"' * 50_000, LINE + ' "' * 50_001):
        (item,) = read(hostile.encode())
        assert item.value is None


def test_a_name_or_a_format_tells_that_a_file_is_a_log() -> None:
    assert kind_of("site.access.log.gz", b"") is Kind.ACCESS_LOG
    assert kind_of("-", LINE.encode(), Kind.ACCESS_LOG) is Kind.ACCESS_LOG
    assert kind_of("rejects.jsonl", b"{", Kind.ACCESS_LOG) is Kind.JSONL
    assert kind_of("-", b"{}\n{}\n", Kind.ACCESS_LOG) is Kind.JSONL
