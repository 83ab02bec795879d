"""Ending exports over GraphQL: calling one off, and deleting the file of one."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from app.api.graphql.context import Info
from app.api.graphql.exports import NEEDED, Export, export_node
from app.api.graphql.payloads import Payload, attempt
from app.api.graphql.scopes import Needs
from app.exports import disposal


@strawberry.input(description="Which export to call off.")
class CancelExportInput:
    id: strawberry.ID = strawberry.field(description="The export's id.")


@strawberry.type(description="What became of an export that was called off.")
class CancelExportPayload(Payload):
    export: Export | None = strawberry.field(description="The export, cancelled; null where it cannot be.")


@strawberry.input(description="Which export's file to delete.")
class DeleteExportInput:
    id: strawberry.ID = strawberry.field(description="The export's id.")


@strawberry.type(description="What became of an export whose file was to be deleted.")
class DeleteExportPayload(Payload):
    export: Export | None = strawberry.field(
        description="The export, expired: its record and digests stay; null where it has no file."
    )


async def _cancel(
    info: Info, input: Annotated[CancelExportInput, strawberry.argument(description="Which one.")]
) -> CancelExportPayload | None:
    services, principal = info.context.services, info.context.principal
    ended, errors = await attempt(disposal.cancel(services.store, services.files, principal, input.id, rules=services.rules))
    return CancelExportPayload(export=None if ended is None else export_node(ended, services.public_url), errors=errors)


async def _delete(
    info: Info, input: Annotated[DeleteExportInput, strawberry.argument(description="Which one.")]
) -> DeleteExportPayload | None:
    services, principal = info.context.services, info.context.principal
    ended, errors = await attempt(disposal.delete(services.store, services.files, principal, input.id, rules=services.rules))
    return DeleteExportPayload(export=None if ended is None else export_node(ended, services.public_url), errors=errors)


cancel_export: Any = strawberry.mutation(
    resolver=_cancel,
    description="Call an export off that is not made yet. Whoever makes it stops within seconds.",
    extensions=[Needs(NEEDED)],
)
delete_export: Any = strawberry.mutation(
    resolver=_delete,
    description="Delete the file of an export that is ready. Its record and digests stay, and so does what they prove.",
    extensions=[Needs(NEEDED)],
)
