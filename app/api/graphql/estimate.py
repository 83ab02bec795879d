"""Asking what a document would cost: it is read, checked and priced, and nothing of it is run."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from graphql import GraphQLError

from app.api.graphql.checks import chosen, prepared
from app.api.graphql.context import Info
from app.api.graphql.price import Price, excess
from app.api.graphql.scalars import JSONObject, SafeInt

MOST_PARTS = 10
"""Parts of a price that are told."""


@strawberry.type(description="What the fields at one path of a document cost, without what lies in them.")
class PricedField:
    path: str = strawberry.field(description="The path, such as `usageSummary.groups.edges.node`.")
    points: SafeInt = strawberry.field(description="What they cost.")


@strawberry.type(description="What a document would cost, from its shape and its page sizes alone, whatever the account holds.")
class Estimate:
    price: SafeInt | None = strawberry.field(description="What it costs, in points; null where it cannot be run.")
    most: SafeInt = strawberry.field(description="What one operation may cost.")
    allowed: bool = strawberry.field(description="Whether it would be run now.")
    budget: SafeInt | None = strawberry.field(description="What the key may spend in a window; null where there is no bound.")
    left: SafeInt | None = strawberry.field(description="What is left of that.")
    reset_seconds: int | None = strawberry.field(description="When the window ends and the budget is whole again, in seconds.")
    costliest: list[PricedField] = strawberry.field(description=f"Where the points are, the most first; at most {MOST_PARTS}.")
    problems: list[str] = strawberry.field(description="Why it would not be run, with what to cut or mend; empty where it would.")


async def _estimate(
    info: Info,
    document: Annotated[str, strawberry.argument(description="The document, as it would be sent.")],
    variables: Annotated[
        JSONObject | None, strawberry.argument(description="Its variables. Of interest are the sizes of pages.")
    ] = None,
    operation_name: Annotated[
        str | None, strawberry.argument(description="Which of its operations, where there are several.")
    ] = None,
) -> Estimate:
    context = info.context
    terms = context.services.terms
    balance = await context.services.points.balance(context.principal)
    price, wrong = _priced(info, document, variables, operation_name)
    if price is not None:
        too_much = excess(price, terms.most_points)
        wrong += [too_much] if too_much is not None else []
        if balance is not None and price.points > balance.left:
            wrong.append(f"Only {balance.left:,} points are left for {balance.reset} seconds.")
    return Estimate(
        price=None if price is None else SafeInt(price.points),
        most=SafeInt(terms.most_points),
        allowed=not wrong,
        budget=None if balance is None else SafeInt(balance.quota),
        left=None if balance is None else SafeInt(balance.left),
        reset_seconds=None if balance is None else balance.reset,
        costliest=[
            PricedField(path=path, points=SafeInt(points))
            for path, points in (price.costliest(MOST_PARTS) if price is not None else ())
        ],
        problems=wrong,
    )


estimate: Any = strawberry.field(
    resolver=_estimate, description="What a document would cost, without running it. Needs a token, and no scope."
)


def _priced(info: Info, text: str, variables: Any, name: str | None) -> tuple[Price | None, list[str]]:
    schema, terms = info.schema._schema, info.context.services.terms
    try:
        document = prepared(text)
        operation = chosen(document.document, name)
    except GraphQLError as error:
        return None, [error.message]
    found = document.problems(schema, introspection=terms.introspection)
    if found:
        return None, [each.message for each in found]
    return document.price(schema, operation, variables), []
