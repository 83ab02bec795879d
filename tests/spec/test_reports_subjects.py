"""The license audit, the customer summary and the subscription settlement: what each tells of its subject and of nothing else."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.errors import InvalidQuery, NotFound
from app.evidence.trees import tree_hash
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.erasure import erase
from app.ports import Store
from app.reports.at_once import MOST
from tests.asking import ledger_of, told
from tests.conftest import Clock
from tests.events import START, activity, at, usage

Rows = list[dict[str, Any]]


def picked(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    """Of each row these columns."""
    return [tuple(row[name] for name in names) for row in rows]


@pytest.fixture
async def life(store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock) -> None:
    """Customer c1 with licenses l1 (its own, used) and l2 (its own, unused), who also used l3; and customer c2 beside it."""
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "Ada Ltd"}, rules=rules)  # 1
    described = {"customer_id": "c1", "product_id": "api", "status": "active", "subscription_id": "s1"}
    await upsert(store, admin, RecordKind.LICENSE, "l1", described, rules=rules)  # 2
    await upsert(store, admin, RecordKind.LICENSE, "l2", {"customer_id": "c1", "name": "spare"}, rules=rules)  # 3
    await record(
        store,
        admin,
        [activity(license_id="l1", customer_id="c1", actor="Ada", message="hello")],
        rules=rules,
        kind=EntryKind.ACTIVITY,
    )  # 4
    said = [
        usage(license_id="l1", feature_code="f1", occurred_at=at(-800), quantity="1", subscription_id="s1"),  # 5, 26 Feb
        usage(
            license_id="l1",
            feature_code="f1",
            occurred_at=at(-20),
            quantity="2",
            charge="3",
            currency="EUR",
            subscription_id="s1",
        ),  # 6
        usage(license_id="l1", feature_code="f2", occurred_at=at(-10), quantity="4", subscription_id="s1", order_id="o1"),  # 7
        usage(license_id="l3", product_id="web", occurred_at=at(-5), quantity="8", unit="GB"),  # 8
        usage(license_id="l4", customer_id="c2", occurred_at=at(-5), quantity="16", subscription_id="s1"),  # 9
    ]
    await record(store, admin, said, rules=rules)
    clock.advance(hours=1)
    await amend(store, admin, "evt_1_7", {"quantity": "5"}, rules=rules, reason="recount")  # 10, 11
    await upsert(store, admin, RecordKind.LICENSE, "l1", {"status": "suspended"}, rules=rules)  # 12
    await upsert(
        store, admin, RecordKind.DOCUMENT, "d1", {"type": "invoice", "subscription_id": "s1", "number": "7"}, rules=rules
    )  # 13
    await upsert(store, admin, RecordKind.ORDER, "o2", {"subscription_id": "s1"}, rules=rules)  # 14


@pytest.mark.usefixtures("life")
async def test_an_audit_tells_the_license_and_the_states_it_went_through(store: Store, admin: Principal) -> None:
    sections = await told(store, admin, "license_audit", license_id="l1")

    [license_] = sections["license"]
    assert (license_["kind"], license_["id"], license_["status"], license_["described"]) == ("license", "l1", "suspended", True)
    assert (license_["customer_id"], license_["product_id"], license_["subscription_id"]) == ("c1", "api", "s1")
    assert (license_["license_id"], license_["sequence"], license_["first_sequence"]) == (None, 12, 2)
    assert picked(sections["states"], "sequence", "action", "status", "actor", "message") == [
        (2, "license.updated", "active", None, None),
        (4, "license.issued", None, "Ada", "hello"),
        (12, "license.updated", "suspended", None, None),
    ]


@pytest.mark.usefixtures("life")
async def test_an_audit_tells_usage_by_feature_and_month(store: Store, admin: Principal) -> None:
    sections = await told(store, admin, "license_audit", license_id="l1", time_zone="Europe/Berlin")

    [total] = sections["total"]
    assert (total["events"], total["quantity"], total["unit"], total["charge"]) == (3, "8", "call", "3")
    assert picked(sections["features"], "feature_code", "events", "quantity") == [("f1", 2, "3"), ("f2", 1, "5")]
    assert picked(sections["feature_quantities"], "feature_code", "unit", "quantity") == [
        ("f1", "call", "3"),
        ("f2", "call", "5"),
    ]
    assert picked(sections["feature_charges"], "feature_code", "currency", "charge", "events") == [("f1", "EUR", "3", 1)]
    assert picked(sections["months"], "bucket_start", "bucket_end", "events") == [
        ("2026-01-31T23:00:00.000000Z", "2026-02-28T23:00:00.000000Z", 1),
        ("2026-02-28T23:00:00.000000Z", "2026-03-31T22:00:00.000000Z", 1),
        ("2026-03-31T22:00:00.000000Z", "2026-04-30T22:00:00.000000Z", 1),
    ]


@pytest.mark.usefixtures("life")
async def test_an_audit_brings_the_evidence_of_every_entry(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await erase(store, admin, "act_1_4", rules=rules)  # 15
    entries = {entry.sequence: entry for entry in await ledger_of(store, account)}

    sections = await told(store, admin, "license_audit", license_id="l1")

    assert picked(sections["corrections"], "sequence", "correction", "corrects", "reason") == [
        (11, "replacement", "act_1_7", "recount"),
        (10, "reversal", "act_1_7", "recount"),
    ]
    rows = sections["activities"]
    assert [row["sequence"] for row in rows] == [12, 11, 10, 7, 6, 5, 4, 2]
    for row in rows:
        entry = entries[row["sequence"]]
        assert (row["content_digest"], row["leaf"], row["chain"]) == (
            entry.content_digest.hex(),
            entry.leaf.hex(),
            entry.chain.hex(),
        )
        assert row["holds"] is True
    assert rows[6]["erased"] == ["message", "actor"]
    root = tree_hash([entries[at].leaf for at in range(1, 16)]).hex()
    chain = entries[15].chain.hex()
    assert sections["cover"] == [{"as_of": 15, "recorded_at": "2026-04-01T13:00:00.000000Z", "chain": chain, "root": root}]


@pytest.mark.usefixtures("life")
async def test_an_audit_as_of_then_is_what_it_was_then(store: Store, account: Account, admin: Principal) -> None:
    sections = await told(store, admin, "license_audit", as_of=6, license_id="l1")
    assert picked(sections["license"], "status", "sequence") == [("active", 2)]
    assert [row["sequence"] for row in sections["activities"]] == [6, 5, 4, 2]
    assert sections["corrections"] == []
    entries = (await ledger_of(store, account))[:6]
    chain, root = entries[5].chain.hex(), tree_hash([each.leaf for each in entries]).hex()
    assert sections["cover"] == [{"as_of": 6, "recorded_at": "2026-04-01T12:00:00.000000Z", "chain": chain, "root": root}]


@pytest.mark.usefixtures("life")
async def test_an_audit_of_a_period_keeps_to_it(store: Store, admin: Principal) -> None:
    sections = await told(store, admin, "license_audit", license_id="l1", from_="2026-03-31", to="2026-04-01T02:00:00Z")
    assert picked(sections["total"], "events", "quantity") == [(1, "2")]
    assert [row["sequence"] for row in sections["activities"]] == [6]
    assert sections["states"] == []
    # The record is as of the end of the ledger, whatever the period.
    assert picked(sections["license"], "status") == [("suspended",)]


@pytest.mark.usefixtures("life")
async def test_a_customers_licenses_are_its_own_and_those_it_used(store: Store, admin: Principal) -> None:
    sections = await told(store, admin, "customer_summary", customer_id="c1")

    assert picked(sections["customer"], "id", "name", "described") == [("c1", "Ada Ltd", True)]
    assert picked(sections["licenses"], "license_id", "name", "status", "product_id", "events", "first_use", "last_use") == [
        ("l1", None, "suspended", "api", 3, "2026-02-27T04:00:00.000000Z", "2026-04-01T02:00:00.000000Z"),
        ("l2", "spare", None, None, 0, None, None),
        ("l3", None, None, None, 1, "2026-04-01T07:00:00.000000Z", "2026-04-01T07:00:00.000000Z"),
    ]
    assert picked(sections["products"], "product_id", "events", "quantity", "unit") == [
        ("api", 3, "8", "call"),
        ("web", 1, "8", "GB"),
    ]
    assert picked(sections["features"], "feature_code", "events") == [("f1", 2), ("f2", 1), (None, 1)]
    assert picked(sections["total"], "events", "quantity") == [(4, None)]
    assert picked(sections["total_quantities"], "unit", "quantity") == [("GB", "8"), ("call", "8")]
    assert [row["sequence"] for row in sections["activities"]] == [12, 11, 10, 8, 7, 6, 5, 4, 3, 2, 1]


@pytest.mark.usefixtures("life")
async def test_a_trend_compares_with_the_period_before(store: Store, admin: Principal) -> None:
    sections = await told(store, admin, "customer_summary", customer_id="c1", from_="2026-03-01", to="2026-04-02")
    ends = ("2026-03-01T00:00:00.000000Z", "2026-04-02T00:00:00.000000Z", "2026-01-28T00:00:00.000000Z")
    names = ("measure", "unit", "value", "previous", "change")
    assert picked(sections["trend"], *names) == [
        ("events", None, "3", "1", "2"),
        ("quantity", "GB", "8", "0", "8"),
        ("quantity", "call", "7", "1", "6"),
        ("charge", "EUR", "3", "0", "3"),
    ]
    assert set(picked(sections["trend"], "period_start", "period_end", "previous_start")) == {ends}


@pytest.mark.usefixtures("life")
async def test_an_open_trend_is_of_thirty_days_up_to_the_last_recording(store: Store, admin: Principal) -> None:
    for given in ({}, {"from_": "2020-01-01"}):
        sections = await told(store, admin, "customer_summary", customer_id="c1", **given)
        assert set(picked(sections["trend"], "period_start", "period_end", "previous_start")) == {
            ("2026-03-02T13:00:00.000000Z", "2026-04-01T13:00:00.000000Z", "2026-01-31T13:00:00.000000Z")
        }
        assert picked(sections["trend"], "measure", "value", "previous")[0] == ("events", "3", "1")


@pytest.mark.usefixtures("life")
async def test_a_trend_over_all_times_has_nothing_before_it(store: Store, admin: Principal) -> None:
    for start in ("0001-01-01", "1970-01-01"):
        sections = await told(store, admin, "customer_summary", customer_id="c1", from_=start, to="9999-12-31")
        assert picked(sections["trend"], "measure", "unit", "value", "previous") == [
            ("events", None, "4", "0"),
            ("quantity", "GB", "8", "0"),
            ("quantity", "call", "8", "0"),
            ("charge", "EUR", "3", "0"),
        ]
        assert set(picked(sections["trend"], "previous_start")) == {("0001-01-01T00:00:00.000000Z",)}


@pytest.mark.usefixtures("life")
async def test_a_settlement_tells_what_belongs_to_the_subscription(store: Store, admin: Principal) -> None:
    sections = await told(store, admin, "subscription_settlement", subscription_id="s1", group_by="customer_id")

    assert picked(sections["subject"], "kind", "id", "described") == [("subscription", "s1", False)]
    assert picked(sections["linked"], "kind", "id") == [
        ("customer", "c1"),
        ("customer", "c2"),
        ("product", "api"),
        ("license", "l1"),
        ("license", "l4"),
        ("order", "o1"),
        ("order", "o2"),
    ]
    assert picked(sections["documents"], "id", "type", "number") == [("d1", "invoice", "7")]
    assert picked(sections["total"], "events", "quantity", "charge") == [(4, "24", "3")]
    assert picked(sections["groups"], "customer_id", "events", "quantity") == [("c1", 3, "8"), ("c2", 1, "16")]
    assert sections["late_corrections"] == []  # an open period has no end to be late after


@pytest.mark.usefixtures("life")
async def test_a_settlement_names_corrections_that_came_after_its_period(
    store: Store, admin: Principal, rules: Rules, clock: Clock
) -> None:
    async def late(**given: str) -> list[int]:
        sections = await told(store, admin, "subscription_settlement", subscription_id="s1", **given)
        return [row["sequence"] for row in sections["late_corrections"]]

    # 7 happened at 02:00 and was amended at 13:00.
    assert await late(to="2026-04-01T12:00:00Z") == [11, 10]
    assert await late(to="2026-04-01T13:00:00Z") == [11, 10]
    assert await late(to="2026-04-01T13:00:00.000001Z") == []
    assert await late(to="2026-04-01T02:00:00Z") == []
    clock.advance(hours=48)
    await retract(store, admin, "evt_1_5", rules=rules, reason="never happened")  # 15, of February
    assert await late(from_="2026-02-01", to="2026-03-01") == [15]
    assert await late(from_="2026-03-01", to="2026-04-02") == []
    assert await late(to="0001-01-01") == []


@pytest.mark.usefixtures("life")
async def test_a_settlement_may_be_of_an_order_or_of_both(store: Store, admin: Principal) -> None:
    sections = await told(store, admin, "subscription_settlement", order_id="o1")
    assert picked(sections["subject"], "kind", "id") == [("order", "o1")]
    assert picked(sections["linked"], "kind", "id") == [
        ("customer", "c1"),
        ("product", "api"),
        ("license", "l1"),
        ("subscription", "s1"),
    ]
    assert picked(sections["total"], "events", "quantity") == [(1, "5")]

    both = await told(store, admin, "subscription_settlement", order_id="o1", subscription_id="s1")
    assert picked(both["subject"], "kind", "id") == [("subscription", "s1"), ("order", "o1")]
    assert picked(both["total"], "events", "quantity") == [(1, "5")]


SUBJECTS = [
    ("license_audit", "license_id", "l9"),
    ("customer_summary", "customer_id", "c9"),
    ("subscription_settlement", "subscription_id", "s9"),
    ("subscription_settlement", "order_id", "o9"),
]


@pytest.mark.parametrize(("report", "name", "value"), SUBJECTS)
async def test_a_subject_that_was_only_named_is_known(
    store: Store, account: Account, admin: Principal, rules: Rules, report: str, name: str, value: str
) -> None:
    given: dict[str, Any] = {name: value}
    await record(store, admin, [usage(**given)], rules=rules)
    sections = await told(store, admin, report, **given)
    assert picked(sections["total"], "events") == [(1,)]
    assert {row["described"] for row in next(iter(sections.values()))} == {False}


@pytest.mark.parametrize(("report", "name", "value"), SUBJECTS)
async def test_a_subject_that_nobody_named_is_not_found_nor_one_named_later_or_elsewhere(
    store: Store,
    account: Account,
    admin: Principal,
    stranger: Principal,
    rules: Rules,
    report: str,
    name: str,
    value: str,
) -> None:
    given: dict[str, Any] = {name: value}
    await record(store, stranger, [usage(**given)], rules=rules)
    with pytest.raises(NotFound, match=f"no [a-z]+ {value}"):
        await told(store, admin, report, **given)
    await record(store, admin, [usage(), usage(**given)], rules=rules)
    with pytest.raises(NotFound, match=f"no [a-z]+ {value}"):
        await told(store, admin, report, as_of=1, **given)
    assert (await told(store, admin, report, as_of=2, **given))["total"][0]["events"] == 1


@pytest.mark.parametrize(("report", "name", "value"), SUBJECTS)
async def test_a_report_on_a_subject_is_about_one(store: Store, admin: Principal, report: str, name: str, value: str) -> None:
    with pytest.raises(InvalidQuery, match="is missing"):
        await told(store, admin, report)
    several: dict[str, Any] = {name: [value, "other"]}
    with pytest.raises(InvalidQuery, match=f"{name}: names several; the report is about one"):
        await told(store, admin, report, **several)


@pytest.mark.usefixtures("life")
@pytest.mark.parametrize(
    ("report", "name", "value"),
    [
        ("license_audit", "license_id", "l1"),
        ("customer_summary", "customer_id", "c1"),
        ("subscription_settlement", "order_id", "o1"),
    ],
)
async def test_a_report_is_the_same_as_of_the_same_sequence_for_ever(
    store: Store, admin: Principal, rules: Rules, clock: Clock, report: str, name: str, value: str
) -> None:
    given: dict[str, Any] = {name: value}
    live = await told(store, admin, report, **given)
    frozen = await told(store, admin, report, as_of=14, **given)
    assert frozen == live
    clock.advance(hours=5)
    await record(store, admin, [usage(customer_id="c1", license_id="l1", order_id="o1", occurred_at=START)], rules=rules)
    await retract(store, admin, "evt_1_6", rules=rules, reason="never happened")
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "Ada & Sons"}, rules=rules)
    assert await told(store, admin, report, as_of=14, **given) == frozen
    assert await told(store, admin, report, **given) != live


@pytest.mark.usefixtures("life")
@pytest.mark.parametrize(
    ("report", "subject"), [("license_audit", {"license_id": "l1"}), ("customer_summary", {"customer_id": "c1"})]
)
async def test_what_needs_nothing_of_each_other_is_asked_at_once_of_a_server_and_in_turn_of_a_file(
    store: Store, admin: Principal, monkeypatch: pytest.MonkeyPatch, report: str, subject: dict[str, str]
) -> None:
    under_way, most = 0, 0
    inside = ContextVar("inside", default=False)

    def counting(ask: Any) -> Any:
        async def counted(*question: Any) -> Any:
            nonlocal under_way, most
            if inside.get():
                return await ask(*question)  # which an engine asks itself for an answer
            inside.set(True)
            under_way += 1
            most = max(most, under_way)
            try:
                await asyncio.sleep(0)
                return await ask(*question)
            finally:
                under_way -= 1
                inside.set(False)

        return counted

    for name in ("rows", "records", "extent", "groups"):
        monkeypatch.setattr(store, name, counting(getattr(store, name)))

    await told(store, admin, report, **subject)

    # One more than are started at once: what is awaited where it is asked.
    assert 1 < most <= MOST + 1 if store.remote else most == 1
