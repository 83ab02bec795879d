"""The activity feed as it grows: from the present end or from a cursor on, every entry that is asked for, once and in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from app.domain.entry import Entry, EntryKind
from app.domain.errors import InvalidQuery
from app.live.tail import Tails
from app.live.watch import Watch
from app.ports import Ledger
from app.question.filters import Filters
from app.question.rows import Rows
from app.question.scope import Scope

CATCH_UP = 100
"""Entries that a follower who lags behind reads at once."""


async def follow(
    ledger: Ledger,
    tails: Tails,
    account_id: int,
    filters: Filters,
    kinds: frozenset[EntryKind] | None,
    after: int | None,
    watch: Watch,
) -> AsyncGenerator[tuple[int, Entry | None], None]:
    """Sequences with their entries, without end: from the entry past `after` on, or from what is recorded from now on.

    In the latter case the first pair has no entry: it tells where the following begins. Raises InvalidQuery for a place that the
    ledger does not have, and what `watch` raises once the follower may no longer follow.
    """
    async with tails.of(account_id) as tail:
        end = await tail.fresh()
        if after is None:
            seen = end
            yield seen, None
        elif after > end:
            raise InvalidQuery("after", "lies past the end of the ledger")
        else:
            seen = after
        while True:
            await watch.check()
            # Before the entries are taken: whatever comes in meanwhile is past it.
            through = tail.position
            entries = tail.after(seen)
            if entries is None:
                question = Rows(Scope(account_id, through), filters, kinds, descending=False, above=seen, limit=CATCH_UP)
                entries = await ledger.rows(question)
                if len(entries) == CATCH_UP:
                    through = entries[-1].sequence
            else:
                entries = [each for each in entries if (kinds is None or each.kind in kinds) and filters.accept(each)]
            for each in entries:
                await watch.check()
                seen = each.sequence
                yield seen, each
            seen = through
            await tail.grown(seen, watch.seconds)
