"""GraphQL over HTTP: who may come in, what a request may hold, and how an answer is written.

Strawberry's own view runs the operation. Decided here is what it leaves open: every call needs a token, bodies are bounded and
decoded without floats, and every refusal has the shape of a GraphQL answer and one of our codes.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache, partial
from json import JSONDecodeError
from typing import Any

import orjson
import structlog
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.parse_content_type import parse_content_type
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UNSET, UnsetType

from app.api.body import LARGEST_BODY, bounded, exact_json
from app.api.errors import INTERNAL, INTERNAL_MESSAGE, code_for_status, headers_of, status_of
from app.api.graphql.context import Connected, Context
from app.api.graphql.errors import facts_of, told
from app.api.graphql.page import page
from app.api.graphql.schema import schema
from app.api.graphql.sockets import Socket, connect
from app.api.identity import admitting
from app.api.request_id import request_id
from app.api.services import Services
from app.domain.errors import GatewayError, InvalidBody
from app.domain.instant import WRITTEN
from app.live import Live

_PARAMETERS = {"query": str, "documentId": str, "variables": dict, "operationName": str, "extensions": dict}
"""What a request may hold (GraphQL over HTTP, with persisted documents), and of what kind it is."""
_NO_STREAM = "Subscriptions are asked over a WebSocket, or with `Accept: text/event-stream`."
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

_content_type = lru_cache(maxsize=64)(parse_content_type)
_log = structlog.stdlib.get_logger("gateway.graphql")


class View(GraphQL[Any, None]):
    """The ASGI application at `/graphql`."""

    graphql_transport_ws_handler_class = Socket

    def __init__(self, services: Services) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=timedelta(seconds=10),
            allowed_origins=services.cors_origins,
        )
        self._services = services
        self._live = Live(services.store)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connected(WebSocket(scope, receive, send))
        else:
            await self._called(scope, receive, send)

    async def _connected(self, socket: WebSocket) -> None:
        connected = Connected(self._services, self._live, request_id(socket.scope), partial(connect, scope=socket.scope))
        await self.run(socket, context=connected)

    async def _called(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, bounded(receive, LARGEST_BODY))
        try:
            response = await self._answer(request)
        except GatewayError as error:
            response = _refusal(request, status_of(error), told(error), facts_of(error), headers_of(error))
        except HTTPException as error:
            headers = {"Allow": "GET, POST"} if error.status_code == 405 else {}
            facts: dict[str, object] = {"code": code_for_status(error.status_code)}
            response = _refusal(request, error.status_code, error.reason, facts, headers)
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("call failed")
            response = _refusal(request, 500, INTERNAL_MESSAGE, {"code": INTERNAL}, {})
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            raise HTTPException(405, "GraphQL is asked with GET or POST.")
        if self.should_render_graphql_ide(request):
            return await page(self._services)
        admit = admitting(self._services, request.scope)
        context = Context(self._services, await admit(), request_id(request.scope), self._live, admit)
        request.state.context = context
        return await self.run(request, context=context)

    async def on_ws_connect(self, context: Any) -> UnsetType | dict[str, object] | None:
        """Let the caller at the other end of a WebSocket in. Raises ConnectionRejectionError."""
        assert isinstance(context, Connected)
        await context.connect(context)
        acknowledged: UnsetType = UNSET
        return acknowledged

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Whether it is a browser that asks for the page; `*/*` is what programs send."""
        shown = "query" not in request.query_params and "text/html" in request.headers.get("accept", "")
        return request.method == "GET" and shown

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """One operation. Raises InvalidBody, PayloadTooLarge, and HTTPException 415 for a body that is not JSON."""
        streamed = self._get_stream_transport_from_headers(request.headers)
        if request.method == "GET":
            stated: Any = dict(request.query_params)
            for name in ("variables", "extensions"):
                if stated.get(name):
                    stated[name] = exact_json(stated[name])
        else:
            content_type, _ = _content_type(request.content_type or "")
            if content_type.lower() != JSON:
                raise HTTPException(415, f"The body must be JSON, sent as {JSON}.")
            stated = exact_json(await request.get_body())
        if not isinstance(stated, dict):
            raise InvalidBody("the body must be one JSON object with the key `query`")
        for name, kind in _PARAMETERS.items():
            if not isinstance(stated.get(name), (kind, type(None))):
                raise InvalidBody(f"`{name}` must be {'an object' if kind is dict else 'a string'}")
        documents = self._services.terms.documents
        return GraphQLRequestData(
            query=documents.text(stated.get("query"), stated.get("documentId"), stated.get("extensions")),
            variables=stated.get("variables"),
            operation_name=stated.get("operationName") or None,
            extensions=stated.get("extensions"),
            protocol=streamed.protocol if streamed is not None else "http",
        )

    async def execute_single(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """The result of one operation. A mutation that came with GET is refused as a matter of method, a subscription without a
        stream to answer with as one of media types."""
        try:
            return await super().execute_single(*args, **kwargs)
        except HTTPException as error:
            if isinstance(error.__cause__, InvalidOperationTypeError):
                if error.__cause__.operation_type is OperationType.SUBSCRIPTION:
                    raise HTTPException(406, _NO_STREAM) from error
                raise HTTPException(405, "Mutations are sent with POST.") from error
            raise

    def encode_json(self, data: object) -> str:
        """A part of a stream, as text."""
        return orjson.dumps(data, None, WRITTEN).decode()

    def decode_json(self, data: str | bytes) -> object:
        """A message of a WebSocket, without floats. Raises JSONDecodeError, as the library expects."""
        try:
            return exact_json(data)
        except InvalidBody as error:
            raise JSONDecodeError(error.message, str(data), 0) from None

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """What becomes the answer: its media type is settled here, and its status where the operation fails to begin."""
        response = await super().get_sub_response(request)
        response.media_type = _media_type(request)
        request.state.answer = response
        return response

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The answer's content. An operation that never began has no `data`, and in the newer media type a status of its own."""
        answer: dict[str, Any] = {} if isinstance(result, PreExecutionError) else {"data": result.data}
        if result.errors:
            answer["errors"] = [each.formatted for each in result.errors]
        if "data" not in answer and request.state.answer.media_type == GRAPHQL_JSON:
            request.state.answer.status_code = 400
        if result.extensions:
            answer["extensions"] = result.extensions
        context: Context = request.state.context
        if context.balance is not None:
            request.state.answer.headers.update(context.balance.headers)
        if context.refusal is not None:
            request.state.answer.status_code = status_of(context.refusal)
            request.state.answer.headers.update(headers_of(context.refusal))
        return answer  # type: ignore[return-value]

    def create_response(self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response) -> Response:
        """The answer as bytes."""
        status = sub_response.status_code or 200
        return _response(response_data, status, sub_response.media_type or JSON, dict(sub_response.headers))


def _media_type(request: Request | WebSocket) -> str:
    """The newer type for whoever asks for it by name, plain JSON for everyone else (GraphQL over HTTP, section 6.2)."""
    return GRAPHQL_JSON if GRAPHQL_JSON in request.headers.get("accept", "") else JSON


def _refusal(request: Request, status: int, message: str, facts: dict[str, object], headers: dict[str, str]) -> Response:
    extensions = {**facts, "requestId": request_id(request.scope)}
    return _response({"errors": [{"message": message, "extensions": extensions}]}, status, _media_type(request), headers)


def _response(content: Any, status: int, media_type: str, headers: dict[str, str]) -> Response:
    # What is answered depends on the token, which no shared cache looks at.
    return Response(orjson.dumps(content, None, WRITTEN), status, {**headers, "Cache-Control": "no-store"}, media_type)
