"""The example callers in `scripts/examples`, run as anyone would run them, against a gateway with the demo account's usage."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from app.domain.account import Permission
from app.ledger import demo as demo_account
from tests.vendors.served import Served, serving

EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str, str]]:
    """A gateway with a few days of the demo account's usage, a token for reading and exporting, and one for reading alone."""
    with pytest.MonkeyPatch.context() as patching, serving(tmp_path_factory.mktemp("demo")) as served:
        patching.setattr(demo_account, "DAYS", 4)
        patching.setattr(demo_account, "EVENTS_A_DAY", 100)
        account = served.account("demo")
        served.run(demo_account.fill(served.services.store, served.principal(account), now=datetime.now(UTC)))
        yield (
            served,
            served.token(account, Permission.REPORT_READ, Permission.REPORT_EXPORT),
            served.token(account, Permission.REPORT_READ),
        )


def called(name: str, url: str, token: str = "", *arguments: str, **words: str) -> subprocess.CompletedProcess[str]:
    """The example, run in a process of its own."""
    environment = os.environ | {"BASE_URL": url, "TOKEN": token} | words
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_the_reporting_example_reads_every_report_and_checks_its_export(demo: tuple[Served, str, str]) -> None:
    served, token, _ = demo
    done = called("reporting_rest.py", served.url + "/", token)

    assert (done.returncode, done.stderr) == (0, "")
    told = dict.fromkeys(("usage as of entry", "newest activities", "customer ", "license ", "settlement of ", "export rptx_"))
    assert all(any(line.startswith(word) for line in done.stdout.splitlines()) for word in told), done.stdout
    customer = next(line for line in done.stdout.splitlines() if line.startswith("customer "))
    row_by_row = next(line for line in done.stdout.splitlines() if line.startswith("  its ledger, row by row: "))
    assert customer.split(": ")[1].split(",")[0] == row_by_row.split(": ")[1]
    assert "chain None" not in done.stdout


def test_the_reporting_example_tells_why_it_was_refused(demo: tuple[Served, str, str]) -> None:
    served, _, reader = demo
    done = called("reporting_rest.py", served.url, reader)

    assert done.returncode == 1
    assert done.stderr == "403 TOKEN_SCOPE_DENIED: token scope denied\n"


def test_the_sender_reports_corrects_and_takes_back(demo: tuple[Served, str, str]) -> None:
    served, _, _ = demo
    account = served.account("sender")
    _, api_key, password = served.token(account, Permission.USAGE_WRITE).split("_", 2)
    done = called("usage_events.py", served.url, API_KEY=api_key, API_PASSWORD=password)

    assert (done.returncode, done.stderr) == (0, "")
    first, formatted = f"evt_{account.id}_1", f"evt_{account.id}_5"
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        f"reported {first}, which belongs to no document",
        f"updated {first} to 12.5 of a product without name",
        f"deleted {first}",
    ]
    assert lines[3].startswith(f"reported {formatted}: 3 for cust_1 at 20")
    assert lines[4:] == ["logged out"]


def test_the_sender_tells_why_it_was_refused(demo: tuple[Served, str, str]) -> None:
    served, _, reader = demo
    _, api_key, password = reader.split("_", 2)
    done = called("usage_events.py", served.url, API_KEY=api_key, API_PASSWORD=password)

    assert done.returncode == 1
    assert done.stderr.startswith('POST /api/usage/event: 403 {"error":{"code":"TOKEN_SCOPE_DENIED"')


def test_the_client_counts_its_transactions_and_saves_the_workbook(demo: tuple[Served, str, str], tmp_path: Path) -> None:
    served, _, reader = demo
    _, client_id, client_secret = reader.split("_", 2)
    words = {"CLIENT_ID": client_id, "CLIENT_SECRET": client_secret}
    done = called("client_usage_report.py", served.url, "", str(tmp_path / "week.xlsx"), **words)

    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    number = int(first.split()[0])
    counted = [int(line.split(": ")[1]) for line in rest if re.fullmatch(r"  (\d{3}|None): \d+", line)]
    assert number == sum(counted) > 100
    book = load_workbook(tmp_path / "week.xlsx", read_only=True)
    assert sum(1 for _ in book.active.iter_rows()) == number + 1
    book.close()


def test_the_client_tells_why_it_was_refused(demo: tuple[Served, str, str], tmp_path: Path) -> None:
    served, _, reader = demo
    _, client_id, _ = reader.split("_", 2)
    done = called("client_usage_report.py", served.url, "", str(tmp_path / "w.xlsx"), CLIENT_ID=client_id, CLIENT_SECRET="x")

    assert (done.returncode, done.stderr) == (1, "401: Incorrect client_id or client_secret\n")
    assert not (tmp_path / "w.xlsx").exists()
