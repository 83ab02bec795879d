"""Parts of an answer go on beside each other, fail where they are awaited, and end with the context they were started in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.domain.errors import InvalidQuery, NotFound
from app.reports.at_once import MOST, AtOnce
from app.storage.memory import MemoryStore


class Server(MemoryStore):
    """One that says of itself that it is a server."""

    remote = True


SERVER = Server()


async def test_parts_go_on_beside_each_other() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def meets(own: asyncio.Event, other: asyncio.Event) -> str:
        own.set()
        await other.wait()  # which one after the other would never come to pass
        return "met"

    async with AtOnce(SERVER) as at_once:
        one, two = at_once.start(meets(first, second)), at_once.start(meets(second, first))
        async with asyncio.timeout(10):
            assert (await one, await two) == ("met", "met")


async def test_of_several_failures_that_of_the_part_awaited_first_is_told() -> None:
    failed = asyncio.Event()

    async def fails_late() -> None:
        await failed.wait()
        raise NotFound("no such license")

    async def fails_early() -> None:
        failed.set()
        raise InvalidQuery("from", "is not a date")

    async def answer() -> None:
        async with AtOnce(SERVER) as at_once:
            late, early = at_once.start(fails_late()), at_once.start(fails_early())
            await late
            await early

    with pytest.raises(NotFound):
        await answer()


async def test_what_nobody_waits_for_any_more_is_cancelled() -> None:
    ended: list[str] = []

    async def endless(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def answer() -> AsyncIterator[int]:
        async with AtOnce(SERVER) as at_once:
            left = at_once.start(endless("left"))
            await asyncio.sleep(0)
            yield 1
            await left

    rows = answer()
    assert await anext(rows) == 1
    await rows.aclose()
    assert ended == ["left"]

    async def fails() -> None:
        async with AtOnce(SERVER) as at_once:
            at_once.start(endless("beside a failure"))
            await asyncio.sleep(0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert ended == ["left", "beside a failure"]


async def test_no_more_than_so_many_go_on_at_once_and_they_begin_in_order() -> None:
    begun: list[int] = []
    goes_on = asyncio.Event()

    async def part(number: int) -> int:
        begun.append(number)
        await goes_on.wait()
        return number

    async with AtOnce(SERVER) as at_once:
        parts = [at_once.start(part(number)) for number in range(MOST + 2)]
        for _ in range(10):
            await asyncio.sleep(0)
        assert begun == list(range(MOST))
        goes_on.set()
        assert [await each for each in parts] == list(range(MOST + 2))


async def test_of_a_ledger_that_is_no_server_each_begins_where_it_is_awaited() -> None:
    begun: list[str] = []

    async def part(name: str) -> str:
        begun.append(name)
        return name

    async with AtOnce(MemoryStore()) as at_once:
        first, second, _ = at_once.start(part("first")), at_once.start(part("second")), at_once.start(part("never"))
        assert await second == "second"
        assert begun == ["second"]
        assert await first == "first"
    assert begun == ["second", "first"]
