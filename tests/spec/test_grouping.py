"""A summary's rows where more is asked than sums: other keys, chosen groups, the rest, statistics, comparisons."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.errors import InvalidQuery
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.erasure import erase
from app.ports import Files, Store
from app.question.groups import Extras, Groups
from app.question.keys import DataKey
from tests.asking import live, nothing_written, told
from tests.events import at, usage
from tests.exports.world import frozen


@pytest.fixture
async def recorded(store: Store, admin: Principal, rules: Rules) -> None:
    """Usage of two regions and two units on two days, one event amended and one taken back."""
    items = [
        usage(customer_id="c1", quantity="4", additional_data={"region": "eu"}, occurred_at=at(-30)),
        usage(customer_id="c2", quantity="1", additional_data={"region": "eu"}, occurred_at=at(-30)),
        usage(customer_id="c1", quantity="2.5", charge="0.3", currency="EUR", additional_data={"region": "us"}),
        usage(customer_id="c1", quantity="900", additional_data={"region": "eu"}),
        usage(customer_id="c3", quantity="3", unit="GB"),
        usage(customer_id="c4", quantity="70", additional_data={"region": "us"}),
    ]
    await record(store, admin, items, rules=rules)
    await amend(store, admin, "evt_1_4", {"quantity": "8"}, rules=rules, reason="typo")
    await retract(store, admin, "evt_1_6", rules=rules, reason="never happened")


def short(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


async def test_rows_tell_keys_of_additional_data_as_one_object(store: Store, admin: Principal, recorded: None) -> None:
    sections = await told(store, admin, "usage-summary", group_by="data.region,customer_id", order_by="customer_id", order="desc")
    assert short(sections["groups"], "customer_id", "additional_data", "events", "quantity") == [
        ("c4", {"region": "us"}, 0, "0"),
        ("c3", {"region": None}, 1, "3"),
        ("c2", {"region": "eu"}, 1, "1"),
        ("c1", {"region": "us"}, 1, "2.5"),
        ("c1", {"region": "eu"}, 2, "12"),
    ]
    parts = ["", "_quantities", "_charges"]
    assert list(sections) == [*(f"total{part}" for part in parts), "groups", "group_quantities", "group_charges"]


async def test_the_rest_is_told_beside_the_top_groups(store: Store, admin: Principal, recorded: None) -> None:
    sections = await told(store, admin, "usage-summary", group_by="customer_id", order_by="quantity[call]", order="desc", top="1")
    assert short(sections["groups"], "customer_id", "events") == [("c1", 3)]
    assert short(sections["other"], "events", "quantity", "last_use") == [(2, None, "2026-04-01T11:00:00.000000Z")]
    assert short(sections["other_quantities"], "unit", "quantity", "events") == [("GB", "3", 1), ("call", "1", 1)]
    assert (await told(store, admin, "usage-summary", top="1"))["other"] == []  # nothing is left of one group


async def test_statistics_are_over_the_versions_that_stand(store: Store, admin: Principal, recorded: None) -> None:
    measures = ["customers,quantity_average", "quantity_minimum,quantity_maximum,quantity_p50", "charge_maximum"]
    sections = await told(store, admin, "usage-summary", group_by="data.region", measures=measures)
    assert short(sections["total_statistics"], "measure", "unit", "value") == [
        ("customers", None, "3"),  # c4's only event was taken back
        ("quantity_average", "GB", "3"),
        ("quantity_average", "call", "3.875"),
        ("quantity_minimum", "GB", "3"),
        ("quantity_minimum", "call", "1"),
        ("quantity_maximum", "GB", "3"),
        ("quantity_maximum", "call", "8"),
        ("quantity_p50", "GB", "3"),
        ("quantity_p50", "call", "2.5"),
        ("charge_maximum", "EUR", "0.3"),
    ]
    eu = [each for each in sections["group_statistics"] if each["additional_data"] == {"region": "eu"}]
    assert short(eu, "measure", "unit", "value") == [
        ("customers", None, "2"),
        ("quantity_average", "call", "4.333333333333333333"),
        ("quantity_minimum", "call", "1"),
        ("quantity_maximum", "call", "8"),
        ("quantity_p50", "call", "4"),
    ]
    # As of before the corrections, what they took back stands.
    then = await told(store, admin, "usage-summary", as_of=6, measures="customers,quantity_maximum")
    assert short(then["total_statistics"], "measure", "unit", "value") == [
        ("customers", None, "4"),
        ("quantity_maximum", "GB", "3"),
        ("quantity_maximum", "call", "900"),
    ]


async def test_sums_are_told_beside_those_of_another_period(store: Store, admin: Principal, recorded: None) -> None:
    day = {"from_": "2026-04-01", "to": "2026-04-02"}
    for compare_with in ("previous", "2026-03-31/2026-04-01"):
        sections = await told(store, admin, "usage-summary", group_by="customer_id", compare_with=compare_with, **day)
        assert short(sections["total_comparison"], "measure", "unit", "value", "previous", "change") == [
            ("events", None, "3", "2", "1"),
            ("quantity", "GB", "3", "0", "3"),
            ("quantity", "call", "10.5", "5", "5.5"),
            ("charge", "EUR", "0.3", "0", "0.3"),
        ]
        gone = [each for each in sections["group_comparison"] if each["customer_id"] == "c2"]
        assert short(gone, "measure", "value", "previous", "change", "previous_start", "previous_end") == [
            ("events", "0", "1", "-1", "2026-03-31T00:00:00.000000Z", "2026-04-01T00:00:00.000000Z"),
            ("quantity", "0", "1", "-1", "2026-03-31T00:00:00.000000Z", "2026-04-01T00:00:00.000000Z"),
        ]


async def test_chosen_groups_leave_totals_as_they_are(store: Store, admin: Principal, recorded: None) -> None:
    sections = await told(store, admin, "usage-summary", group_by="customer_id", having=["events>=1", "quantity[call]<10"])
    assert short(sections["groups"], "customer_id") == [("c2",)]
    assert short(sections["total"], "events") == [(5,)]


async def test_what_was_erased_is_grouped_as_absent(
    store: Store, account: Account, admin: Principal, rules: Rules, recorded: None
) -> None:
    await erase(store, admin, "evt_1_3", rules=rules, names=("additional_data",))
    grouped = await store.groups(Groups(await live(store, account), by=(DataKey("region"),), extras=Extras(customers=True)))
    assert [(each.dimensions, each.events, each.customers) for each in grouped.groups] == [
        (("eu",), 3, 2),
        (("us",), 0, 0),
        ((None,), 2, 2),
    ]


async def test_an_export_takes_the_same_words(
    store: Store, files: Files, account: Account, admin: Principal, rules: Rules, recorded: None
) -> None:
    asked = {"group_by": ["data.region"], "top": ["1"], "having": ["events>=1"], "measures": ["customers"]}
    export = await frozen(store, files, admin, rules, "usage-summary", "csv", asked)
    assert export.sections == {
        "total": 1,
        "total_quantities": 2,
        "total_charges": 1,
        "groups": 1,
        "group_quantities": 1,
        "group_charges": 0,
        "other": 1,
        "other_quantities": 2,
        "other_charges": 1,
        "total_statistics": 1,
        "group_statistics": 1,
    }
    async with nothing_written(store, account):
        with pytest.raises(InvalidQuery, match="not a parameter here"):
            await told(store, admin, "subscription-settlement", subscription_id="s1", top="1")
