"""Short ways for tests to ask a store what it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.domain.account import Account, Principal
from app.domain.entry import Entry
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.answer import AsOf, open_ledger
from app.reports.catalog import report_named
from app.reports.parameters import parse
from app.reports.report import row_values


async def live(store: Store, account: Account) -> Scope:
    """The account's ledger up to its present end."""
    return Scope(account.id, (await store.head(account.id)).sequence)


async def ledger_of(store: Store, account: Account) -> list[Entry]:
    """Every entry of the account, oldest first."""
    return await store.rows(Rows(await live(store, account), descending=False))


@asynccontextmanager
async def nothing_written(store: Store, account: Account) -> AsyncIterator[None]:
    """What happens inside leaves the account's ledger exactly as it was."""
    head, entries = await store.head(account.id), await ledger_of(store, account)
    yield
    assert await store.head(account.id) == head
    assert await ledger_of(store, account) == entries


async def told(
    store: Store, principal: Principal, report: str, *, as_of: AsOf = None, limit: int | None = None, **given: str | list[str]
) -> dict[str, list[dict[str, Any]]]:
    """The rows of a report as JSON values, by section and in order. Parameters are named as on REST; `from_` means from."""
    asked = report_named(report)
    assert asked is not None
    texts = {name.rstrip("_"): [value] if isinstance(value, str) else value for name, value in given.items()}
    opened = await open_ledger(store, principal, as_of)
    sections: dict[str, list[dict[str, Any]]] = {}
    async for section, rows in asked.answer(store, opened, parse(texts, asked.parameters, limit=limit)):
        sections.setdefault(section.name, []).extend(row_values(section, row) for row in rows)
    assert list(sections) == [section.name for section in asked.asked_with(texts).sections]
    return sections
