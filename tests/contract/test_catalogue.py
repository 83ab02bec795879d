"""Catalogue records: found by their owners' ids and as nodes, listed in binary order of id, walked in both directions."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Principal
from app.domain.catalogue import RecordKind
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, record
from app.ports import Store
from tests import conftest
from tests.contract.conftest import Door
from tests.events import at, usage

engine = conftest.engine
IDS = ["A", "a", "a b", "a_", "b", "cust_1", "Ω", "ﬀ", "𝔘"]
"""In binary order."""
PAGE = """
query ($first: Int, $after: String, $last: Int, $before: String, $name: String, $productId: ID, $asOf: AsOfInput) {
  customers(first: $first, after: $after, last: $last, before: $before, name: $name, productId: $productId, asOf: $asOf) {
    edges { cursor node { recordId } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


@pytest.fixture
async def nine(store: Store, admin: Principal, rules: Rules) -> None:
    """Nine customers, made in another order than that of their ids; sequences 1 to 9."""
    for each in IDS[::-1]:
        fields = {"name": "Twin" if each in "Aa" else each, "product_id": "api" if each > "b" else None}
        await upsert(store, admin, RecordKind.CUSTOMER, each, fields, rules=rules)


def ids(page: dict[str, Any]) -> list[str]:
    return [each["node"]["recordId"] for each in page["edges"]]


async def asked(door: Door, **stated: Any) -> dict[str, Any]:
    return dict((await door.ask(PAGE, **stated)).data["customers"])


@pytest.mark.parametrize("size", [1, 2, 4, 8, 9, 10])
async def test_a_walk_meets_every_record_once_in_either_direction(size: int, door: Door, nine: None) -> None:
    forward: list[str] = []
    after = None
    while True:
        page = await asked(door, first=size, after=after)
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        forward += ids(page)
        assert page["pageInfo"]["hasNextPage"] is (len(forward) < 9)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert forward == IDS
    backward: list[str] = []
    before = None
    while True:
        page = await asked(door, last=size, before=before)
        assert page["pageInfo"]["hasNextPage"] is (before is not None)
        backward = ids(page) + backward
        assert page["pageInfo"]["hasPreviousPage"] is (len(backward) < 9)
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    assert backward == IDS


async def test_both_cursors_bound_a_page(door: Door, nine: None) -> None:
    cursor = {each["node"]["recordId"]: each["cursor"] for each in (await asked(door))["edges"]}
    between = {"after": cursor["a"], "before": cursor["Ω"]}
    assert ids(await asked(door, **between)) == ["a b", "a_", "b", "cust_1"]
    assert ids(await asked(door, first=1, **between)) == ["a b"]
    assert ids(await asked(door, last=1, **between)) == ["cust_1"]


async def test_a_walk_goes_on_while_records_are_made(
    door: Door, nine: None, store: Store, admin: Principal, rules: Rules
) -> None:
    page = await asked(door, first=4)
    await upsert(store, admin, RecordKind.CUSTOMER, "0", {"name": "before"}, rules=rules)
    await upsert(store, admin, RecordKind.CUSTOMER, "c", {"name": "after"}, rules=rules)
    assert ids(await asked(door, after=page["pageInfo"]["endCursor"])) == ["b", "c", "cust_1", "Ω", "ﬀ", "𝔘"]


async def test_a_cursor_is_bound_to_its_question(door: Door, nine: None) -> None:
    after = (await asked(door, first=1))["pageInfo"]["endCursor"]
    for other in ({"name": "Twin"}, {"productId": "api"}, {"asOf": {"sequence": 9}}):
        answer = await door.ask(PAGE, after=after, **other)
        assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_QUERY", "after")
    products = await door.ask("query ($after: String) { products(after: $after) { totalCount } }", after=after)
    assert (products.code, products.error["extensions"]["field"]) == ("INVALID_QUERY", "after")
    entry = (await door.ask("{ activities(first: 1) { pageInfo { endCursor } } }")).data["activities"]["pageInfo"]["endCursor"]
    assert (await door.ask(PAGE, before=entry)).error["extensions"]["field"] == "before"


async def test_a_list_is_narrowed_by_name_and_by_links(door: Door, nine: None) -> None:
    assert ids(await asked(door, name="Twin")) == ["A", "a"]
    assert ids(await asked(door, productId="api")) == ["cust_1", "Ω", "ﬀ", "𝔘"]
    assert ids(await asked(door, productId="api", name="Twin")) == []
    query = "query ($name: String) { customers(name: $name, first: 0) { totalCount asOf edges { cursor } } }"
    assert (await door.ask(query)).data["customers"] == {"totalCount": 9, "asOf": 9, "edges": []}
    assert (await door.ask(query, name="Twin")).data["customers"]["totalCount"] == 2
    wrong = await door.ask(PAGE, name="a\0")
    assert (wrong.code, wrong.error["message"]) == ("INVALID_QUERY", "name contains the character NUL")


async def test_a_list_is_told_as_of_its_point(door: Door, nine: None, store: Store, admin: Principal, rules: Rules) -> None:
    await upsert(store, admin, RecordKind.CUSTOMER, "A", {"name": "Renamed"}, rules=rules)
    assert ids(await asked(door, asOf={"sequence": 3})) == ["Ω", "ﬀ", "𝔘"]
    assert ids(await asked(door, asOf={"sequence": 9}, name="Twin")) == ["A", "a"]
    assert ids(await asked(door, name="Twin")) == ["a"]
    query = """query ($asOf: AsOfInput) { customer(id: "A", asOf: $asOf) { name sequence firstSequence } }"""
    assert (await door.ask(query)).data == {"customer": {"name": "Renamed", "sequence": 10, "firstSequence": 9}}
    then = (await door.ask(query, asOf={"sequence": 9})).data
    assert then == {"customer": {"name": "Twin", "sequence": 9, "firstSequence": 9}}
    assert (await door.ask(query, asOf={"sequence": 8})).data == {"customer": None}


async def test_a_record_tells_every_column(door: Door, store: Store, admin: Principal, rules: Rules) -> None:
    said = {
        "name": "Invoice 7",
        "status": "open",
        "type": "invoice",
        "number": "2026-7",
        "parent_id": "d0",
        "currency": "EUR",
        "product_id": "p",
        "customer_id": "c",
        "license_id": "l",
        "order_id": "o",
        "subscription_id": "s",
        "starts_at": at(0),
        "ends_at": at(1),
        "additional_data": {"a": 1},
    }
    await upsert(store, admin, RecordKind.DOCUMENT, "d7", said, rules=rules)
    names = "id recordId name status described productId customerId licenseId orderId subscriptionId startsAt endsAt type number"
    names += " parentId currency sequence firstSequence additionalData __typename"
    assert (await door.ask(f'{{ document(id: "d7") {{ {names} parent {{ id }} }} }}')).data["document"] == {
        "id": "document_1_d7",
        "recordId": "d7",
        "name": "Invoice 7",
        "status": "open",
        "described": True,
        "productId": "p",
        "customerId": "c",
        "licenseId": "l",
        "orderId": "o",
        "subscriptionId": "s",
        "startsAt": "2026-04-01T12:00:00.000000Z",
        "endsAt": "2026-04-01T13:00:00.000000Z",
        "type": "INVOICE",
        "number": "2026-7",
        "parentId": "d0",
        "currency": "EUR",
        "sequence": 1,
        "firstSequence": 1,
        "additionalData": {"a": 1},
        "__typename": "Document",
        "parent": None,
    }


async def test_what_events_name_is_known_before_anyone_describes_it(
    door: Door, store: Store, admin: Principal, rules: Rules
) -> None:
    named = {"license_id": "x", "order_id": "x", "subscription_id": "x", "product_id": "x", "customer_id": "x"}
    await record(store, admin, [usage(**named)], rules=rules)
    fields = "{ __typename id recordId name described firstSequence }"
    for kind in ("customer", "product", "license", "order", "subscription"):
        own = {"__typename": kind.capitalize(), "id": f"{kind}_1_x", "recordId": "x"}
        stub = own | {"name": None, "described": False, "firstSequence": 1}
        assert (await door.ask(f'{{ {kind}(id: "x") {fields} }}')).data == {kind: stub}
        assert (await door.ask(f"{{ {kind}s {{ edges {{ node {fields} }} }} }}")).data[f"{kind}s"]["edges"] == [{"node": stub}]


@pytest.mark.parametrize("record_id", IDS)
async def test_a_records_own_id_finds_it_as_a_node(record_id: str, door: Door, nine: None) -> None:
    found = (await door.ask("query ($id: ID!) { customer(id: $id) { id } }", id=record_id)).data["customer"]
    query = "query ($id: ID!) { node(id: $id) { id __typename ... on CatalogueRecord { recordId } } }"
    node = (await door.ask(query, id=found["id"])).data["node"]
    assert node == {"id": f"customer_1_{record_id}", "__typename": "Customer", "recordId": record_id}


@pytest.mark.parametrize(
    "nothing",
    [
        *("customer", "customer_1", "customer_1_", "customer_1_A ", "customer_2_A", "customer_01_A", "product_1_A"),
        "customer_1_A\0",
    ],
)
async def test_no_other_id_finds_a_node(nothing: str, door: Door, nine: None) -> None:
    assert (await door.ask("query ($id: ID!) { node(id: $id) { id } }", id=nothing)).data == {"node": None}
