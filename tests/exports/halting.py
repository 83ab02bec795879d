"""A worker that stops in the middle of an export and waits to be killed: `-m tests.exports.halting DATABASE FOLDER WHERE`.

WHERE is `rows`: rows have been drawn and more are to come; or `file`: half of what the file ends in lies on the disk.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from app.exports.jobs import Worker
from app.ledger.commands import Rules
from app.storage.files import LocalDraft, open_files
from app.storage.sqlite import open_sqlite

SMALL = 1_000
"""Bytes. XLSX and PDF write nothing while rows come, and all that they are at the end."""


async def work(database: Path, folder: Path, where: str) -> None:
    """Take what there is to do, and come as far as that."""
    write, writes = LocalDraft.write, 0

    async def writing(draft: LocalDraft, data: bytes) -> None:
        nonlocal writes
        writes += 1
        # The first write is how a file begins, the second the first block of rows.
        if writes == 2 if where == "rows" else len(data) > SMALL:
            await write(draft, data[: len(data) // 2])
            draft._file.flush()
            print(len(data) // 2, flush=True)
            await asyncio.Event().wait()
        await write(draft, data)

    LocalDraft.write = writing  # type: ignore[method-assign]
    store, files = await open_sqlite(database), await open_files(folder)
    await Worker(store, files, rules=Rules(), beat_seconds=0.1, mark_seconds=0).work()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
