"""What the resolvers of one operation share: who asks, and the ledger as it was opened for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeAlias

import strawberry
from graphql.pyutils import Path

from app.access.budget import Balance
from app.api.services import Services
from app.domain.account import Principal
from app.domain.entry import Entry
from app.domain.errors import RateLimited, Unauthenticated, Unavailable
from app.live import Live
from app.live.watch import Watch
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.answer import AsOf, look, open_ledger
from app.reports.report import Opened

Admit: TypeAlias = Callable[[], Awaitable[Principal]]
"""Looks again at who shows the token that the caller came with. Raises Unauthenticated once it is no longer good."""


class Context:
    """One for each operation, and for each event of a subscription as if it were one; see `renew`."""

    def __init__(
        self, services: Services, principal: Principal, request_id: str, live: Live | None = None, admit: Admit | None = None
    ) -> None:
        self.services = services
        self.principal = principal
        self.request_id = request_id
        self.live = live if live is not None else Live(services.store)
        self.balance: Balance | None = None
        """What the caller has left of its budget, once the operation was paid for."""
        self.refusal: RateLimited | None = None
        self.paid: dict[str, Any] | None = None
        """What is told of the operation's cost, where it was paid for and has yet to be answered."""
        self._admit = admit
        self.renew()

    def renew(self) -> None:
        """Forget what was opened and made, so that what is asked next is answered as of then."""
        self._opened: dict[AsOf, asyncio.Future[tuple[Opened, list[Entry] | None]]] = {}
        self._points: dict[str | int, AsOf] = {}
        self._made: dict[Hashable, Any] = {}

    def watch(self) -> Watch:
        """Looks from time to time whether the caller's token is still good."""
        assert self._admit is not None, "a subscription is asked with a token"
        return Watch(self._admit)

    async def open(self, as_of: AsOf = None, path: Path | None = None) -> Opened:
        """The caller's ledger as of that point: the same for every field of the operation that names the same point, so that
        their answers fit together. What lies under the field at `path` is then told as of it. Raises as `open_ledger` does."""
        if path is not None:
            self._points[_root(path).key] = as_of
        opening = self._opened.get(as_of)
        if opening is None:
            opening = asyncio.ensure_future(self._open(as_of))
            self._opened[as_of] = opening
        return (await opening)[0]

    async def open_with_rows(self, as_of: AsOf, path: Path, asked: Callable[[Scope], Rows]) -> tuple[Opened, list[Entry]]:
        """The same, and what is asked of the ledger as it was opened."""
        self._points[_root(path).key] = as_of
        if as_of not in self._opened:
            opening = self._opened[as_of] = asyncio.ensure_future(self._look(as_of, asked))
            opened, rows = await opening
            if rows is not None:
                return opened, rows
        opened = await self.open(as_of)
        return opened, await self.services.store.rows(asked(opened.scope))

    async def _open(self, as_of: AsOf) -> tuple[Opened, list[Entry] | None]:
        return await open_ledger(self.services.store, self.principal, as_of), None

    async def _look(self, as_of: AsOf, asked: Callable[[Scope], Rows]) -> tuple[Opened, list[Entry] | None]:
        try:
            return await look(self.services.store, self.principal, as_of, asked)
        except Unavailable:  # what is wrong with one field's rows is not to be told of the others
            return await self._open(as_of)

    async def opened_at(self, path: Path) -> Opened:
        """The ledger as of the point that the field of the operation above `path` is answered as of."""
        root = _root(path)
        if root.typename != "Mutation":
            return await self.open(self._points.get(root.key))
        # What one mutation recorded is there for what it answers; the operation's mutations run one after the other.
        opening: asyncio.Future[Opened] = self.once(
            ("recorded", root.key), lambda: asyncio.ensure_future(open_ledger(self.services.store, self.principal))
        )
        return await opening

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives when the operation first asks for `key`."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


class Connected:
    """Who is at the other end of a WebSocket: nobody, until the first message has brought a token."""

    def __init__(self, services: Services, live: Live, request_id: str, connect: Callable[[Connected], Awaitable[None]]) -> None:
        self.services = services
        self.live = live
        self.request_id = request_id
        self.connect = connect
        self.connection_params: dict[str, object] = {}
        self.admit: Admit | None = None

    async def operation(self) -> Context:
        """What the next operation's resolvers share. Raises Unauthenticated once the token is no longer good."""
        if self.admit is None:
            raise Unauthenticated("send a token in the payload of connection_init")
        return Context(self.services, await self.admit(), self.request_id, self.live, self.admit)


def _root(path: Path) -> Path:
    while path.prev is not None:
        path = path.prev
    return path


Info: TypeAlias = strawberry.Info[Context, None]
