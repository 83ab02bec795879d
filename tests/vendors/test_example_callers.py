"""The example callers in `scripts/examples`, run as anyone would run them, against a gateway with the demo account's usage."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

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


def called(name: str, url: str, token: str) -> subprocess.CompletedProcess[str]:
    """The example, run in a process of its own."""
    environment = os.environ | {"BASE_URL": url, "TOKEN": token}
    return subprocess.run([sys.executable, str(EXAMPLES / name)], env=environment, capture_output=True, text=True, timeout=60)


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
