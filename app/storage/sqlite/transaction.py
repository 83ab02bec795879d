"""One account's ledger on the writer's thread: what a body looks up and appends, inside its savepoint."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeVar

from app.domain.account import Key
from app.domain.catalogue import Record
from app.domain.entry import PRIVATE_FIELDS, Correction, Entry, Veil
from app.domain.errors import AlreadyCorrected, NotFound
from app.domain.export import Export, Mark
from app.domain.first_answer import FirstAnswer
from app.domain.format_version import FormatVersion
from app.domain.merkle import Kept, Span, completes, grow
from app.domain.reject import Reject, numbered
from app.ports import Claim, Head, Transaction
from app.storage.sql.conditions import repeated
from app.storage.sql.dialect import Dialect, Statement
from app.storage.sql.exports import ExportStatements, export_of, export_values, mark_values
from app.storage.sql.first_answers import FirstAnswerStatements, first_answer_of, first_answer_values
from app.storage.sql.formats import FormatStatements, format_of, format_values
from app.storage.sql.known import Known
from app.storage.sql.mapping import Mapping
from app.storage.sql.projection import carried, first_named
from app.storage.sql.rejects import RejectStatements, reject_of, reject_values
from app.storage.sql.rollup_writes import RollupWrites
from app.storage.sql.writes import WIDEST, Writes, nodes_asked, width
from app.storage.sqlite.connection import empty_log
from app.storage.sqlite.pending import Batch, Pending
from app.storage.sqlite.writer import Unit

T = TypeVar("T")


class Shared:
    """What all transactions of a store share."""

    def __init__(self, dialect: Dialect) -> None:
        self.mapping = Mapping(dialect)
        self.writes = Writes(dialect)
        self.pending = Pending(self.mapping, self.writes, RollupWrites(dialect))
        self.known = Known()
        self.dialect = dialect
        self.exports = ExportStatements(dialect)
        self.answers = FirstAnswerStatements(dialect)
        self.formats = FormatStatements(dialect)
        self.rejects = RejectStatements(dialect)


class SqliteTransaction:
    """See `app.ports.Transaction`. Its methods never suspend, so that a body runs to its end on the writer's thread.

    Raises NotFound for an account that does not exist.
    """

    def __init__(self, unit: Unit, account_id: int, shared: Shared) -> None:
        self._unit = unit
        self._account_id = account_id
        self._shared = shared
        self._pending = shared.pending
        self._writes = shared.writes
        self._mapping = shared.mapping
        self._draft = Batch()
        self._head = self._pending.batch.heads.get(account_id) or self._read_head()

    async def lock(self) -> Head:
        """The group's transaction holds the file's only write lock already, so there is nothing to wait for."""
        return self._head

    async def claimed(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        statement, values = self._writes.claimed, [bytearray(key) for key in keys]
        found = dict(self._listed(self._unit.reading, statement, values))
        for batch in (self._pending.batch, self._draft):
            if batch.claims:
                named = ((key, batch.claims.get((self._account_id, key))) for key in keys)
                found |= {key: sequence for key, sequence in named if sequence is not None}
        return found

    async def entries(self, sequences: Sequence[int]) -> dict[int, Entry]:
        if not sequences:
            return {}
        found = map(self._mapping.entry, self._listed(self._settled(), self._writes.entries, sequences))
        return {entry.sequence: entry for entry in found}

    async def versions(self, event: int) -> list[Entry]:
        return [self._mapping.entry(row) for row in self._rows(self._writes.versions, event=event)]

    async def append(self, entries: Sequence[Entry], claims: Sequence[Claim]) -> None:
        """Raises AlreadyCorrected for a second reversal, ValueError for entries that do not follow the head, and
        sqlite3.IntegrityError for a claim that is taken."""
        if not entries:
            return
        head = self._head
        for sequence, entry in enumerate(entries, start=head.sequence + 1):
            if entry.sequence != sequence or entry.account_id != self._account_id:
                raise ValueError(f"entry {entry.id} does not follow the head at {head.sequence} of account {self._account_id}")
        draft = self._draft
        if completes(head.sequence, len(entries)):
            draft.nodes += [(self._account_id, *kept) for kept in await self._grown(head.sequence, entries)]
        draft.entries += map(self._mapping.entry_values, entries)
        for claim in claims:
            self._claim(claim)
        self._name(entries)
        last = entries[-1]
        self._head = draft.heads[self._account_id] = Head(last.sequence, last.recorded_at, last.chain)
        self._reverse([each for each in entries if each.correction is Correction.REVERSAL])
        self._describe([record for record in map(carried, entries) if record is not None])

    def finish(self) -> None:
        """Hand over what was appended, now that the body has come to its end."""
        if self._unit.saved:
            self._settled()
        else:
            self._pending.batch.absorb(self._draft)

    async def record(self, kind: str, record_id: str) -> Record | None:
        row = next(self._rows(self._writes.record, kind=kind, record_id=record_id), None)
        return None if row is None else self._mapping.record(row)

    async def erase(self, sequence: int, names: Sequence[str], veil: Veil) -> None:
        """Also blanks the texts' copies in the catalogue, overwrites the freed bytes, and empties the log of old pages."""
        if unknown := set(names) - set(PRIVATE_FIELDS):
            raise ValueError(f"not private: {sorted(unknown)}")
        entry = (await self.entries([sequence])).get(sequence)
        if entry is None:
            raise NotFound(f"no entry {sequence}")
        # Off for everything else: it makes every page that shrinks be written in full.
        self._unit.connection.execute("PRAGMA secure_delete = ON")
        try:
            self._execute(self._writes.erase(tuple(names)), sequence=sequence, veil=veil.to_bytes())
            version = carried(entry)
            copies = [name for name in names if name in ("name", "additional_data")]
            if version is not None and copies:
                statement = self._writes.erase_version(copies)
                gone = " ".join(name for name in PRIVATE_FIELDS if name in veil.erased)
                self._execute(statement, kind=version.kind.value, record_id=version.id, sequence=sequence, erased=gone)
        finally:
            self._unit.connection.execute("PRAGMA secure_delete = OFF")
        self._unit.when_committed(lambda: empty_log(self._unit.reading))

    async def total_anew(self) -> None:
        self._settled()
        self._pending.add_up_anew(self._unit.connection, self._account_id, self._head)

    async def put_key(self, key: Key) -> None:
        if key.account_id != self._account_id:
            raise ValueError("a key of another account")
        self._execute(self._writes.drop_key, id=key.id)
        self._execute(self._writes.add_key, **self._mapping.key_values(key))

    async def export(self, export_id: str) -> Export | None:
        row = next(self._rows(self._shared.exports.one, id=export_id), None)
        return None if row is None else export_of(row, self._shared.dialect)

    async def put_export(self, export: Export, subtrees: bytes | None = None) -> None:
        if export.account_id != self._account_id:
            raise ValueError("an export of another account")
        put = self._shared.exports.change if subtrees is None else self._shared.exports.put
        self._execute(put, **export_values(export, subtrees, self._shared.dialect))

    async def put_mark(self, export_id: str, mark: Mark | None) -> None:
        if mark is None:
            self._execute(self._shared.exports.drop_mark, export_id=export_id)
        else:
            self._execute(self._shared.exports.put_mark, **mark_values(self._account_id, export_id, mark))

    async def first_answer(self, key: str) -> FirstAnswer | None:
        row = next(self._rows(self._shared.answers.one, key=key), None)
        return None if row is None else first_answer_of(row, self._shared.dialect)

    async def put_first_answer(self, answer: FirstAnswer) -> None:
        if answer.account_id != self._account_id:
            raise ValueError("an answer to another account")
        values = first_answer_values(answer, self._shared.dialect)
        self._execute(self._shared.answers.drop, key=values["key"], created_at=values["created_at"])
        self._execute(self._shared.answers.add, **values)

    async def format_version(self, name: str) -> FormatVersion | None:
        row = next(self._rows(self._shared.formats.newest, name=name), None)
        return None if row is None else format_of(row, self._shared.dialect)

    async def add_format(self, version: FormatVersion) -> None:
        if version.account_id != self._account_id:
            raise ValueError("a format of another account")
        self._execute(self._shared.formats.add, **format_values(version, self._shared.dialect))

    async def rejects(self, first: int, last: int) -> list[Reject]:
        rows = self._rows(self._shared.rejects.between, first=first, last=last)
        return [reject_of(row, self._shared.dialect) for row in rows]

    async def keep_rejects(self, arrived: Sequence[Reject]) -> dict[bytes, int]:
        kept: dict[bytes, int] = {}
        for digest in dict.fromkeys(each.digest for each in arrived):
            kept |= {bytes(row[0]): row[1] for row in self._rows(self._shared.rejects.number, digest=digest)}
        [(last,)] = self._rows(self._shared.rejects.last)
        added, changed = numbered(arrived, kept, last)
        self._put_rejects(self._shared.rejects.add, added)
        self._put_rejects(self._shared.rejects.again, changed)
        return {each.digest: each.number for each in (*added, *changed)}

    async def put_rejects(self, changed: Sequence[Reject]) -> None:
        self._put_rejects(self._shared.rejects.change, changed)

    async def clear_rejects(self, dropped: Sequence[Reject]) -> None:
        self._unit.connection.execute("PRAGMA secure_delete = ON")
        try:
            self._put_rejects(self._shared.rejects.change, dropped)
        finally:
            self._unit.connection.execute("PRAGMA secure_delete = OFF")
        self._unit.when_committed(lambda: empty_log(self._unit.reading))

    def _put_rejects(self, put: Statement, rejects: Sequence[Reject]) -> None:
        for each in rejects:
            self._execute(put, **reject_values(each, self._shared.dialect))

    async def _grown(self, size: int, entries: Sequence[Entry]) -> list[Kept]:
        return await grow(size, [each.leaf for each in entries], self._nodes)

    async def _nodes(self, span: Span) -> list[bytes]:
        """Looks into the draft beside the table, since writing it now would need a savepoint, which costs much."""
        self._pending.flush(self._unit.reading)
        statement, values = nodes_asked(self._writes, self._account_id, span)
        found = [bytes(row[0]) for row in self._unit.reading.execute(statement.sql, statement.bind(values))]
        level, first, end = span
        if level == 0:
            return found + [leaf for sequence, leaf in self._draft.leaves(self._mapping) if first < sequence <= end]
        drafted = self._draft.nodes
        return found + [digest for _, own, position, digest in drafted if own == level and first <= position < end]

    def _reverse(self, reversals: Sequence[Entry]) -> None:
        """Write what was appended, where it takes something back, so that a second time is noticed here."""
        if not reversals:
            return
        self._draft.reversals += reversals
        try:
            self._settled()
        except sqlite3.IntegrityError as error:
            if "reversals." not in str(error):
                raise
            raise AlreadyCorrected("the entry was reversed before") from error

    def _claim(self, claim: Claim) -> None:
        key = (self._account_id, claim.key)
        if key in self._pending.batch.claims or key in self._draft.claims:
            raise sqlite3.IntegrityError("UNIQUE constraint failed: claims.account_id, claims.claim_key")  # as the table would
        self._draft.claims[key] = claim.sequence

    def _name(self, entries: Sequence[Entry]) -> None:
        """Add stubs for ids that are not known for certain."""
        account_id, known = self._account_id, self._shared.known
        named = {key: entry for key, entry in first_named(entries).items() if not known.has(account_id, *key)}
        for key, entry in named.items():
            self._draft.name((account_id, *key), entry)
        if named:
            self._unit.when_committed(lambda: known.add(account_id, named))

    def _describe(self, records: Sequence[Record]) -> None:
        """Add versions of records, after the stubs: one that was named before takes over where that was."""
        for record in records:
            self._execute(self._writes.add_version, **self._mapping.record_values(self._account_id, record))

    def _read_head(self) -> Head:
        row = self._unit.reading.execute(self._writes.head.sql, (self._account_id,)).fetchone()
        if row is None:
            raise NotFound(f"no account {self._account_id}")
        return self._mapping.head(row)

    def _listed(
        self, connection: sqlite3.Connection, statement: Callable[[int], Statement], values: Sequence[Any]
    ) -> Iterator[tuple[Any, ...]]:
        for first in range(0, len(values), WIDEST):
            part = values[first : first + WIDEST]
            asked = statement(width(len(part)))
            yield from connection.execute(asked.sql, asked.bind({"account_id": self._account_id} | repeated("value", part)))

    def _rows(self, statement: Statement, **values: Any) -> Iterator[tuple[Any, ...]]:
        bound = statement.bind({"account_id": self._account_id} | values)
        return iter(self._settled().execute(statement.sql, bound).fetchall())

    def _execute(self, statement: Statement, **values: Any) -> None:
        bound = statement.bind({"account_id": self._account_id} | values)
        self._settled()
        self._unit.connection.execute(statement.sql, bound)

    def _settled(self) -> sqlite3.Connection:
        """The connection, once all that was appended before is written, so that a statement sees it."""
        if self._draft:
            self._pending.write(self._draft, self._unit.connection)
            self._draft = Batch()
        else:
            self._pending.flush(self._unit.reading)
        return self._unit.reading


def drive(body: Callable[[Transaction], Awaitable[T]], transaction: Transaction) -> T:
    """Run a body to its end without an event loop. Raises RuntimeError if it waits for anything but its transaction."""
    steps = body(transaction).__await__()
    try:
        next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    close = getattr(steps, "close", None)
    if close is not None:
        close()
    raise RuntimeError("the body of a transaction waited for something else than its transaction")
