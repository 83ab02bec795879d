"""Lists completed by compiled functions are the lists that graphql-core completes, whatever the rows hold."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import GraphQLEnumType, GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type, is_leaf_type
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from app.api.graphql import completion
from app.api.graphql.completion import FlatExecutor
from app.api.graphql.scalars import SCALARS, JSONObject, SafeInt
from app.api.graphql.schema import schema as own_schema
from app.domain.account import Principal
from app.ledger.commands import Rules, record
from app.ports import Store
from tests.contract.conftest import Door
from tests.events import usage


@strawberry.enum
class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Part(Named):
    amount: Decimal
    note: str | None

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return getattr(obj, "is_part", False) is True


@strawberry.type
class Row:
    id: strawberry.ID
    text: str
    maybe_text: str | None
    whole: int
    maybe_whole: int | None
    big: SafeInt
    flag: bool
    amount: Decimal
    maybe_amount: Decimal | None
    at: datetime
    maybe_at: datetime | None
    colour: Colour
    maybe_colour: Colour | None
    data: JSONObject | None
    words: list[str]
    maybe_colours: list[Colour | None] | None
    part: Part
    maybe_part: Part | None
    parts: list[Part]
    named: Named

    @strawberry.field
    def resolved(self) -> str:
        return "a resolver ran"


@strawberry.type
class Query:
    @strawberry.field
    def rows(self, info: strawberry.Info) -> list[Row]:
        return info.context["rows"]  # type: ignore[no-any-return]

    @strawberry.field
    def maybe_rows(self, info: strawberry.Info) -> list[Row | None]:
        return info.context["rows"]  # type: ignore[no-any-return]


def schema_with(executor: type) -> strawberry.Schema:
    made = strawberry.Schema(Query, types=[Part], config=StrawberryConfig(scalar_map=SCALARS), execution_context_class=executor)
    made.process_errors = lambda *_args: None  # type: ignore[method-assign]
    return made


PLAIN, FLAT = schema_with(StrawberryGraphQLCoreExecutionContext), schema_with(FlatExecutor)
AT = datetime(2026, 4, 1, 12, tzinfo=UTC)


class Late:
    """A value that has to be awaited, and may be more than once."""

    def __await__(self) -> Generator[Any, None, str]:
        yield from asyncio.sleep(0).__await__()
        return "late"


def part(draw: random.Random, odd: float) -> Any:
    good = {"name": "bolt", "amount": Decimal("1.50"), "note": draw.choice((None, "n")), "is_part": True}
    bad: dict[str, Any] = {"name": None, "amount": "x", "note": 5, "is_part": False}
    return SimpleNamespace(**{name: bad[name] if draw.random() < odd else value for name, value in good.items()})


ODD: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: 5,
    lambda: 5.5,
    lambda: "text",
    lambda: "red",
    lambda: b"bytes",
    lambda: 2**40,
    lambda: Decimal("NaN"),
    lambda: [1, None],
    lambda: {"a": 1},
    lambda: ValueError("stored"),
    Late,
    lambda: True,
)


def row(draw: random.Random, odd: float) -> Any:
    """A row, each of whose values is odd with that probability."""
    good: dict[str, Any] = {
        "id": "r1",
        "text": 'naïve "😀"',
        "maybe_text": draw.choice((None, "t")),
        "whole": draw.choice((0, -(2**31), 2**31 - 1)),
        "maybe_whole": draw.choice((None, 7)),
        "big": 2**53 - 1,
        "flag": draw.choice((True, False)),
        "amount": Decimal("12345678901234567890.123456789012345678"),
        "maybe_amount": draw.choice((None, Decimal("1E+3"))),
        "at": AT,
        "maybe_at": draw.choice((None, AT)),
        "colour": draw.choice(tuple(Colour)),
        "maybe_colour": draw.choice((None, Colour.RED)),
        "data": draw.choice((None, '{"a":{"$decimal":"0.5"}}')),
        "words": draw.choice(([], ["a", "b"], ("c",))),
        "maybe_colours": draw.choice((None, [Colour.BLUE, None])),
        "part": part(draw, odd),
        "maybe_part": draw.choice((None, part(draw, odd))),
        "parts": [part(draw, odd) for _ in range(draw.randrange(5))],
        "named": part(draw, odd),
    }
    made = {name: draw.choice(ODD)() if draw.random() < odd else value for name, value in good.items()}
    if draw.random() < odd:
        del made[draw.choice(list(made))]
    return SimpleNamespace(**made)


LEAVES = (
    *("id", "text", "maybeText", "whole", "maybeWhole", "big", "flag", "amount", "maybeAmount", "at", "maybeAt"),
    *("colour", "maybeColour", "data", "words", "maybeColours", "__typename"),
)


def selection(draw: random.Random, *, resolvers: bool) -> Iterator[str]:
    """What is asked of a row: aliases, fragments, directives and nested objects among it."""
    for number in range(draw.randrange(1, 9)):
        kind = draw.random()
        alias = f"a{number}: " if draw.random() < 0.2 else ""
        directive = draw.choice(("", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @include(if: false)"))
        parts = draw.choice(("{ name amount }", "{ __typename note }", "{ n: name ...P }", "{ __typename }"))
        if kind < 0.6:
            yield f"{alias}{draw.choice(LEAVES)}{directive}"
        elif kind < 0.8:
            yield f"{alias}{draw.choice(('part', 'maybePart', 'parts'))}{directive} {parts}"
        elif kind < 0.9:
            yield draw.choice(("...R", "... { text }", "... on Row { amount colour }", "...R @skip(if: $yes)"))
        elif resolvers:
            yield draw.choice(("resolved", "named { name }", "named { __typename ... on Part { amount } }"))


def document(draw: random.Random, *, resolvers: bool) -> str:
    asked = " ".join(("text", *selection(draw, resolvers=resolvers)))
    return (
        f"query ($yes: Boolean!) {{ {draw.choice(('rows', 'maybeRows', 'x: rows'))} {{ {asked} }} y: __typename @skip(if: $yes) "
        "rows { ...R ... on Row { parts { ...P } } } } "
        "fragment R on Row { id whole part { ...P } } fragment P on Part { amount }"
    )


async def told(schema: strawberry.Schema, query: str, rows: list[Any], yes: bool) -> Any:
    result = await schema.execute(query, variable_values={"yes": yes}, context_value={"rows": rows})
    errors = [(each.message, each.path, [(at.line, at.column) for at in each.locations or ()]) for each in result.errors or ()]
    return result.data, str(result.data), errors


@pytest.mark.parametrize("odd", [0.0, 0.005, 0.05, 0.3])
async def test_both_tell_the_same(odd: float) -> None:
    draw = random.Random(f"completion {odd}")
    failed = 0
    for _ in range(60):
        query, yes, seed, size = document(draw, resolvers=True), draw.random() < 0.5, draw.random(), draw.randrange(8)
        if odd == 0 and size < 3:
            size = 3

        def rows(seed: float = seed, size: int = size) -> list[Any]:
            own = random.Random(seed)
            return [None if own.random() < odd / 4 else row(own, odd) for _ in range(size)]

        plain, flat = await told(PLAIN, query, rows(), yes), await told(FLAT, query, rows(), yes)
        assert flat == plain, query
        failed += bool(plain[2])
    assert (failed > 0) is (odd > 0)


async def test_ordinary_lists_are_compiled_and_equal_selections_once(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random("compiled")
    completed: list[int] = []
    stock = StrawberryGraphQLCoreExecutionContext.complete_iterable_value

    def noting(self: Any, item_type: Any, details: Any, info: Any, path: Any, items: Any, context: Any) -> Any:
        completed.append(len(items))
        return stock(self, item_type, details, info, path, items, context)

    monkeypatch.setattr(StrawberryGraphQLCoreExecutionContext, "complete_iterable_value", noting)
    rows = [row(draw, 0) for _ in range(50)]
    for _ in range(100):
        await told(FLAT, document(draw, resolvers=False), rows, True)
    assert completed == []
    before = completion._compiled.cache_info().currsize
    for _ in range(5):
        await told(FLAT, "{ rows { id text } }", rows, True)
    assert completion._compiled.cache_info().currsize - before <= 1
    await told(FLAT, "{ rows { id resolved } }", rows, True)
    assert completed == [50]


async def test_the_gateways_own_lists_are_compiled(
    door: Door, store: Store, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stock(*_args: Any, **_named: Any) -> Any:
        raise AssertionError("a list was left to graphql-core")

    items = [usage(customer_id=f"c{number}", additional_data={"n": number}, charge="1", currency="EUR") for number in range(5)]
    await record(store, admin, items, rules=rules)
    monkeypatch.setattr(StrawberryGraphQLCoreExecutionContext, "complete_iterable_value", stock)
    entry = own_schema._schema.type_map["Entry"]
    assert isinstance(entry, GraphQLObjectType)
    flat = [name for name, each in entry.fields.items() if is_leaf_type(get_named_type(each.type))]
    query = f"""{{
      activities {{ edges {{ cursor node {{ {" ".join(flat)} __typename }} }} }}
      usageLedger {{ edges {{ node {{ id quantity }} }} }}
      usageSummary(groupBy: [{{ dimension: CUSTOMER }}]) {{ groups {{ edges {{ node {{
        customerId events charge quantities {{ unit quantity }} charges {{ currency charge }} firstUse
      }} }} }} }}
      customers {{ edges {{ node {{ id recordId name sequence startsAt additionalData }} }} }}
    }}"""
    data = (await door.ask(query)).data
    assert [len(data[name]["edges"]) for name in ("activities", "usageLedger", "customers")] == [5, 5, 5]
    assert len(data["usageSummary"]["groups"]["edges"]) == 5


def test_every_list_of_the_schema_is_compiled_whatever_leaves_are_asked_of_its_rows() -> None:
    left = set()
    for row_type in row_types():
        for name, field in row_type.fields.items():
            if is_leaf_type(get_named_type(field.type)):
                try:
                    completion._attribute(field)
                except completion.NotFlat:
                    left.add(f"{row_type.name}.{name}")
                kind = get_named_type(field.type)
                assert kind.name in completion._EXACT or isinstance(kind, GraphQLEnumType), f"{row_type.name}.{name}"
    assert {"Entry", "UsageGroup", "LicenseAuditMonthsRow", "CustomerSummaryTrendRow", "RejectEdge"} <= {
        each.name for each in row_types()
    }
    # The one asks the store, the other takes an argument.
    assert left == {"Export.manifest", "UnitTotal.percentile"}


def row_types() -> list[GraphQLObjectType]:
    """The types of which some field of the schema gives a list, and of the nodes of edges."""
    declared = [
        each for name, each in own_schema._schema.type_map.items() if isinstance(each, GraphQLObjectType) and name[:2] != "__"
    ]
    listed = [get_named_type(field.type) for each in declared for field in each.fields.values() if is_list(field.type)]
    edges = [each for each in listed if isinstance(each, GraphQLObjectType) and "node" in each.fields]
    found = {each.name: each for each in [*listed, *(get_named_type(edge.fields["node"].type) for edge in edges)]}
    return [each for each in found.values() if isinstance(each, GraphQLObjectType)]


def is_list(kind: Any) -> bool:
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)
