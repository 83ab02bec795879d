"""PostgreSQL for the tests: a server of their own, or the one that GATEWAY_TEST_DATABASE_URL names, and empty databases on it.

A server of our own is started from the installed programs when the first test needs it, on a free loopback port, with its files
in a temporary folder; each process of a parallel run has one to itself. It orders text by a language and has its clock in New
York, so that nothing passes which leans on either. Nothing of it is synced to disk, since nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from app.storage.migrations import upgrade
from app.storage.postgres.partitions import make_partitions
from tests.events import START

GIVEN = "GATEWAY_TEST_DATABASE_URL"
MISSING = (
    "PostgreSQL is missing: `apt-get install postgresql` on Debian and Ubuntu,"
    f" or {GIVEN}=postgresql://user:password@host/database names a server on which databases may be created"
)
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "timezone": "America/New_York",
    "log_min_messages": "fatal",
}


def programs() -> Path:
    """The folder of the newest installed server's programs. Fails with a word on how to install one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda each: int(each.parts[4]))
    if found:
        return found[-1].parent
    other = shutil.which("postgres")
    assert other is not None, MISSING
    return Path(other).resolve().parent


class Server:
    """A server in a temporary folder, for as long as this process lives."""

    def __init__(self) -> None:
        binaries = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
        self._become: list[str] = []
        if os.geteuid() == 0:  # which the server refuses to run as
            owner = next(each for each in ("postgres", "nobody") if _exists(each))
            os.chown(self.folder, pwd.getpwnam(owner).pw_uid, -1)
            self._become = ["setpriv", "--reuid", owner, "--regid", str(pwd.getpwnam(owner).pw_gid), "--clear-groups"]
        made = ["--username=gateway", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        language = ["--locale-provider=icu", "--icu-locale=en"]
        self._run(str(binaries / "initdb"), f"--pgdata={self.folder / 'data'}", *made, *language)
        for attempt in range(5):
            self.port = _free_port()
            settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
            command = [str(binaries / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *settings]
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(
                    # The kernel stops it should this process be killed.
                    [*(self._become or ["setpriv"]), "--pdeathsig", "INT", *command],
                    stdout=log,
                    stderr=log,
                    cwd="/",
                )
            if self._answers():
                return
            assert attempt < 4, (self.folder / "log").read_text()

    @property
    def url(self) -> str:
        """The URL of the database that every server has."""
        return f"postgresql://gateway@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """End it at once, and remove its files."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        until = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return True
        return False

    def _run(self, *command: str) -> None:
        done = subprocess.run([*self._become, *command], cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Databases:
    """The databases of this process: empty ones are lent, given back, emptied and lent again, which costs less than new ones."""

    server: Server | None = None
    made: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    lent: dict[object, str] = field(default_factory=dict)

    async def lend(self, key: object) -> str:
        """The URL of a database with empty tables: the same for the same key, until it is given back."""
        if key not in self.lent:
            url = self.idle.pop() if self.idle else await self._migrated()
            await _emptied(url)
            self.lent[key] = url
        return self.lent[key]

    def give_back(self, key: object) -> None:
        """The database that was lent for that key, if there is one, is not used any more."""
        if key in self.lent:
            self.idle.append(self.lent.pop(key))

    async def new(self) -> str:
        """The URL of a new database without any tables, which is given back to nobody."""
        admin = await self._admin()
        name = f"gateway_{secrets.token_hex(8)}"
        try:
            await admin.execute(f"CREATE DATABASE {name}")
        except asyncpg.ObjectInUseError:  # another process is copying the template at this moment
            await asyncio.sleep(0.5)
            await admin.execute(f"CREATE DATABASE {name}")
        finally:
            await admin.close()
        self.made.append(name)
        return _at(self._url(), name)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.server is not None:
            self.server.stop()
        elif self.made:
            asyncio.run(self._drop())
        self.server, self.made, self.idle, self.lent = None, [], [], {}

    async def _drop(self) -> None:
        admin = await self._admin()
        for name in self.made:
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()

    async def _migrated(self) -> str:
        url = await self.new()
        await asyncio.to_thread(upgrade, url)
        connection = await asyncpg.connect(url)
        async with connection.transaction():
            await make_partitions(connection, [START])  # spares the first entry of every test two tables and their indexes
        await connection.close()
        return url

    async def _admin(self) -> asyncpg.Connection:
        until = time.monotonic() + 60
        while True:
            try:
                return await asyncpg.connect(self._url())
            except (asyncpg.CannotConnectNowError, ConnectionError):
                assert time.monotonic() < until, "the server does not answer"
                await asyncio.sleep(0.05)

    def _url(self) -> str:
        given = os.environ.get(GIVEN)
        if given:
            return given
        if self.server is None:
            self.server = Server()
        return self.server.url


DATABASES = Databases()


async def _emptied(url: str) -> None:
    """Delete every row: far faster than truncating where there are few."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND relname <> 'alembic_version' ORDER BY relname = 'accounts'"
    )
    await connection.execute(";".join(f"DELETE FROM {row[0]}" for row in tables))
    await connection.execute("ALTER SEQUENCE accounts_id_seq RESTART")
    await connection.close()


def _at(url: str, database: str) -> str:
    """The same server's URL with another database."""
    head, _, options = url.partition("?")
    return f"{head.rpartition('/')[0]}/{database}" + (f"?{options}" if options else "")


def harm_index(path: Path, name: str, word: bytes, other: bytes) -> None:
    """Change a word in the first page of an index alone, where a small database has all of it. Nothing may have the file open."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(page,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [name]).fetchall()
        [(size,)] = connection.execute("PRAGMA page_size").fetchall()
    connection.close()
    content = path.read_bytes()
    index = content[(page - 1) * size : page * size]
    assert word in index
    path.write_bytes(content.replace(index, index.replace(word, other)))
