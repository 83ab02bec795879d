"""What the resolvers of one operation share: who asks, and the ledger as it was opened for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

import strawberry
from graphql.pyutils import Path

from app.api.services import Services
from app.domain.account import Principal
from app.reports.answer import AsOf, open_ledger
from app.reports.report import Opened


class Context:
    """One for each HTTP request or subscription."""

    def __init__(self, services: Services, principal: Principal, request_id: str) -> None:
        self.services = services
        self.principal = principal
        self.request_id = request_id
        self._opened: dict[AsOf, asyncio.Future[Opened]] = {}
        self._points: dict[str | int, AsOf] = {}
        self._made: dict[Hashable, Any] = {}

    async def open(self, as_of: AsOf = None, path: Path | None = None) -> Opened:
        """The caller's ledger as of that point: the same for every field of the operation that names the same point, so that
        their answers fit together. What lies under the field at `path` is then told as of it. Raises as `open_ledger` does."""
        if path is not None:
            self._points[_root(path).key] = as_of
        opening = self._opened.get(as_of)
        if opening is None:
            opening = asyncio.ensure_future(open_ledger(self.services.store, self.principal, as_of))
            self._opened[as_of] = opening
        return await opening

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


def _root(path: Path) -> Path:
    while path.prev is not None:
        path = path.prev
    return path


Info: TypeAlias = strawberry.Info[Context, None]
