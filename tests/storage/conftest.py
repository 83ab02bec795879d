"""A store in a file of its own, and an account in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.account import Account, Permission, Principal
from app.storage.sqlite import SqliteStore, open_sqlite
from tests.conftest import caller, sqlite_file
from tests.events import START


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the store of the test is."""
    return tmp_path / "ledger.db"


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An empty store in `file`, closed at the end."""
    store = await open_sqlite(sqlite_file(tmp_path))
    yield store
    await store.close()


@pytest.fixture
async def acme(sqlite: SqliteStore) -> Account:
    """An account with nothing recorded."""
    return await sqlite.create_account("acme", START)


@pytest.fixture
def operator(acme: Account) -> Principal:
    """Who may do everything in it."""
    return caller(acme, Permission.ADMIN)
