"""The application: every door in its place, one shape for every failure, and the middleware around them."""

from __future__ import annotations

from functools import partial

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import downloads, evidence, health, openapi, pages, recording
from app.api.envelope import failure
from app.api.errors import INTERNAL, INTERNAL_MESSAGE, code_for_status, headers_of, phrase_for_status, status_of
from app.api.graphql.page import STATIC_PATH, Bundle
from app.api.graphql.view import View
from app.api.head import Heads
from app.api.request_id import HEADER, RequestIds
from app.api.services import Services
from app.api.vendors import client_usage_report, reports_v1, usage_event
from app.domain.errors import GatewayError
from app.observability.metrics import Measured

_log = structlog.stdlib.get_logger("gateway.api")


def create_app(services: Services) -> FastAPI:
    """The ASGI application over these services."""
    app = FastAPI(
        title="Usage gateway",
        version=services.version,
        description="Usage events in, reports and exports out. GraphQL is at `/graphql`.",
        docs_url=None,  # both pages would be fetched from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        openapi_url=openapi.PATH,
    )
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]
    app.state.services = services
    app.add_exception_handler(GatewayError, _on_gateway_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_malformed)
    # First, since routes are tried in order; and not through FastAPI's request stack, which costs a fifth of a millisecond.
    view = View(services)
    app.router.routes.insert(0, Route("/graphql", view))
    app.router.routes.insert(1, WebSocketRoute("/graphql", view))
    app.include_router(health.router)
    app.include_router(recording.router)
    app.include_router(reports_v1.router)
    app.include_router(usage_event.router)
    app.include_router(evidence.router)
    app.router.routes += downloads.routes
    app.include_router(client_usage_report.router)
    app.router.routes.append(Mount(STATIC_PATH, Bundle()))
    app.router.routes += pages.routes
    # The last one added is the outermost.
    app.add_middleware(Masking)
    app.add_middleware(Heads)
    app.add_middleware(Measured)
    if services.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=services.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[
                *("Authorization", "Content-Type", "Idempotency-Key", HEADER),
                *("Range", "If-Range", "If-None-Match"),
                *("Apollo-Require-Preflight", "X-Requested-With"),  # sent by GraphQL clients to be asked about
            ],
            expose_headers=[
                *(HEADER, "Link", "RateLimit", "RateLimit-Policy", "Retry-After", "Idempotency-Replayed"),
                *("Content-Disposition", "ETag", "Accept-Ranges", "Content-Range", "Repr-Digest"),
            ],
        )
    app.add_middleware(RequestIds)
    return app


class Masking:
    """What nobody expected becomes a plain 500, and is logged under the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception:
            if scope["type"] != "http":
                raise
            _log.exception("call failed")
            if begun:
                raise  # half an answer is out already: the server breaks the connection off
            await failure(scope, 500, INTERNAL, INTERNAL_MESSAGE)(scope, receive, send)


async def _on_gateway_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    return failure(request.scope, status_of(error), error.code, error.message, error.detail, headers_of(error))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: an unknown route, a method that a route does not take."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    return failure(request.scope, status, code_for_status(status), phrase_for_status(status), None, error.headers or {})


async def _on_malformed(request: Request, error: Exception) -> Response:
    """A parameter or a body that FastAPI could not read as what a route declares."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where, *path = (str(each) for each in first["loc"])
    code = "VALIDATION_ERROR" if where == "body" else "INVALID_QUERY"
    return failure(request.scope, 422 if where == "body" else 400, code, f"{'.'.join(path) or where}: {first['msg']}")
