"""The GraphiQL page at `/graphql` for browsers, and the files that it is made of."""

from __future__ import annotations

from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.api.graphql import ide
from app.api.graphql.examples import tabs
from app.api.services import Services
from app.domain.errors import GatewayError
from app.question.rows import Rows
from app.reports import usage_ledger
from app.reports.answer import open_ledger

STATIC_PATH = ide.STATIC_PATH
_SOME_EXPORT = "rptx_…"
"""What stands for the id of an export where there is none."""


async def page(services: Services) -> Response:
    """The page, with the demonstration account's token in place where there is one."""
    examples = tabs(services.rules.clock(), *await _at_hand(services))
    try:
        html = ide.page(endpoint="/graphql", token=services.demo_token, tabs=examples, title="Usage gateway")
    except ide.NotBuilt as error:
        return PlainTextResponse(f"{error}\n", 503)
    # Never kept: the page may hold a token.
    return HTMLResponse(html, headers={"Content-Security-Policy": ide.CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"})


async def _at_hand(services: Services) -> tuple[list[str], str]:
    """Some of the demonstration account's events that nobody has corrected yet, and its newest export, for the examples."""
    if services.demo_token is None:
        return [], _SOME_EXPORT
    try:
        principal = await services.doorkeeper.admit(services.demo_token, "127.0.0.1")
        opened = await open_ledger(services.store, principal)
        found = await services.store.rows(Rows(opened.scope, kinds=usage_ledger.KINDS, limit=200))
        exports = await services.store.exports(principal.account.id, limit=1)
    except GatewayError:
        return [], _SOME_EXPORT  # the page is of use without them, and its first call tells what is wrong
    touched = {each.event_ref for each in found if each.correction is not None}
    refs = [each.event_ref for each in found if each.event_ref not in touched]
    return refs, exports[0].id if exports else _SOME_EXPORT


class Bundle:
    """The page's files. Their names change with their content, so that browsers may keep them for ever."""

    def __init__(self) -> None:
        self._files: StaticFiles | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._files is None:
            try:
                self._files = _Kept(directory=ide.static_directory())
            except ide.NotBuilt as error:
                await PlainTextResponse(f"{error}\n", 503)(scope, receive, send)
                return
        await self._files(scope, receive, send)


class _Kept(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
