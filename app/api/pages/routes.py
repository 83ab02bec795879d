"""Where each page lies, and how it is answered."""

from __future__ import annotations

from functools import cache, partial
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.api import openapi
from app.api.graphql import ide
from app.api.graphql.schema import sdl
from app.api.pages import readme, welcome
from app.api.services import services_of

_STYLE = "/pages/style.css"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HOUR = {"Cache-Control": "public, max-age=3600"}
_PLACES = {
    "graphql": "/graphql",
    "schema": "/schema.graphql",
    "rest": "/reference",
    "openapi": openapi.PATH,
    "readme": "/readme",
    "health": "/readyz",
}


async def _welcome(request: Request) -> Response:
    """People see a page, programs the places that it leads to."""
    services = services_of(request.scope)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"name": "usage-gateway", "version": services.version} | _PLACES)
    html = welcome.page(style=_STYLE, openapi=openapi.PATH, version=services.version, demo=services.demo_token is not None)
    return HTMLResponse(html, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


async def _reference(request: Request) -> Response:
    try:
        html = ide.reference(document=openapi.PATH, token=services_of(request.scope).demo_token)
    except ide.NotBuilt as error:
        return PlainTextResponse(f"{error}\n", 503)
    # Never kept: the page may hold a token.
    return HTMLResponse(html, headers={"Content-Security-Policy": ide.CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"})


async def _schema(_request: Request) -> Response:
    name = {"Content-Disposition": 'inline; filename="schema.graphql"'}
    return PlainTextResponse(_sdl(), headers=_HOUR | name, media_type="application/graphql")


async def _readme(request: Request) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(readme.text(), headers=_HOUR, media_type="text/markdown")
    return HTMLResponse(readme.page(style=_STYLE), headers=_HOUR | {"Content-Security-Policy": _POLICY})


async def _picture(request: Request) -> Response:
    found = readme.picture(request.path_params["name"])
    return PlainTextResponse("There is no such picture.\n", 404) if found is None else FileResponse(found, headers=_HOUR)


async def _style(_request: Request) -> Response:
    return Response(_file("style.css"), headers=_HOUR, media_type="text/css")


@cache
def _sdl() -> str:
    return sdl()


@cache
def _file(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()


_Page = partial(Route, include_in_schema=False)
routes = [
    _Page("/", _welcome),
    _Page("/reference", _reference),
    _Page("/schema.graphql", _schema),
    _Page("/readme", _readme),
    _Page("/docs/{name}", _picture),
    _Page(_STYLE, _style),
]
