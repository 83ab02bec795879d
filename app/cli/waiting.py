"""Waiting for an export: it is made here unless a server makes it, and how far it is can be seen."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from app.cli.session import Session
from app.domain.account import Principal
from app.domain.export import UNFINISHED, Export
from app.exports.downloads import require_file
from app.exports.jobs import Worker
from app.exports.register import find
from app.ports import Files

_LOOK_SECONDS = 0.2
_BEAT_SECONDS = 0.5


async def wait(session: Session, files: Files, principal: Principal, export: Export) -> Export:
    """The export, once it is ready. Raises what `require_file` does for one that ends otherwise.

    Who breaks this off leaves the export to whoever comes next: a server, or another that waits for it.
    """
    worker = Worker(session.store, files, rules=session.rules, beat_seconds=_BEAT_SECONDS)
    making = asyncio.create_task(_make(session, worker, export))
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}{task.fields[of]} rows"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(export.status.value, total=None, of="")
        try:
            while export.status in UNFINISHED and not making.done():
                await asyncio.wait({making}, timeout=_LOOK_SECONDS)
                export = await find(session.store, principal, export.id)
                expected = export.rows_expected
                of = "" if expected is None else f" of {expected:,}"
                progress.update(task, description=export.status.value, completed=export.rows, total=expected, of=of)
            await making
        finally:
            making.cancel()
            with suppress(asyncio.CancelledError):
                await making
    await require_file(files, export)
    return export


async def _make(session: Session, worker: Worker, export: Export) -> None:
    """Make the export as soon as nobody else does, until it is finished."""
    current: Export | None = export
    while current is not None and current.status in UNFINISHED:
        if not await worker.attend(current):
            await asyncio.sleep(_LOOK_SECONDS)
        current = await session.store.export(export.account_id, export.id)
