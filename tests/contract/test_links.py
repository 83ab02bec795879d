"""Links lead from rows to catalogue records as of the answer's own point, in one read for each link, whatever the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.account import Permission, Principal
from app.domain.catalogue import RecordKind
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, record
from app.ports import Store
from tests import conftest
from tests.contract.conftest import Door
from tests.events import usage

engine = conftest.engine
READS = ("head", "sequence_at", "rows", "count", "extent", "groups", "records")


@pytest.fixture
async def recorded(store: Store, admin: Principal, rules: Rules) -> None:
    """Sequences 1 to 100 are usage of fifty licenses of ten customers; 101 to 110 describe customers, 111 to 160 licenses."""
    items = [usage(customer_id=f"c{each % 10}", license_id=f"l{each % 50}") for each in range(100)]
    await record(store, admin, items, rules=rules)
    for each in range(10):
        await upsert(store, admin, RecordKind.CUSTOMER, f"c{each}", {"name": f"Customer {each}"}, rules=rules)
    for each in range(50):
        links = {"customer_id": f"c{each % 10}", "product_id": "api"}
        await upsert(store, admin, RecordKind.LICENSE, f"l{each}", links, rules=rules)


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the store was asked: by the method's name, and for records by kind."""
    counted: Counter[str] = Counter()

    def counting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def ask(*args: Any) -> Any:
            counted[f"records of {args[0].kind}" if name == "records" else name] += 1
            return await method(*args)

        return ask

    for name in READS:
        monkeypatch.setattr(store, name, counting(name, getattr(store, name)))
    return counted


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("{ usageLedger(first: 100) { edges { node { customerId } } } }", {"head": 1, "rows": 1}),
        (
            "{ usageLedger(first: 100) { edges { node { customer { name } product { name } } } } }",
            {"head": 1, "rows": 1, "records of customer": 1, "records of product": 1},
        ),
        (
            "{ usageLedger(first: 100) { edges { node { license { customer { name } product { name } } } } } }",
            {"head": 1, "rows": 1, "records of license": 1, "records of customer": 1, "records of product": 1},
        ),
        (
            "{ usageLedger(first: 100) { edges { node { order { name } document: subscription { name } } } } }",
            {"head": 1, "rows": 1},
        ),
        (
            "{ licenses(first: 50) { edges { node { customer { name } product { name } } } } }",
            {"head": 1, "records of license": 1, "records of customer": 1, "records of product": 1},
        ),
        (
            "{ usageSummary(groupBy: [{ dimension: CUSTOMER }]) { groups { edges { node { customer { name } events } } } } }",
            {"head": 1, "groups": 1, "records of customer": 1},
        ),
        (
            '{ a: license(id: "l1") { customer { name } } b: license(id: "l2") { product { name } } }',
            {"head": 1, "records of license": 2, "records of customer": 1, "records of product": 1},
        ),
        (
            '{ nodes(ids: ["act_1_1", "act_1_2", "license_1_l1", "license_1_l2", "customer_1_c1"]) { id } }',
            {"head": 1, "rows": 1, "records of license": 1, "records of customer": 1},
        ),
    ],
)
async def test_each_link_costs_one_read(
    query: str, reads: dict[str, int], door: Door, recorded: None, asked: Counter[str]
) -> None:
    assert (await door.ask(query)).data is not None
    assert asked == reads


async def test_rows_lead_to_what_they_name(door: Door, recorded: None) -> None:
    query = """{ usageLedger(first: 1) { edges { node {
      customer { id recordId name described }
      product { recordId name described }
      license { recordId customerId customer { name } product { recordId } subscription { recordId } }
      order { recordId }
    } } } }"""
    assert (await door.ask(query)).data["usageLedger"]["edges"] == [
        {
            "node": {
                "customer": {"id": "customer_1_c9", "recordId": "c9", "name": "Customer 9", "described": True},
                "product": {"recordId": "api", "name": None, "described": False},
                "license": {
                    "recordId": "l49",
                    "customerId": "c9",
                    "customer": {"name": "Customer 9"},
                    "product": {"recordId": "api"},
                    "subscription": None,
                },
                "order": None,
            }
        }
    ]


async def test_a_link_is_followed_at_the_point_of_the_field_above_it(
    door: Door, recorded: None, store: Store, admin: Principal, rules: Rules
) -> None:
    await upsert(store, admin, RecordKind.CUSTOMER, "c9", {"name": "Renamed"}, rules=rules)
    query = """{
      before: usageLedger(first: 1, asOf: { sequence: 100 }) { ...Named }
      then: usageLedger(first: 1, asOf: { sequence: 160 }) { ...Named }
      now: usageLedger(first: 1) { ...Named }
      license(id: "l9", asOf: { sequence: 160 }) { customer { name described } }
      licenses(customerId: "c9", first: 1, asOf: { sequence: 160 }) { edges { node { customer { name described } } } }
    }
    fragment Named on EntryConnection { edges { node { customer { name described } } } }"""
    data = (await door.ask(query)).data
    assert data == {
        "before": {"edges": [{"node": {"customer": {"name": None, "described": False}}}]},
        "then": {"edges": [{"node": {"customer": {"name": "Customer 9", "described": True}}}]},
        "now": {"edges": [{"node": {"customer": {"name": "Renamed", "described": True}}}]},
        "license": {"customer": {"name": "Customer 9", "described": True}},
        "licenses": {"edges": [{"node": {"customer": {"name": "Customer 9", "described": True}}}]},
    }


async def test_what_a_mutation_recorded_leads_to_what_it_named(door: Door) -> None:
    one = '(input: { occurredAt: "2026-04-01T11:00:00Z", customerId: "%s", quantity: 1 }) { entry { customer { recordId } } }'
    query = f"mutation {{ a: recordUsageEvent{one % 'c1'} b: recordUsageEvent{one % 'c2'} }}"
    assert (await door.ask(query)).data == {
        "a": {"entry": {"customer": {"recordId": "c1"}}},
        "b": {"entry": {"customer": {"recordId": "c2"}}},
    }


async def test_who_may_only_write_follows_no_link(door_with: Callable[..., Any]) -> None:
    writer: Door = await door_with(Permission.USAGE_WRITE)
    answer = await writer.ask(
        'mutation { recordUsageEvent(input: { occurredAt: "2026-04-01T11:00:00Z", customerId: "c1", quantity: 1 })'
        " { status entry { customerId customer { name } } } }"
    )
    assert (answer.code, answer.error["path"]) == ("TOKEN_SCOPE_DENIED", ["recordUsageEvent", "entry", "customer"])
    assert answer.body["data"]["recordUsageEvent"] == {"status": "INSERTED", "entry": {"customerId": "c1", "customer": None}}


async def test_a_link_leads_to_the_accounts_own_record(
    strange_door: Door, recorded: None, store: Store, stranger: Principal, rules: Rules
) -> None:
    await record(store, stranger, [usage(customer_id="c1")], rules=rules)
    edges = (await strange_door.ask("{ usageLedger { edges { node { customer { id name } } } } }")).data["usageLedger"]["edges"]
    assert edges == [{"node": {"customer": {"id": "customer_2_c1", "name": None}}}]
