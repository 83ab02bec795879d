"""Following the feed: every entry once and in order, across reconnections; many followers for the price of one reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.domain.entry import Entry, EntryKind
from app.domain.errors import InvalidQuery, RateLimited, Unauthenticated
from app.ledger.commands import Rules, record
from app.ledger.erasure import erase
from app.live import tail
from app.live.feed import CATCH_UP, follow
from app.live.tail import MOST_KEPT, Tails
from app.live.watch import Watch
from app.ports import Store
from app.question.filters import Filters
from tests.conftest import DURABLE, open_engine, opened
from tests.events import START, usage

ANY = Filters()


@asynccontextmanager
async def _pair(engine: str, folder: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores over one database, as two processes have them."""
    async with opened(engine, folder) as here:
        there = await open_engine(engine, folder)
        yield here, there
        await there.close()


async def admitted() -> None:
    """A token that stays good."""


def following(
    store: Store,
    tails: Tails,
    account: Account,
    after: int | None = None,
    filters: Filters = ANY,
    kinds: frozenset[EntryKind] | None = None,
    watch: Watch | None = None,
) -> AsyncGenerator[tuple[int, Entry | None], None]:
    return follow(store, tails, account.id, filters, kinds, after, watch or Watch(admitted))


async def taken(following: AsyncIterator[tuple[int, Entry | None]], count: int) -> list[Entry]:
    """So many entries; the pair that only tells where a following begins is passed over."""
    found: list[Entry] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            _, entry = await anext(following)
            found += [entry] if entry is not None else []
    return found


async def test_a_follower_that_is_cut_off_fifty_times_sees_every_entry_once_in_order(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    tails = Tails(store)
    total = 400

    async def write() -> None:
        for n in range(0, total, 8):
            await record(store, admin, [usage(id=str(n + m), product_id=f"p{(n + m) % 3}") for m in range(8)], rules=rules)
            await asyncio.sleep(0.005)

    async def read(filters: Filters, wanted: int) -> list[str]:
        seen: list[str] = []
        last = 0
        for cut in range(51):
            follower = following(store, tails, account, last, filters)
            async with aclosing(follower):
                # Sometimes the cut falls between two entries of one reading, sometimes past its end.
                left = wanted - len(seen)
                for entry in await taken(follower, left if cut == 50 else min(left, 1 + cut % 5)):
                    seen.append(str(entry.sender_id))
                    last = entry.sequence
        return seen

    odd = Filters(product_id=("p1",))
    _, everything, some = await asyncio.gather(write(), read(ANY, total), read(odd, 133))
    assert everything == [str(n) for n in range(total)]
    assert some == [str(n) for n in range(total) if n % 3 == 1]


async def test_what_is_recorded_by_another_process_is_seen_too(tmp_path: Path, rules: Rules) -> None:
    for engine in DURABLE:
        (tmp_path / engine).mkdir()
        async with _pair(engine, tmp_path / engine) as (here, there):
            account = await here.create_account("acme", START)
            admin = Principal(account, "k1", frozenset({"admin"}))
            follower = following(here, Tails(here), account)
            async with aclosing(follower):
                assert await anext(follower) == (0, None)
                await record(there, admin, [usage(id="elsewhere")], rules=rules)
                assert [each.sender_id for each in await taken(follower, 1)] == ["elsewhere"]


async def test_two_hundred_followers_cost_one_reader(
    store: Store, account: Account, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = {"head": 0, "rows": 0}
    for name in reads:
        asked = getattr(store, name)

        async def counted(*given: Any, _name: str = name, _asked: Any = asked) -> Any:
            reads[_name] += 1
            return await _asked(*given)

        monkeypatch.setattr(store, name, counted)
    monkeypatch.setattr(tail, "POLL_SECONDS", 3600)  # each reading below is asked for
    tails = Tails(store)
    filters = [Filters(product_id=(f"p{n % 4}",)) for n in range(200)]
    followers = [following(store, tails, account, filters=each) for each in filters]
    assert set(await asyncio.gather(*(anext(each) for each in followers))) == {(0, None)}
    assert reads["head"] <= 2  # the followers came at the same time and shared it
    assert reads["rows"] == 0

    before = dict(reads)
    async with tails.of(account.id) as followed:
        for batch in range(5):
            await record(store, admin, [usage(id=f"{batch}.{n}", product_id=f"p{n}") for n in range(4)], rules=rules)
            before_record = dict(reads)
            await followed.fresh()
            told = await asyncio.gather(*(taken(each, 1) for each in followers))
            assert [each[0].sender_id for each in told] == [f"{batch}.{n % 4}" for n in range(200)]
            assert reads == {"head": before_record["head"] + 1, "rows": before_record["rows"] + 1}
    assert reads["rows"] == before["rows"] + 5
    await asyncio.gather(*(each.aclose() for each in followers))
    assert tails._tails == {}


async def test_one_that_is_slower_than_what_is_kept_catches_up_from_the_store(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    tails = Tails(store)
    slow, quick = following(store, tails, account), following(store, tails, account)
    assert await anext(slow) == await anext(quick) == (0, None)
    count = MOST_KEPT + 2 * CATCH_UP + 7
    for first in range(0, count, 101):
        items = [usage(id=str(n)) for n in range(first, min(count, first + 101))]
        await record(store, admin, items, rules=rules)
        assert [each.sender_id for each in await taken(quick, len(items))] == [each["id"] for each in items]
    assert [each.sequence for each in await taken(slow, count)] == list(range(1, count + 1))
    async with tails.of(account.id) as followed:
        assert followed.position == count
        assert followed.after(count - MOST_KEPT - 1) is None
        kept = followed.after(count - MOST_KEPT)
        assert kept is not None
        assert len(kept) == MOST_KEPT
    await slow.aclose()
    await quick.aclose()


async def test_what_was_erased_is_not_told_from_memory(
    store: Store, account: Account, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "POLL_SECONDS", 3600)
    tails = Tails(store)
    async with tails.of(account.id) as followed:
        await followed.fresh()
        await record(store, admin, [usage(message="personal")], rules=rules)
        await followed.fresh()
        assert [each.message for each in followed.after(0) or ()] == ["personal"]
        await erase(store, admin, "evt_1_1", rules=rules, names=("message",))
        await followed.fresh()
        assert followed.after(0) is None
        late = following(store, tails, account, 0)
        told = [(each.action, each.message) for each in await taken(late, 2)]
        assert told == [("usage.consumed", None), ("entry.erased", None)]
        await late.aclose()


async def test_a_place_that_the_ledger_does_not_have_is_refused(store: Store, account: Account) -> None:
    tails = Tails(store)
    with pytest.raises(InvalidQuery, match="lies past the end of the ledger"):
        await anext(following(store, tails, account, 1))
    assert tails._tails == {}


async def test_a_follower_whose_token_ends_is_told_so(store: Store, account: Account) -> None:
    async def refused() -> None:
        raise Unauthenticated("the token was revoked")

    follower = following(store, Tails(store), account, watch=Watch(refused, seconds=0.05))
    assert await anext(follower) == (0, None)
    with pytest.raises(Unauthenticated):
        async with asyncio.timeout(30):
            await anext(follower)


async def test_an_account_has_so_many_followers(store: Store, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MOST_FOLLOWERS", 2)
    tails = Tails(store)
    kept = [following(store, tails, account) for _ in range(2)]
    for each in kept:
        await anext(each)
    with pytest.raises(RateLimited) as refused:
        await anext(following(store, tails, account))
    assert refused.value.retry_after > 0
    for each in kept:
        await each.aclose()


async def test_a_store_that_is_away_for_a_while_ends_nothing(
    store: Store, account: Account, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = following(store, Tails(store), account)
    assert await anext(follower) == (0, None)
    asked, failures = store.head, 0

    async def failing(account_id: int) -> Any:
        nonlocal failures
        failures += 1
        if failures <= 2:
            raise OSError("away")
        return await asked(account_id)

    monkeypatch.setattr(store, "head", failing)
    await record(store, admin, [usage(id="a")], rules=rules)
    assert [each.sender_id for each in await taken(follower, 1)] == ["a"]
    assert failures > 2
    await follower.aclose()
