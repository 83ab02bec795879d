"""CSV: whatever a text says, it comes back as it was, and no spreadsheet runs it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.account import Principal
from app.domain.errors import InvalidEvent
from app.exports.document import Document
from app.exports.formats.csv import COMMA, FORMAT, POINT, Cells
from app.exports.order import order
from app.ledger.commands import Rules, record
from app.ports import Files, Store
from app.reports.report import Report, Section
from tests.events import usage
from tests.exports.world import content, fill, frozen, table_of

CELLS = Cells(POINT)
cell, inert, original = CELLS.cell, CELLS.inert, CELLS.original
SIGNS = "=+-@\t\r\n＝＋－＠"
hostile = st.one_of(
    st.text(),
    st.tuples(st.text("'"), st.sampled_from(SIGNS), st.text()).map("".join),
    st.text("'=+-@1.,\"\r\n\t ", max_size=8),
).filter(lambda text: "\0" not in text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("-5", "-5"),
        ("-5.25", "-5.25"),
        ("-5-2", "'-5-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("＝1", "'＝1"),
        ("'=1+1", "''=1+1"),
        ("''-5", "'''-5"),
        ("'quoted'", "'quoted'"),
        ("it's", "it's"),
        ("", ""),
        ("1=1", "1=1"),
        ("a;=1", "a;'=1"),
        ("a;'=1", "a;''=1"),
        ("a;b", "a;b"),
        ("a, -5", "a, -5"),
        ("a,-5", "a,-5"),
        ("a\t@x;+y", "a\t'@x;'+y"),
        ("a\r\n-b", "a\r\n'-b"),
    ],
)
def test_a_text_that_would_run_gets_one_apostrophe_and_any_other_is_left_alone(text: str, written: str) -> None:
    assert (inert(text), original(written)) == (written, text)


@given(hostile)
def test_every_text_comes_back_as_it_was_and_none_would_run(text: str) -> None:
    written = inert(text)
    assert original(written) == text
    cuts = re.split("[;\t\r\n]", written) if written[:1] not in tuple("\t\r\n") else [written]
    assert all(each[:1] not in tuple(SIGNS) for each in cuts) or re.fullmatch(r"-[0-9]+(\.[0-9]+)?", written)


@given(st.text("a'=-1;,\t", max_size=8))
def test_where_semicolons_stand_between_cells_a_comma_is_no_way_in_either(text: str) -> None:
    cells = Cells(COMMA)
    written = cells.inert(text)
    assert cells.original(written) == text
    assert not re.search("[,\t][=-]", written)


@given(hostile, hostile)
def test_different_texts_make_different_cells(one: str, other: str) -> None:
    assert (inert(one) == inert(other)) == (one == other)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-3, "-3"),
        ([], ""),
        (["a", "b"], '["a","b"]'),
        ({"b": 1, "a": None}, '{"a":null,"b":1}'),
        ({"$decimal": "1", "x": 2}, '{"$decimal":"1","x":2}'),
    ],
)
def test_values_that_are_no_texts_have_one_way_to_be_written(value: object, written: str) -> None:
    assert cell(value) == written


@given(st.lists(st.tuples(hostile, hostile), max_size=20), st.integers(1, 20))
def test_a_table_of_hostile_texts_is_read_back_whole_however_it_comes_in_batches(pairs: list[tuple[str, str]], step: int) -> None:
    entries = order("usage-ledger", "csv", {}).report.sections[0]
    report = Report("r", "R", "", (Section("only", "", "", object, entries.columns[:2]),), (), lambda *_: None)  # type: ignore
    first, second = (each.name for each in entries.columns[:2])
    writer = FORMAT.writer(Document(report, {}, 1, None))
    rows = [{first: one, second: other} for one, other in pairs]

    data = b"".join(writer.begin())
    for at in range(0, len(rows), step):
        data += b"".join(writer.rows(report.sections[0], rows[at : at + step]))
    data += b"".join(writer.end("sha256:0"))

    table = table_of(data)
    assert table[0] == [first, second]
    assert [tuple(original(each) for each in line) for line in table[1:]] == pairs
    assert data.endswith(b"\r\n")


async def test_sections_stand_in_the_first_column_where_there_are_several(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await fill(store, admin, rules)
    export = await frozen(store, files, admin, rules, "usage-summary", "csv", {"group_by": ["product_id"]})

    header, *lines = table_of(await content(files, export))

    assert header == [
        *("section", "events", "quantity", "unit", "charge", "currency", "first_use", "last_use", "bucket_start", "bucket_end"),
        *("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code"),
    ]
    told = [dict(zip(header, line, strict=True)) for line in lines]
    assert {name: sum(each["section"] == name for each in told) for name in export.sections} == export.sections
    assert [(each["unit"], each["quantity"]) for each in told if each["section"] == "total_quantities"] == [
        ("GB", "-2.5"),
        ("call", "2.000000000000000001"),
    ]


async def test_one_section_needs_no_column_for_it(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    await fill(store, admin, rules)
    export = await frozen(store, files, admin, rules, "usage-ledger", "csv", {"order": ["asc"]})

    header, *lines = table_of(await content(files, export))

    assert header[:3] == ["id", "sequence", "event_ref"]
    fourth = dict(zip(header, lines[3], strict=True))
    assert (fourth["customer_id"], original(fourth["customer_id"])) == ("'=1+1", "=1+1")
    assert (fourth["feature_code"], original(fourth["feature_code"])) == ("''-x", "'-x")
    assert fourth["product_id"] == 'ключ, "two"\r\nlines'


async def test_keys_of_additional_data_are_columns_in_the_order_in_which_the_ledger_first_saw_them(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    first = usage(id="1", additional_data={"zone": "eu", "b": {"deep": [1, None]}})
    second = usage(id="2", additional_data={"a": "=x", "zone": None, "amount": 2**60})
    await record(store, admin, [first, usage(id="0"), second], rules=rules)

    tables = {}
    for direction in ("asc", "desc"):
        export = await frozen(store, files, admin, rules, "usage-ledger", "csv", {"order": [direction]})
        tables[direction] = table_of(await content(files, export))

    names = ["additional_data.b", "additional_data.zone", "additional_data.a", "additional_data.amount"]
    header = tables["asc"][0]
    assert tables["desc"][0] == header
    assert header[-4:] == names
    assert "additional_data" not in header
    assert [line[-4:] for line in tables["asc"][1:]] == [
        ['{"deep":[1,null]}', "eu", "", ""],
        ["", "", "", ""],
        ["", "null", "'=x", "1152921504606846976"],
    ]
    assert tables["desc"][1:] == tables["asc"][:0:-1]


async def test_the_columns_of_a_later_export_begin_with_those_of_an_earlier_one(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(id="1", additional_data={"m": 1})], rules=rules)
    earlier = await frozen(store, files, admin, rules, "usage-ledger", "csv", {})
    await record(store, admin, [usage(id="2", additional_data={"a": 1, "m": 2})], rules=rules)
    later = await frozen(store, files, admin, rules, "usage-ledger", "csv", {})

    before, after = [table_of(await content(files, each))[0] for each in (earlier, later)]

    assert after[: len(before)] == before
    assert after[len(before) :] == ["additional_data.a"]


async def test_two_hundred_keys_are_columns_and_one_more_is_refused(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    keys = {f"k{at:03}": at for at in range(200)}
    await record(store, admin, [usage(id="1", additional_data=keys)], rules=rules)
    export = await frozen(store, files, admin, rules, "usage-ledger", "csv", {})
    assert table_of(await content(files, export))[0][-200:] == [f"additional_data.{key}" for key in keys]
    await record(store, admin, [usage(id="2", additional_data={"k200": 1})], rules=rules)

    with pytest.raises(InvalidEvent) as refused:
        await frozen(store, files, admin, rules, "usage-ledger", "csv", {})

    assert (refused.value.code, refused.value.field) == ("VALIDATION_ERROR", "format")
    assert "more than 200" in refused.value.reason
    assert (await frozen(store, files, admin, rules, "usage-ledger", "json", {})).rows == 2
    assert (
        await frozen(store, files, admin, rules, "usage-ledger", "csv", {}, as_of=1)
    ).artifact_digest == export.artifact_digest


async def test_an_empty_text_is_told_from_none_and_a_text_from_what_it_looks_like_by_its_quotes(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    data = {"a": "", "b": "007", "c": 7, "d": "null", "e": None, "f": "[1]", "g": [1], "h": "7,5"}
    await record(store, admin, [usage(id="1", additional_data=data)], rules=rules)

    lines = []
    for options in ({}, {"decimals": ["comma"]}):
        export = await frozen(store, files, admin, rules, "usage-ledger", "csv", options)
        lines.append((await content(files, export)).decode().split("\r\n")[1])

    assert lines[0].endswith(',,"","007",7,"null",null,\'[1],[1],"7,5"')
    assert lines[1].endswith(';;"";"007";7;"null";null;\'[1];[1];"7,5"')
