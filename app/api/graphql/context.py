"""What the resolvers of one operation share: who asks, and the ledger as it was opened for them."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import strawberry

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

    async def open(self, as_of: AsOf = None) -> Opened:
        """The caller's ledger as of that point: the same for every field of the operation that names the same point, so that
        their answers fit together. Raises as `open_ledger` does."""
        opening = self._opened.get(as_of)
        if opening is None:
            opening = asyncio.ensure_future(open_ledger(self.services.store, self.principal, as_of))
            self._opened[as_of] = opening
        return await opening


Info: TypeAlias = strawberry.Info[Context, None]
