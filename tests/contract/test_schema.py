"""The schema as a contract: kept in a file, described to the last argument, made from the reports' own columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
)
from strawberry.utils.str_converters import to_camel_case

from app.api.graphql.schema import schema, sdl
from app.domain.account import Principal
from app.domain.catalogue import RecordKind
from app.domain.errors import InvalidEvent
from app.ledger import catalogue, events
from app.ledger.commands import Rules
from app.ports import Store
from app.reports import feed
from app.reports.totals import ALL_KEYS, TOTAL
from app.reports.usage_summary import GROUPS
from tests.events import at

OWN = {name: each for name, each in schema._schema.type_map.items() if not name.startswith("__")}


def fields_of(name: str) -> list[str]:
    """The names of a type's fields."""
    made = OWN[name]
    assert isinstance(made, (GraphQLObjectType, GraphQLInputObjectType, GraphQLInterfaceType))
    return list(made.fields)


def camel(names: list[str]) -> list[str]:
    return [to_camel_case(each) for each in names]


def test_the_schema_is_the_one_in_the_file() -> None:
    assert sdl() == (Path(__file__).parents[2] / "schema.graphql").read_text()


@pytest.mark.parametrize("type_", OWN.values(), ids=list(OWN))
def test_everything_is_described(type_: GraphQLNamedType) -> None:
    silent = [] if type_.description else [type_.name]
    if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
        for name, field in type_.fields.items():
            silent += [] if field.description else [f"{type_.name}.{name}"]
            silent += [f"{type_.name}.{name}({argument})" for argument, each in field.args.items() if not each.description]
    elif isinstance(type_, GraphQLInputObjectType):
        silent += [f"{type_.name}.{name}" for name, each in type_.fields.items() if not each.description]
    elif isinstance(type_, GraphQLEnumType):
        silent += [f"{type_.name}.{name}" for name, each in type_.values.items() if not each.description]
    assert silent == []


def test_no_number_is_a_float() -> None:
    assert "Float" not in OWN
    assert sorted(name for name, each in OWN.items() if isinstance(each, GraphQLScalarType)) == [
        *("Boolean", "DateTime", "Decimal", "ID", "Int", "JSONObject", "SafeInt", "String", "TimeZone", "URL")
    ]


def test_an_entry_has_the_columns_of_the_feed() -> None:
    links = ["product", "customer", "license", "order", "subscription"]
    assert fields_of("Entry") == camel([each.name for each in feed.COLUMNS]) + links


def test_totals_and_groups_have_the_columns_of_the_summary() -> None:
    more = ["quantities", "charges", "distinctCustomers", "previous", "change"]
    assert fields_of("UsageTotal") == [*camel([each.name for each in TOTAL.groups.columns]), *more, "entries"]
    links = ["product", "customer", "license", "order", "subscription"]
    assert fields_of("UsageGroup") == camel([each.name for each in GROUPS.groups.columns]) + more + links + ["entries"]
    extremes = ["average", "minimum", "maximum"]
    assert fields_of("UnitTotal") == [*camel([each.name for each in TOTAL.quantities.columns]), *extremes, "percentile"]
    assert fields_of("CurrencyTotal") == camel([each.name for each in TOTAL.charges.columns]) + extremes
    assert fields_of("UsageGroup")[: len(ALL_KEYS)] == camel(list(ALL_KEYS))


def test_an_event_can_be_told_all_that_the_ledger_takes() -> None:
    assert set(fields_of("UsageEventInput")) == set(camel(list(events.FIELDS)))
    assert set(fields_of("ActivityInput")) == set(camel(list(events.FIELDS)))
    assert set(fields_of("UsageEventChanges")) == set(camel(list(events.FIELDS - {"id", "source", "actor"})))


@pytest.mark.parametrize("kind", RecordKind)
async def test_a_record_can_be_told_all_that_the_catalogue_takes_and_nothing_else(
    kind: RecordKind, store: Store, admin: Principal, rules: Rules
) -> None:
    taken = {"id"}
    values = {"additional_data": {"a": 1}, "starts_at": at(0), "ends_at": at(1)}
    for name in sorted(catalogue.FIELDS):
        value = values.get(name, "invoice")
        try:
            await catalogue.upsert(store, admin, kind, "x", {name: value}, rules=rules)
        except InvalidEvent:
            continue
        taken.add(name)
    assert set(fields_of(f"Upsert{kind.capitalize()}Input")) == set(camel(list(taken)))


def test_a_connection_has_what_relay_asks_for() -> None:
    for name in ("EntryConnection", "UsageGroupConnection", "CustomerConnection"):
        assert fields_of(name)[:2] == ["edges", "pageInfo"]
    for name in ("EntryEdge", "UsageGroupEdge"):
        assert fields_of(name) == ["cursor", "node"]
    assert fields_of("PageInfo") == ["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"]
    assert fields_of("Node") == ["id"]
