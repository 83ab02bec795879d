"""GraphQL over WebSockets (graphql-transport-ws): a token in the first message, and every operation with one that is good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.types import Scope
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler

from app.api.graphql.context import Connected
from app.api.identity import admitting, bearer
from app.domain.errors import Unauthenticated


class Socket(BaseGraphQLTransportWSHandler[Any, None]):
    """The library's handler, which trusts its messages to have the shape that the protocol gives them."""

    async def handle_message(self, message: Any) -> None:
        """One message of the client's; what is not one closes the connection with 4400, as the protocol has it."""
        if _well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Invalid message")


async def connect(connected: Connected, scope: Scope) -> None:
    """Let the caller in whose token stands in the payload of `connection_init`, as `Authorization`, or else in the handshake.

    Raises ConnectionRejectionError, which closes the connection with 4403.
    """
    stated = {name.lower(): text for name, text in connected.connection_params.items()}
    try:
        sent = stated.get("authorization")
        token = None if sent is None else bearer([sent] if isinstance(sent, str) else [])
        admit = admitting(connected.services, scope, token)
        await admit()
    except Unauthenticated as error:
        raise ConnectionRejectionError from error
    connected.admit = admit


def _well_formed(message: object) -> bool:
    match message:
        case {"type": "subscribe", "id": str(identifier), "payload": {"query": str()} as payload}:
            variables, name = payload.get("variables"), payload.get("operationName")
            return bool(identifier) and isinstance(variables, (Mapping, type(None))) and isinstance(name, (str, type(None)))
        case {"type": "subscribe"}:
            return False
        case {"type": "complete", "id": identifier}:
            return isinstance(identifier, str)
        case {"type": str()}:
            return True
    return False
