"""Where the benchmarks' data lie: a data set for each engine and size, made once and kept under `.bench`, and servers over it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from app.access.tokens import new_key
from app.bootstrap import open_store
from app.domain.account import Permission
from app.ledger import credentials
from app.ledger.commands import Rules
from app.settings import Settings
from app.storage.migrations import REVISIONS
from scripts.benchmarks.dataset import build

ROOT = Path(__file__).parents[2]
KEPT = Path(os.environ.get("GATEWAY_BENCH_FOLDER", ROOT / ".bench"))
_PROCESSES: dict[str, int] = {}
LARGE = "northwind"
"""The account that has four fifths of the entries."""


@dataclass(frozen=True, slots=True)
class Place:
    """A data set: `token` opens everything of its large account."""

    engine: str
    rows: int
    url: str
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process over it."""
        kept = {name: value for name, value in compiled_once().items() if not name.startswith("GATEWAY_")}
        return kept | {
            "GATEWAY_DATABASE_URL": self.url,
            "GATEWAY_LOG_LEVEL": "info",  # a line for each call, as in production
            "GATEWAY_LOG_FORMAT": "json",
            "GATEWAY_ARTIFACTS": str(KEPT / "artifacts"),
        }


def compiled_once() -> dict[str, str]:
    """This process's environment, in which Python keeps what it has compiled, as it does wherever it is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Cluster:
    """A PostgreSQL server over a folder that is kept, as durable as its defaults make it."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda each: int(each.parts[4]))
        if not found:
            raise SystemExit("bench: PostgreSQL is missing: `apt-get install postgresql` on Debian and Ubuntu")
        binaries = found[-1].parent
        become: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        data = folder / "data"
        if os.geteuid() == 0:  # which the server refuses to run as
            become = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
            shutil.chown(folder, "postgres")
        if not data.exists():
            made = ["--username=gateway", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
            command = [*become, str(binaries / "initdb"), f"--pgdata={data}", *made]
            subprocess.run(command, cwd="/", check=True, capture_output=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "1GB",
            "max_wal_size": "4GB",
            "log_min_messages": "error",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = subprocess.Popen(
            [*become, str(binaries / "postgres"), "-D", str(data), "-p", str(self.port), *given],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 120
        while True:
            try:
                asyncio.run(self._greet())
                return
            except (OSError, asyncpg.CannotConnectNowError):
                if time.monotonic() > until or self._process.poll() is not None:
                    raise SystemExit("bench: PostgreSQL did not start") from None
                time.sleep(0.1)

    def url(self, database: str) -> str:
        """The URL of a database on it."""
        return f"postgresql://gateway@127.0.0.1:{self.port}/{database}"

    def make(self, database: str, *, anew: bool = False) -> bool:
        """Make the database, unless it is there; whether it was made."""
        return asyncio.run(self._make(database, anew))

    def stop(self) -> None:
        """End it in order."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(120)

    async def _greet(self) -> None:
        await (await asyncpg.connect(self.url("postgres"))).close()

    async def _make(self, database: str, anew: bool) -> bool:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            if anew:
                await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
                return False
            await connection.execute(f"CREATE DATABASE {database}")
            return True
        finally:
            await connection.close()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """The server of the benchmarks, for as long as the context lasts."""
    running = Cluster(KEPT / "postgres")
    try:
        yield running
    finally:
        running.stop()


def sqlite_place(rows: int) -> Place:
    """The data set in a file."""
    path = KEPT / f"{rows}-{REVISIONS[-1]}.db"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=KEPT)) / "draft.db"
        _build(f"sqlite:///{draft}", rows)
        draft.rename(path)
        draft.parent.rmdir()
    url = f"sqlite:///{path}"
    return Place("SQLite", rows, url, token(url))


def postgres_place(running: Cluster, rows: int) -> Place:
    """The data set in a database."""
    name = f"bench_{rows}_{REVISIONS[-1]}"
    if running.make(name):
        try:
            _build(running.url(name), rows)
        except BaseException:
            running.make(name, anew=True)
            raise
    url = running.url(name)
    return Place("PostgreSQL", rows, url, token(url))


def _build(url: str, rows: int) -> None:
    print(f"bench: making {rows:,} entries", file=sys.stderr, flush=True)
    began = time.monotonic()

    def told(made: int) -> None:
        print(f"\rbench: {made:,} after {time.monotonic() - began:,.0f} s", end="", file=sys.stderr, flush=True)

    asyncio.run(build(url, rows, told=told))
    print(f"\nbench: made after {time.monotonic() - began:,.0f} s", file=sys.stderr, flush=True)


def token(url: str, account: str = LARGE) -> str:
    """A new token of that account."""

    async def body() -> str:
        store = await open_store(Settings(database_url=url))
        try:
            found = await store.account_named(account)
            if found is None:
                found = await store.create_account(account, datetime.now(UTC))
            moment = datetime.now(UTC)
            scopes = [Permission.ADMIN.value]
            key, made = new_key(found, label="bench", scopes=scopes, created_at=moment, expires_at=moment + timedelta(days=30))
            await credentials.issue(store, key, actor="bench", rules=Rules())
            return made
        finally:
            await store.close()

    return asyncio.run(body())


@contextmanager
def serving(place: Place, *command: str) -> Iterator[str]:
    """A server over the data set: the gateway, or the command that takes a port as its last word. Tells its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    given = [*command, str(port)] if command else [str(Path(sys.executable).with_name("gateway")), "serve", "--port", str(port)]
    log = (KEPT / "server.log").open("wb")
    process = subprocess.Popen(given, env=place.environment, stdout=log, stderr=log, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    _PROCESSES[url] = process.pid
    try:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(url + "/readyz", timeout=5).close()
                break
            except urllib.error.HTTPError:
                break  # it answers, if only that it has no such route
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"bench: {' '.join(given)} did not start; see {KEPT / 'server.log'}") from None
                time.sleep(0.02)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()


def process_at(url: str) -> int:
    """The id of the process that serves there."""
    return _PROCESSES[url]


def module(name: str) -> tuple[str, ...]:
    """The command that runs a module of the benchmarks."""
    return (sys.executable, "-m", f"scripts.benchmarks.{name}")
