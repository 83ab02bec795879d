"""The gateway's own door for files of exports: with a token, or with a signed link and none.

Unlike the legacy contract's, which hands out the stored bytes whatever is asked, it compresses where the caller asks for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api.delivery import DOWNLOADS, deliver, delivery_of
from app.api.identity import authenticate
from app.api.services import services_of
from app.domain.export import Export
from app.exports import downloads, sharing


async def _with_token(request: Request) -> Response:
    services = services_of(request.scope)
    principal = await authenticate(services, request.scope)
    export = await downloads.ready(services.store, services.files, principal, request.path_params["id"])
    return await _delivered(request, export, principal.actor, by_link=False)


async def _with_link(request: Request) -> Response:
    services = services_of(request.scope)
    export, issuer = await sharing.shared(
        services.store, services.files, services.links, request.path_params["link"], rules=services.rules
    )
    answer = await _delivered(request, export, issuer, by_link=True)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


async def _delivered(request: Request, export: Export, actor: str, *, by_link: bool) -> Response:
    services = services_of(request.scope)

    async def hand(start: int, end: int) -> AsyncIterator[bytes]:
        return await downloads.hand_out(
            services.store, services.files, export, actor=actor, rules=services.rules, start=start, end=end, by_link=by_link
        )

    return await deliver(request, delivery_of(export), hand, compress=True)


routes = [
    Route(f"{DOWNLOADS}/exports/{{id}}", _with_token, methods=["GET"], include_in_schema=False),
    Route(f"{DOWNLOADS}/{{link}}", _with_link, methods=["GET"], include_in_schema=False),
]
