"""Summaries of every kind, equal to a plain Python computation over the rows, and every number equal to the sum of its rows.

`scripts/prove grouping` does the same some thousand times.
"""

from __future__ import annotations

from random import Random

import pytest

from app.domain.account import Account, Principal
from app.ledger.commands import Rules
from app.ports import Store
from tests.asking import ledger_of
from tests.conftest import Clock
from tests.events import at
from tests.generative.grouping import asked, check, fill

QUESTIONS = 40
"""To each of two worlds, on every engine."""


@pytest.mark.parametrize("seed", [1, 2])
async def test_summaries_are_what_plain_python_makes_of_the_rows_and_open_into_them(
    seed: int, store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    chance = Random(seed)
    clock.now = at(24 * 200)  # all of it has happened
    await fill(store, admin, rules, chance, 100)
    ledger = await ledger_of(store, account)
    opened = 0
    for _ in range(QUESTIONS):
        opened += await check(store, admin, ledger, asked(chance, len(ledger)), most_opened=4)
    assert opened > 2 * QUESTIONS
