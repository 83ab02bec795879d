"""The OpenAPI document, put to the test by a machine: no 5xx, no undocumented status, no answer that breaks its schema.

Every check of schemathesis is on. `scripts/prove openapi` looks further.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.account import Permission
from app.ledger.commands import Rules
from tests.events import START
from tests.vendors.fuzzing.run import run
from tests.vendors.served import Served, serving
from tests.vendors.world import fill

LONG = "listActivities|listUsageLedger|createReportExport|updateUsageEvent|updateFormattedUsageEvent"
"""Operations with so many edges that they are left to `scripts/prove`, apart from random values."""
RUNS = {
    "examples, and calls that follow from one another": (80, ("--phases", "examples,stateful", "--max-examples", "5")),
    "random values": (100, ("--phases", "fuzzing", "--max-examples", "10")),
    "the edges of every value": (500, ("--phases", "coverage", "--exclude-operation-id-regex", LONG)),
}
"""What is looked at, with the number of calls that it makes at least."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A gateway of its own, and a token that may do what the document is about."""
    with serving(tmp_path_factory.mktemp("fuzzed"), rules=Rules(clock=lambda: START)) as served:
        account = served.account("acme")
        served.run(fill(served.services.store, served.principal(account), events=100))
        yield served, served.token(account, Permission.REPORT_READ, Permission.REPORT_EXPORT, Permission.USAGE_WRITE)


@pytest.mark.timeout(600)  # seconds on an idle machine; many more where others use it too
@pytest.mark.parametrize("name", RUNS)
def test_the_gateway_does_what_its_document_says(fuzzed: tuple[Served, str], tmp_path: Path, name: str) -> None:
    served, token = fuzzed
    least, arguments = RUNS[name]
    done = run(served.url, token, tmp_path, *arguments, seconds=540)

    assert done.returncode == 0, done.stdout[-20_000:]
    generated = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert generated is not None, done.stdout[-5_000:]
    assert int(generated[1]) == int(generated[2]) > least
