"""What a document costs, in points, from its shape and the sizes of the pages that it asks for; never from what an account holds.

A field that gives objects costs a point for each object that it may give; what is counted, added up, recorded or frozen costs
more, as `WEIGHTS` has it. A page gives as many rows as it is asked for, a list without a page `LISTED` rows, a field inside of
them so many times over. Plain values are free. `@skip` and `@include` change nothing: a price is the most that the operation can
cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)

from app.reports.report import DEFAULT_ROWS, MOST_ROWS

LISTED = 5
"""Rows that a list is taken to have which is not paged: the units of a group, say."""
WEIGHTS = {
    "totalCount": 100,
    "lateArrivals": 200,
    "rejectsWaiting": 10,
    "unknown": 10,
    "UsageSummary": 50,
    "UsageGroupConnection": 50,
    "LicenseAudit": 100,
    "CustomerSummary": 100,
    "SubscriptionSettlement": 100,
    "(compareWith)": 50,
    "Completeness": 20,
    "distinctCustomers": 1,
    "minimum": 1,
    "maximum": 1,
    "percentile": 1,
    "Drift": 200,
    "createExport": 1_000,
    "replayRejects": 1_000,
    "tryFormat": 100,
    "why": 100,
    "activities on Live": 100,
    "export on Live": 100,
    "__schema": 100,
    "__type": 10,
}
"""Points that a field costs beyond its rows: by its name, by its name and the type that it is on, by the type that it gives, or
by an (argument) that it is asked with."""
WRITING = 10
"""Points that a mutation costs, and each item that it brings one more."""


@dataclass(slots=True)
class Price:
    """What an operation costs: `points` in all, and `parts`: what the fields at each path cost by themselves."""

    points: int = 0
    parts: dict[str, int] = field(default_factory=dict)

    def costliest(self, count: int = 1) -> list[tuple[str, int]]:
        """The paths that cost most."""
        return sorted(self.parts.items(), key=lambda part: -part[1])[:count]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a selection stands: how often it is answered, how many rows the page around it has, and the path to it."""

    times: int
    page: int
    path: tuple[str, ...]


class _Pricing:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self.price = Price()
        self._schema = schema
        self.named: dict[str, None] = {}
        """The variables that were looked at, in order: the same ones whatever their values are."""
        self._variables = variables
        self._fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}

    def add(self, parent: GraphQLCompositeType, selections: list[SelectionSetNode], place: _Place) -> None:
        """Price what is selected. Fields that are asked for twice under one name are answered once, and so they are priced."""
        for found, nodes in self._fields(parent, selections):
            self._field(parent, found, nodes, place)

    def _fields(
        self, parent: GraphQLCompositeType, selections: Iterable[SelectionSetNode]
    ) -> Iterable[tuple[GraphQLField, list[FieldNode]]]:
        collected: dict[tuple[str, int], tuple[GraphQLField, list[FieldNode]]] = {}
        spread: set[str] = set()

        def collect(type_: GraphQLCompositeType, selected: SelectionSetNode) -> None:
            for each in selected.selections:
                if isinstance(each, FieldNode):
                    found = self._schema.get_field(type_, each.name.value)
                    if found is not None:
                        name = (each.alias or each.name).value
                        collected.setdefault((name, id(found)), (found, []))[1].append(each)
                    continue
                inner: FragmentDefinitionNode | Any = each
                if isinstance(each, FragmentSpreadNode):
                    if each.name.value in spread:
                        continue
                    spread.add(each.name.value)
                    inner = self._fragments[each.name.value]
                condition = inner.type_condition
                narrowed = type_ if condition is None else self._schema.get_type(condition.name.value)
                collect(narrowed, inner.selection_set)  # type: ignore[arg-type]

        for each in selections:
            collect(parent, each)
        return collected.values()

    def _field(self, parent: GraphQLCompositeType, found: GraphQLField, nodes: list[FieldNode], place: _Place) -> None:
        node = nodes[0]
        name, path = node.name.value, (*place.path, node.name.value)
        named = get_named_type(found.type)
        weight = WEIGHTS.get(f"{name} on {parent.name}", WEIGHTS.get(name, WEIGHTS.get(named.name, 0)))
        weight += sum(WEIGHTS.get(f"({each.name.value})", 0) for each in node.arguments or ())
        if parent is self._schema.mutation_type:
            weight += WRITING + self._items(node)
        selected = [each.selection_set for each in nodes if each.selection_set is not None]
        if not selected or name.startswith("__"):
            self._count(path, place.times * weight)
            return
        page = self._page(found, node, place.page)
        rows = self._rows(parent, found.type, node, place.page)
        # What only holds a page together (a connection, an edge, the information on it) costs nothing by itself.
        holds = named.name.endswith(("Connection", "Edge", "Excerpt")) or named.name == "PageInfo"
        self._count(path, place.times * (weight + (0 if holds else rows)))
        assert isinstance(named, (GraphQLObjectType, GraphQLInterfaceType))
        self.add(named, selected, _Place(place.times * rows, page, path))

    def _rows(self, parent: GraphQLCompositeType, type_: GraphQLOutputType, node: FieldNode, page: int) -> int:
        """How many objects one answer of the field may have."""
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if not isinstance(inner, GraphQLList):
            return 1
        if parent.name.endswith(("Connection", "Excerpt")):
            return page
        ids = self._argument(node, "ids")
        return len(ids) if isinstance(ids, list) else LISTED

    def _page(self, found: GraphQLField, node: FieldNode, around: int) -> int:
        """How many rows there are to a page in the field; what is not paged by itself is cut as what is around it."""
        if "first" not in found.args:
            return around
        sizes = (self._argument(node, name) for name in ("first", "last"))
        stated = [each for each in sizes if isinstance(each, int) and not isinstance(each, bool)]
        # More than the most is refused when it is answered, and so is less than none.
        return min(max(stated[0], 0), MOST_ROWS) if stated else DEFAULT_ROWS

    def _items(self, node: FieldNode) -> int:
        """How many items a mutation brings, in the lists right in its input."""
        stated = self._argument(node, "input")
        return sum(len(each) for each in stated.values() if isinstance(each, list)) if isinstance(stated, dict) else 0

    def _argument(self, node: FieldNode, name: str) -> Any:
        return next((self.value(each.value) for each in node.arguments or () if each.name.value == name), None)

    def value(self, value: ValueNode) -> Any:
        """What is stated, as far as it is of interest: numbers, and how many there are in a list."""
        match value:
            case VariableNode():
                self.named[value.name.value] = None
                return self._variables.get(value.name.value)
            case IntValueNode():
                return int(value.value) if len(value.value) < 10 else MOST_ROWS
            case ListValueNode():
                return list(value.values)
            case ObjectValueNode():
                return {each.name.value: self.value(each.value) for each in value.fields}
        return None

    def _count(self, path: tuple[str, ...], points: int) -> None:
        if points:
            self.price.points += points
            place = ".".join(path)
            self.price.parts[place] = self.price.parts.get(place, 0) + points


class Prices:
    """What one operation of a valid document costs with one set of variables or another. Most often that was asked before."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._document = document
        self._operation = operation
        self._named: tuple[str, ...] | None = None
        self._known: dict[tuple[Any, ...], Price] = {}

    def of(self, variables: Mapping[str, Any]) -> Price:
        """The price with these variables; one that has a default and is not given has it."""
        if self._named is not None:
            known = self._known.get(self._sizes(variables))
            if known is not None:
                return known
        stated = dict(variables)
        pricing = _Pricing(self._schema, self._document, stated)
        for each in self._operation.variable_definitions or ():
            if each.default_value is not None:
                stated.setdefault(each.variable.name.value, pricing.value(each.default_value))
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None
        pricing.price.points = 1
        pricing.add(root, [self._operation.selection_set], _Place(1, DEFAULT_ROWS, ()))
        self._named = tuple(pricing.named)
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[self._sizes(variables)] = pricing.price
        return pricing.price

    def _sizes(self, variables: Mapping[str, Any]) -> tuple[Any, ...]:
        """What a price can depend on."""
        assert self._named is not None
        return tuple(_size(variables[name]) if name in variables else _ABSENT for name in self._named)


_KNOWN = 64
"""Prices that are remembered of one operation."""
_ABSENT = ("absent",)


def _size(value: Any) -> Any:
    """Of a number itself, of a list how long it is, of an input how long the lists in it are."""
    match value:
        case bool() | None:
            return None
        case int():
            return value
        case list():
            return "items", len(value)
        case dict():
            return "input", sum(len(each) for each in value.values() if isinstance(each, list))
    return None


def excess(price: Price, most: int) -> str | None:
    """What to say of a price over the bound: how much it is, where most of it comes from, and what to cut; None if it is
    within."""
    if price.points <= most:
        return None
    path, points = price.costliest()[0]
    return (
        f"The operation costs {price.points:,} points, and {most:,} is the most: {points:,} of them are for `{path}`. Ask for"
        " fewer rows there or around it (`first`), or for some of it in another operation."
    )
