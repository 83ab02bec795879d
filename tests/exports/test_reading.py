"""Reading back: from a file of every format that can be read back come the rows that went into it, and so the same digest."""

from __future__ import annotations

import gzip
import io

import pytest

from app.domain.account import Principal
from app.domain.export import Export
from app.exports.digest import Tree
from app.exports.reading import READERS, rows_of
from app.exports.rows import canonical
from app.ledger.commands import Rules
from app.ports import Files, Store
from app.reports.catalog import report_named
from tests.exports import nations
from tests.exports.world import content, frozen

OPTIONS: dict[str, list[dict[str, list[str]]]] = {
    "json": [{}, {"local_time": ["Asia/Kolkata"]}, {"compression": ["gzip"]}],
    "jsonl": [{}, {"local_time": ["Asia/Kolkata"], "compression": ["gzip"]}],
    "csv": [{}, {"local_time": ["Asia/Kolkata"]}, {"decimals": ["comma"], "local_time": ["UTC"], "compression": ["gzip"]}],
    "xlsx": [{}, {"local_time": ["Asia/Kolkata"]}],
}


def derived(export: Export, data: bytes) -> str:
    """The digest of the rows that a reader finds in the file."""
    report = report_named(export.report)
    assert report is not None
    if "compression" in export.parameters:
        data = gzip.decompress(data)
    tree = Tree()
    for section, row in rows_of(report, export.format, io.BytesIO(data)):
        tree.add(canonical(section, [row]))
    return tree.digest()


@pytest.mark.parametrize("kind", nations.ASKED)
async def test_the_digest_can_be_made_again_from_the_file_alone_whatever_its_options(
    store: Store, files: Files, admin: Principal, rules: Rules, kind: str
) -> None:
    await nations.fill(store, admin, rules)
    asked, as_of = nations.ASKED[kind], (await store.head(admin.account.id)).sequence

    exports = [
        await frozen(store, files, admin, rules, kind, name, asked | options, as_of=as_of)
        for name, choices in OPTIONS.items()
        for options in choices
    ]

    assert len({each.digest for each in exports}) == 1
    assert {derived(each, await content(files, each)) for each in exports} == {exports[0].digest}
    assert len({each.artifact_digest for each in exports}) == len(exports)
    assert set(OPTIONS) == set(READERS)
