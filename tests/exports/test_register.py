"""The register: an account's own exports, one by its id or page by page."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.errors import InvalidQuery, NotFound, ScopeDenied
from app.domain.export import Export
from app.exports.register import find, page, wanted
from app.ledger.commands import Rules
from app.ports import Files, Store, Transaction
from app.reports.report import PageRequest
from tests.exports.world import frozen


@pytest.fixture
async def exports(store: Store, files: Files, admin: Principal, stranger: Principal, rules: Rules) -> list[Export]:
    """Five exports of `acme`, the oldest first, with some of another account in between."""
    made = []
    for at in range(5):
        await frozen(store, files, stranger, rules)
        made.append(await frozen(store, files, admin, rules, parameters={"customer_id": [f"c{at}"]}))
    return made


async def test_an_export_is_found_by_its_own_account_only(
    store: Store, admin: Principal, stranger: Principal, exports: list[Export]
) -> None:
    assert await find(store, admin, exports[2].id) == exports[2]
    with pytest.raises(NotFound):
        await find(store, stranger, exports[2].id)


async def test_pages_run_from_the_newest_to_the_oldest(store: Store, admin: Principal, exports: list[Export]) -> None:
    newest_first = exports[::-1]
    first = await page(store, admin, PageRequest(first=2))
    second = await page(store, admin, PageRequest(first=2, after=first.cursors[-1]))
    last = await page(store, admin, PageRequest(first=2, after=second.cursors[-1]))

    assert [list(each.rows) for each in (first, second, last)] == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert [each.has_next for each in (first, second, last)] == [True, True, False]
    assert [each.has_previous for each in (first, second, last)] == [False, True, True]


async def test_pages_run_backwards_as_well(store: Store, admin: Principal, exports: list[Export]) -> None:
    newest_first = exports[::-1]
    last = await page(store, admin, PageRequest(last=2))
    before = await page(store, admin, PageRequest(last=2, before=last.cursors[0]))

    assert [list(each.rows) for each in (before, last)] == [newest_first[1:3], newest_first[3:]]
    assert [(each.has_previous, each.has_next) for each in (before, last)] == [(True, True), (True, False)]


async def test_a_walk_meets_each_export_once_whatever_is_frozen_meanwhile(
    store: Store, files: Files, admin: Principal, rules: Rules, exports: list[Export]
) -> None:
    first = await page(store, admin, PageRequest(first=2))
    await frozen(store, files, admin, rules)
    rest = await page(store, admin, PageRequest(after=first.cursors[-1]))

    assert [*first.rows, *rest.rows] == exports[::-1]


async def test_a_cursor_of_another_account_is_refused(
    store: Store, admin: Principal, stranger: Principal, exports: list[Export]
) -> None:
    cursor = (await page(store, admin, PageRequest(first=1))).cursors[0]
    for text, field in ((cursor, "after"), ("nonsense", "after")):
        with pytest.raises(InvalidQuery) as refused:
            await page(store, stranger, PageRequest(after=text))
        assert refused.value.field == field


async def test_reading_reports_is_not_enough_to_see_exports(store: Store, caller_with: Any, exports: list[Export]) -> None:
    reader = caller_with(Permission.REPORT_READ)
    with pytest.raises(ScopeDenied):
        await page(store, reader, PageRequest())
    with pytest.raises(ScopeDenied):
        await find(store, reader, exports[0].id)
    assert len((await page(store, caller_with(Permission.REPORT_EXPORT), PageRequest())).rows) == 5


async def test_every_fact_of_an_export_is_kept_and_the_hashes_behind_its_digest(
    store: Store, account: Account, exports: list[Export]
) -> None:
    subtrees = bytes(range(64))

    async def body(tx: Transaction) -> Export | None:
        await tx.put_export(exports[1], subtrees)
        return await tx.export(exports[1].id)

    assert await store.transact(account.id, body) == exports[1]
    assert await store.export(account.id, exports[1].id) == exports[1]
    assert await store.subtrees(account.id, exports[1].id) == subtrees
    assert await store.subtrees(account.id, exports[0].id) == b""
    assert await store.subtrees(account.id, "rptx_none") == b""
    assert await store.exports(account.id, limit=9, above=exports[0].sequence, below=exports[3].sequence) == exports[2:0:-1]
    assert await store.exports(account.id, limit=2, descending=False) == exports[:2]


async def test_a_transaction_that_fails_leaves_no_export(store: Store, account: Account, exports: list[Export]) -> None:
    async def body(tx: Transaction) -> None:
        await tx.put_export(exports[1], b"x" * 32)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(account.id, body)
    assert await store.subtrees(account.id, exports[1].id) == b""


async def test_pages_hold_only_what_the_filters_want_and_cursors_belong_to_them(
    store: Store, files: Files, admin: Principal, rules: Rules, exports: list[Export]
) -> None:
    audit = await frozen(store, files, admin, rules, "usage-summary", "csv")
    csv = wanted(format=["csv", "csv"], status=["ready"])
    assert list((await page(store, admin, PageRequest(), csv)).rows) == [audit]
    assert list((await page(store, admin, PageRequest(), wanted(created_by=["key other"]))).rows) == []
    first = await page(store, admin, PageRequest(first=2), wanted(report=["usage_ledger"], format=None))
    assert (list(first.rows), first.has_next) == ([exports[4], exports[3]], True)
    with pytest.raises(InvalidQuery, match=r"^after: was given for another question"):
        await page(store, admin, PageRequest(after=first.cursors[0]), csv)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "names no value; leave it out to ask for all"),
        (["x"] * 201, "names more than 200 values"),
        (["a\0"], "contains the character NUL"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(values: list[str], reason: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        wanted(created_by=values)
    assert (refused.value.field, refused.value.reason) == ("created_by", reason)
