"""A store on an empty database, an account in it, and a connection of its own to look at both from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.domain.account import Account, Permission, Principal
from app.storage.postgres import Limits, PostgresStore, open_postgres
from tests.conftest import caller
from tests.databases import DATABASES
from tests.events import START

LIMITS = Limits(connections=6)


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database with the tables, and nothing in them."""
    yield await DATABASES.lend(tmp_path)
    DATABASES.give_back(tmp_path)


@pytest.fixture
async def postgres(url: str) -> AsyncIterator[PostgresStore]:
    """An empty store, closed at the end."""
    store = await open_postgres(url, LIMITS)
    yield store
    await store.close()


@pytest.fixture
async def outside(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that is none of the store's."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def acme(postgres: PostgresStore) -> Account:
    """An account with nothing recorded."""
    return await postgres.create_account("acme", START)


@pytest.fixture
def operator(acme: Account) -> Principal:
    """Who may do everything in it."""
    return caller(acme, Permission.ADMIN)


async def seen(outside: asyncpg.Connection, question: str, answer: object) -> None:
    """Return once the question is answered so."""
    while await outside.fetchval(question) != answer:
        await outside.execute("SELECT pg_sleep(0.01)")
