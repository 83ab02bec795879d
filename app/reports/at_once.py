"""Parts of an answer that need nothing of each other, asked of a server at once: it is waited for once, not for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from app.ports import Ledger

T = TypeVar("T")
MOST = 3
"""Parts that go on at once: each asks its questions one after another, or two at a time, on connections that others wait for."""


class AtOnce:
    """What is started within the context goes on beside what is awaited there, in the order it was started. It fails where it is
    awaited, so that of several failures that of the part awaited first is told. What still goes on when the context ends is
    cancelled, and waited for.

    Of a ledger that is no server each part begins where it is awaited: at once it would gain nothing.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._remote = ledger.remote
        self._turns = asyncio.Semaphore(MOST)
        self._parts: list[Coroutine[Any, Any, Any]] = []
        self._tasks: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> AtOnce:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            for part in self._parts:
                part.close()  # which nobody awaited

    def start(self, part: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Begin with the part; awaiting it, once, gives what it comes to. It must start no others of the same context."""
        self._parts.append(part)
        if not self._remote:
            return part
        task = asyncio.create_task(self._in_turn(part))
        self._tasks.append(task)
        return task

    async def _in_turn(self, part: Coroutine[Any, Any, T]) -> T:
        async with self._turns:
            return await part
