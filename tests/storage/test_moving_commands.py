"""`gateway copy`, `backup`, `restore` and `migrate` as an operator meets them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.domain.account import Permission
from app.domain.errors import AlreadyExists, Conflict, Corrupt, GatewayError, InvalidSetting, Unavailable
from app.ledger.commands import Rules, record
from app.ports import Head, Store
from app.storage.migrations import REVISIONS, current
from app.storage.sqlite import open_sqlite
from tests.conftest import caller
from tests.databases import DATABASES
from tests.events import START, usage

T = TypeVar("T")


def run(*words: str) -> Result:
    """What a command does in a process of its own."""
    return CliRunner().invoke(app, words)


def refusal(*words: str) -> GatewayError:
    """Why a command is refused."""
    error = run(*words).exception
    assert isinstance(error, GatewayError)
    return error


def ask(file: Path, question: Callable[[Store], Awaitable[T]]) -> T:
    """Ask the store in a file."""

    async def asked() -> T:
        store = await open_sqlite(file)
        try:
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(asked())


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database that the environment names, with an account and ten events."""
    path = tmp_path / "gateway.db"
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.delenv("GATEWAY_SECRET", raising=False)

    async def fill(store: Store) -> None:
        admin = caller(await store.create_account("acme", START), Permission.ADMIN)
        await record(store, admin, [usage(id=f"e{n}", message="m") for n in range(10)], rules=Rules(clock=lambda: START))

    ask(path, fill)
    return path


@pytest.fixture
def end(file: Path) -> Head:
    """Where its ledger ends."""
    return ask(file, lambda store: store.head(1))


@pytest.fixture
def server() -> str:
    """The URL of a database on a server, without any tables."""
    return asyncio.run(DATABASES.new())


def facts(end: Head) -> dict[str, Any]:
    """What the commands tell of the ledger as JSON."""
    return {"accounts": [{"account": "acme", "entries": 10, "chain": end.chain.hex()}]}


def test_copying_to_a_server_and_back(file: Path, end: Head, server: str, tmp_path: Path) -> None:
    there = run("copy", "--from", f"sqlite:///{file}", "--to", server)
    assert (there.exit_code, there.stdout.splitlines()) == (
        0,
        ["copied and compared, every digest derived again", f"acme: 10 entries, chain {end.chain.hex()}"],
    )
    back = run("copy", "--from", server, "--to", f"sqlite:///{tmp_path / 'back.db'}", "--json")
    assert json.loads(back.stdout) == facts(end)
    assert ask(tmp_path / "back.db", lambda store: store.head(1)) == end


def test_copying_from_what_is_not_there_makes_nothing(file: Path, tmp_path: Path) -> None:
    error = refusal("copy", "--from", f"sqlite:///{tmp_path / 'nothing.db'}", "--to", f"sqlite:///{tmp_path / 'target.db'}")
    assert isinstance(error, InvalidSetting)
    assert error.field == "--from"
    assert not (tmp_path / "nothing.db").exists()
    assert not (tmp_path / "target.db").exists()


@pytest.mark.parametrize(("option", "other"), [("--from", "--to"), ("--to", "--from")])
def test_a_url_that_is_none_is_refused_by_its_option(file: Path, option: str, other: str) -> None:
    error = refusal("copy", option, "mysql://db", other, f"sqlite:///{file}")
    assert isinstance(error, InvalidSetting)
    assert error.field == option


def test_backing_up_and_restoring(file: Path, end: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = run("backup", str(tmp_path / "backup.db"))
    assert (taken.exit_code, taken.stdout.splitlines()) == (
        0,
        [f"backed up to {tmp_path / 'backup.db'}", f"acme: 10 entries, chain {end.chain.hex()}"],
    )
    assert isinstance(refusal("restore", str(tmp_path / "backup.db")), AlreadyExists)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'gateway.db'}")
    restored = run("restore", str(tmp_path / "backup.db"), "--json")
    assert json.loads(restored.stdout) == facts(end)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["gateway.db"]
    assert ask(tmp_path / "new" / "gateway.db", lambda store: store.head(1)) == end


def test_a_backup_in_which_an_entry_was_changed_is_not_restored(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup", str(tmp_path / "backup.db"))
    with sqlite3.connect(tmp_path / "backup.db") as connection:
        connection.execute("UPDATE entries SET message = 'another' WHERE sequence = 4")
    connection.close()
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'new' / 'gateway.db'}")
    error = refusal("restore", str(tmp_path / "backup.db"))
    assert isinstance(error, Corrupt)
    assert (error.sequence, error.reason) == (4, "its content does not give the digest stored for it (account acme)")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_server_is_not_backed_up_by_this_command(
    file: Path, server: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", server)
    error = refusal(command, str(file))
    assert isinstance(error, InvalidSetting)
    assert "pg_dump" in error.reason


def test_migrating_a_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", server)
    name = server.replace("gateway@", "")
    newest, before = REVISIONS[-1], REVISIONS[-2]
    assert run("migrate").stdout.replace("\n", "") == f"{name} was empty and is at revision {newest}"
    assert run("migrate").stdout.replace("\n", "") == f"{name} is at revision {newest}"
    assert isinstance(refusal("migrate", "--to", before), Conflict)
    assert json.loads(run("migrate", "--to", before, "--down", "--json").stdout) == {"before": newest, "after": before}
    error = refusal("account", "list")
    assert isinstance(error, Unavailable)
    assert (error.message, error.detail) == (
        f"the database is at revision {before}, this version needs {newest}",
        "`gateway migrate` brings it there",
    )
    assert json.loads(run("migrate", "--json").stdout) == {"before": before, "after": newest}
    assert run("account", "create", "acme").stdout == "created account acme\n"


def test_a_revision_that_there_is_not_is_a_wrong_option(file: Path) -> None:
    done = run("migrate", "--to", "9999")
    assert done.exit_code == 2
    assert current(f"sqlite:///{file}") == REVISIONS[-1]
