"""Start-up: from the command to the first answer, against importing the three libraries that any such server imports."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.load import Call, one
from scripts.benchmarks.pairs import Result, paired
from scripts.benchmarks.places import Place, compiled_once, process_at, serving

IDLE_MEGABYTES = 150


def run(place: Place, *, seconds: float, runs: int) -> Iterator[Result]:
    """How long a start takes, and what an idle server holds."""
    yield paired(
        "from the command to the first answer",
        lambda: _first_answer(place),
        _imports,
        unit="s",
        against="importing fastapi, strawberry and sqlmodel",
        wanted=2,
        most=True,
        runs=runs,
    )
    with serving(place) as url:
        one(Call(f"{url}/api/v1/reports/usage-ledger?limit=1", place.token))
        time.sleep(2)
        held = _resident(process_at(url))
    yield Result("memory of an idle server", held, IDLE_MEGABYTES, "MB", [held / IDLE_MEGABYTES], "150 MB", 1, most=True)


def _first_answer(place: Place) -> float:
    began = time.perf_counter()
    with serving(place) as url:
        one(Call(f"{url}/api/v1/reports/usage-ledger?limit=1", place.token))
        return time.perf_counter() - began


def _imports() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import fastapi, strawberry, sqlmodel"], env=compiled_once(), check=True)
    return time.perf_counter() - began


def _resident(process: int) -> float:
    """Megabytes of memory that the process has resident."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1_000
