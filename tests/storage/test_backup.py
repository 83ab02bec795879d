"""A backup is taken while the file is written to, is whole or not there, and takes a database's place only where it is sound."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.account import Account, Principal
from app.domain.errors import AlreadyExists, NotFound, Unavailable
from app.ledger.commands import Rules, record
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.migrations import REVISIONS, move
from app.storage.sqlite import SqliteStore, open_sqlite
from app.storage.sqlite.backup import back_up, restore
from tests.databases import harm_index
from tests.events import usage


def silent(done: int, total: int) -> None:
    """Tell nobody."""


def names_in(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def put(path: Path, content: bytes) -> None:
    """Make a file of this content."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def content_of(path: Path) -> bytes:
    """What is in a file."""
    return path.read_bytes()


def mode_of(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def no_check(path: Path) -> None:
    """Find nothing wrong."""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where backups go."""
    return tmp_path / "kept" / "backup.db"


class Sending:
    """Events that come in all the while."""

    def __init__(self) -> None:
        self.last = 0
        self._recorded = asyncio.Condition()

    async def send(self, store: SqliteStore, principal: Principal, rules: Rules) -> None:
        """Record batch after batch."""
        while True:
            items = [usage(id=f"{self.last}-{n}", message="m" * 50) for n in range(20)]
            self.last += len(await record(store, principal, items, rules=rules))
            async with self._recorded:
                self._recorded.notify_all()

    async def beyond(self, sequence: int) -> None:
        """Return once the last one has a higher sequence."""
        async with self._recorded:
            await self._recorded.wait_for(lambda: self.last > sequence)


@pytest.fixture
async def sending(sqlite: SqliteStore, operator: Principal, rules: Rules) -> AsyncIterator[Sending]:
    """Events, from before the test until after it."""
    events = Sending()
    task = asyncio.create_task(events.send(sqlite, operator, rules))
    await events.beyond(500)
    yield events
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_backup_is_the_ledger_as_it_was_at_a_moment(
    sqlite: SqliteStore, acme: Account, file: Path, kept: Path, sending: Sending, tmp_path: Path
) -> None:
    before = sending.last
    [(name, end)] = await asyncio.to_thread(back_up, file, kept, silent)
    after = sending.last
    assert name == "acme"
    assert before <= end.sequence <= after + 20
    await sending.beyond(end.sequence)  # it goes on
    [last] = await sqlite.rows(Rows(Scope(acme.id, end.sequence), limit=1))
    assert (last.sequence, last.recorded_at, last.chain) == (end.sequence, end.recorded_at, end.chain)
    restored = tmp_path / "elsewhere" / "ledger.db"
    await asyncio.to_thread(restore, kept, restored, silent, no_check)
    store = await open_sqlite(restored)
    assert await store.head(acme.id) == end
    assert await store.rows(Rows(Scope(acme.id, end.sequence))) == await sqlite.rows(Rows(Scope(acme.id, end.sequence)))
    await store.close()


async def test_a_backup_is_one_file_that_its_owner_alone_can_read(sqlite: SqliteStore, file: Path, kept: Path) -> None:
    told: list[tuple[int, int]] = []
    back_up(file, kept, lambda done, total: told.append((done, total)))
    assert names_in(kept.parent) == ["backup.db"]
    assert mode_of(kept) == 0o600
    assert told[-1][0] == told[-1][1] > 0


async def test_a_name_that_is_taken_is_not_written_over(sqlite: SqliteStore, file: Path, kept: Path) -> None:
    put(kept, b"something else")
    with pytest.raises(AlreadyExists, match="move it away first"):
        back_up(file, kept, silent)
    assert content_of(kept) == b"something else"


async def test_a_database_that_is_there_is_left_alone(sqlite: SqliteStore, acme: Account, file: Path, kept: Path) -> None:
    back_up(file, kept, silent)
    await sqlite.create_account("later", acme.created_at)
    with pytest.raises(AlreadyExists, match="move it away first"):
        restore(kept, file, silent, no_check)
    assert [account.name for account in await sqlite.accounts()] == ["acme", "later"]


async def test_the_log_of_a_database_that_was_moved_away_is_in_the_way_too(sqlite: SqliteStore, file: Path, kept: Path) -> None:
    back_up(file, kept, silent)
    target = file.with_name("new.db")
    put(target.with_name("new.db-wal"), b"")
    with pytest.raises(AlreadyExists, match=r"new\.db-wal"):
        restore(kept, target, silent, no_check)


def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no database"):
        back_up(tmp_path / "nothing.db", tmp_path / "backup.db", silent)
    with pytest.raises(NotFound, match="there is no backup"):
        restore(tmp_path / "nothing.db", tmp_path / "ledger.db", silent, no_check)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("harm", ["cut", "scribbled over", "no database at all"])
async def test_a_backup_that_is_damaged_takes_no_place(
    sqlite: SqliteStore, operator: Principal, rules: Rules, file: Path, kept: Path, tmp_path: Path, harm: str
) -> None:
    await record(sqlite, operator, [usage(id=f"e{n}", message="m" * 500) for n in range(200)], rules=rules)
    back_up(file, kept, silent)
    data = bytearray(content_of(kept))
    if harm == "cut":
        data = data[: len(data) // 2]
    elif harm == "scribbled over":
        data[4_096 * 5 : 4_096 * 9] = b"x" * 4_096 * 4
    else:
        data = bytearray(b"not a database, and longer than the header of one: " + b"x" * 200)
    put(kept, data)
    target = tmp_path / "elsewhere" / "ledger.db"
    with pytest.raises(Unavailable):
        restore(kept, target, silent, no_check)
    assert names_in(target.parent) == []


async def test_a_backup_whose_index_tells_otherwise_than_its_table_takes_no_place(
    sqlite: SqliteStore, operator: Principal, rules: Rules, file: Path, kept: Path, tmp_path: Path
) -> None:
    await record(sqlite, operator, [usage(id="a", customer_id="customer-9")], rules=rules)
    back_up(file, kept, silent)
    harm_index(kept, "entries_by_customer_id", b"customer-9", b"customer-8")
    with pytest.raises(Unavailable, match="is damaged") as refused:
        restore(kept, tmp_path / "anew.db", silent, no_check)
    assert "entries_by_customer_id" in str(refused.value.detail)
    assert not (tmp_path / "anew.db").exists()


async def test_a_backup_that_does_not_verify_takes_no_place(sqlite: SqliteStore, file: Path, kept: Path, tmp_path: Path) -> None:
    back_up(file, kept, silent)
    target = tmp_path / "elsewhere" / "ledger.db"

    def check(path: Path) -> None:
        assert path.parent == target.parent
        raise ValueError("something is wrong")

    with pytest.raises(ValueError, match="something is wrong"):
        restore(kept, target, silent, check)
    assert names_in(target.parent) == []


async def test_a_backup_of_a_newer_version_is_refused(sqlite: SqliteStore, file: Path, kept: Path, tmp_path: Path) -> None:
    back_up(file, kept, silent)
    with sqlite3.connect(kept) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(Unavailable, match="revision 9999 is unknown to this version"):
        restore(kept, tmp_path / "elsewhere.db", silent, no_check)


async def test_a_backup_of_an_older_version_is_migrated_when_it_is_opened(
    sqlite: SqliteStore, acme: Account, file: Path, kept: Path, tmp_path: Path
) -> None:
    await sqlite.close()
    await asyncio.to_thread(lambda: move(f"sqlite:///{file}", "0001", down=True))
    back_up(file, kept, silent)
    target = tmp_path / "elsewhere.db"
    restore(kept, target, silent, no_check)
    store = await open_sqlite(target)
    await store.ready()
    assert await store.accounts() == [acme]
    assert REVISIONS[-1] > "0001"
    await store.close()
