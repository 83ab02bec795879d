"""Whatever happens to an account and whatever is asked of it, every engine does and answers what the memory engine does."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain import entry as salted
from app.domain.account import Permission, genesis
from app.domain.entry import Entry
from app.domain.errors import GatewayError
from app.ledger.chain import verify
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.memory import open_memory
from app.storage.postgres import appending
from app.storage.postgres import ledger as postgres
from app.storage.sql import known, looks, planner, rollup_writes, summaries
from app.storage.sqlite import ledger as sqlite
from app.storage.sqlite import pending, runs
from tests.conftest import DURABLE, Clock, caller, opened
from tests.events import START
from tests.generative.questions import some_question
from tests.generative.worlds import Act, lives

QUESTIONS = 30
"""Questions to every account."""


@dataclass
class Engines:
    """The referee and an engine, both with the same accounts."""

    referee: Store
    engine: Store


@pytest.fixture(scope="module", autouse=True)
def small_bounds() -> Iterator[None]:
    """The engines' own bounds, made such that a life of thirty entries passes all of them."""
    with pytest.MonkeyPatch.context() as patch:
        for room in (sqlite, postgres):
            patch.setattr(room, "GLANCE", 3)
            patch.setattr(room, "BATCH", 2)
        patch.setattr(postgres, "PIECE", 3)
        patch.setattr(runs, "MOST_RUNS", 2)
        patch.setattr(known, "MOST", 2)
        # Days are folded from a customer's second row on.
        patch.setattr(rollup_writes, "EVERY", 1)
        patch.setattr(rollup_writes, "MANY", 2)
        yield


@pytest.fixture(scope="module", params=DURABLE)
async def engines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engines]:
    """One store of each for all examples: every example is an account of its own among those of all the others."""
    async with opened(str(request.param), tmp_path_factory.mktemp("generative")) as engine:
        yield Engines(open_memory(), engine)


async def outcome(store: Store, account_name: str, life: list[Act]) -> tuple[list[Any], list[Entry]]:
    """What became of each act in turn, refusals included, and the ledger at the end; the same salts every time."""
    counter = itertools.count()

    def salts(length: int) -> bytes:
        return hashlib.shake_128(next(counter).to_bytes(8, "big")).digest(length)

    clock = Clock(START)
    account = await store.create_account(account_name, START)
    principal = caller(account, Permission.ADMIN)
    told: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(salted.secrets, "token_bytes", salts)
        for act in life:
            try:
                told.append(await act.run(store, principal, clock))
            except GatewayError as refused:
                told.append((type(refused), refused.message))
    return told, await store.rows(Rows(Scope(account.id, 2**53), descending=False))


@given(life=lives, seed=st.integers(0, 2**32))
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
async def test_every_engine_does_and_answers_as_the_referee(engines: Engines, life: list[Act], seed: int) -> None:
    name = f"account {len(await engines.referee.accounts())}"

    chance = Random(seed)

    def some_day(moment: datetime) -> int:
        return rollup_writes.folded_until(moment) + chance.choice([-3, -2, 0, 1, 2])

    expected, entries = await outcome(engines.referee, name, life)
    with pytest.MonkeyPatch.context() as patch:
        for room in (appending, pending):
            patch.setattr(room, "folded_until", some_day)  # as if days had passed
        told, stored = await outcome(engines.engine, name, life)

    assert told == expected
    assert stored == entries  # sequences, instants, digests, leaves and chain among all else
    account = await engines.referee.account_named(name)
    assert account is not None
    assert await engines.engine.account_named(name) == account
    head = await engines.referee.head(account.id)
    assert await engines.engine.head(account.id) == head
    for _ in range(QUESTIONS):
        question = some_question(chance, head.sequence)
        answer = await question.ask(engines.referee, account.id)
        with pytest.MonkeyPatch.context() as patch:
            # Now and then an answer takes the way that is for what rollups cannot do, or leaves it early.
            patch.setattr(planner, "ROLLUPS", chance.choice([planner.ROLLUPS, planner.ROLLUPS, ()]))
            patch.setattr(summaries, "NEAR", chance.choice([3, summaries.NEAR]))
            patch.setattr(summaries, "MOST_APART", chance.choice([1, summaries.MOST_APART]))
            patch.setattr(looks, "MOST_LOOKS", chance.choice([2, looks.MOST_LOOKS]))
            assert await question.ask(engines.engine, account.id) == answer, question
    assert await engines.engine.false_total(account.id) is None
    stream = engines.engine.stream(Rows(Scope(account.id, head.sequence), descending=False))
    assert (await verify(stream, genesis(name), head)).entries == len(entries)
