"""`gateway import` as an operator meets it, and as it is met by a machine that loses its power."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.domain.account import Account, genesis
from app.domain.errors import InvalidBody, NotFound
from app.ledger.chain import verify
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.sqlite import open_sqlite
from tests.events import START
from tests.ledger.focus import row, table

T = TypeVar("T")
LINE = '{"id": "%d", "occurred_at": "2026-03-01T10:00:00Z", "quantity": 1}\n'


class Desk:
    """An operator's desk: a database with the account `acme`, and a folder for files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "gateway.db"
        self.account = self.ask(lambda store: store.create_account("acme", START))

    def ask(self, question: Callable[[Store], Awaitable[T]]) -> T:
        async def asked() -> T:
            store = await open_sqlite(self.database)
            try:
                return await question(store)
            finally:
                await store.close()

        return asyncio.run(asked())

    def entries(self) -> int:
        async def head(store: Store) -> int:
            return (await store.head(self.account.id)).sequence

        return self.ask(head)

    def put(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def run(self, *words: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(app, ["import", *words, "--account", "acme"], input=stdin)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'gateway.db'}")
    return Desk(tmp_path)


def test_a_file_is_recorded_and_told_in_one_line(desk: Desk) -> None:
    done = desk.run(desk.put("usage.jsonl", LINE % 1 + LINE % 2))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "2 inserted, 0 duplicate, 0 conflict, 0 rejected\n", "")
    done = desk.run(desk.put("usage.jsonl", LINE % 1 + LINE % 3), "--json")
    assert json.loads(done.stdout) == {"inserted": 1, "duplicate": 1, "conflict": 0, "rejected": 0, "rejects": None}
    assert desk.entries() == 3


def test_what_was_refused_is_told_kept_and_can_be_imported_again(desk: Desk) -> None:
    bill = desk.put("bill.csv", table([row(Id="1"), row(Id="2", ChargePeriodStart="soon")]))
    rejects = desk.folder / "rejects.csv"
    done = desk.run(bill, "--format", "focus", "--rejects", str(rejects), "--json")
    assert (done.exit_code, json.loads(done.stdout)["rejects"]) == (0, str(rejects))
    assert done.stderr == (
        "  line 3: ChargePeriodStart: is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z\n"
        f"warning: 1 refused; they are in {rejects}\n"
    )
    assert sorted(path.name for path in desk.folder.glob("rejects*")) == ["rejects.csv"]
    mended = desk.put("mended.csv", rejects.read_bytes().replace(b"soon", b"2026-03-02 00:00:00"))
    assert desk.run(mended, "--format", "focus").stdout == "1 inserted, 0 duplicate, 0 conflict, 0 rejected\n"


def test_strict_tells_by_its_exit_code_that_something_was_refused(desk: Desk) -> None:
    file = desk.put("usage.jsonl", LINE % 1 + "{}\n")
    assert desk.run(file, "--strict").exit_code == 1
    assert desk.entries() == 1
    done = desk.run(file)
    assert done.exit_code == 0
    assert done.stderr.endswith("warning: 1 refused; `gateway rejects list` has them, --rejects FILE writes them to be mended\n")
    assert desk.run(desk.put("usage.jsonl", LINE % 2), "--strict").exit_code == 0


def test_standard_input_is_read_where_a_dash_stands_for_the_file(desk: Desk) -> None:
    done = desk.run("-", "--source", "meter", stdin=(LINE % 1).encode())
    assert done.stdout == "1 inserted, 0 duplicate, 0 conflict, 0 rejected\n"
    assert desk.run("-", "--kind", "json", stdin=b"[]").stdout == "0 inserted, 0 duplicate, 0 conflict, 0 rejected\n"


def test_events_without_an_id_are_warned_about(desk: Desk) -> None:
    done = desk.run(desk.put("usage.jsonl", '{"occurred_at": "2026-03-01T10:00:00Z", "quantity": 1}\n'))
    assert done.stderr == "warning: 1 have no id of their sender's: imported again, they are recorded again\n"


def test_a_file_that_breaks_off_tells_what_was_recorded_before(desk: Desk) -> None:
    items = ",".join((LINE % n).strip() for n in range(5_000))
    done = desk.run(desk.put("usage.json", f"[{items}!"))
    assert isinstance(done.exception, InvalidBody)
    recorded = desk.entries()
    assert recorded % 1_000 == 0
    # A slow machine is told how far it is before: the last line is the one that counts.
    assert done.stderr.splitlines()[-1] == (
        f"recorded before that: {recorded} inserted, 0 duplicate, 0 conflict, 0 rejected; "
        "mend the file and import it again as a whole"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.csv",), "cannot be read: No such file or directory"),
        (("{file}", "--rejects", "{file}"), "would overwrite the file that is imported"),
        (("{file}", "--rejects", "{file}/rejects.csv"), "cannot be written: there is no folder"),
        (("{file}", "--kind", "xlsx"), "is not one of 'csv', 'jsonl', 'json'"),
    ],
)
def test_a_mistaken_call_is_refused_with_exit_code_2(desk: Desk, words: tuple[str, ...], told: str) -> None:
    file = desk.put("usage.jsonl", LINE % 1)
    done = desk.run(*(word.format(file=file) for word in words))
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert desk.entries() == 0


def test_an_unknown_format_or_account_is_not_found(desk: Desk) -> None:
    file = desk.put("usage.jsonl", LINE % 1)
    assert isinstance(desk.run(file, "--format", "none").exception, NotFound)
    assert isinstance(CliRunner().invoke(app, ["import", file, "--account", "globex"]).exception, NotFound)
    assert desk.entries() == 0


ROWS = int(os.environ.get("GATEWAY_TEST_IMPORT_ROWS", "20000"))
"""Enough to be killed in their middle; more of them are the same test, only longer."""


@pytest.mark.timeout(600)
def test_an_import_that_was_killed_ends_with_every_row_once_when_it_is_run_again(desk: Desk) -> None:
    file = desk.put("usage.jsonl", "".join(LINE % n for n in range(ROWS)))
    command = [sys.executable, "-m", "app", "import", file, "--account", "acme"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while desk.entries() < ROWS // 10:
            assert running.poll() is None, "the import ended before it was killed"
            time.sleep(0.05)
    finally:
        running.kill()
        running.wait()
    recorded = desk.entries()
    assert ROWS // 10 <= recorded < ROWS
    assert recorded % 1_000 == 0, "a batch is there as a whole or not at all"

    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=True)
    told = json.loads(done.stdout)
    assert told == {"inserted": ROWS - recorded, "duplicate": recorded, "conflict": 0, "rejected": 0, "rejects": None}
    assert desk.ask(lambda store: _verified(store, desk.account)) == ROWS


async def _verified(store: Store, account: Account) -> int:
    head = await store.head(account.id)
    rows = Rows(Scope(account.id, head.sequence), descending=False)
    return (await verify(store.stream(rows), genesis(account.name), head)).entries
