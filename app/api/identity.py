"""Who is calling: the bearer token, and the address that it is shown from."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from app.access.sessions import Session
from app.access.tokens import token_of
from app.api.services import Services, services_of
from app.domain.account import Principal
from app.domain.errors import Unauthenticated

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


async def authenticate(services: Services, scope: Scope) -> Principal:
    """The caller of an HTTP or WebSocket call, noted in its state for the access log. Raises Unauthenticated."""
    return await admitting(services, scope)()


def admitting(services: Services, scope: Scope, token: str | None = None) -> Callable[[], Awaitable[Principal]]:
    """Looks who shows that token, or else the one of the call's headers, and does so anew whenever it is called: what takes long
    must know of a token that is revoked meanwhile. Raises Unauthenticated, at once where there is no token."""
    shown = bearer_token(Headers(scope=scope)) if token is None else token
    address = client_address(scope, services.trusted_proxies)

    async def admit() -> Principal:
        principal = await services.doorkeeper.admit(shown, address)
        scope.setdefault("state", {})["principal"] = principal
        return principal

    return admit


async def caller(request: Request) -> Principal:
    """The same as a FastAPI dependency, each call of which is paid for: `principal: Annotated[Principal, Depends(caller)]`.
    Raises RateLimited."""
    services = services_of(request.scope)
    principal = await authenticate(services, request.scope)
    request.state.balance = await services.calls.spend(principal)
    return principal


async def authenticate_session(services: Services, scope: Scope, purpose: str) -> tuple[Principal, Session]:
    """The caller who shows a session's token at the door of that name, and the session. Raises Unauthenticated."""
    address = client_address(scope, services.trusted_proxies)
    principal, session = await services.sessions.admit(
        bearer_token(Headers(scope=scope)), purpose, address=address, at=services.rules.clock()
    )
    scope.setdefault("state", {})["principal"] = principal
    return principal, session


async def open_session(services: Services, scope: Scope, purpose: str, name: str, secret: str) -> tuple[str, Session]:
    """A new session at that door for whoever shows a key's id and its secret. Raises Unauthenticated."""
    principal = await services.doorkeeper.admit(token_of(name, secret), client_address(scope, services.trusted_proxies))
    scope.setdefault("state", {})["principal"] = principal
    return await services.sessions.open(purpose, principal, at=services.rules.clock())


def bearer_token(headers: Headers) -> str:
    """The token of `Authorization: Bearer …` (RFC 6750; the scheme in any case). Raises Unauthenticated."""
    return bearer(headers.getlist("authorization"))


def bearer(sent: Sequence[str]) -> str:
    """The token of the values that were sent as `Authorization`. Raises Unauthenticated."""
    if not sent:
        raise Unauthenticated("the Authorization header is missing; send `Authorization: Bearer <token>`")
    scheme, _, token = sent[0].strip().partition(" ")
    token = token.strip()
    if len(sent) > 1 or scheme.lower() != "bearer" or not token:
        raise Unauthenticated("the Authorization header must be `Bearer <token>`")
    return token


def client_address(scope: Scope, trusted: Sequence[str]) -> str | None:
    """The address of the caller itself; None where it cannot be known, as on a Unix socket.

    X-Forwarded-For is read from its end, and only for as long as the hop that wrote it is a trusted proxy: what comes further
    to the front may be the caller's own invention.
    """
    client = scope.get("client")
    address = _address(client[0]) if client else None
    if address is None:
        return None
    networks = _networks(tuple(trusted))
    hops = [hop for line in Headers(scope=scope).getlist("x-forwarded-for") for hop in line.split(",")]
    while hops and any(address in network for network in networks):
        following = _address(hops.pop())
        if following is None:
            return None
        address = following
    return str(address)


def _address(text: str) -> _Address | None:
    """An address as proxies write it: bare, in brackets, with or without a port; IPv4 also where it is mapped into IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(each, strict=False) for each in trusted)
