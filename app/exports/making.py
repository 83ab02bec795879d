"""Making an export's file, and saying that it is made.

What is made depends on the export's own facts alone, so it does not matter which process makes it, when, or how often. A file is
named after its own digest and appears whole, and the first to say that an export is ready is believed. So the caller that
waits for a short export needs no lease, although a worker may take it meanwhile: both make the same file.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from app.domain.errors import NotFound
from app.domain.export import UNFINISHED, Export, ExportStatus, Mark
from app.exports.encoding import Source
from app.exports.leases import Lease, Lost
from app.exports.order import Order
from app.exports.resuming import Begun, begin, erased_since, go_on
from app.ledger.commands import Rules
from app.ledger.erasure import ERASED
from app.ports import Draft, Files, Store, Transaction
from app.reports.report import Opened

Progress = Callable[[int], Awaitable[None]]


_LOOKED_THROUGH = 1_000
"""Entries that are looked through at once, while the account is locked."""
_ROUNDS = 3
"""How often it is looked without the lock, before all that has come in since is looked through under it."""


class _Stale(Exception):
    """Texts were erased while the file was made."""


class _Behind(Exception):
    """Much was recorded since it was looked whether texts were erased."""


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
    head: int
    """The ledger's end when the first bytes were written: what was erased after it may still stand in the file."""


@dataclass(frozen=True, slots=True)
class Marking:
    """Keeping where another can go on: `keep` is given a mark each `seconds`, and None where an earlier one is no good."""

    keep: Callable[[Mark | None], Awaitable[None]]
    seconds: float
    last: Mark | None = None
    """Where the one before came to."""


async def make(
    ledger: Source,
    files: Files,
    wanted: Order,
    opened: Opened,
    *,
    most_rows: int | None = None,
    progress: Progress | None = None,
    marking: Marking | None = None,
) -> Made:
    """Make the file, or go on with it. `progress` is told, after each step, how many rows are done.

    Raises what `app.exports.encoding.Encoding.chunks` raises, and leaves nothing behind then but the draft that a mark tells of.
    """
    begun = None
    if marking is not None and marking.last is not None:
        begun = await _gone_on(ledger, files, wanted, opened, marking, marking.last)
    marked = begun is not None
    begun = begun or await begin(ledger, files, wanted, opened, most_rows=most_rows)
    encoding, draft, due = begun.encoding, begun.draft, time.monotonic() + (marking.seconds if marking else 0)
    try:
        async with aclosing(encoding.chunks()) as chunks:
            async for data in chunks:
                await draft.write(data)
                if progress is not None:
                    await progress(encoding.tree.rows)
                if marking is not None and time.monotonic() >= due and (mark := begun.mark()) is not None:
                    await draft.sync()
                    await marking.keep(mark)
                    marked, due = True, time.monotonic() + marking.seconds
    except BaseException:
        draft.leave() if marked else draft.drop()
        raise
    tree = encoding.tree
    digests = tree.digest(), tree.subtrees, encoding.artifact_digest
    return Made(draft, tree.rows, encoding.sections, *digests, encoding.size, begun.head)


async def _gone_on(ledger: Source, files: Files, wanted: Order, opened: Opened, marking: Marking, last: Mark) -> Begun | None:
    """A copy of what was done, marked as our own; None where it has to be begun anew. The other's draft is gone then."""
    begun = await go_on(ledger, files, wanted, opened, last)
    try:
        await marking.keep(None if begun is None else begun.mark())
    except BaseException:
        if begun is not None:
            begun.draft.drop()
        raise
    await files.discard(last.file)
    return begun


async def keep(store: Store, files: Files, export: Export, made: Made, *, rules: Rules, lease: Lease | None = None) -> Export:
    """Let the file appear, and say that the export is ready. Gives the export as it then stands: ready by our doing or by that
    of another who was faster, or called off meanwhile. Raises Lost where a lease is no longer held and nobody has finished it.

    A file that may hold what was erased since it was begun is dropped, and the export left to be made anew.
    """
    extension = export.file_name[export.file_name.rindex(".") :]
    name = f"{export.id}-{made.artifact_digest.removeprefix('sha256:')[:16]}{extension}"
    await made.draft.keep(name)

    async def body(tx: Transaction) -> Export:
        head = await tx.lock()
        current = await tx.export(export.id)
        if current is None:
            raise NotFound(f"no export {export.id}")
        if current.status not in UNFINISHED:
            return current
        if head.sequence - looked > _LOOKED_THROUGH and rounds < _ROUNDS:
            raise _Behind
        if stale or await _erases(tx, looked, head.sequence):
            raise _Stale
        if lease is not None and not lease.holds(current):
            raise Lost(export.id)
        ready = replace(
            current,
            status=ExportStatus.READY,
            updated_at=rules.clock(),
            rows=made.rows,
            rows_expected=made.rows,
            sections=made.sections,
            digest=made.digest,
            artifact_digest=made.artifact_digest,
            size=made.size,
            file=name,
            reason=None,
            worker=None,
            leased_until=None,
        )
        await tx.put_export(ready, made.subtrees)
        await tx.put_mark(export.id, None)
        return ready

    rounds, standing = 0, None
    try:
        while standing is None:
            looked = (await store.head(export.account_id)).sequence
            stale = await erased_since(store, export.account_id, made.head)
            try:
                standing = await store.transact(export.account_id, body)
            except _Behind:
                rounds += 1
    except _Stale:
        await files.delete(name)
        if lease is None:
            return export
        await lease.mark(None)
        await lease.release()
        raise Lost(export.id) from None
    if standing.file != name:
        # Only a text that was erased meanwhile makes two files of one export differ; the one that is stated stays.
        await files.delete(name)
    return standing


async def _erases(tx: Transaction, above: int, to: int) -> bool:
    """Whether an entry past the first sequence and up to the second tells of an erasure."""
    for begun in range(above + 1, to + 1, _LOOKED_THROUGH):
        found = await tx.entries(range(begun, min(begun + _LOOKED_THROUGH, to + 1)))
        if any(each.action == ERASED for each in found.values()):
            return True
    return False
