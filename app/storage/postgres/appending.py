"""Writing what was appended: entries, claims, reversals, catalogue and head, each in one statement for the whole batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain.catalogue import Record
from app.domain.entry import Correction, Entry
from app.storage.postgres.dialect import PostgresDialect
from app.storage.postgres.partitions import Partitions, make_partitions, month_of
from app.storage.sql.known import Known
from app.storage.sql.mapping import RECORD_COLUMNS
from app.storage.sql.mapping import Mapping as Rows
from app.storage.sql.projection import carried, first_named
from app.storage.sql.rollup_writes import RollupWrites, folded_until
from app.storage.sql.tables import catalogue

_CLAIMS = ("account_id", "claim_key", "sequence")
_REVERSALS = (
    "INSERT INTO reversals (account_id, corrects, sequence) SELECT $1::integer, * FROM unnest($2::bigint[], $3::bigint[])"
)
_MONTHS = (
    "INSERT INTO months AS known (account_id, month, first_sequence, first_occurred_at, last_occurred_at)"
    " SELECT $1::integer, * FROM unnest($2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])"
    " ON CONFLICT (account_id, month) DO UPDATE SET"
    " first_occurred_at = LEAST(known.first_occurred_at, excluded.first_occurred_at),"
    " last_occurred_at = GREATEST(known.last_occurred_at, excluded.last_occurred_at)"
)
_HEAD = "UPDATE heads SET sequence = $2, recorded_at = $3, chain = $4 WHERE account_id = $1"

_COLUMNS = ", ".join(RECORD_COLUMNS)
_ARRAYS = ", ".join(
    f"${at}::{PostgresDialect.compiler.type_compiler_instance.process(catalogue.c[name].type).split(' COLLATE')[0]}[]"
    for at, name in enumerate(RECORD_COLUMNS, start=2)
)
_GIVEN = f"unnest({_ARRAYS}) AS given ({_COLUMNS})"
_BEFORE = "FROM catalogue before WHERE before.account_id = $1 AND before.kind = given.kind AND before.record_id = given.record_id"
_FIRST = f"COALESCE((SELECT MIN(before.first_sequence) {_BEFORE}), given.first_sequence)"
_STUBS = (
    "INSERT INTO catalogue (account_id, kind, record_id, sequence, first_sequence, recorded_at, stub)"
    " SELECT $1::integer, given.kind, given.record_id, given.sequence, given.sequence, given.recorded_at, 1"
    " FROM unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[]) AS given (kind, record_id, sequence, recorded_at)"
    f" WHERE NOT EXISTS (SELECT 1 {_BEFORE})"
)
_VERSIONS = (
    f"INSERT INTO catalogue (account_id, {_COLUMNS}) SELECT $1::integer,"
    f" {', '.join(_FIRST if name == 'first_sequence' else f'given.{name}' for name in RECORD_COLUMNS)} FROM {_GIVEN}"
)


@dataclass(frozen=True, slots=True)
class Written:
    """What is there for certain once it is committed: months with partitions, and kinds and ids in the catalogue."""

    account_id: int
    months: tuple[datetime, ...]
    ids: tuple[tuple[str, str], ...]


class Appending:
    """What all transactions of a store share when they write."""

    def __init__(self) -> None:
        self.rows = Rows(PostgresDialect())
        self._rollups = RollupWrites(PostgresDialect())
        self._known = Known()
        self._partitions = Partitions()

    async def write(self, connection: Any, account_id: int, entries: Sequence[Entry], claims: Mapping[bytes, int]) -> Written:
        """Write entries that follow the locked head, with their claims, and bring every projection up to date."""
        months: dict[datetime, list[Entry]] = {}
        for entry in entries:
            months.setdefault(month_of(entry.recorded_at), []).append(entry)
        missing = self._partitions.missing(months)
        if missing:
            await make_partitions(connection, missing)
        rows = map(self.rows.entry_values, entries)
        await connection.copy_records_to_table("entries", records=rows, columns=self.rows.entry_columns)
        if claims:
            claimed = ((account_id, key, sequence) for key, sequence in claims.items())
            await connection.copy_records_to_table("claims", records=claimed, columns=_CLAIMS)
        reversals = [each for each in entries if each.correction is Correction.REVERSAL]
        if reversals:
            corrects = [each.corrects for each in reversals]
            await connection.execute(_REVERSALS, account_id, corrects, [each.sequence for each in reversals])
        await self._roll_up(connection, account_id, entries, reversals)
        named = await self._project(connection, account_id, entries)
        spans = [(month, own[0].sequence, *_span(own)) for month, own in months.items()]
        await connection.execute(_MONTHS, account_id, *map(list, zip(*spans, strict=True)))
        last = entries[-1]
        await connection.execute(_HEAD, account_id, last.sequence, last.recorded_at, last.chain)
        return Written(account_id, tuple(missing), named)

    def committed(self, written: Written) -> None:
        """Remember what is there."""
        self._partitions.add(written.months)
        self._known.add(written.account_id, written.ids)

    async def _roll_up(self, connection: Any, account_id: int, entries: Sequence[Entry], reversals: Sequence[Entry]) -> None:
        """Bring the rollups up to date. Reversals come first: what they take back within these entries never stood."""
        taken = [self._rollups.taken(each) for each in reversals]
        for take in self._rollups.take if taken else ():
            await connection.executemany(take.sql, [take.bind(each) for each in taken])
        first, last = entries[0], entries[-1]
        values = {
            "account_id": account_id,
            "above": first.sequence - 1,
            "upto": last.sequence,
            "reversed_upto": last.sequence,
            "recorded_from": first.recorded_at,
            "recorded_below": last.recorded_at + timedelta.resolution,
            "until": folded_until(last.recorded_at),
        }
        add, fold = self._rollups.add_all, self._rollups.fold_all
        due = await connection.fetch(add.sql, *add.bind(values))
        if due:
            await connection.execute(fold.sql, *fold.bind(values | {"customers": [row[0] for row in due]}))

    async def _project(self, connection: Any, account_id: int, entries: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
        """Bring the catalogue up to date. Stubs come first: a record described after it was named takes over where that was."""
        named = {key: entry for key, entry in first_named(entries).items() if not self._known.has(account_id, *key)}
        if named:
            stubs = ((*key, entry.sequence, entry.recorded_at) for key, entry in named.items())
            await connection.execute(_STUBS, account_id, *map(list, zip(*stubs, strict=True)))
        described = [record for record in map(carried, entries) if record is not None]
        if described:
            # A statement does not see its own rows: the versions of one record that come together share the first of them.
            first: dict[tuple[str, str], int] = {}
            for record in described:
                record.first_sequence = first.setdefault((record.kind, record.id), record.sequence)
            await connection.execute(_VERSIONS, account_id, *self._columns(account_id, described))
        return tuple(named)

    def _columns(self, account_id: int, records: Iterable[Record]) -> list[list[Any]]:
        rows = [self.rows.record_values(account_id, each) for each in records]
        return [[row[name] for row in rows] for name in RECORD_COLUMNS]


def _span(entries: Iterable[Entry]) -> tuple[datetime, datetime]:
    moments = [each.occurred_at for each in entries]
    return min(moments), max(moments)
