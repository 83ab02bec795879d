"""What the tests stand on: every engine, a clock that only moves when told to, an account, and callers with and without scopes.

Builders of events are in `tests.events`; they are functions to import, not fixtures.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from app.domain.account import Account, Permission, Principal
from app.ledger.commands import Rules
from app.ports import Files, Store
from app.storage.files import open_files
from app.storage.memory import open_memory
from tests.databases import DATABASES
from tests.events import START

ENGINES = ["memory", "sqlite", "postgres"]
DURABLE = [engine for engine in ENGINES if engine != "memory"]
"""The engines that keep what they hold: `@pytest.mark.parametrize("engine", DURABLE)` runs a test on these alone."""

# The same examples in every run; `--hypothesis-profile=search` looks for new ones.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, max_examples=1_000)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of asynchronous tests and fixtures: asyncio."""
    return "asyncio"


@dataclass
class Clock:
    """An instant that stays until it is moved. Calling it tells it, as `Rules.clock` wants."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> datetime:
        """Move on by so much, in `timedelta`'s words (negative: back), and tell the new instant."""
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that shows `tests.events.START` until the test moves it: `clock.advance(hours=1)`, `clock.now = …`."""
    return Clock(START)


@pytest.fixture
def rules(clock: Clock) -> Rules:
    """The operator's rules as they are by default, on the test's clock."""
    return Rules(clock=clock)


def sqlite_file(folder: Path) -> Path:
    """The file of the SQLite engine in that folder, as it was left there, or else empty.

    Migrating takes a fifth of a second, so it is done once; after that a copy is as good.
    """
    file = folder / "ledger.db"
    if not file.exists():
        shutil.copyfile(_migrated_file(), file)
    return file


@cache
def _migrated_file() -> Path:
    from app.storage.sqlite.connection import prepare_file

    file = Path(tempfile.mkdtemp(prefix="ledger-")) / "empty.db"
    atexit.register(shutil.rmtree, file.parent, ignore_errors=True)
    prepare_file(file)
    return file


async def open_engine(engine: str, folder: Path) -> Store:
    """A store of that engine, empty unless it was opened for that `folder` before: what it keeps is there, or is found by it."""
    if engine == "sqlite":
        from app.storage.sqlite import open_sqlite

        return await open_sqlite(sqlite_file(folder))
    if engine == "postgres":
        from app.storage.postgres import Limits, open_postgres

        return await open_postgres(await DATABASES.lend(folder), Limits(connections=6))
    return open_memory()


@asynccontextmanager
async def opened(engine: str, folder: Path) -> AsyncIterator[Store]:
    """A store as `open_engine` gives it, until the end of the block."""
    store = await open_engine(engine, folder)
    yield store
    await store.close()
    DATABASES.give_back(folder)


def pytest_sessionfinish() -> None:
    """Stop the server of PostgreSQL, if a test needed it."""
    DATABASES.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine in turn: a test that takes `store` runs once for every one of them."""
    return str(request.param)


@pytest.fixture
async def store(engine: str, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of each engine in turn, closed at the end."""
    async with opened(engine, tmp_path) as empty:
        yield empty


@pytest.fixture
async def files(tmp_path: Path) -> Files:
    """An empty folder for the files of exports."""
    return await open_files(tmp_path / "artifacts")


@pytest.fixture
async def account(store: Store) -> Account:
    """The account `acme`, with nothing recorded."""
    return await store.create_account("acme", START)


@pytest.fixture
async def stranger(store: Store, account: Account) -> Principal:
    """A caller of another account, `globex`, who may do everything there."""
    return caller(await store.create_account("globex", START), Permission.ADMIN)


@pytest.fixture
def admin(account: Account) -> Principal:
    """A caller of `acme` who may do everything."""
    return caller(account, Permission.ADMIN)


@pytest.fixture
def caller_with(account: Account) -> Callable[..., Principal]:
    """Makes a caller of `acme` who may do only what is named: `caller_with(Permission.USAGE_WRITE)`."""
    return lambda *permissions: caller(account, *permissions)


def caller(account: Account, *permissions: Permission) -> Principal:
    """A caller of that account, with these permissions and no other."""
    return Principal(account, "k1", frozenset(each.value for each in permissions))
