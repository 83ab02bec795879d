"""Connections to the file: how they are set up, and which revision of the database this version opens."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from app.domain.errors import Unavailable
from app.storage.migrations import REVISIONS, refuse_unknown, upgrade

BUSY_MILLISECONDS = 5_000
"""How long a statement waits for another process's lock."""
_STATEMENTS = 512
"""Prepared statements kept by a connection."""

_SETTINGS = (
    f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}",
    # What is acknowledged survives a loss of power: the log is synced at every commit, which group commit makes cheap.
    "PRAGMA synchronous = FULL",
    # Pages; a larger log spares scattered index pages being written again and again: at the default of 1,000, half the rows/s.
    "PRAGMA wal_autocheckpoint = 20000",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",
    "PRAGMA foreign_keys = ON",
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection for writing, to be used by one thread, with every transaction begun by hand."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS, timeout=BUSY_MILLISECONDS / 1_000
    )
    for setting in _SETTINGS:
        connection.execute(setting)
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that refuses to write."""
    connection = connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def prepare_file(path: Path) -> None:
    """Make the file and its tables, or bring an older one up to date. Raises Unavailable where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # For its owner only, and with it the files that SQLite puts beside it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = connect(path)
        try:
            _use_log(connection)
            found = revision(connection)
        finally:
            connection.close()
        if found != REVISIONS[-1]:
            refuse_unknown(found)
            upgrade(f"sqlite:///{path}")
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"the database cannot be opened: {error}") from error


def revision(connection: sqlite3.Connection) -> str | None:
    """The revision of the database; None for an empty one."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def empty_log(connection: sqlite3.Connection) -> None:
    """Bring the log's pages into the file and empty it, if nobody is reading from it just now; otherwise that happens later."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")


def _use_log(connection: sqlite3.Connection) -> None:
    # Changing the journal's mode takes a lock for which SQLite does not wait when two processes do it at once.
    for attempt in range(50):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if attempt == 49:
                raise
            time.sleep(0.1)
