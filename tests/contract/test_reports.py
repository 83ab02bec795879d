"""The reports about one subject: every number of the report itself, cut where asked, as of a point, and from one reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type
from strawberry.utils.str_converters import to_camel_case

from app.api.graphql.schema import schema
from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import EntryKind
from app.domain.period import Granularity, Period
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record
from app.ports import Store
from app.question.filters import Filters
from app.question.groups import Dimension
from app.reports import customer_summary, license_audit, subscription_settlement
from app.reports.answer import open_ledger
from app.reports.parameters import Parameters
from app.reports.report import Opened, Report, Section, row_values
from app.reports.subjects import RecordRow
from app.reports.totals import ChargeRow, QuantityRow
from tests import conftest
from tests.conftest import Clock
from tests.contract.conftest import Door
from tests.events import activity, at, usage

engine = conftest.engine
MONTH = Period(at(-24 * 20), at(0))
PERIOD = 'period: { from: "2026-03-12T12:00:00Z", to: "2026-04-01T12:00:00Z" }'
CASES: dict[str, tuple[Report, str, Parameters]] = {
    "licenseAudit": (
        license_audit.REPORT,
        f'licenseId: "l1", {PERIOD}, timeZone: "Europe/Berlin"',
        Parameters(Filters(MONTH, license_id=("l1",)), zone="Europe/Berlin"),
    ),
    "customerSummary": (
        customer_summary.REPORT,
        f'customerId: "c1", {PERIOD}',
        Parameters(Filters(MONTH, customer_id=("c1",))),
    ),
    "subscriptionSettlement": (
        subscription_settlement.REPORT,
        f'subject: {{ subscriptionId: "s1" }}, {PERIOD}, groupBy: [{{ dimension: PRODUCT }}], bucket: {{ granularity: WEEK }}',
        Parameters(Filters(MONTH, subscription_id=("s1",)), (Dimension.PRODUCT,), Granularity.WEEK),
    ),
}


@pytest.fixture
async def recorded(store: Store, admin: Principal, rules: Rules, clock: Clock) -> None:
    """A customer with two licenses of two products, used for some weeks in two units and currencies, then corrected."""
    named = {"license_id": "l1", "order_id": "o1", "subscription_id": "s1", "feature_code": "lookup"}
    items = [usage(**named, quantity=f"{n}.5", charge="0.1", currency="EUR", occurred_at=at(-24 * n - 1)) for n in range(12)]
    items += [usage(**named | {"license_id": "l2"}, product_id="maps", unit="GB", charge="2", currency="USD")]
    items += [usage(customer_id="c2", license_id="l3")]
    await record(store, admin, items, rules=rules)
    await record(store, admin, [activity(subscription_id="s1", actor="Ada")], rules=rules, kind=EntryKind.ACTIVITY)
    await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": "Acme", "additional_data": {"n": 1}}, rules=rules)
    links = {"customer_id": "c1", "subscription_id": "s1", "status": "active"}
    await upsert(store, admin, RecordKind.LICENSE, "l1", links, rules=rules)
    await upsert(store, admin, RecordKind.DOCUMENT, "d1", {"type": "invoice", "subscription_id": "s1"}, rules=rules)
    clock.advance(hours=1)
    for event in ("evt_1_1", "evt_1_2"):
        await amend(store, admin, event, {"quantity": "7"}, rules=rules, reason="metered twice")


def everything(type_: Any) -> str:
    """A selection of every field that no link leads out of."""
    named = get_named_type(type_)
    if is_leaf_type(named):
        return ""
    if named.name == "CatalogueRecord":
        kinds = ("Customer", "Product", "License", "Order", "Subscription", "Document")
        # Two fragments may not ask for one name with two types, so only these have what not every kind has.
        return "{ __typename " + " ".join(f"... on {kind} {everything(schema._schema.type_map[kind])}" for kind in kinds) + " }"
    assert isinstance(named, GraphQLObjectType)
    inside = {name: field.type for name, field in named.fields.items() if not is_link(name, named)}
    return "{ __typename " + " ".join(f"{name} {everything(each)}" for name, each in inside.items()) + " }"


ON_DEMAND = {"entries", "previousEntries", "completeness", "distinctCustomers", "minimum", "maximum", "percentile"}
"""What is read only where it is asked for."""


def is_link(name: str, type_: GraphQLObjectType) -> bool:
    return f"{name}Id" in type_.fields or name in ON_DEMAND


def query(name: str, arguments: str) -> str:
    assert schema._schema.query_type is not None
    return f"{{ {name}({arguments}) {everything(schema._schema.query_type.fields[name].type)} }}"


async def whole(report: Report, store: Store, opened: Opened, parameters: Parameters) -> dict[str, list[dict[str, Any]]]:
    """The report's own rows by section, under the columns' names."""
    rows: dict[str, list[dict[str, Any]]] = {each.name: [] for each in report.sections}
    async for section, batch in report.answer(store, opened, parameters):
        rows[section.name] += [row_values(section, each) for each in batch]
    return rows


def read_back(report: Report, told: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The same rows out of the answer: parts are taken out of their groups again."""
    rows: dict[str, list[dict[str, Any]]] = {}
    groups: list[dict[str, Any]] = []
    for section in report.sections:
        if section.row in (QuantityRow, ChargeRow):
            inside = "quantities" if section.row is QuantityRow else "charges"
            rows[section.name] = [columns(section, group | part) for group in groups for part in group[inside]]
            continue
        stated = told[to_camel_case(section.name)]
        groups = stated if isinstance(stated, list) else stated.get("rows", [stated])
        rows[section.name] = [columns(section, each) for each in groups]
    return rows


def columns(section: Section, row: dict[str, Any]) -> dict[str, Any]:
    """The section's columns as GraphQL tells them; words of enums are told in capitals."""
    told: dict[str, Any] = {each.name: row.get(to_camel_case(each.name)) for each in section.columns}
    if section.row is RecordRow:
        kind = row["__typename"].lower()
        told |= {"kind": kind, "id": row["recordId"], "type": row.get("type") and row["type"].lower()}
    words = {name: str(told[name]).lower() for name in ("kind", "correction") if told.get(name) is not None}
    return told | words


@pytest.mark.parametrize("name", CASES)
async def test_a_report_tells_what_the_report_itself_says(
    name: str, door: Door, recorded: None, store: Store, admin: Principal
) -> None:
    report, arguments, parameters = CASES[name]
    told = (await door.ask(query(name, f"{arguments}, first: 200"))).data[name]
    opened = await open_ledger(store, admin)
    assert (told["asOf"], told["dataThrough"]) == (opened.scope.as_of, "2026-04-01T13:00:00.000000Z")
    assert read_back(report, told) == await whole(report, store, opened, parameters)


@pytest.mark.parametrize("name", CASES)
async def test_a_report_is_told_as_of_its_point(name: str, door: Door, recorded: None, store: Store, admin: Principal) -> None:
    report, arguments, parameters = CASES[name]
    told = (await door.ask(query(name, f"{arguments}, asOf: {{ sequence: 18 }}"))).data[name]
    assert (told["asOf"], told["dataThrough"]) == (18, "2026-04-01T12:00:00.000000Z")
    assert read_back(report, told) == await whole(report, store, await open_ledger(store, admin, 18), parameters)


@pytest.mark.parametrize("name", CASES)
async def test_a_report_is_read_once(
    name: str, door: Door, recorded: None, store: Store, admin: Principal, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    report, arguments, parameters = CASES[name]
    opened = await open_ledger(store, admin)
    await whole(report, store, opened, replace(parameters, limit=51))  # what is remembered of an account is known then
    for method in ("rows", "groups", "records", "sequence_at", "extent"):
        monkeypatch.setattr(store, method, noting(asked, getattr(store, method)))
    await whole(report, store, opened, replace(parameters, limit=51))
    alone = [*asked]
    asked.clear()
    assert (await door.ask(query(name, arguments))).data[name] is not None
    assert sorted(asked, key=repr) == sorted(alone, key=repr)  # of a server some at once


def noting(asked: list[Any], method: Any) -> Any:
    async def ask(*args: Any) -> Any:
        asked.append(args)
        return await method(*args)

    return ask


async def test_excerpts_have_as_many_rows_as_were_asked_for_and_say_whether_they_are_cut(door: Door, recorded: None) -> None:
    asked = """query ($first: Int) {
      licenseAudit(licenseId: "l1", first: $first) {
        states { sequence } total { events } corrections { isCut rows { sequence } } activities { isCut rows { sequence } }
      }
    }"""
    audit = (await door.ask(asked, first=4)).data["licenseAudit"]
    assert [each["sequence"] for each in audit["states"]] == [15, 17]
    assert audit["total"] == {"events": 12}
    assert audit["corrections"] == {"isCut": False, "rows": [{"sequence": each} for each in (22, 21, 20, 19)]}
    assert audit["activities"] == {"isCut": True, "rows": [{"sequence": each} for each in (22, 21, 20, 19)]}
    nothing = (await door.ask(asked, first=0)).data["licenseAudit"]
    assert (nothing["corrections"], nothing["total"]) == ({"isCut": True, "rows": []}, {"events": 12})
    assert [len((await door.ask(asked)).data["licenseAudit"][each]["rows"]) for each in ("corrections", "activities")] == [4, 18]


async def test_without_a_number_an_excerpt_has_fifty_rows(door: Door, store: Store, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(license_id="l1") for _ in range(51)], rules=rules)
    audit = (await door.ask('{ licenseAudit(licenseId: "l1") { activities { isCut rows { id } } } }')).data["licenseAudit"]
    assert (audit["activities"]["isCut"], len(audit["activities"]["rows"])) == (True, 50)


async def test_groups_of_a_settlement_are_cut_with_their_parts(door: Door, recorded: None) -> None:
    asked = """query ($first: Int, $descending: Direction!) {
      subscriptionSettlement(
        subject: { orderId: "o1" }, groupBy: { dimension: PRODUCT }, first: $first
        orderBy: { measure: EVENTS, direction: $descending }
      ) { groups { isCut rows { productId events quantities { unit } charges { currency charge } product { described } } } }
    }"""
    api = {"productId": "api", "events": 12, "quantities": [{"unit": "call"}], "product": {"described": False}}
    api["charges"] = [{"currency": "EUR", "charge": "1.2"}]
    maps = {"productId": "maps", "events": 1, "quantities": [{"unit": "GB"}], "product": {"described": False}}
    maps["charges"] = [{"currency": "USD", "charge": "2"}]

    async def groups(first: int, direction: str) -> Any:
        return (await door.ask(asked, first=first, descending=direction)).data["subscriptionSettlement"]["groups"]

    assert await groups(1, "DESCENDING") == {"isCut": True, "rows": [api]}
    assert await groups(1, "ASCENDING") == {"isCut": True, "rows": [maps]}
    assert await groups(2, "DESCENDING") == {"isCut": False, "rows": [api, maps]}


async def test_records_in_a_report_are_nodes_and_lead_on(door: Door, recorded: None) -> None:
    asked = """{
      licenseAudit(licenseId: "l1", asOf: { sequence: 17 }) {
        license { id status customer { name } }
        activities { rows { customer { name } } }
      }
      customerSummary(customerId: "c1") { licenses { licenseId license { status } product { recordId } } }
      subscriptionSettlement(subject: { subscriptionId: "s1" }) {
        subject { id }
        documents { __typename id }
        linked { __typename recordId ... on License { customer { name } } }
      }
    }"""
    data = (await door.ask(asked)).data
    assert data["licenseAudit"]["license"] == {"id": "license_1_l1", "status": "active", "customer": {"name": "Acme"}}
    assert {each["customer"]["name"] for each in data["licenseAudit"]["activities"]["rows"]} == {"Acme"}
    assert data["customerSummary"]["licenses"] == [
        {"licenseId": "l1", "license": {"status": "active"}, "product": None},
        {"licenseId": "l2", "license": {"status": None}, "product": None},
    ]
    assert data["subscriptionSettlement"] == {
        "subject": [{"id": "subscription_1_s1"}],
        "documents": [{"__typename": "Document", "id": "document_1_d1"}],
        "linked": [
            {"__typename": "Customer", "recordId": "c1"},
            {"__typename": "Product", "recordId": "api"},
            {"__typename": "Product", "recordId": "maps"},
            {"__typename": "License", "recordId": "l1", "customer": {"name": "Acme"}},
            {"__typename": "License", "recordId": "l2", "customer": None},
            {"__typename": "Order", "recordId": "o1"},
        ],
    }


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ('licenseAudit(licenseId: "nobody") { asOf }', "no license nobody"),
        ('licenseAudit(licenseId: "l1", asOf: { sequence: 0 }) { asOf }', "no license l1"),
        ('customerSummary(customerId: "l1") { asOf }', "no customer l1"),
        ('subscriptionSettlement(subject: { orderId: "s1" }) { asOf }', "no order s1"),
    ],
)
async def test_an_unknown_subject_is_an_error_of_its_own_field_alone(
    asked: str, message: str, door: Door, recorded: None
) -> None:
    answer = await door.ask(f"{{ report: {asked} viewer {{ account {{ name }} }} }}")
    assert (answer.status, answer.code, answer.error["message"]) == (200, "NOT_FOUND", message)
    assert answer.body["data"] == {"report": None, "viewer": {"account": {"name": "acme"}}}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ('licenseAudit(licenseId: "") { asOf }', "licenseId"),
        ('licenseAudit(licenseId: "l1", first: 201) { asOf }', "first"),
        (
            'customerSummary(customerId: "c1", period: { from: "2026-04-01T00:00:00Z", to: "2026-04-01T00:00:00Z" }) { asOf }',
            "from",
        ),
        ('customerSummary(customerId: "c1", asOf: { sequence: 99 }) { asOf }', "asOf"),
        (
            'subscriptionSettlement(subject: { orderId: "o1" }, groupBy: [{ dimension: ORDER }, { dimension: ORDER }]) { asOf }',
            "groupBy",
        ),
    ],
)
async def test_what_cannot_be_asked_names_the_field(asked: str, field: str, door: Door, recorded: None) -> None:
    answer = await door.ask(f"{{ {asked} }}")
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_QUERY", field)


async def test_a_settlement_is_about_one_thing(door: Door) -> None:
    for subject in ("{}", '{ subscriptionId: "s1", orderId: "o1" }', "{ orderId: null }"):
        assert (await door.ask(f"{{ subscriptionSettlement(subject: {subject}) {{ asOf }} }}")).code == "INVALID_QUERY"


async def test_an_open_period_is_one_without_that_end(door: Door, recorded: None) -> None:
    async def events(period: str) -> int:
        answer = await door.ask(f'{{ licenseAudit(licenseId: "l1", period: {period}) {{ total {{ events }} }} }}')
        return int(answer.data["licenseAudit"]["total"]["events"])

    middle = (at(0) - timedelta(days=5)).isoformat()
    assert await events("null") == 12
    assert await events("{ from: null, to: null }") == 12
    assert await events(f'{{ from: "{middle}" }}') == 5
    assert await events(f'{{ to: "{middle}" }}') == 7
