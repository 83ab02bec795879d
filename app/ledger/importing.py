"""Importing a file: batches in constant memory, each one transaction, the next prepared while one is recorded."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from app.domain.account import Permission, Principal
from app.domain.errors import InvalidEvent
from app.ledger.chain import Prepared
from app.ledger.commands import Rules, record_prepared
from app.ledger.formats import Format
from app.ledger.intake import Inflater, Item, Kind, Reader, kind_of, reader_for
from app.ledger.intake.csv_rows import CsvReader
from app.ledger.outcome import Outcome, Status
from app.ledger.refusals import Arrival
from app.ledger.rejects import Rejects
from app.ledger.translation import place_of, prepare_items
from app.ports import Store

BATCH = 1_000
"""Items that are recorded in one transaction."""
_CHUNK = 65_536
_TOLD_FIRST = 5


@dataclass(slots=True)
class Summary:
    """What became of the items so far, by status, and how much of the file that was."""

    counts: Counter[str] = field(default_factory=Counter)
    unnamed: int = 0
    """Items recorded without a sender's id: imported again, they are recorded again."""
    bytes_read: int = 0
    """Of the file itself, packed if it is."""
    unkept: int = 0
    """Refused items of which nothing is kept, since there were too many."""
    told_first: list[str] = field(default_factory=list)
    """The first few refusals, each with its line."""

    @property
    def items(self) -> int:
        """All items that were read."""
        return sum(self.counts.values())

    def told(self) -> dict[str, int]:
        """How many items ended how: every status is present."""
        return {status.value: self.counts[status.value] for status in Status}


async def import_file(
    store: Store,
    principal: Principal,
    file: BinaryIO,
    format_: Format,
    *,
    rules: Rules,
    name: str = "",
    kind: Kind | None = None,
    source: str | None = None,
    on_progress: Callable[[Summary], None] = lambda summary: None,
    rejects: Callable[[bytes], object] | None = None,
) -> Summary:
    """Record what a file holds, plain or gzip. Needs `usage:write`.

    Without `kind`, the file's `name` and its beginning tell it. `rejects` is given the rejected items and those in conflict.
    Imported again after an interruption, what was recorded is found as a duplicate by its sender's id. Raises InvalidBody
    and PayloadTooLarge where the file cannot be read on; the batches before that are recorded, as `on_progress` was told.
    """
    principal.require(Permission.USAGE_WRITE)
    batches = _Batches(file, format_, rules=rules, name=name, kind=kind, source=source)
    kept = None if rejects is None else Rejects(rejects)
    arrival = Arrival(format_, source)
    summary = Summary()
    following = asyncio.ensure_future(asyncio.to_thread(batches.prepare_next))
    try:
        while (batch := await following) is not None:
            following = asyncio.ensure_future(asyncio.to_thread(batches.prepare_next))
            arrival.items, arrival.written = batch.items, batches.kind
            outcomes = await record_prepared(store, principal, batch.prepared, rules=rules, arrival=arrival)
            summary.unkept = arrival.unkept
            _count(summary, batch, outcomes)
            refused = _refused(format_, batch.items, outcomes)
            for item, reason in refused[: _TOLD_FIRST - len(summary.told_first)]:
                summary.told_first.append(f"line {item.line}: {reason}")
            if kept is not None:
                kept.add(refused, batches.columns)
            on_progress(summary)
    finally:
        await asyncio.gather(following, return_exceptions=True)
    return summary


@dataclass(frozen=True, slots=True)
class _Batch:
    items: list[Item]
    prepared: list[Prepared | InvalidEvent]
    bytes_read: int


class _Batches:
    """The file's batches, made in a worker thread, one call at a time."""

    def __init__(
        self, file: BinaryIO, format_: Format, *, rules: Rules, name: str, kind: Kind | None, source: str | None
    ) -> None:
        self._file = file
        self._format = format_
        self._rules = rules
        self._name = name
        self._kind = kind
        self._usual = None if format_.input is None else Kind(format_.input)
        self._source = source
        self._reader: Reader | None = None
        self._found: Kind | None = None
        self._bytes = 0
        self._items = self._read()

    @property
    def columns(self) -> Sequence[str] | None:
        """Those of CSV; None for JSON."""
        return self._reader.columns if isinstance(self._reader, CsvReader) else None

    @property
    def kind(self) -> Kind:
        """How the file is written, once its first bytes are read."""
        return self._found or Kind.JSON

    def prepare_next(self) -> _Batch | None:
        """The next batch, None at the end."""
        items = list(islice(self._items, BATCH))
        if not items:
            return None
        prepared = prepare_items(self._format, items, rules=self._rules, source=self._source)
        return _Batch(items, prepared, self._bytes)

    def _read(self) -> Iterator[Item]:
        inflater = Inflater()
        while chunk := self._file.read(_CHUNK):
            self._bytes += len(chunk)
            for piece in inflater.feed(chunk):
                yield from self._reader_after(piece).feed(piece)
        for piece in inflater.finish():
            yield from self._reader_after(piece).feed(piece)
        yield from self._reader_after(b"").finish()

    def _reader_after(self, beginning: bytes) -> Reader:
        if self._reader is None:
            self._found = self._kind or kind_of(self._name, beginning, self._usual)
            self._reader = reader_for(self._found)
        return self._reader


def _count(summary: Summary, batch: _Batch, outcomes: Sequence[Outcome]) -> None:
    summary.bytes_read = batch.bytes_read
    for each in outcomes:
        summary.counts[each.status.value] += 1
        if each.status is Status.INSERTED and each.entry is not None and each.entry.sender_id is None:
            summary.unnamed += 1


def _refused(format_: Format, items: Sequence[Item], outcomes: Sequence[Outcome]) -> list[tuple[Item, str]]:
    refused = []
    for item, outcome in zip(items, outcomes, strict=True):
        if outcome.status in (Status.REJECTED, Status.CONFLICT):
            place = place_of(format_, outcome)
            refused.append((item, f"{place}: {outcome.reason}" if place else str(outcome.reason)))
    return refused
