"""Copying a whole store into another, of the same engine or another, and proving afterwards that both hold the same.

Sequences, instants, digests and chains are kept: entries are appended as they are, under the ids that accounts have in the
source. A copy that was interrupted is continued, and one that is behind is brought up to date, as long as the target holds
nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from sqlalchemy import Table

from app.domain.account import Account, genesis
from app.domain.entry import Entry
from app.domain.errors import Conflict
from app.ledger.chain import verify
from app.ports import Head, Store, Transaction
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.sql.transfer import BY_ROW, TABLES, Row

PAGE = 1_000
"""Rows of a table that are moved or compared at a time."""
_ROUNDS = 5
"""Times that the source is caught up with, if it is written to meanwhile, before that is given up."""
Told = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is, and how much it is in all."""


class Transferable(Store, Protocol):
    """A store that keeps tables: an engine of SQL."""

    async def dump(self, table: Table, after: Row | None, limit: int) -> list[Row]:
        """At most `limit` rows of the table that follow `after` in order of its key; instants are datetimes."""
        ...

    async def load(self, table: Table, rows: list[Row]) -> None:
        """Add these rows; one whose key is there takes the place of the other."""
        ...

    async def adopt(self, account: Account) -> None:
        """Make an account that has its id already, with an empty ledger."""
        ...


async def copy(source: Transferable, target: Transferable, told: Told) -> None:
    """Bring everything that the source holds into the target.

    Raises Conflict where the target holds something else, and where the source does not stop being written to. Files of exports
    are not in a store, and are not copied.
    """
    for _ in range(_ROUNDS):
        heads = await _heads(source)
        for account, head in heads:
            await _copy_ledger(source, target, account, head, told)
        for table in BY_ROW:
            await _copy_rows(source, target, table, told)
        if await _heads(source) == heads:
            return
    raise Conflict("the source is being written to: let it rest, and copy again", detail="what was copied so far is kept")


async def compare(source: Transferable, target: Transferable, told: Told) -> list[tuple[str, Head]]:
    """Go through both stores side by side and tell the ends of the ledgers that both hold, by account.

    Every digest of every ledger is derived again. Raises Corrupt for the first one that does not hold, and Conflict for the
    first difference.
    """
    heads = await _heads(source)
    if await _heads(target) != heads:
        raise Conflict("the accounts, or the ends of their ledgers, differ")
    for account, head in heads:
        await verify(_both(source, target, account, head, told), genesis(account.name), head)
    for table in TABLES:
        await _compare_rows(source, target, table, told)
    for account, _ in heads:
        # What each keeps beside the ledgers is its own, and is made again from them rather than compared.
        false = await target.false_total(account.id)
        if false is not None:
            raise Conflict(f"account {account.name}: {false}")
    return [(account.name, head) for account, head in heads]


async def _both(
    source: Transferable, target: Transferable, account: Account, head: Head, told: Told
) -> AsyncIterator[list[Entry]]:
    """The target's entries, each of them found to be the source's."""
    question = Rows(Scope(account.id, head.sequence), descending=False)
    theirs = (entry async for batch in source.stream(question) for entry in batch)
    done = 0
    async for batch in target.stream(question):
        for entry in batch:
            if await anext(theirs, None) != entry:
                raise Conflict(f"account {account.name}: entry {entry.sequence} differs")
        yield batch
        done += len(batch)
        told(f"comparing {account.name}", done, head.sequence)


async def _heads(store: Transferable) -> list[tuple[Account, Head]]:
    return [(account, await store.head(account.id)) for account in await store.accounts()]


async def _copy_ledger(source: Transferable, target: Transferable, account: Account, head: Head, told: Told) -> None:
    there = await target.account(account.id) or await target.account_named(account.name)
    if there is None:
        await target.adopt(account)
    elif there != account:
        raise Conflict(f"the target has an account {there.name} with id {there.id}, the source {account.name} with {account.id}")
    begun = await target.head(account.id)
    if begun.sequence:
        last = await source.rows(Rows(Scope(account.id, begun.sequence), above=begun.sequence - 1, limit=1))
        if not last or last[0].chain != begun.chain:
            raise Conflict(f"the target's ledger of {account.name} goes on otherwise than the source's")
    question = Rows(Scope(account.id, head.sequence), descending=False, above=begun.sequence)
    done = begun.sequence
    async for batch in source.stream(question):
        await target.transact(account.id, _appending(batch))
        done += len(batch)
        told(f"copying {account.name}", done, head.sequence)


def _appending(batch: list[Entry]) -> Callable[[Transaction], Awaitable[None]]:
    async def body(tx: Transaction) -> None:
        # The claims come with the rest of their table.
        await tx.append(batch, [])

    return body


async def _copy_rows(source: Transferable, target: Transferable, table: Table, told: Told) -> None:
    done = 0
    async for page in _pages(source, table):
        await target.load(table, page)
        done += len(page)
        told(f"copying {table.name}", done, done)


async def _compare_rows(source: Transferable, target: Transferable, table: Table, told: Told) -> None:
    ours, done = _pages(target, table), 0
    async for page in _pages(source, table):
        if await anext(ours, []) != page:
            raise Conflict(f"the tables `{table.name}` differ among rows {done + 1} to {done + len(page)}")
        done += len(page)
        told(f"comparing {table.name}", done, done)
    if await anext(ours, []):
        raise Conflict(f"the target has rows in `{table.name}` that the source has not")


async def _pages(store: Transferable, table: Table) -> AsyncIterator[list[Row]]:
    after: Row | None = None
    while page := await store.dump(table, after, PAGE):
        yield page
        after = page[-1]
