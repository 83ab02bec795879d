"""A backup of the file while it is written to, and a file made of a backup: whole at every moment, or not there."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from app.domain.errors import AlreadyExists, NotFound, Unavailable
from app.ports import Head
from app.storage.migrations import refuse_unknown
from app.storage.sql.mapping import HEAD_COLUMNS, Mapping
from app.storage.sqlite.connection import connect, connect_reader, revision
from app.storage.sqlite.dialect import SqliteDialect

_PAGES = 4_096
"""Pages of the file that are copied at a time."""
_ENDS = (
    f"SELECT name, {', '.join(f'heads.{column}' for column in HEAD_COLUMNS)} FROM accounts"
    " JOIN heads ON heads.account_id = accounts.id ORDER BY name"
)
Told = Callable[[int, int], None]
"""Is told how many pages are copied, and how many there are."""


def back_up(source: Path, target: Path, told: Told) -> list[tuple[str, Head]]:
    """Write a copy of the file as it is at this moment; writers go on meanwhile. Blocks.

    It is one file, to be read by its owner alone, and appears under its name when it is whole and synced. Gives the ends of the
    ledgers in it, by account. Raises NotFound without a source, AlreadyExists for a name that is taken, and Unavailable.
    """
    if not source.exists():
        raise NotFound(f"there is no database {source}")
    _refuse_taken(target)
    return _copy(source, target, told)


def restore(source: Path, target: Path, told: Told, check: Callable[[Path], None]) -> None:
    """Put a backup in the place of a database that is not there any more. Blocks.

    Before it appears under its name, SQLite looks through all of it and `check` is called with the file. Raises NotFound
    without a backup, AlreadyExists where there is a database, and Unavailable for a file that is no sound database or a newer
    version's.
    """
    if not source.exists():
        raise NotFound(f"there is no backup {source}")
    _refuse_taken(target)
    draft = target.with_name(f"{target.name}.restoring")
    _remove(draft)
    try:
        _copy(source, draft, told)
        check(draft)
        if draft.with_name(f"{draft.name}-wal").exists():
            raise Unavailable(f"{draft} is still in use")
        draft.rename(target)
        _sync_folder(target)
    finally:
        _remove(draft)


def _copy(source: Path, target: Path, told: Told) -> list[tuple[str, Head]]:
    draft, mapping = target.with_name(f"{target.name}.partial"), Mapping(SqliteDialect())
    _remove(draft)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        with closing(connect_reader(source)) as reader, closing(connect(draft)) as writer:
            # The open transaction holds the source at this moment: whatever is committed meanwhile is not seen, nor waited for.
            reader.execute("BEGIN")
            refuse_unknown(revision(reader))
            reader.backup(writer, pages=_PAGES, progress=lambda _, left, total: told(total - left, total))
            # A backup is one file: without this, reading it would need a log beside it.
            writer.execute("PRAGMA journal_mode = DELETE")
            found = _first_fault(writer)
            ends = [(name, mapping.head(row)) for name, *row in writer.execute(_ENDS)]
        if found is not None:
            raise Unavailable("the file is damaged", detail=found)
        draft.rename(target)
        _sync_folder(target)
        return ends
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{source} could not be copied to {target}", detail=str(error)) from error
    finally:
        _remove(draft)


def damage(path: Path) -> str | None:
    """What SQLite finds wrong with the file of a database that may be in use; None for nothing. Reads all of it.

    Digests tell of what tables hold. Reports are read along indexes, and one that holds something else tells other rows.
    """
    with closing(connect_reader(path)) as reader:
        return _first_fault(reader)


def _first_fault(connection: sqlite3.Connection) -> str | None:
    # Not quick_check, which never holds an index against its table.
    [(found,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    return None if found == "ok" else str(found)


def _refuse_taken(target: Path) -> None:
    for path in (target, target.with_name(f"{target.name}-wal")):
        if path.exists():
            raise AlreadyExists(f"there is {path} already; move it away first")


def _remove(draft: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    """Make sure that the file's name, too, outlives a loss of power."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
