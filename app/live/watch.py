"""Whether a follower may still follow: its token may be revoked or expire long after it was let in."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

SECONDS = 1.0


class Watch:
    """Asks `admit` again, which raises once the token is no longer good, but no more often than once in `seconds`."""

    def __init__(self, admit: Callable[[], Awaitable[object]], seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._admit = admit
        self._due = time.monotonic() + seconds

    async def check(self) -> None:
        """Return if the follower may go on."""
        if time.monotonic() >= self._due:
            await self._admit()
            self._due = time.monotonic() + self.seconds
