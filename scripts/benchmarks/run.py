"""Runs the benchmarks: everything in pairs, in one go, over data sets that are made once; prints a table and writes JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.benchmarks import files, pages, peers, recording, starting, steady, summaries
from scripts.benchmarks.pairs import RUNS, Result
from scripts.benchmarks.places import KEPT, Place, cluster, postgres_place, sqlite_place

Part = Callable[..., Iterator[Result]]
PARTS: dict[str, Part] = {
    "pages": pages.run,
    "peers": peers.run,
    "summaries": summaries.run,
    "recording": recording.run,
    "steady": steady.run,
    "files": files.run,
    "starting": starting.run,
}
QUICK = ("pages", "recording", "summaries", "starting")
"""What there is time for in two minutes."""
QUICK_ROWS, FULL_ROWS = 50_000, 1_000_000


def measure(places: list[Place], parts: list[str], *, seconds: float, runs: int) -> list[tuple[Place, str, Result]]:
    """Every pair of these parts, told as it is measured."""
    found = []
    console = Console(stderr=True, highlight=False)
    began = time.monotonic()
    for place in places:
        for part in parts:
            for result in PARTS[part](place, seconds=seconds, runs=runs):
                found.append((place, part, result))
                after = f"after {time.monotonic() - began:,.0f} s"
                console.print(f"{place.engine} {place.rows:,}: {result.name}: {result.ratio:.2f} ({after})")
    return found


def table(found: list[tuple[Place, str, Result]]) -> Table:
    """The figures for people."""
    made = Table(title="Ratios are the median of the pairs")
    for title in ("store", "entries", "what", "ours", "theirs", "unit", "against", "ratio", "wanted", ""):
        made.add_column(title, justify="right" if title in ("entries", "ours", "theirs", "ratio", "wanted") else "left")
    for place, _, each in found:
        wanted = "" if each.wanted is None else f"{'≤' if each.most else '≥'} {each.wanted:g}"
        told = {None: each.note, True: each.note, False: f"missed {each.note}".strip()}[each.reached]
        made.add_row(
            *(place.engine, f"{place.rows:,}", each.name, f"{each.ours:,.2f}", f"{each.theirs:,.2f}", each.unit),
            *(each.against, f"{each.ratio:.2f}", wanted, told),
        )
    return made


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"which of {', '.join(PARTS)}; all by default")
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--rows", type=int, help=f"entries of the data sets; {FULL_ROWS:,} by default")
    parser.add_argument("--quick", action="store_true", help=f"two minutes: {QUICK_ROWS:,} entries, fewer and shorter pairs")
    parser.add_argument("--json", type=Path, default=KEPT / "figures.json", help="where to write the figures")
    given = parser.parse_args()
    parts = given.parts or list(QUICK if given.quick else PARTS)
    unknown = set(parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    rows = given.rows or (QUICK_ROWS if given.quick else FULL_ROWS)
    seconds, runs = (0.15, 3) if given.quick else (2.0, RUNS)
    with ExitStack() as stack:
        places = []
        if given.engine in ("sqlite", "both"):
            places.append(sqlite_place(rows))
        if given.engine in ("postgresql", "both"):
            places.append(postgres_place(stack.enter_context(cluster()), rows))
        found = measure(places, parts, seconds=seconds, runs=runs)
    Console(width=None if sys.stdout.isatty() else 200).print(table(found))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "cores": os.cpu_count()}
    told = [
        asdict(each) | {"engine": place.engine, "entries": place.rows, "part": part, "ratio": each.ratio, "reached": each.reached}
        for place, part, each in found
    ]
    given.json.write_text(json.dumps({"at": datetime.now(UTC).isoformat(), "machine": machine, "figures": told}, indent=2))


if __name__ == "__main__":
    main()
