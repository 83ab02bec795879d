"""JSON: one object that says what it is, and from which alone the digest can be made again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.account import Account, Principal
from app.domain.canonical import canonical_bytes
from app.exports.digest import Tree
from app.exports.document import Document
from app.exports.formats.json import FORMAT
from app.exports.order import order
from app.ledger.commands import Rules
from app.ports import Files, Store
from tests.exports.world import ASKED, content, correct, fill, frozen, json_of

SUMMARY = order("usage-summary", "json", {}).report


def written(parts: list[tuple[str, list[Any]]]) -> bytes:
    writer = FORMAT.writer(Document(SUMMARY, {"to": ("b", "c"), "from": ("a",)}, 7, None))
    data = b"".join(writer.begin())
    for name, rows in parts:
        data += b"".join(writer.rows(SUMMARY.section(name), rows))
    return data + b"".join(writer.end("sha256:0"))


def test_every_section_is_there_even_where_nothing_was_told_of_it() -> None:
    data = written([("total", [{"n": 1}]), ("groups", [])])

    assert json_of(data) == {
        "report": "usage_summary",
        "title": "Usage summary",
        "as_of": 7,
        "recorded_at": None,
        "parameters": {"from": ["a"], "to": ["b", "c"]},
        "sections": {
            "total": [{"n": 1}],
            "total_quantities": [],
            "total_charges": [],
            "groups": [],
            "group_quantities": [],
            "group_charges": [],
        },
    }
    assert list(json_of(data)["sections"]) == [each.name for each in SUMMARY.sections]


@given(st.lists(st.sampled_from([each.name for each in SUMMARY.sections]), max_size=12), st.integers(1, 5))
def test_how_rows_come_in_batches_does_not_show(names: list[str], step: int) -> None:
    told = [each.name for each in SUMMARY.sections if each.name in names]
    whole = [(name, [{"n": at} for at in range(names.count(name))]) for name in told]
    cut = [(name, rows[at : at + step]) for name, rows in whole for at in range(0, len(rows), step)]

    assert written(cut) == written(whole)
    assert {name: len(rows) for name, rows in json_of(written(cut))["sections"].items() if rows} == {
        name: len(rows) for name, rows in whole
    }


def test_a_section_out_of_order_is_a_fault_and_not_a_file() -> None:
    with pytest.raises(ValueError, match="section total comes out of order"):
        written([("groups", []), ("total", [])])


@pytest.mark.parametrize("kind", ASKED)
async def test_the_digest_can_be_made_again_from_the_file_alone(
    store: Store, files: Files, admin: Principal, rules: Rules, kind: str
) -> None:
    await fill(store, admin, rules)
    await correct(store, admin, rules)
    export = await frozen(store, files, admin, rules, kind)

    sections = json_of(await content(files, export))["sections"]

    tree = Tree()
    tree.add(canonical_bytes({"section": name, "row": row}) for name, rows in sections.items() for row in rows)
    assert tree.digest() == export.digest
    assert {name: len(rows) for name, rows in sections.items() if rows} == {name: n for name, n in export.sections.items() if n}
    assert export.rows == sum(export.sections.values()) == tree.rows


async def test_a_file_says_what_was_asked_and_as_of_when(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules
) -> None:
    await fill(store, admin, rules)
    export = await frozen(store, files, admin, rules, "usage-ledger", "json", {"customer_id": ["c2", "c3"]})

    told = json_of(await content(files, export))

    del told["sections"]
    assert told == {
        "report": "usage_ledger",
        "title": "Usage ledger",
        "as_of": 6,
        "recorded_at": "2026-04-01T12:00:00.000000Z",
        "parameters": {"customer_id": ["c2", "c3"]},
    }
    assert export.id.encode() not in await content(files, export)
