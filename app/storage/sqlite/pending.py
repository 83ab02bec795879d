"""What a group's transactions have appended and is not yet written, so that many single events are written as one batch is.

A statement costs more than the row that it writes, and at each the thread lets the interpreter's lock go and has to wait for it
again. So appended rows are kept until something wants to see them, at the latest until the group is committed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from app.domain.entry import Entry
from app.ports import Head
from app.storage.sql.dialect import Statement
from app.storage.sql.mapping import Mapping
from app.storage.sql.rollup_writes import RollupWrites, folded_until, windows
from app.storage.sql.writes import Writes
from app.storage.sqlite.insertion import Insertion

Stub = tuple[int, str, str]
"""Account, kind and id."""


class Batch:
    """Rows to be written together."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self.claims: dict[tuple[int, bytes], int] = {}
        self.stubs: dict[Stub, Entry] = {}
        self.heads: dict[int, Head] = {}
        self.nodes: list[tuple[int, int, int, bytes]] = []
        """Account, level, position and hash of nodes of ledgers' trees."""
        self.reversals: list[Entry] = []

    def __bool__(self) -> bool:
        return bool(self.heads)

    def name(self, stub: Stub, entry: Entry) -> None:
        """Note that `entry` names the id, unless one before it does."""
        self.stubs.setdefault(stub, entry)

    def leaves(self, mapping: Mapping) -> Iterator[tuple[int, bytes]]:
        """Sequence and leaf of each entry, in order."""
        sequence, leaf = (mapping.entry_columns.index(name) for name in ("sequence", "leaf"))
        return ((row[sequence], bytes(row[leaf])) for row in self.entries)

    def spans(self, mapping: Mapping) -> list[tuple[int, int, int]]:
        """Of each account the sequence before its first entry here, and that of its last."""
        account, sequence = (mapping.entry_columns.index(name) for name in ("account_id", "sequence"))
        first: dict[int, int] = {}
        for row in self.entries:
            first.setdefault(row[account], row[sequence] - 1)
        return [(account_id, above, self.heads[account_id].sequence) for account_id, above in first.items()]

    def absorb(self, later: Batch) -> None:
        """Add what was appended after this."""
        self.entries += later.entries
        self.claims |= later.claims
        self.heads |= later.heads
        self.nodes += later.nodes
        self.reversals += later.reversals
        for stub, entry in later.stubs.items():
            self.name(stub, entry)


class Pending:
    """The batch of a group, and how batches are written."""

    def __init__(self, mapping: Mapping, writes: Writes, rollups: RollupWrites) -> None:
        self._mapping = mapping
        self._writes = writes
        self.rollups = rollups
        self._insertion = Insertion("entries", mapping.entry_columns)
        self.batch = Batch()

    def write(self, batch: Batch, connection: sqlite3.Connection) -> None:
        """Write the rows of a batch. Stubs of ids that are known already are none.

        Raises sqlite3.IntegrityError for a second reversal of an entry, and for a claim that is taken.
        """
        writes = self._writes
        self._insertion.insert(connection, batch.entries)
        if batch.claims:
            rows = [(account_id, bytearray(key), sequence) for (account_id, key), sequence in batch.claims.items()]
            connection.executemany(writes.add_claim.sql, rows)
        if batch.stubs:
            connection.executemany(writes.add_stub.sql, [self._stub(key, entry) for key, entry in batch.stubs.items()])
        if batch.nodes:
            connection.executemany(writes.add_tree_node.sql, batch.nodes)
        self._roll_up(batch, connection)
        connection.executemany(writes.move_head.sql, [self._head(*each) for each in batch.heads.items()])

    def _roll_up(self, batch: Batch, connection: sqlite3.Connection) -> None:
        """Bring the rollups up to date. Reversals come first: what they take back within the batch never stood."""
        rollups = self.rollups
        if batch.reversals:
            rows = [(each.account_id, each.corrects, each.sequence) for each in batch.reversals]
            connection.executemany(self._writes.add_reversal.sql, rows)
            taken = [rollups.taken(each) for each in batch.reversals]
            for take in rollups.take:
                connection.executemany(take.sql, map(take.bind, taken))
        for account_id, above, upto in batch.spans(self._mapping):
            recorded_at = batch.heads[account_id].recorded_at
            assert recorded_at is not None
            values = {"account_id": account_id, "above": above, "upto": upto, "reversed_upto": upto}
            self.add_up(connection, values | {"until": folded_until(recorded_at)})

    def add_up(self, connection: sqlite3.Connection, values: dict[str, Any]) -> None:
        """Add entries to the rollups, and fold the days that are due."""
        rollups = self.rollups
        _run(connection, (*rollups.stage, *rollups.add), values)
        if _run(connection, (rollups.due,), values) > 0:
            _run(connection, rollups.fold, values)

    def add_up_anew(self, connection: sqlite3.Connection, account_id: int, head: Head) -> None:
        """Make all rollups of an account again from its entries."""
        rollups = self.rollups
        _run(connection, rollups.drop, {"account_id": account_id})
        for values in windows(account_id, head):
            _run(connection, (*rollups.stage, *rollups.add), values)
        if head.recorded_at is not None:
            values = {"account_id": account_id, "until": folded_until(head.recorded_at)}
            if _run(connection, (rollups.due_of_all,), values) > 0:
                _run(connection, rollups.fold, values)

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write what is pending."""
        if self.batch:
            self.write(self.batch, connection)
            self.clear()

    def clear(self) -> None:
        """Forget what is pending."""
        self.batch = Batch()

    def _stub(self, key: Stub, entry: Entry) -> tuple[Any, ...]:
        account_id, kind, record_id = key
        values = {"account_id": account_id, "kind": kind, "record_id": record_id, "sequence": entry.sequence}
        return self._writes.add_stub.bind(values | {"recorded_at": self._mapping.bound(entry.recorded_at)})

    def _head(self, account_id: int, head: Head) -> tuple[Any, ...]:
        values = {"account_id": account_id, "sequence": head.sequence, "chain": head.chain}
        return self._writes.move_head.bind(values | {"recorded_at": self._mapping.bound(head.recorded_at)})


def _run(connection: sqlite3.Connection, statements: Iterable[Statement], values: dict[str, Any]) -> int:
    """Execute them; the number of rows that the last one changed."""
    changed = 0
    for each in statements:
        changed = connection.execute(each.sql, each.bind(values)).rowcount
    return changed
