"""The options of files: they change the file and never the rows, and are refused where they mean nothing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.domain.account import Principal
from app.domain.errors import InvalidEvent
from app.exports.options import OPTIONS
from app.exports.order import order, order_of
from app.ledger.commands import Rules
from app.ports import Files, Store
from app.reports.catalog import REPORTS
from tests.exports.test_command import acts, gateway, place
from tests.exports.world import content, fill, frozen, json_of, table_of

__all__ = ["place"]


def test_no_option_is_named_as_what_a_report_is_asked() -> None:
    assert not {name for each in REPORTS for name in each.parameters} & set(OPTIONS)


@pytest.mark.parametrize(
    ("format", "options", "field", "reason"),
    [
        ("json", {"decimals": ["comma"]}, "options.decimals", "is not an option of json; it has local_time, compression"),
        ("xlsx", {"compression": ["gzip"]}, "options.compression", "is not an option of xlsx; it has local_time"),
        ("csv", {"decimals": ["dot"]}, "options.decimals", "must be point or comma"),
        ("csv", {"compression": ["zip"]}, "options.compression", "must be gzip"),
        ("csv", {"compression": ["gzip", "gzip"]}, "options.compression", "is given more than once"),
        ("csv", {"local_time": []}, "options.local_time", "is given more than once"),
        ("csv", {"local_time": ["Berlin"]}, "options.local_time", "is not the name of an IANA time zone, such as Europe/Berlin"),
    ],
)
def test_what_a_format_does_not_have_or_nobody_knows_is_refused(
    format: str, options: dict[str, list[str]], field: str, reason: str
) -> None:
    with pytest.raises(InvalidEvent) as refused:
        order("usage-ledger", format, options)
    assert (refused.value.code, refused.value.field, refused.value.reason) == ("VALIDATION_ERROR", field, reason)


async def test_a_compressed_file_holds_the_bytes_of_the_plain_one_and_nothing_of_when_it_was_made(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await fill(store, admin, rules)
    plain = await frozen(store, files, admin, rules, "usage-ledger", "csv", {}, as_of=6)
    packed = [
        await frozen(store, files, admin, rules, "usage-ledger", "csv", {"compression": ["gzip"]}, as_of=6) for _ in range(2)
    ]

    data = await content(files, packed[0])
    assert gzip.decompress(data) == await content(files, plain)
    assert data[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    assert packed[0].artifact_digest == packed[1].artifact_digest
    assert (packed[0].file_name, packed[0].content_type) == ("usage-ledger-as-of-6.csv.gz", "application/gzip")
    assert packed[0].digest == plain.digest
    assert packed[0].parameters == {"compression": ("gzip",)}
    assert order_of(packed[0])[0].file_name(6) == packed[0].file_name


async def test_local_time_stands_beside_utc_with_the_offset_of_that_day(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await fill(store, admin, rules)
    asked = {"local_time": ["Europe/Berlin"], "order": ["asc"]}
    export = await frozen(store, files, admin, rules, "usage-ledger", "csv", asked)
    header, *lines = table_of(await content(files, export))
    at = header.index("occurred_at")

    assert header[at : at + 2] == ["occurred_at", "occurred_at_local"]
    assert [line[at : at + 2] for line in lines[:2]] == [
        ["2026-03-31T06:00:00.000000Z", "2026-03-31T08:00:00.000000+02:00"],
        ["2026-04-01T11:00:00.000000Z", "2026-04-01T13:00:00.000000+02:00"],
    ]
    for name in ("json", "jsonl"):
        data = await content(files, await frozen(store, files, admin, rules, "usage-ledger", name, asked))
        row = json_of(data)["sections"]["entries"][0] if name == "json" else orjson.loads(data.splitlines()[0])
        assert row["occurred_at_local"] == "2026-03-31T08:00:00.000000+02:00"


async def test_decimal_commas_come_with_semicolons_between_the_cells(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await fill(store, admin, rules)
    asked = {"decimals": ["comma"], "order": ["asc"]}
    lines = (await content(files, await frozen(store, files, admin, rules, "usage-ledger", "csv", asked))).decode().split("\r\n")

    at = lines[0].split(";").index("quantity")
    assert [line.split(";")[at] for line in lines[1:4]] == ["1", "-2,5", "0,000000000000000001"]


async def test_json_lines_have_a_row_and_its_section_each(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    await fill(store, admin, rules)
    asked = {"group_by": ["product_id"]}
    export = await frozen(store, files, admin, rules, "usage-summary", "jsonl", asked)
    whole = json_of(await content(files, await frozen(store, files, admin, rules, "usage-summary", "json", asked, as_of=6)))

    rows = [orjson.loads(line) for line in (await content(files, export)).splitlines()]

    assert (export.file_name, export.content_type) == ("usage-summary-as-of-6.jsonl", "application/x-ndjson")
    assert rows == [{"section": name} | row for name, told in whole["sections"].items() for row in told]


def test_the_command_line_has_them_as_flags(place: Path) -> None:
    words = ("usage-ledger", "--account", "acme", "--format", "csv")
    ran = gateway("export", *words, "--out", "out.csv.gz", "--local-time", "Asia/Kolkata", "--compression", "gzip", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["filters"] == {"local_time": ["Asia/Kolkata"], "compression": ["gzip"]}
    assert "occurred_at_local" in table_of(gzip.decompress((place / "out.csv.gz").read_bytes()))[0]
    before = acts(place)

    refused: Any = gateway("export", *words, "--out", "other", "--decimals", "dot")

    assert refused.exception.message == "options.decimals: must be point or comma"
    assert (acts(place), (place / "other").exists()) == (before, False)
