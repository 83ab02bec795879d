"""The schema: queries and mutations together, with caches, bounds and one way to tell errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLOneOfDirective
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.graphql import OperationType

from app.api.graphql.completion import FlatExecutor
from app.api.graphql.context import Context
from app.api.graphql.errors import presented
from app.api.graphql.limits import MOST_TOKENS, Bounds, NamedOperation
from app.api.graphql.reads import Query
from app.api.graphql.scalars import SCALARS
from app.api.graphql.writes import Mutation


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
        result = await super().execute(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            allowed_operation_types,
            operation_extensions,
        )
        if result.errors:
            request_id = context_value.request_id if context_value is not None else ""
            result.errors = [presented(each, request_id) for each in result.errors]
        return result

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `presented` logs what is worth it, and a caller's own mistakes are not."""


schema = Schema(
    Query,
    Mutation,
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
