"""Files: importing one against sending the same in batches, and exports of a part of the ledger against the bare libraries.

Ours and theirs are whole processes, from the command to its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.benchmarks.events import DAYS, SHARES, new_contents, said
from scripts.benchmarks.load import Call
from scripts.benchmarks.pairs import Result, paired
from scripts.benchmarks.places import LARGE, ROOT, Place, module, serving
from scripts.benchmarks.recording import BATCH, copied, through_door

GATEWAY = str(Path(sys.executable).with_name("gateway"))
SINCE = datetime(2026, 2, 1, tzinfo=UTC)
FORMATS = {"csv": 200_000, "json": 200_000, "jsonl": 200_000, "xlsx": 20_000, "pdf": 10_000}
"""About how many rows are written in each format."""
MOST_MEGABYTES = 250
_MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": done.returncode, "out": done.stdout, "peak": usage.ru_maxrss / 1024}))
"""


def run(place: Place, *, seconds: float, runs: int) -> Iterator[Result]:
    """Every pair; what is written goes into a copy."""
    with tempfile.TemporaryDirectory() as folder, copied(place) as copy:
        yield from _exports(copy, Path(folder), runs=min(runs, 3))  # first: they count on how many rows a day has
        yield from _imports(copy, Path(folder), batches=round(seconds * 50), runs=min(runs, 3))


def _imports(place: Place, folder: Path, *, batches: int, runs: int) -> Iterator[Result]:
    source, peaks = folder / "events.jsonl", []

    def imported() -> float:
        events = [json.dumps(said(each)) for each in new_contents(batches * BATCH, time.time_ns())]
        source.write_text("\n".join(events))
        began = time.perf_counter()
        out, peak = _run(place, GATEWAY, "import", str(source), "--account", LARGE, "--json")
        took = time.perf_counter() - began
        told = json.loads(out)
        assert told["inserted"] == len(events), told
        peaks.append(peak)
        return len(events) / took

    with serving(place) as url:
        call = Call(f"{url}/api/v1/usage-events", place.token, content_type="application/x-ndjson")
        result = paired(
            f"importing a file of {batches * BATCH:,} events",
            imported,
            lambda: through_door(call, max(2, batches // 5)),
            unit="events/s",
            against="batches through the door",
            wanted=0.5,
            runs=runs,
        )
    yield result
    yield Result("memory of that import", max(peaks), MOST_MEGABYTES, "MB", [max(peaks) / MOST_MEGABYTES], "250 MB", 1, most=True)


def _exports(place: Place, folder: Path, *, runs: int) -> Iterator[Result]:
    days = place.rows * SHARES[LARGE] / 100 / DAYS
    for format, rows in FORMATS.items():
        until = min(SINCE + timedelta(days=rows / days), datetime(2026, 6, 1, tzinfo=UTC))
        yield from _export(place, folder / f"out.{format}", format, (SINCE.isoformat(), until.isoformat()), runs)


def _export(place: Place, out: Path, format: str, period: tuple[str, str], runs: int) -> Iterator[Result]:
    peaks: list[float] = []
    rows = {"ours": 0, "theirs": 0}
    account = list(SHARES).index(LARGE) + 1

    def ours() -> int:
        words = ("export", "create", "usage-ledger", "--account", LARGE, "--from", period[0], "--to", period[1])
        told, peak = _run(place, GATEWAY, *words, "--format", format, "--out", str(out), "--overwrite", "--json")
        peaks.append(peak)
        rows["ours"] = int(json.loads(told)["rows"])
        return rows["ours"]

    def theirs() -> int:
        rows["theirs"] = int(_run(place, *module("bare"), format, str(out.with_stem("bare")), str(account), *period)[0])
        return rows["theirs"]

    result = paired(
        f"export of the ledger as {format}",
        lambda: _rate(ours),
        lambda: _rate(theirs),
        unit="rows/s",
        against="the bare library",
        wanted=0.5,
        runs=runs,
    )
    assert rows["ours"] == rows["theirs"], rows
    yield result
    what = f"memory of that export, {rows['ours']:,} rows"
    yield Result(what, max(peaks), MOST_MEGABYTES, "MB", [max(peaks) / MOST_MEGABYTES], "250 MB", 1, most=True)


def _rate(work: Callable[[], int]) -> float:
    began = time.perf_counter()
    rows = work()
    return rows / (time.perf_counter() - began)


def _run(place: Place, *command: str) -> tuple[str, float]:
    """What the process prints, and the most memory that it took, in MB: measured by a small one, whose own does not count."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command],
        env=place.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    if told["code"] != 0:
        raise SystemExit(f"bench: {' '.join(command)} exited {told['code']}")
    return told["out"], float(told["peak"])
