"""What an operation passes before anything of it runs: bounds, validation, its price, and the caller's budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from app.access.budget import Balance, Overspent
from app.api.graphql.arguments_in import argument_of
from app.api.graphql.bounds import MOST_TOKENS, TOO_COMPLEX, overstepped
from app.api.graphql.context import Context
from app.api.graphql.price import Price, Prices, excess

MOST_REMEMBERED = 256
"""Documents of which parsing and checking are remembered, whoever sent them."""
MOST_CHARACTERS = 200_000
"""Characters that these have at most, all together: parsed, a document takes some hundred times as much."""


class Prepared:
    """A document, and what was found out about it: remembered by its text, whoever sent it."""

    def __init__(self, document: DocumentNode) -> None:
        self.document = document
        self._problems: dict[bool, list[GraphQLError]] = {}
        self._prices: dict[str, Prices] = {}
        self.plans: dict[str, Any] = {}
        """By the names of its operations: how they are answered whole, None where they are not (see `whole`)."""

    def problems(self, schema: GraphQLSchema, *, introspection: bool) -> list[GraphQLError]:
        """What is wrong with it, whatever its variables are."""
        if introspection not in self._problems:
            self._problems[introspection] = _problems(schema, self.document, introspection)
        return self._problems[introspection]

    def price(self, schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None) -> Price:
        """What an operation of it costs, where nothing is wrong with it."""
        name = operation.name.value if operation.name is not None else ""
        if name not in self._prices:
            self._prices[name] = Prices(schema, self.document, operation)
        return self._prices[name].of(variables or {})


_known: OrderedDict[str, Prepared] = OrderedDict()
_characters = 0


def prepared(query: str) -> Prepared:
    """The document with that text. Raises GraphQLSyntaxError."""
    global _characters
    found = _known.get(query)
    if found is not None:
        _known.move_to_end(query)
        return found
    made = Prepared(parse(query, max_tokens=MOST_TOKENS))
    _known[query] = made
    _characters += len(query)
    while len(_known) > MOST_REMEMBERED or _characters > MOST_CHARACTERS:
        forgotten, _ = _known.popitem(last=False)
        _characters -= len(forgotten)
    return made


def _problems(schema: GraphQLSchema, document: DocumentNode, introspection: bool) -> list[GraphQLError]:
    """Bounds come first, since validation itself takes long without them."""
    found = overstepped(document)
    if not found and not introspection:
        found = [GraphQLError("The schema is not told here.", each) for each in _fields(document) if each.name.value in _TOLD]
    if not found:
        found = validate_document(schema, document, tuple(specified_rules))
        for each in found:
            argument = argument_of(document, each.nodes or ())
            each.extensions = {"argument": argument} if argument else {}
    return found


_TOLD = ("__schema", "__type")


def _fields(node: Node) -> Iterator[FieldNode]:
    return (each for each in parts(node) if isinstance(each, FieldNode))


def parts(node: Node) -> Iterator[Node]:
    """Operations, fragments, selections and their directives in a document, which is within its bounds."""
    waiting: list[Any] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, (list, tuple)):
            waiting += each
        elif isinstance(each, Node):
            yield each
            waiting += [getattr(each, name) for name in _INNER if hasattr(each, name)]


_INNER = ("definitions", "directives", "selection_set", "selections")


async def pay(
    document: Prepared,
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any] | None,
    context: Context,
) -> tuple[dict[str, Any], GraphQLError | None]:
    """Pay for an operation of a valid document: what is told of its cost, and why it must not run, if it must not."""
    services = context.services
    price = document.price(schema, operation, variables)
    too_much = excess(price, services.terms.most_points)
    error: GraphQLError | None = None
    if too_much is not None:
        error = GraphQLError(too_much, operation, extensions={"code": TOO_COMPLEX})
        context.balance = await services.points.balance(context.principal)
    else:
        try:
            context.balance = await services.points.spend(context.principal, price.points)
        except Overspent as overspent:
            context.balance, context.refusal = overspent.balance, overspent
            error = GraphQLError(overspent.message, operation, original_error=overspent)
    return {"cost": _cost(price, services.terms.most_points, context.balance)}, error


def chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation that is meant. Raises GraphQLError where several could be, or none has the name."""
    operation = get_operation_ast(document, name)
    if operation is not None:
        return operation
    if name is not None:
        raise GraphQLError(f'Unknown operation named "{name}".')
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if operations:
        raise GraphQLError("Must provide operationName, since the document has several operations.", operations)
    raise GraphQLError("The document has no operation.")


class Checked(SchemaExtension):
    """Refuses what must not run, and tells what the operation costs in its `extensions`."""

    _told: dict[str, Any]
    _prepared: Prepared | None = None

    def on_parse(self) -> Iterator[None]:
        """Parse the document, unless it was parsed before."""
        self._told = {}
        execution = self.execution_context
        execution.parse_options["max_tokens"] = MOST_TOKENS
        if execution.query:
            with suppress(GraphQLError):  # which the library meets again, and tells as it should
                self._prepared = prepared(execution.query)
                execution.graphql_document = self._prepared.document
        yield

    async def on_validate(self) -> AsyncIterator[None]:
        """Whatever is found here stands in the place of what the library would find."""
        execution = self.execution_context
        assert self._prepared is not None, "what does not parse is not validated"
        try:
            execution.pre_execution_errors = await self._problems(self._prepared, execution.context)
        except GraphQLError as error:
            execution.pre_execution_errors = [error]
        yield

    async def _problems(self, document: Prepared, context: Context | None) -> list[GraphQLError]:
        # The library's public attribute has the first operation's name in the place of none.
        operation = chosen(document.document, self.execution_context._provided_operation_name)
        schema = self.execution_context.schema._schema
        terms = context.services.terms if context is not None else None
        found = document.problems(schema, introspection=terms is None or terms.introspection)
        if found or context is None or terms is None:
            return found
        if context.paid is not None:
            self._told, context.paid = context.paid, None
            return []
        self._told, error = await pay(document, schema, operation, self.execution_context.variables, context)
        return [] if error is None else [error]

    def get_results(self) -> dict[str, Any]:
        """The cost, once: with the first result where there are several."""
        told, self._told = self._told, {}
        return told


def _cost(price: Price, most: int, balance: Balance | None) -> dict[str, int]:
    cost = {"price": price.points, "most": most}
    if balance is not None:
        cost |= {"budget": balance.quota, "left": balance.left, "resetSeconds": balance.reset}
    return cost
