"""What a body sees of its account's ledger: `app.ports.Transaction` over a unit."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.account import Key
from app.domain.catalogue import Record
from app.domain.entry import PRIVATE_FIELDS, Entry, Veil
from app.domain.errors import NotFound
from app.domain.export import Export, Mark
from app.domain.first_answer import FirstAnswer
from app.domain.format_version import FormatVersion
from app.domain.reject import Reject, numbered
from app.ports import Claim, Head
from app.storage.postgres.dialect import PostgresDialect
from app.storage.postgres.unit import Unit
from app.storage.sql.dialect import Statement
from app.storage.sql.exports import export_of, export_values, mark_values
from app.storage.sql.first_answers import first_answer_of, first_answer_values
from app.storage.sql.formats import format_of, format_values
from app.storage.sql.projection import carried
from app.storage.sql.rejects import reject_of, reject_values
from app.storage.sql.rollup_writes import folded_until, windows


class PostgresTransaction:
    """See `app.ports.Transaction`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._account_id = unit.account_id
        self._statements = unit.statements
        self._rows = unit.rows

    async def lock(self) -> Head:
        return await self._unit.lock()

    async def claimed(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        gathered = self._unit.claims
        found = {key: gathered[key] for key in keys if key in gathered}
        wanted = [key for key in keys if key not in gathered]
        if wanted:
            found |= dict(map(tuple, await self._unit.fetch(self._statements.claims_of, keys=wanted)))
        return found

    async def entries(self, sequences: Sequence[int]) -> dict[int, Entry]:
        gathered = {entry.sequence: entry for entry in self._unit.entries} if self._unit.entries else {}
        found = {sequence: gathered[sequence] for sequence in sequences if sequence in gathered}
        wanted = [sequence for sequence in sequences if sequence not in gathered]
        if wanted:
            start = await self._unit.recorded_from(min(wanted))
            rows = await self._unit.fetch(self._statements.entries_of, sequences=wanted, recorded_from=start)
            found |= {entry.sequence: entry for entry in map(self._rows.entry, rows)}
        return found

    async def versions(self, event: int) -> list[Entry]:
        start = await self._unit.recorded_from(event)
        rows = await self._unit.fetch(self._statements.versions_of, event=event, recorded_from=start)
        gathered = [entry for entry in self._unit.entries if entry.event_sequence == event]
        return [*map(self._rows.entry, rows), *gathered]

    async def append(self, entries: Sequence[Entry], claims: Sequence[Claim]) -> None:
        """Raises ValueError for entries that do not follow the head, or whose claim another one has that was appended with them.
        A second reversal of an entry, and a claim that was taken before, are refused when the transaction is committed."""
        await self._unit.append(entries, claims)

    async def record(self, kind: str, record_id: str) -> Record | None:
        if self._unit.entries:
            await self._unit.reach()
        rows = await self._unit.fetch(self._statements.record, kind=kind, record_id=record_id)
        return self._rows.record(rows[0]) if rows else None

    async def erase(self, sequence: int, names: Sequence[str], veil: Veil) -> None:
        """Also blanks the texts' copies in the catalogue. The rows that held them are cleared away once it is committed."""
        if unknown := set(names) - set(PRIVATE_FIELDS):
            raise ValueError(f"not private: {sorted(unknown)}")
        await self._unit.reach()
        entry = (await self.entries([sequence])).get(sequence)
        if entry is None:
            raise NotFound(f"no entry {sequence}")
        start = await self._unit.recorded_from(sequence)
        erase = self._statements.erase_of(tuple(names))
        rows = await self._unit.fetch(erase, sequence=sequence, veil=veil.to_bytes(), recorded_from=start)
        self._unit.blanked.update(row[0] for row in rows)
        version = carried(entry)
        copies = [name for name in names if name in ("name", "additional_data")]
        if version is not None and copies:
            statement = self._statements.erase_version(copies)
            gone = " ".join(name for name in PRIVATE_FIELDS if name in veil.erased)
            await self._unit.fetch(statement, kind=version.kind.value, record_id=version.id, sequence=sequence, erased=gone)
            self._unit.blanked.add("catalogue")

    async def total_anew(self) -> None:
        await self._unit.reach()
        head = await self._unit.lock()
        for drop in self._statements.rollups.drop:
            await self._unit.fetch(drop)
        rollups = self._statements.rollups
        for values in windows(self._account_id, head):
            await self._unit.fetch(rollups.add_all, **values)
        busy = await self._unit.fetch(rollups.busy)
        if busy and head.recorded_at is not None:
            until = folded_until(head.recorded_at)
            await self._unit.fetch(rollups.fold_all, until=until, customers=[row[0] for row in busy])

    async def put_key(self, key: Key) -> None:
        if key.account_id != self._account_id:
            raise ValueError("a key of another account")
        await self._unit.reach()
        await self._unit.fetch(self._statements.drop_key, id=key.id)
        await self._unit.fetch(self._statements.add_key, **self._rows.key_values(key))

    async def export(self, export_id: str) -> Export | None:
        rows = await self._unit.fetch(self._statements.exports.one, id=export_id)
        return export_of(rows[0], PostgresDialect()) if rows else None

    async def put_export(self, export: Export, subtrees: bytes | None = None) -> None:
        if export.account_id != self._account_id:
            raise ValueError("an export of another account")
        await self._unit.reach()
        put = self._statements.exports.change if subtrees is None else self._statements.exports.put
        await self._unit.fetch(put, **export_values(export, subtrees, PostgresDialect()))

    async def put_mark(self, export_id: str, mark: Mark | None) -> None:
        await self._unit.reach()
        if mark is None:
            await self._unit.fetch(self._statements.exports.drop_mark, export_id=export_id)
        else:
            await self._unit.fetch(self._statements.exports.put_mark, **mark_values(self._account_id, export_id, mark))

    async def first_answer(self, key: str) -> FirstAnswer | None:
        rows = await self._unit.fetch(self._statements.answers.one, key=key)
        return first_answer_of(rows[0], PostgresDialect()) if rows else None

    async def put_first_answer(self, answer: FirstAnswer) -> None:
        if answer.account_id != self._account_id:
            raise ValueError("an answer to another account")
        await self._unit.reach()
        values = first_answer_values(answer, PostgresDialect())
        await self._unit.fetch(self._statements.answers.drop, key=values["key"], created_at=values["created_at"])
        await self._unit.fetch(self._statements.answers.add, **values)

    async def format_version(self, name: str) -> FormatVersion | None:
        rows = await self._unit.fetch(self._statements.formats.newest, name=name)
        return format_of(rows[0], PostgresDialect()) if rows else None

    async def add_format(self, version: FormatVersion) -> None:
        if version.account_id != self._account_id:
            raise ValueError("a format of another account")
        await self._unit.reach()
        await self._unit.fetch(self._statements.formats.add, **format_values(version, PostgresDialect()))

    async def rejects(self, first: int, last: int) -> list[Reject]:
        rows = await self._unit.fetch(self._statements.rejects.between, first=first, last=last)
        return [reject_of(row, PostgresDialect()) for row in rows]

    async def keep_rejects(self, arrived: Sequence[Reject]) -> dict[bytes, int]:
        await self._unit.reach()
        digests = list(dict.fromkeys(each.digest for each in arrived))
        kept = {bytes(row[0]): row[1] for row in await self._unit.fetch(self._statements.rejects_of, digests=digests)}
        [(last,)] = await self._unit.fetch(self._statements.rejects.last)
        added, changed = numbered(arrived, kept, last)
        await self._put_rejects(self._statements.rejects.add, added)
        await self._put_rejects(self._statements.rejects.again, changed)
        return {each.digest: each.number for each in (*added, *changed)}

    async def put_rejects(self, changed: Sequence[Reject]) -> None:
        await self._unit.reach()
        await self._put_rejects(self._statements.rejects.change, changed)

    async def clear_rejects(self, dropped: Sequence[Reject]) -> None:
        """The rows that held them are cleared away once it is committed."""
        await self.put_rejects(dropped)
        self._unit.blanked.add("rejects")

    async def _put_rejects(self, put: Statement, rejects: Sequence[Reject]) -> None:
        await self._unit.put(put, [reject_values(each, PostgresDialect()) for each in rejects])
