"""The same schema as an ordinary Strawberry on FastAPI application serves it: nothing is kept from one request to the next.

Each request is parsed and validated anew, every field is completed by graphql-core, and the answer is written by the library's
own router. The gateway's own bounds, prices and budgets are left out, as such an application has none; resolvers, store,
authentication, the request's id and metrics are the same. Started as `python -m scripts.benchmarks.stock PORT`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import strawberry
import uvicorn
from fastapi import FastAPI, Request
from strawberry.fastapi import BaseContext, GraphQLRouter
from strawberry.schema.config import StrawberryConfig

from app.api.graphql.context import Context
from app.api.graphql.reads import Query
from app.api.graphql.scalars import SCALARS
from app.api.graphql.writes import Mutation
from app.api.identity import authenticate
from app.api.request_id import RequestIds, request_id
from app.bootstrap import configure_logs, opened_services
from app.observability.metrics import Measured
from app.settings import load


class Shared(Context, BaseContext):
    """What resolvers share, in the form that the router takes."""


def create() -> FastAPI:
    """The application, over the database that the environment names."""
    settings = load()
    configure_logs(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened_services(settings) as services:
            app.state.services = services
            yield

    async def context(request: Request) -> Shared:
        services = request.app.state.services
        return Shared(services, await authenticate(services, request.scope), request_id(request.scope))

    app = FastAPI(lifespan=lifespan)
    schema = strawberry.Schema(Query, Mutation, config=StrawberryConfig(scalar_map=SCALARS))
    app.include_router(GraphQLRouter(schema, context_getter=context, graphql_ide=None), prefix="/graphql")
    app.add_middleware(Measured)
    app.add_middleware(RequestIds)
    return app


def main() -> None:
    """Serve until interrupted."""
    config = uvicorn.Config(
        create(),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
