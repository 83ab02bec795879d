"""What a key may spend in a stretch of time: points of GraphQL documents, or calls of REST. Counted in this process's memory
alone.

Several processes count apart, so that a key may spend as much in each of them: bounds keep callers from each other, they are no
bill.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from app.domain.account import Principal
from app.domain.errors import RateLimited

POINTS = 60_000_000
"""What a key may spend on GraphQL in a window, where the operator says nothing else: more than one process can answer for."""
SECONDS = 60
"""How long a window is. One begins with the first thing that is paid from it."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What a key has: of `quota` in a window, `left` until it is filled up again in `reset` whole seconds."""

    name: str
    quota: int
    left: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 tells it, in structured fields."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w={SECONDS}',
            "RateLimit": f'"{self.name}";r={self.left};t={self.reset}',
        }


class Budget:
    """One kind of spending; `quota` for each key and window, 0 for no bound."""

    def __init__(self, name: str, quota: int) -> None:
        self.name = name
        self.quota = quota
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._item = RateLimitItemPerSecond(max(quota, 1), SECONDS, namespace=name)

    async def balance(self, principal: Principal) -> Balance | None:
        """What the key has; None where there is no bound."""
        if not self.quota:
            return None
        reset, left = await self._limiter.get_window_stats(self._item, principal.key_id)
        # A window in which nothing was spent has not begun.
        seconds = SECONDS if left == self.quota else max(0, math.ceil(reset - time.time()))
        return Balance(self.name, self.quota, left, seconds)

    async def spend(self, principal: Principal, cost: int = 1) -> Balance | None:
        """Pay, and tell what is left; None where there is no bound. Raises RateLimited, and then nothing is paid."""
        if not self.quota:
            return None
        if not await self._limiter.test(self._item, principal.key_id, cost=cost):
            balance = await self.balance(principal)
            assert balance is not None
            raise Overspent(f"this costs {cost:,} {self.name}, and {balance.left:,} are left until the next {SECONDS} s", balance)
        await self._limiter.hit(self._item, principal.key_id, cost=cost)
        return await self.balance(principal)


class Overspent(RateLimited):
    """More than is left of a key's budget."""

    def __init__(self, message: str, balance: Balance) -> None:
        super().__init__(message, retry_after=max(1, balance.reset))
        self.balance = balance
