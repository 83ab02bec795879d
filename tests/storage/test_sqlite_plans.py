"""Which way a question takes through the file: the same on an empty database and on one that SQLite has statistics of."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.period import Granularity, Period, cut
from app.ledger.commands import Rules, record
from app.question.filters import Filters
from app.question.groups import Dimension, Groups
from app.question.occurrences import Occurrences
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.sql.dialect import Statement
from app.storage.sqlite import SqliteStore
from tests.events import at, usage

DAY = Period(at(-24), at(0))


class Plans:
    """The plans of the statements that a store has run since it was asked last."""

    def __init__(self, store: SqliteStore, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = file
        self._asked: list[tuple[Statement, Mapping[str, Any]]] = []
        # Nothing is read on the event loop, whence what takes too long would be asked once more.
        monkeypatch.setattr(store._readers, "_read", lambda *_: None)
        monkeypatch.setattr(store._readers, "fetch", self._noting(store._readers.fetch))

    def _noting(self, read: Callable[..., Any]) -> Callable[..., Any]:
        async def noted(statement: Statement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
            self._asked.append((statement, dict(values)))
            return await read(statement, values)

        return noted

    def __call__(self) -> list[list[str]]:
        """The steps of each statement, as SQLite tells them."""
        connection = sqlite3.connect(self._file)
        plans = []
        for statement, values in self._asked:
            told = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.bind(values))
            plans.append([step for _, _, _, step in told])
        connection.close()
        self._asked.clear()
        return plans


@pytest.fixture(params=["empty", "full"])
async def plans(
    request: pytest.FixtureRequest,
    sqlite: SqliteStore,
    file: Path,
    operator: Principal,
    rules: Rules,
    monkeypatch: pytest.MonkeyPatch,
) -> Plans:
    """The plans on an empty database, and on one with entries and statistics."""
    if request.param == "full":
        items = [
            usage(customer_id=f"c{n % 50}", product_id=f"p{n % 3}", occurred_at=at(-n / 20), request_id=f"r{n}")
            for n in range(1_000)
        ]
        await record(sqlite, operator, items, rules=rules)
        connection = sqlite3.connect(file)
        connection.execute("ANALYZE")
        connection.close()
    return Plans(sqlite, file, monkeypatch)


def entries(index: str, *terms: str, covering: bool = False) -> str:
    """The step that searches entries along an index."""
    return f"SEARCH entries USING {'COVERING ' if covering else ''}INDEX {index} ({' AND '.join(terms)})"


KEY = entries("sqlite_autoindex_entries_1", "account_id=?", "sequence>?", "sequence<?")


async def test_a_page_of_everything_walks_the_key(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    for descending in (True, False):
        await sqlite.rows(Rows(Scope(acme.id, 3_000), descending=descending, limit=100))
    assert plans() == [[KEY], [KEY]]


@pytest.mark.parametrize("column", ["customer_id", "product_id", "request_id", "feature_code"])
async def test_a_page_of_one_value_walks_its_index(sqlite: SqliteStore, acme: Account, plans: Plans, column: str) -> None:
    filters = Filters(**{column: ("x",)})
    await sqlite.rows(Rows(Scope(acme.id, 3_000), filters, limit=100))
    await sqlite.rows(Rows(Scope(acme.id, 3_000), filters.within(DAY), limit=100, below=500))
    step = entries(f"entries_by_{column}", "account_id=?", f"{column}=?", "sequence>?", "sequence<?")
    assert plans() == [[step], [step]]


async def test_a_page_of_several_filters_walks_the_narrowest(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    filters = Filters(customer_id=("c1",), product_id=("p1",), feature_code=("f1",), action=("usage.consumed",))
    await sqlite.rows(Rows(Scope(acme.id, 3_000), filters, limit=100))
    assert plans() == [[entries("entries_by_customer_id", "account_id=?", "customer_id=?", "sequence>?", "sequence<?")]]


async def test_a_page_without_usage_walks_the_index_of_the_rest(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    kinds = frozenset({EntryKind.ACTIVITY, EntryKind.CATALOGUE})
    await sqlite.rows(Rows(Scope(acme.id, 3_000), kinds=kinds, limit=100))
    assert plans() == [[entries("entries_not_usage", "account_id=?", "sequence>?", "sequence<?")]]


async def test_the_life_of_one_license_and_its_corrections_walk_an_index_each(
    sqlite: SqliteStore, acme: Account, plans: Plans
) -> None:
    scope, filters = Scope(acme.id, 3_000), Filters(license_id=("l1",))
    async for _ in sqlite.stream(Rows(scope, filters, frozenset({EntryKind.ACTIVITY, EntryKind.CATALOGUE}))):
        pass
    await sqlite.rows(Rows(scope, filters.within(DAY), corrections_only=True, limit=100))
    found = ("account_id=?", "license_id=?", "sequence>?", "sequence<?")
    assert plans() == [[entries("entries_life_by_license", *found)], [entries("entries_changes_by_license", *found)]]


async def test_a_page_of_a_period_glances_along_the_key_and_then_gathers(
    sqlite: SqliteStore, acme: Account, plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.sqlite.ledger.GLANCE", 10)
    await sqlite.rows(Rows(Scope(acme.id, 3_000), Filters(DAY), limit=1_000))
    glance, gather = plans()
    assert glance == [KEY]
    assert entries("entries_by_occurred_at", "account_id=?", "occurred_at>?", "occurred_at<?", covering=True) in gather
    assert entries("sqlite_autoindex_entries_1", "account_id=?", "sequence=?") in gather


async def test_api_transactions_are_walked_along_their_instants_and_never_sorted(
    sqlite: SqliteStore, acme: Account, plans: Plans
) -> None:
    for before in (None, (at(-2), 7)):
        for filters in (Filters(DAY), Filters(DAY, product_id=("p1",))):
            await sqlite.occurrences(Occurrences(Scope(acme.id, 3_000), filters, before))
    for plan in plans():
        first, *rest = plan
        assert first == entries("entries_by_occurred_at", "account_id=?", "occurred_at>?", "occurred_at<?")
        assert not any("entries" in step.split("reversals")[0] or "TEMP" in step for step in rest), plan


async def test_a_stream_of_a_period_never_sorts(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    async for _ in sqlite.stream(Rows(Scope(acme.id, 3_000), Filters(DAY))):
        pass
    ends, *batches = plans()
    assert ends == [entries("entries_by_occurred_at", "account_id=?", "occurred_at>?", "occurred_at<?", covering=True)]
    assert all(batch == [KEY] for batch in batches)


async def test_totals_of_a_period_search_by_occurrence(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    scope = Scope(acme.id, 3_000)
    await sqlite.groups(Groups(scope, Filters(DAY), by=(Dimension.FEATURE,), buckets=cut(DAY, Granularity.HOUR)))
    [steps] = plans()
    assert steps[0] == entries("entries_by_occurred_at", "account_id=?", "occurred_at>?", "occurred_at<?")
    assert steps[1].startswith("SEARCH reversals USING PRIMARY KEY (account_id=? AND corrects=?)")


async def test_totals_of_a_customer_search_by_customer(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    await sqlite.groups(Groups(Scope(acme.id, 3_000), Filters(DAY, customer_id=("c1", "c2")), by=(Dimension.PRODUCT,)))
    assert plans()[0][0] == entries("entries_by_customer_id", "account_id=?", "customer_id=?", "sequence>?", "sequence<?")


async def test_the_extent_of_everything_reads_both_ends_only(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    await sqlite.extent(Scope(acme.id, 3_000), Filters())
    [steps] = plans()
    walk = entries("entries_by_occurred_at", "account_id=?")
    assert [step for step in steps if step.startswith("SEARCH")] == [walk, walk]
    assert not any("TEMP B-TREE" in step for step in steps)


async def test_counting_everything_reads_the_head(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    await sqlite.count(Rows(Scope(acme.id, 3_000)))
    await sqlite.count(Rows(Scope(acme.id, 3_000), kinds=frozenset({EntryKind.USAGE})))
    head = ["SEARCH heads USING INTEGER PRIMARY KEY (rowid=?)"]
    rest = entries("entries_not_usage", "account_id=?", "sequence>?", "sequence<?")
    assert plans() == [head, head, [rest]]


async def test_a_moment_is_found_by_when_it_was_recorded(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    await sqlite.sequence_at(acme.id, at(0) + timedelta(seconds=1))
    assert plans() == [[entries("entries_by_recorded_at", "account_id=?", "recorded_at<?", covering=True)]]


@pytest.mark.parametrize(
    ("asked", "searched"),
    [
        ({}, "PRIMARY KEY (account_id=? AND kind=?)"),
        ({"after": "c1"}, "PRIMARY KEY (account_id=? AND kind=? AND record_id>?)"),
        ({"ids": ("c1", "c2")}, "PRIMARY KEY (account_id=? AND kind=? AND record_id=? AND sequence<?)"),
        ({"name": "Ada"}, "INDEX catalogue_by_name (account_id=? AND kind=? AND name=?)"),
        ({"product_id": "p1", "after": "l1"}, "INDEX catalogue_by_product_id (account_id=? AND kind=? AND product_id=?"),
    ],
)
async def test_records_are_found_in_order(
    sqlite: SqliteStore, acme: Account, plans: Plans, asked: dict[str, Any], searched: str
) -> None:
    kind = RecordKind.LICENSE if "product_id" in asked else RecordKind.CUSTOMER
    await sqlite.records(Records(Scope(acme.id, 3_000), kind, limit=100, **asked))
    [steps] = plans()
    assert steps[0].startswith(f"SEARCH own USING {searched}")
    assert not any("TEMP B-TREE" in step for step in steps)


async def test_a_page_of_few_entries_is_gathered_at_once(sqlite: SqliteStore, acme: Account, plans: Plans) -> None:
    scope = Scope(acme.id, 3_000)
    await sqlite.rows(Rows(scope, Filters(customer_id=("c1", "c2")), limit=100))
    await sqlite.rows(Rows(scope, corrections_only=True, limit=100))
    by_customer, of_corrections = plans()
    searched = entries("entries_by_customer_id", "account_id=?", "customer_id=?", "sequence>?", "sequence<?", covering=True)
    assert searched in by_customer
    assert entries("entries_by_event", "account_id=?", "event>?") in of_corrections
