"""Some thousand summaries, equal to plain Python over the rows, every group opened into rows that add up to it.

`scripts/prove grouping [QUESTIONS [ENGINE …]]`: on every engine by default, 1,000 questions each, to a new world every hundred.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from app.domain.account import Permission
from app.ledger.commands import Rules
from tests.asking import ledger_of
from tests.conftest import ENGINES, Clock, caller, opened
from tests.databases import DATABASES
from tests.events import START, at
from tests.generative.grouping import CHANGES, asked, check, fill

QUESTIONS, OF_A_WORLD, EVENTS = 1_000, 100, 150


async def prove(engine: str, questions: int) -> None:
    """Ask that engine so many questions."""
    begun = time.perf_counter()
    added = groups = 0
    with tempfile.TemporaryDirectory(prefix="grouping-") as folder:
        async with opened(engine, Path(folder)) as store:
            for world in range(-(-questions // OF_A_WORLD)):
                chance = Random(f"{engine} {world}")
                account = await store.create_account(f"world {world}", START)
                principal = caller(account, Permission.ADMIN)
                await fill(store, principal, Rules(clock=Clock(at(24 * 200))), chance, EVENTS)
                ledger = await ledger_of(store, account)
                for _ in range(min(OF_A_WORLD, questions - world * OF_A_WORLD)):
                    added += await check(store, principal, ledger, asked(chance, len(ledger)), most_opened=10**6)
                    groups += 1
    seconds = time.perf_counter() - begun
    print(
        f"shown  {engine}: {groups:,} summaries are what plain Python makes of the rows, {added:,} numbers add up from the rows"
        f" that they open into ({', '.join(CHANGES)} on the days their clocks change; {seconds:.0f} s)",
        flush=True,
    )


def main() -> None:
    """Prove it on the engines that are named."""
    questions = int(sys.argv[1]) if len(sys.argv) > 1 else QUESTIONS
    try:
        for engine in sys.argv[2:] or ENGINES:
            asyncio.run(prove(engine, questions))
    finally:
        DATABASES.close()


if __name__ == "__main__":
    main()
