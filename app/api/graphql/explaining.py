"""Why, over GraphQL: what became of something that was sent, and where it counts."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from app.api.graphql.context import Info
from app.api.graphql.nodes import Entry
from app.api.graphql.rejects import Reject, reject_node
from app.api.graphql.scopes import Needs
from app.domain.account import Permission
from app.domain.errors import NotFound
from app.explanation import why
from app.explanation.why import Verdict


@strawberry.type(description="A report in which an event counts.")
class CountedIn:
    report: str = strawberry.field(description="The report's name.")
    subject: str | None = strawberry.field(description="Which of the event's links it is about; null for the whole ledger.")
    value: strawberry.ID | None = strawberry.field(description="Of whom, where it is about one.")


@strawberry.type(description="What became of one thing that was sent.")
class Explanation:
    verdict: Verdict = strawberry.field(description="What became of it.")
    told: str = strawberry.field(description="The same in a sentence, for people.")
    entry: Entry | None = strawberry.field(description="The first version of the event that it is, repeats or contradicts.")
    standing: Entry | None = strawberry.field(description="The version of that event that stands now; null once it is retracted.")
    reject: Reject | None = strawberry.field(description="What is kept of its being refused, if it was.")
    counted_in: list[CountedIn] = strawberry.field(description="The reports in which it counts; empty for what was refused.")
    export_ids: list[strawberry.ID] = strawberry.field(
        description=f"Of the newest {why.MOST_EXPORTS} exports those that are ready and have it in them."
    )


async def _why(
    info: Info,
    id: Annotated[
        strawberry.ID, strawberry.argument(description="A sender's own id, an event's ref, an entry's id or a reject's.")
    ],
    sender: Annotated[str | None, strawberry.argument(name="source", description="Name of the sender whose id it is.")] = None,
) -> list[Explanation]:
    try:
        found = await why.why(info.context.services.store, info.context.principal, id, source=sender)
    except NotFound:
        return []
    return [
        Explanation(
            verdict=each.verdict,
            told=each.told,
            entry=each.entry,
            standing=each.standing,
            reject=None if each.reject is None else reject_node(each.reject),
            counted_in=[
                CountedIn(
                    report=told.report, subject=told.subject, value=None if told.value is None else strawberry.ID(told.value)
                )
                for told in each.counted_in
            ],
            export_ids=[strawberry.ID(export) for export in each.exports],
        )
        for each in found
    ]


explained: Any = strawberry.field(
    resolver=_why,
    description="What became of something that was sent: what is accepted first, then what was refused; empty where nothing is.",
    extensions=[Needs(Permission.USAGE_WRITE)],
)
