"""The schema: queries and mutations together, with caches, bounds and one way to tell errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLOneOfDirective
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from app.api.graphql.completion import FlatExecutor
from app.api.graphql.context import Connected, Context
from app.api.graphql.errors import presented
from app.api.graphql.limits import MOST_TOKENS, Bounds, NamedOperation
from app.api.graphql.live import Subscription
from app.api.graphql.reads import Query
from app.api.graphql.scalars import SCALARS
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
        result = await super().execute(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            allowed,
            operation_extensions,
        )
        if result.errors:
            request_id = context_value.request_id if context_value is not None else ""
            result.errors = [presented(each, request_id) for each in result.errors]
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
        request_id = context_value.request_id if context_value is not None else ""
        try:
            context = await context_value.operation() if isinstance(context_value, Connected) else context_value
        except GatewayError as error:
            refused = GraphQLError(error.message, original_error=error)
            return _told(_only(PreExecutionError(data=None, errors=[refused])), request_id)
        results = await super().stream(
            query,
            variable_values,
            context,
            root_value,
            operation_name,
            operation_extensions,
            allowed_operation_types,
        )
        return _told(results, request_id)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `presented` logs what is worth it, and a caller's own mistakes are not."""


async def _only(result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
    yield result


async def _told(results: Any, request_id: str) -> AsyncGenerator[Any, None]:
    async with aclosing(results):
        async for result in results:
            if result.errors:
                result.errors = [presented(each, request_id) for each in result.errors]
            yield result


schema = Schema(
    Query,
    Mutation,
    Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=FlatExecutor,
    extensions=[
        # Each is made anew for every operation; the caches behind them, and the rules in them, are not.
        lambda: MaxTokensLimiter(MOST_TOKENS),
        lambda: AddValidationRules([Bounds]),
        ParserCache,
        NamedOperation,
        ValidationCache,
    ],
)


def sdl() -> str:
    """The schema in its definition language, as it stands in `schema.graphql`."""
    # The printer leaves out the description of the one directive that the library brings.
    one_of = f'"""{GraphQLOneOfDirective.description}"""\ndirective @oneOf'
    return schema.as_str().replace("directive @oneOf", one_of).rstrip() + "\n"
