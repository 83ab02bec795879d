"""Things with an id of their own are found again by it, in few reads, and only by who has them."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Principal
from app.ledger.commands import Rules, record
from app.ports import Store
from tests import conftest
from tests.contract.conftest import Door
from tests.events import usage

engine = conftest.engine
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }"


@pytest.fixture
async def three_hundred(store: Store, admin: Principal, rules: Rules) -> None:
    """Three hundred events, sequences 1 to 300."""
    await record(store, admin, [usage() for _ in range(300)], rules=rules)


async def found(door: Door, *ids: str) -> list[str | None]:
    nodes = (await door.ask(NODES, ids=list(ids))).data["nodes"]
    return [each and each["id"] for each in nodes]


async def test_nodes_come_in_the_order_that_they_were_asked_in(door: Door, three_hundred: None) -> None:
    assert await found(door, "act_1_7", "acc_1", "act_1_300", "act_1_7", "act_1_1") == [
        *("act_1_7", "acc_1", "act_1_300", "act_1_7", "act_1_1")
    ]


@pytest.mark.parametrize(
    "nothing",
    ["", "act", "act_1", "act_1_0", "act_1_301", "act_1_01", "act_2_1", "acc_2", "acc_01", "evt_1_1", "key_x", "Größe_1"],
)
async def test_what_the_account_does_not_have_is_null(nothing: str, door: Door, three_hundred: None) -> None:
    assert await found(door, nothing) == [None]
    assert (await door.ask("query ($id: ID!) { node(id: $id) { id } }", id=nothing)).data == {"node": None}


async def test_the_callers_key_and_account_are_nodes(door: Door) -> None:
    viewer = (await door.ask("{ viewer { account { id } key { id } } }")).data["viewer"]
    ids = [viewer["account"]["id"], viewer["key"]["id"]]
    assert (await door.ask(NODES, ids=ids)).data["nodes"] == [
        {"id": ids[0], "__typename": "Account"},
        {"id": ids[1], "__typename": "ApiKey"},
    ]


async def test_a_page_of_nodes_takes_one_read(door: Door, three_hundred: None, store: Store, monkeypatch: Any) -> None:
    asked: list[Any] = []
    rows = store.rows

    async def noting(question: Any) -> Any:
        asked.append(question)
        return await rows(question)

    monkeypatch.setattr(store, "rows", noting)
    page = [f"act_1_{number}" for number in range(1, 101)]
    assert await found(door, *page) == page
    assert len(asked) == 1
    asked.clear()
    assert await found(door, "act_1_1", "act_1_150", "act_1_300") == ["act_1_1", "act_1_150", "act_1_300"]
    assert [(each.above, each.below) for each in asked] == [(0, 2), (149, 151), (299, 301)]


async def test_one_call_names_at_most_a_hundred(door: Door) -> None:
    answer = await door.ask(NODES, ids=["acc_1"] * 101)
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_QUERY", "ids")
