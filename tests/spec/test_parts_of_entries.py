"""Entries read in part: whatever is told of them is what a whole reading tells, on every engine."""

from __future__ import annotations

from datetime import datetime

import pytest

from app.domain.account import Account, Principal
from app.domain.entry import Entry, fields_behind
from app.ledger.commands import Rules, amend, record
from app.ledger.erasure import erase
from app.ports import Store
from app.question.filters import Filters
from app.question.rows import Rows
from app.reports.feed import COLUMNS
from tests.asking import ledger_of, live
from tests.events import activity, usage

ATTRIBUTES = [each.attribute for each in COLUMNS]


@pytest.fixture
async def lived(store: Store, admin: Principal, rules: Rules) -> None:
    """Entries of many kinds: corrected, erased, with and without numbers and texts."""
    said = usage(quantity="1.25", charge="-0.5", currency="EUR", message="well done", additional_data={"region": "eu"})
    first, _ = await record(store, admin, [said, usage(quantity="7", status_code=404)], rules=rules)
    assert first.entry is not None
    await record(store, admin, [activity()], rules=rules)
    await amend(store, admin, first.entry.id, {"quantity": "2"}, reason="typo", rules=rules)
    await erase(store, admin, first.entry.id, rules=rules)


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize("filters", [Filters(), Filters(status_code=(404, 200))])
async def test_each_attribute_read_alone_is_as_it_is_in_the_whole(store: Store, account: Account, filters: Filters) -> None:
    scope = await live(store, account)
    whole = [each for each in await ledger_of(store, account) if filters.accept(each)]
    for attribute in ATTRIBUTES:
        fields = fields_behind([attribute])
        assert fields is not None, attribute
        part = await store.rows(Rows(scope, filters, descending=False, limit=100, fields=fields))
        assert [getattr(each, attribute) for each in part] == [getattr(each, attribute) for each in whole], attribute
        assert [each.sequence for each in part] == [each.sequence for each in whole]


@pytest.mark.usefixtures("lived")
async def test_a_stream_is_read_in_part_too(store: Store, account: Account) -> None:
    scope = await live(store, account)
    question = Rows(scope, descending=False, fields=fields_behind(["occurred_at", "quantity"]))
    found = [(each.occurred_at, each.quantity) async for batch in store.stream(question) for each in batch]
    assert found == [(each.occurred_at, each.quantity) for each in await ledger_of(store, account)]
    assert all(isinstance(moment, datetime) for moment, _ in found)


def test_an_attribute_that_may_need_anything_asks_for_all() -> None:
    assert fields_behind(["holds"]) is None
    assert fields_behind(["no_such"]) is None


def test_what_is_behind_an_attribute_is_a_field_of_the_entry() -> None:
    behind = fields_behind(ATTRIBUTES)
    assert behind is not None
    assert behind <= set(Entry.__dataclass_fields__)
