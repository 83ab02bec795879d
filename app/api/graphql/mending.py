"""Mending what was refused, over GraphQL: replayed once its format is right, or dropped for good."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from app.api.graphql.context import Info
from app.api.graphql.payloads import Payload, attempt
from app.api.graphql.rejects import NEEDED, Reject, reject_node
from app.api.graphql.scopes import Needs
from app.domain.account import Permission
from app.explanation import refused
from app.ledger import replaying

MOST_REPLAYED = 10_000
"""Rejects that one mutation tries again."""


@strawberry.input(description="Which rejects to try again, and how.")
class ReplayRejectsInput:
    ids: list[strawberry.ID] | None = strawberry.field(default=None, description="These; all open ones by default.")
    format: list[str] | None = strawberry.field(
        default=None, description="Only those that were read by one of these, where no ids are given."
    )
    read_by: str | None = strawberry.field(
        default=None, description="Name or ref of the format to read them by; else the newest version of the one they came by."
    )


@strawberry.type(description="What became of the rejects that were tried again.")
class ReplayRejectsPayload(Payload):
    inserted: int = strawberry.field(description="How many were recorded now.")
    duplicate: int = strawberry.field(description="How many had been recorded meanwhile with the same content.")
    conflict: int = strawberry.field(description="How many contradict what is recorded.")
    rejected: int = strawberry.field(description="How many still cannot be recorded.")
    left: list[Reject] = strawberry.field(description="The first few that are left, with the reason of today.")
    more: bool = strawberry.field(description=f"Whether there are more to try: one call tries {MOST_REPLAYED:,}.")


@strawberry.input(description="Which rejects to take away.")
class DropRejectsInput:
    ids: list[strawberry.ID] = strawberry.field(description=f"Their ids, at most {replaying.MOST_DROPPED:,}.")


@strawberry.type(description="What became of the rejects that were to be dropped.")
class DropRejectsPayload(Payload):
    ids: list[strawberry.ID] = strawberry.field(description="Those that are gone now; what was gone before is not among them.")


async def _replay(
    info: Info, input: Annotated[ReplayRejectsInput, strawberry.argument(description="Which ones.")]
) -> ReplayRejectsPayload | None:
    services, principal = info.context.services, info.context.principal
    done, errors = await attempt(
        replaying.replay(
            services.store,
            principal,
            rules=services.rules,
            filters=refused.wanted(format=input.format),
            ids=input.ids,
            format_ref=input.read_by,
            most=MOST_REPLAYED,
        )
    )
    told = replaying.Replayed() if done is None else done
    left = [reject_node(each) for each in told.left_first]
    return ReplayRejectsPayload(left=left, more=told.more, errors=errors, **told.told())


async def _drop(
    info: Info, input: Annotated[DropRejectsInput, strawberry.argument(description="Which ones.")]
) -> DropRejectsPayload | None:
    services = info.context.services
    gone, errors = await attempt(replaying.drop(services.store, info.context.principal, input.ids, rules=services.rules))
    return DropRejectsPayload(ids=[strawberry.ID(each) for each in gone or ()], errors=errors)


replay_rejects: Any = strawberry.mutation(
    resolver=_replay,
    description="Try again what was refused, oldest first. What is recorded now is recorded once, and leaves the open rejects.",
    extensions=[Needs(NEEDED)],
)
drop_rejects: Any = strawberry.mutation(
    resolver=_drop,
    description="Take rejects away for good, payload and reason; that it was done stands in the ledger.",
    extensions=[Needs(Permission.ADMIN)],
)
