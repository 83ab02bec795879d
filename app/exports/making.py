"""Making an export's file, and saying that it is made.

What is made depends on the export's own facts alone, so it does not matter which process makes it, when, or how often. A file is
named after its own digest and appears whole, and the first to say that an export is ready is believed; so several
processes may make the same export at once and lose nothing but time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from app.domain.errors import NotFound
from app.domain.export import Export, ExportStatus
from app.exports.encoding import Encoding
from app.exports.order import Order
from app.ledger.commands import Rules
from app.ports import Draft, Files, Ledger, Store, Transaction
from app.reports.report import Opened

Progress = Callable[[int], Awaitable[None]]


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

    Raises what `app.exports.encoding.Encoding.chunks` raises, and leaves nothing behind then.
    """
    encoding = Encoding(ledger, wanted, opened, most_rows=most_rows)
    draft = await files.create()
    try:
        async with aclosing(encoding.chunks()) as chunks:
            async for data in chunks:
                await draft.write(data)
                if progress is not None:
                    await progress(encoding.tree.rows)
    except BaseException:
        draft.drop()
        raise
    tree = encoding.tree
    return Made(draft, tree.rows, encoding.sections, tree.digest(), tree.subtrees, encoding.artifact_digest, encoding.size)


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
