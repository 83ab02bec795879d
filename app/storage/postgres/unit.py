"""One transaction of the database, and the bodies that share it: what they appended, until it has to be there.

Bodies that wait for the same account are run one after another in one transaction (see `writer`), so that they share its lock and
its commit. What they append is kept in memory and written in one go at the end; a body that fails takes its own part along.
Only a body that has to see or change the database itself needs a savepoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from app.domain.entry import Entry
from app.domain.errors import NotFound
from app.domain.merkle import Span, completes, grow
from app.ports import Claim, Head
from app.storage.postgres.appending import Appending, Written
from app.storage.postgres.dialect import FIRST, LAST
from app.storage.postgres.months import Months
from app.storage.postgres.statements import Statements
from app.storage.sql.dialect import Statement
from app.storage.sql.writes import nodes_asked


class Unit:
    """`alone` says that one body has the transaction to itself: then the transaction is all that has to be undone."""

    def __init__(
        self, connection: Any, account_id: int, statements: Statements, appending: Appending, months: Months, *, alone: bool
    ) -> None:
        self.account_id = account_id
        self.statements = statements
        self.rows = appending.rows
        self.entries: list[Entry] = []
        """What was appended and is not yet in the database, in order of sequence."""
        self.claims: dict[bytes, int] = {}
        self.blanked: set[str] = set()
        """Tables in which rows with texts that were to be erased are left behind as dead."""
        self._connection = connection
        self._appending = appending
        self._months = months
        self._alone = alone
        self._written: list[Written] = []
        self._head: Head | None = None
        self._saved = False
        self._mark: tuple[int, int, int, Head | None] = (0, 0, 0, None)

    def begin(self) -> None:
        """A body begins."""
        self._mark = (len(self.entries), len(self.claims), len(self._written), self._head)

    async def keep(self) -> None:
        """The body has ended well."""
        if self._saved:
            await self._connection.execute("RELEASE SAVEPOINT body")
            self._saved = False

    async def undo(self) -> None:
        """The body has failed: nothing of it is left. The lock, once taken, is held until the end."""
        entries, claims, written, head = self._mark
        if self._saved:
            await self._connection.execute("ROLLBACK TO SAVEPOINT body")
            await self.keep()
        del self.entries[entries:], self._written[written:]
        self.claims = dict(islice(self.claims.items(), claims))
        self._head = head

    async def lock(self) -> Head:
        """The account's head, locked until the end of the transaction. Raises NotFound."""
        if self._head is None:
            rows = await self.fetch(self.statements.lock)
            if not rows:
                raise NotFound(f"no account {self.account_id}")
            self._head = self.rows.head(rows[0])
        return self._head

    async def append(self, entries: Sequence[Entry], claims: Sequence[Claim]) -> None:
        """Gather entries that follow the head. Raises ValueError for others, and for a claim that another gathered one has."""
        head = await self.lock()
        for entry in entries:
            follows = entry.account_id == self.account_id and entry.sequence == head.sequence + 1
            if not follows or (head.recorded_at is not None and entry.recorded_at < head.recorded_at):
                raise ValueError(f"entry {entry.id} does not follow the head at {head.sequence} of account {self.account_id}")
            head = Head(entry.sequence, entry.recorded_at, entry.chain)
        for claim in claims:
            if self.claims.setdefault(claim.key, claim.sequence) != claim.sequence:
                raise ValueError(f"the claim of entry {claim.sequence} is taken by entry {self.claims[claim.key]}")
        self.entries += entries
        self._head = head

    async def reach(self) -> None:
        """Bring what was appended so far into the database, for what has to be seen or changed there."""
        await self.lock()
        if not self._alone and not self._saved:
            entries, claims, _, head = self._mark
            own, own_claims = self.entries[entries:], dict(islice(self.claims.items(), claims, None))
            del self.entries[entries:]
            self.claims = dict(islice(self.claims.items(), claims))
            await self.flush()
            await self._connection.execute("SAVEPOINT body")
            self._saved = True
            self.entries, self.claims = own, own_claims
            self._mark = (0, 0, len(self._written), head)
        await self.flush()

    async def flush(self) -> None:
        """Write what was gathered."""
        if self.entries:
            write = self._appending.write
            size = self.entries[0].sequence - 1
            self._written.append(await write(self._connection, self.account_id, self.entries, self.claims))
            if completes(size, len(self.entries)):
                kept = await grow(size, [each.leaf for each in self.entries], self._nodes)
                add = self.statements.add_tree_node
                rows = [dict(zip(("level", "position", "digest"), each, strict=True)) for each in kept]
                await self._connection.executemany(add.sql, [add.bind({"account_id": self.account_id} | row) for row in rows])
        self.entries, self.claims = [], {}

    def committed(self) -> None:
        """Everything is there for good."""
        for written in self._written:
            self._appending.committed(written)

    async def _nodes(self, span: Span) -> list[bytes]:
        statement, values = nodes_asked(self.statements, self.account_id, span)
        if span[0] == 0:
            values["recorded_from"] = await self.recorded_from(span[1] + 1)
        return [bytes(row[0]) for row in await self.fetch(statement, **values)]

    async def recorded_from(self, sequence: int) -> datetime:
        """An instant at or before which nothing was recorded that has this sequence or a higher one, the nearer the better."""
        # What this transaction wrote may yet be undone, and must not be remembered.
        written = bool(self._written)
        months = self._months
        timeline = months.remembered(self.account_id) if written else await months.known(self.account_id, sequence, self.fetch)
        windows = timeline.windows(sequence - 1, sequence)
        return windows[0].recorded_from if windows else FIRST

    async def put(self, statement: Statement, rows: Sequence[dict[str, Any]]) -> None:
        """Run a statement that writes, once for each of the rows."""
        if rows:
            await self._connection.executemany(statement.sql, [statement.bind(row) for row in rows])

    async def fetch(self, statement: Statement, **values: Any) -> list[Any]:
        """All rows of an answer, as the database is at this moment."""
        bound = statement.bind({"account_id": self.account_id, "recorded_from": FIRST, "recorded_below": LAST} | values)
        rows: list[Any] = await self._connection.fetch(statement.sql, *bound)
        return rows
