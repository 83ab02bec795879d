"""What an operation passes before anything of it runs: bounds, validation, its price, and the caller's budget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import lru_cache
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

from app.access.budget import Overspent
from app.api.graphql.arguments_in import argument_of
from app.api.graphql.bounds import MOST_TOKENS, TOO_COMPLEX, overstepped
from app.api.graphql.context import Context
from app.api.graphql.price import Price, excess, price_of

_REMEMBERED = 256
"""Documents of which parsing and checking are remembered, whoever sent them."""


@lru_cache(maxsize=_REMEMBERED)
def parsed(query: str) -> DocumentNode:
    """The document. Raises GraphQLSyntaxError."""
    return parse(query, max_tokens=MOST_TOKENS)


@lru_cache(maxsize=_REMEMBERED)
def problems(schema: GraphQLSchema, document: DocumentNode, introspection: bool) -> list[GraphQLError]:
    """What is wrong with the document, whatever its variables are: bounds first, since validation itself takes long without
    them."""
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
    """The fields in a document, which is within its bounds."""
    waiting: list[Any] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, (list, tuple)):
            waiting += each
        elif isinstance(each, Node):
            if isinstance(each, FieldNode):
                yield each
            waiting += [getattr(each, name) for name in ("definitions", "selection_set", "selections") if hasattr(each, name)]


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

    def on_parse(self) -> Iterator[None]:
        """Parse the document, unless it was parsed before."""
        self._told: dict[str, Any] = {}
        execution = self.execution_context
        execution.parse_options["max_tokens"] = MOST_TOKENS
        with suppress(GraphQLError):  # which the library meets again, and tells as it should
            execution.graphql_document = parsed(execution.query) if execution.query else None
        yield

    async def on_validate(self) -> AsyncIterator[None]:
        """Whatever is found here stands in the place of what the library would find."""
        execution, context = self.execution_context, self.execution_context.context
        assert execution.graphql_document is not None
        try:
            execution.pre_execution_errors = await self._problems(execution.graphql_document, context)
        except GraphQLError as error:
            execution.pre_execution_errors = [error]
        yield

    async def _problems(self, document: DocumentNode, context: Context | None) -> list[GraphQLError]:
        # The library's public attribute has the first operation's name in the place of none.
        operation = chosen(document, self.execution_context._provided_operation_name)
        schema = self.execution_context.schema._schema
        found = problems(schema, document, context is None or context.services.terms.introspection)
        if found or context is None:
            return found
        price = price_of(schema, document, operation, self.execution_context.variables)
        self._told = await told(price, context)
        too_much = excess(price, context.services.terms.most_points)
        if too_much is not None:
            return [GraphQLError(too_much, operation, extensions={"code": TOO_COMPLEX})]
        try:
            context.balance = await context.services.points.spend(context.principal, price.points)
        except Overspent as error:
            context.balance, context.refusal = error.balance, error
            return [GraphQLError(error.message, operation, original_error=error)]
        self._told = await told(price, context)
        return []

    def get_results(self) -> dict[str, Any]:
        """The cost, once: with the first result where there are several."""
        told, self._told = self._told, {}
        return told


async def told(price: Price, context: Context) -> dict[str, Any]:
    """The price and the caller's budget, as `extensions` has them."""
    balance = context.balance or await context.services.points.balance(context.principal)
    cost: dict[str, Any] = {"price": price.points, "most": context.services.terms.most_points}
    if balance is not None:
        cost |= {"budget": balance.quota, "left": balance.left, "resetSeconds": balance.reset}
    return {"cost": cost}
