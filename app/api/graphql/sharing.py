"""Signed links over GraphQL: the file of an export for someone who has no token, for a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import strawberry

from app.api.delivery import link_url
from app.api.graphql.context import Info
from app.api.graphql.exports import NEEDED
from app.api.graphql.payloads import Payload, attempt
from app.api.graphql.scalars import URL
from app.api.graphql.scopes import Needs
from app.domain.errors import InvalidEvent
from app.exports import sharing

_DAY = 86_400


@strawberry.input(description="Which export's file to share, and for how long.")
class CreateExportLinkInput:
    id: strawberry.ID = strawberry.field(description="The export's id. It must be ready.")
    lifetime_seconds: int = strawberry.field(
        default=_DAY, description="How long the link holds, in seconds: from a minute to 30 days; a day where nothing is said."
    )


@strawberry.type(description="A link to the file of one export, and to nothing else.")
class CreateExportLinkPayload(Payload):
    url: URL | None = strawberry.field(
        description="Where the file is fetched without a token. Whoever has it can, so it is to be kept like one."
    )
    expires_at: datetime | None = strawberry.field(description="When the link ends, UTC. Deleting the export ends it at once.")


async def _create(
    info: Info, input: Annotated[CreateExportLinkInput, strawberry.argument(description="Which one, and for how long.")]
) -> CreateExportLinkPayload | None:
    made, errors = await attempt(_shared(info, input))
    if made is None:
        return CreateExportLinkPayload(url=None, expires_at=None, errors=errors)
    url = URL(link_url(info.context.services.public_url, made.text))
    return CreateExportLinkPayload(url=url, expires_at=made.expires_at, errors=[])


async def _shared(info: Info, input: CreateExportLinkInput) -> sharing.Shared:
    services, principal = info.context.services, info.context.principal
    lifetime = timedelta(seconds=input.lifetime_seconds)
    try:
        return await sharing.share(
            services.store, services.files, services.links, principal, input.id, lifetime=lifetime, rules=services.rules
        )
    except InvalidEvent as error:
        raise InvalidEvent("lifetimeSeconds", error.reason) from None


create_export_link: Any = strawberry.mutation(
    resolver=_create,
    description="Make a link that opens the file of an export without a token, for a time and for that very file only.",
    extensions=[Needs(NEEDED)],
)
