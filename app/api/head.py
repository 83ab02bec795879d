"""HEAD on every route that takes GET: the same answer without its body, as RFC 9110, section 9.3.2, has it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ASKED = "gateway.head"


def is_head(scope: Scope) -> bool:
    """Whether only the head of the answer will be sent: for routes that record what they hand out."""
    return bool(scope.get(_ASKED))


class Heads:
    """The middleware: FastAPI's routes take GET alone, and to declare HEAD with each would double the OpenAPI document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        # A copy, since the server looks at its own to know that no body follows.
        asked = {**scope, "method": "GET", _ASKED: True}
        try:
            await self._app(asked, receive, send_head)
        finally:
            # What routing found out is read outside, for what is counted.
            scope.update({name: value for name, value in asked.items() if name not in scope})
