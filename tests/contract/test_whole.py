"""Operations that are answered whole are answered as the library answers them, and every page of plain rows is one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import strawberry

from app.api.graphql import schema as schemas
from app.domain.account import Principal
from app.ledger.commands import Rules, record
from app.ports import Store
from tests import conftest
from tests.contract.conftest import Answer, Door
from tests.events import usage

engine = conftest.engine
PAGES = ("activities", "usageLedger", "customers", "products", "licenses", "orders", "subscriptions", "documents")
WHOLE: tuple[tuple[str, dict[str, Any]], ...] = (
    *((f"{{ {name} {{ edges {{ cursor node {{ id }} }} pageInfo {{ hasNextPage endCursor }} }} }}", {}) for name in PAGES),
    ("{ x: usageLedger(first: 2) { asOf dataThrough e: edges { node { __typename ...F ... on Entry { n: charge } } } __typename"
     " } } fragment F on Entry { occurredAt quantity }", {}),
    ("query Q($f: UsageFilters, $n: Int = 3) { usageLedger(filters: $f, first: $n) { edges { node { id customerId unit } } } }",
     {"f": {"customerId": ["c1", "c2"]}}),
    ("query ($o: FeedOrder) { activities(order: $o, last: 2) { edges { node { id kind additionalData erased } } } }",
     {"o": "OLDEST_FIRST"}),
    ("query ($s: SafeInt!) { usageLedger(asOf: { sequence: $s }) { asOf edges { node { sequence } } } }", {"s": 3}),
    ("{ usageLedger(first: 0) { edges { node { id } } pageInfo { startCursor } } }", {}),
)  # fmt: skip
OTHERWISE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("{ usageLedger(after: \"nonsense\") { edges { node { id } } } }", {}),
    ("{ usageLedger(first: 1000) { edges { node { id } } } }", {}),
    ("query ($n: Int!) { usageLedger(first: $n) { edges { node { id } } } }", {}),
    ("query ($n: Int!) { usageLedger(first: $n) { edges { node { id } } } }", {"n": "2"}),
    ("query ($yes: Boolean!) { usageLedger { edges { node { id unit @skip(if: $yes) } } } }", {"yes": True}),
    ("query ($yes: Boolean!) { usageLedger { edges { node { id unit @skip(if: $yes) } } } }", {"yes": False}),
    ("{ usageLedger { totalCount edges { node { id customer { name } } } } }", {}),
    ("{ usageLedger { edges { node { id } } } activities { edges { node { id } } } }", {}),
    ("{ usageLedger { edges { node { nothing } } } }", {}),
    ("query A { activities { edges { node { id } } } } query B { usageLedger { edges { node { id } } } }", {}),
    ("{ __typename }", {}),
    ("{ usageLedger(asOf: { sequence: 999 }) { edges { node { id } } } }", {}),
)  # fmt: skip


@pytest.fixture(autouse=True)
async def _recorded(store: Store, admin: Principal, rules: Rules) -> None:
    items = [
        usage(customer_id=f"c{at}", license_id=f"l{at}", additional_data={"n": at}, charge="1.50", currency="EUR")
        for at in range(5)
    ]
    await record(store, admin, items, rules=rules)


def seen(answer: Answer) -> tuple[int, Any]:
    """What was answered, without what is another with each call."""

    def steady(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            yield from (
                (name, list(steady(item))) for name, item in value.items() if name not in ("requestId", "left", "resetSeconds")
            )
        elif isinstance(value, list):
            yield from (list(steady(item)) for item in value)
        else:
            yield value

    return answer.status, list(steady(answer.body))


async def _never(*_: Any, **__: Any) -> None:
    return None


@pytest.mark.parametrize(("query", "variables"), [*WHOLE, *OTHERWISE])
async def test_both_answer_the_same(door: Door, monkeypatch: pytest.MonkeyPatch, query: str, variables: dict[str, Any]) -> None:
    answers = [await door.ask(query, **variables) for _ in range(2)]
    monkeypatch.setattr(schemas, "answered", _never)
    stock = await door.ask(query, **variables)
    assert [seen(each) for each in answers] == [seen(stock)] * 2


@pytest.mark.parametrize(("query", "variables"), WHOLE)
async def test_pages_of_plain_rows_are_answered_whole(
    door: Door, monkeypatch: pytest.MonkeyPatch, query: str, variables: dict[str, Any]
) -> None:
    async def library(*_: Any, **__: Any) -> Any:
        raise AssertionError("an operation was left to the library")

    monkeypatch.setattr(strawberry.Schema, "execute", library)
    assert (await door.ask(query, **variables)).data


async def test_variables_that_look_alike_are_not_taken_for_each_other(door: Door) -> None:
    query = "query ($f: UsageFilters, $n: Int) { usageLedger(filters: $f, first: $n) { edges { node { customerId } } } }"
    for _ in range(2):
        for customer in ("c1", "c2"):
            page = (await door.ask(query, f={"customerId": [customer]}, n=5)).data["usageLedger"]
            assert [each["node"]["customerId"] for each in page["edges"]] == [customer]
        assert (await door.ask(query, f={"customerId": ["c1"]}, n=True)).code == "INVALID_QUERY"
        assert (await door.post({"query": query, "variables": {"n": 1.5}})).code == "INVALID_QUERY"


async def test_what_goes_wrong_on_the_way_is_paid_once(door: Door) -> None:
    async def left(query: str) -> int:
        return int((await door.ask(query)).body["extensions"]["cost"]["left"])

    before = await left("{ __typename }")
    refused = await door.ask('{ usageLedger(first: 3, after: "nonsense") { edges { node { id } } } }')
    price = refused.body["extensions"]["cost"]["price"]
    assert await left("{ __typename }") == before - price - 1
