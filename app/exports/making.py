"""Making an export's file: rows are drawn once, and each batch goes into the digest and the file before the next is drawn.

What is made depends on the export's own facts alone, so it does not matter which process makes it, when, or how often. A file is
named after its own digest and appears whole, and the first to say that an export is ready is believed; so several
processes may make the same export at once and lose nothing but time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from app.domain.errors import NotFound
from app.domain.export import Export, ExportStatus
from app.exports.digest import Tree, stated
from app.exports.document import Writer, expanded_column
from app.exports.expansion import keys_of
from app.exports.order import Order, Parts
from app.exports.rows import canonical, values_of
from app.ledger.commands import Rules
from app.ports import Draft, Files, Ledger, Store, Transaction
from app.reports.report import Opened, Section

STEP = 1_000
"""Rows that are encoded at once: some tens of milliseconds on a thread beside the event loop."""
Progress = Callable[[int], Awaitable[None]]


class TooManyRows(Exception):
    """There are more rows than were to be made."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is whole but not yet kept, and what there is to say of it."""

    draft: Draft
    rows: int
    sections: dict[str, int]
    digest: str
    subtrees: bytes
    artifact_digest: str
    size: int


async def make(
    ledger: Ledger,
    files: Files,
    wanted: Order,
    opened: Opened,
    *,
    most_rows: int | None = None,
    progress: Progress | None = None,
) -> Made:
    """Make the file. `progress` is told, after each step, how many rows are done.

    Raises TooManyRows past `most_rows`, Unavailable, and what the report and the format raise: InvalidQuery, NotFound,
    InvalidEvent. Whatever is raised, nothing is left behind.
    """
    document = wanted.document(opened)
    if wanted.format.expands and any(expanded_column(section) for section in wanted.report.sections):
        async with aclosing(_bounded(wanted.parts(ledger, opened), most_rows)) as parts:
            document = replace(document, keys=await keys_of(parts))
    draft = await files.create()
    try:
        encoding = _Encoding(wanted.format.writer(document))
        await draft.write(encoding.begin())
        async with aclosing(_bounded(wanted.parts(ledger, opened), most_rows)) as parts:
            async for section, batch in parts:
                for start in range(0, len(batch), STEP) if batch else (0,):
                    data = await asyncio.to_thread(encoding.rows, section, batch[start : start + STEP])
                    await draft.write(data)
                    if progress is not None:
                        await progress(encoding.tree.rows)
        end = encoding.end()
        while data := await asyncio.to_thread(next, end, b""):
            await draft.write(data)
        return encoding.made(draft)
    except BaseException:
        draft.drop()
        raise


async def keep(store: Store, files: Files, export: Export, made: Made, *, rules: Rules) -> Export:
    """Let the file appear, and say that the export is ready. Gives the export as the first to finish left it."""
    extension = export.file_name[export.file_name.rindex(".") :]
    name = f"{export.id}-{made.artifact_digest.removeprefix('sha256:')[:16]}{extension}"
    await made.draft.keep(name)

    async def body(tx: Transaction) -> Export:
        await tx.lock()
        current = await tx.export(export.id)
        if current is None:
            raise NotFound(f"no export {export.id}")
        if current.status is ExportStatus.READY:
            return current
        ready = replace(
            current,
            status=ExportStatus.READY,
            updated_at=rules.clock(),
            rows=made.rows,
            sections=made.sections,
            digest=made.digest,
            artifact_digest=made.artifact_digest,
            size=made.size,
            file=name,
            reason=None,
        )
        await tx.put_export(ready, made.subtrees)
        return ready

    standing = await store.transact(export.account_id, body)
    if standing.file != name:
        # Only a text that was erased meanwhile makes two files of one export differ; the one that is stated stays.
        await files.delete(name)
    return standing


class _Encoding:
    """The digest and the file while they grow together. Used by one thread at a time."""

    def __init__(self, writer: Writer) -> None:
        self.tree = Tree()
        self._writer = writer
        self._sections: dict[str, int] = {}
        self._hash = hashlib.sha256()
        self._size = 0

    def begin(self) -> bytes:
        return self._counted(self._writer.begin())

    def rows(self, section: Section, batch: Sequence[Any]) -> bytes:
        values = values_of(section, batch)
        self.tree.add(canonical(section, values))
        self._sections[section.name] = self._sections.get(section.name, 0) + len(values)
        return self._counted(self._writer.rows(section, values))

    def end(self) -> Iterator[bytes]:
        """In pieces, since some formats write most of their file here."""
        for data in self._writer.end():
            if data:
                yield self._counted([data])

    def made(self, draft: Draft) -> Made:
        tree = self.tree
        artifact = stated(self._hash.digest())
        return Made(draft, tree.rows, self._sections, tree.digest(), tree.subtrees, artifact, self._size)

    def _counted(self, chunks: Iterable[bytes]) -> bytes:
        data = b"".join(chunks)
        self._hash.update(data)
        self._size += len(data)
        return data


async def _bounded(parts: Parts, most_rows: int | None) -> AsyncGenerator[tuple[Section, Sequence[Any]], None]:
    """The same parts, as long as there are no more rows."""
    count = 0
    async with aclosing(cast(AsyncGenerator[Any, None], parts)):
        async for section, batch in parts:
            count += len(batch)
            if most_rows is not None and count > most_rows:
                raise TooManyRows
            yield section, batch
