"""The schema: queries and mutations together, with caches, bounds and one way to tell errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any

import strawberry
from graphql import FieldNode, GraphQLError, GraphQLObjectType, GraphQLOneOfDirective
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from app.api.graphql.arguments_in import argument_for, argument_named, missing_in, variable_in
from app.api.graphql.checks import Checked, prepared
from app.api.graphql.completion import FlatExecutor
from app.api.graphql.context import Connected, Context
from app.api.graphql.errors import presented
from app.api.graphql.live import Subscription
from app.api.graphql.reads import Query
from app.api.graphql.scalars import SCALARS
from app.api.graphql.whole import answered
from app.api.graphql.writes import Mutation
from app.domain.errors import GatewayError


class Schema(strawberry.Schema):
    """A schema whose errors carry our codes, and whose results hold nothing that the caller must not see."""

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Context | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """The result of one operation, errors as the caller is told them."""
        allowed = set(allowed_operation_types or OperationType) - {OperationType.SUBSCRIPTION}  # which gives no single result
        if query and context_value is not None and OperationType.QUERY in allowed:
            answer = await answered(self, query, variable_values or {}, context_value, operation_name)
            if answer is not None:
                return answer
        result = await super().execute(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            allowed,
            operation_extensions,
        )
        self._present(result, query, context_value)
        return result

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Context | Connected | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> AsyncGenerator[Any, None]:
        """The results of one operation one after the other, errors as the caller is told them. Of many operations on one
        connection each has a context of its own."""
        try:
            context = await context_value.operation() if isinstance(context_value, Connected) else context_value
            if context is not None:
                context.services.terms.documents.check(query)
        except GatewayError as error:
            refused = GraphQLError(error.message, original_error=error)
            return self._told(_only(PreExecutionError(data=None, errors=[refused])), query, context_value)
        results = await super().stream(
            query,
            variable_values,
            context,
            root_value,
            operation_name,
            operation_extensions,
            allowed_operation_types,
        )
        return self._told(results, query, context_value)

    async def _told(self, results: Any, query: str | None, context: Context | Connected | None) -> AsyncGenerator[Any, None]:
        async with aclosing(results):
            async for result in results:
                self._present(result, query, context)
                yield result

    def _present(self, result: ExecutionResult, query: str | None, context: Context | Connected | None) -> None:
        """Put errors as the caller is told them in the place of those that were met."""
        if result.errors:
            request_id = context.request_id if context is not None else ""
            suggestions = context is None or context.services.terms.suggestions
            arguments = partial(self._argument, query or "")
            result.errors = [presented(each, request_id, arguments, suggestions=suggestions) for each in result.errors]

    def _argument(self, query: str, error: GraphQLError, field: str | None) -> str | None:
        """The path of the argument that has that field, among those of the field of the schema that the error was met in; without
        a field that of the argument that the error's variable stands for."""
        if field is None:
            variable = variable_in(error.message)
            stands_for = None if variable is None else argument_for(prepared(query).document, variable[0])
            return missing_in(error.message) if variable is None or stands_for is None else stands_for + variable[1]
        node = error.nodes[0] if error.nodes else None
        if not isinstance(node, FieldNode):
            return None
        told = self._schema
        types = [each for each in told.type_map.values() if isinstance(each, GraphQLObjectType)]
        if error.path is not None and len(error.path) == 1:
            types = [each for each in (told.query_type, told.mutation_type, told.subscription_type) if each is not None]
        declared = (each.fields[node.name.value] for each in types if node.name.value in each.fields)
        return next((found for each in declared if (found := argument_named(each.args, field)) is not None), None)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `presented` logs what is worth it, and a caller's own mistakes are not."""


async def _only(result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
    yield result


schema = Schema(
    Query,
    Mutation,
    Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=FlatExecutor,
    extensions=[Checked],
)


def sdl() -> str:
    """The schema in its definition language, as it stands in `schema.graphql`."""
    # The printer leaves out the description of the one directive that the library brings.
    one_of = f'"""{GraphQLOneOfDirective.description}"""\ndirective @oneOf'
    return schema.as_str().replace("directive @oneOf", one_of).rstrip() + "\n"
