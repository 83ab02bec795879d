"""The API transactions of a period, the one that happened last first, in constant memory however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from app.domain.entry import Entry
from app.ports import Ledger
from app.question.filters import Filters
from app.question.occurrences import PAGE, Occurrences
from app.reports.report import Opened


async def transactions(ledger: Ledger, opened: Opened, filters: Filters) -> AsyncIterator[list[Entry]]:
    """The transactions in batches of up to 1,000; a single empty one where there are none. The period has both ends."""
    question = Occurrences(opened.scope, filters)
    while True:
        page = await ledger.occurrences(question)
        yield page
        if len(page) < PAGE:
            return
        last = page[-1]
        question = replace(question, before=(last.occurred_at, last.sequence))
