"""Access logs: 10,000 lines of the combined format, the API usage report of a day against grep and awk, its workbook too."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

from scripts.examples.client_usage_report import authorize, call, usage_report
from scripts.proofs.product import Product, expect

LINES = 10_000
STATUSES = (200, 200, 200, 200, 201, 204, 301, 304, 400, 401, 404, 429, 500, 503)
PATHS = ("/maps/tiles", "/maps/route", "/identity/check", "/identity/face", "/health", "/a/" + "long/" * 80)
AGENTS = ("curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)", 'odd \\"agent\\" \\\\', "-")
PRICED: dict[str, Any] = {
    "version": 1,
    "name": "priced-log",
    "description": "A line of our log: a call below 400 costs a fifth of a cent.",
    "input": "access-log",
    "none": ["-"],
    "fields": {
        "id": {"path": "line_id"},
        "occurred_at": {"path": "time", "layout": "%d/%b/%Y:%H:%M:%S %z", "required": True},
        "customer_id": {"path": "user"},
        "product_id": {"compute": "path == null ? null : part(path, '/', 1)"},
        "quantity": {"constant": 1},
        "status_code": {"path": "status", "required": True},
        "charge": {"compute": "int(status) < 400 ? '0.002' : '0'"},
        "currency": {"constant": "EUR"},
    },
    "additional": ["method", "target"],
}


def line(draw: random.Random, moment: datetime) -> str:
    """One call. Some clients send garbage, some lines look alike, and every one of them is a call."""
    target = draw.choice(PATHS) + draw.choice(("", "?q=1", "?z=3&x=%22"))
    request = (
        draw.choice(("\\x16\\x03\\x01", "-", "GET"))
        if draw.random() < 0.01
        else f"{draw.choice(('GET', 'POST'))} {target} HTTP/1.1"
    )
    user = draw.choice(("ann", "bob", "-"))
    when = moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
    size = draw.choice(("-", "0", "512", "1048576"))
    return (
        f'10.0.0.{draw.randrange(256)} - {user} [{when}] "{request}" {draw.choice(STATUSES)} {size} "-" "{draw.choice(AGENTS)}"'
    )


def log(days: list[datetime]) -> str:
    """The lines of those days, in order; one in fifty is written twice, as when a client calls twice in a second."""
    draw = random.Random(20_261_128)
    moments = sorted(day + timedelta(seconds=draw.randrange(86_400)) for day in days for _ in range(LINES // len(days) + 1))
    lines: list[str] = []
    for moment in moments:
        lines.append(line(draw, moment))
        if draw.random() < 0.02:
            lines.append(lines[-1])
    return "\n".join(lines[:LINES]) + "\n"


def counted(file: Path, day: datetime) -> Counter[int]:
    """What grep and awk count of that day, by status."""
    shell = f"""grep -F '[{day:%d/%b/%Y}:' '{file}' | awk -F'" ' '{{ split($2, rest, " "); print rest[1] }}' | sort | uniq -c"""
    told = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
    return Counter({int(status): int(number) for number, status in (each.split() for each in told.stdout.splitlines())})


def main() -> None:
    """Generate the log, import it, and compare."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today - timedelta(days=back) for back in (3, 2, 1)]
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder))
        product.run("account", "create", "acme")
        key = product.json("key", "create", "--account", "acme", "--scope", "report:read", "--scope", "usage:write")
        file = Path(folder) / "access.log"
        file.write_text(log(days))
        lines = file.read_text().splitlines()
        expect("lines", len(lines), LINES)
        expect("lines that look like another", len(lines) - len(set(lines)) > 100, True)
        began = time.perf_counter()
        first = product.json("import", str(file), "--account", "acme", "--format", "access-log")
        print(f"       imported in {time.perf_counter() - began:.1f} s, with the command's own start")
        expect("import", {name: first[name] for name in ("inserted", "duplicate", "conflict", "rejected")},
               {"inserted": LINES, "duplicate": 0, "conflict": 0, "rejected": 0})  # fmt: skip
        again = product.json("import", str(file), "--account", "acme", "--format", "access-log")
        expect("imported again", (again["inserted"], again["duplicate"]), (0, LINES))
        day = days[1]
        by_status = counted(file, day)
        expect("calls of the day by grep and awk", by_status.total() > 3_000, True)
        with product.serving() as server:
            access = authorize(server.url, key["client_id"], key["client_secret"])
            asked = {"since_date": f"{day:%Y-%m-%d}", "until_date": f"{day:%Y-%m-%d}", "generate_excel": "true"}
            data = usage_report(server.url, access, key["client_secret"], **asked)
            rows = data["usage_data"]
            expect("API usage report of the day by status", dict(Counter(row["Status"] for row in rows)), dict(by_status))
            compare_workbook(call(data["file_url"]), rows)

        saved = Path(folder) / "priced.json"
        saved.write_text(json.dumps(PRICED))
        product.run("account", "create", "priced")
        product.run("format", "save", str(saved), "--account", "priced")
        product.run("import", str(file), "--account", "priced", "--format", "priced-log")
        total = product.json("report", "usage-summary", "--account", "priced")
        cheap = sum(number for each in days for status, number in counted(file, each).items() if status < 400)
        charges = {row["currency"]: Decimal(row["charge"]) for row in total["total_charges"]}
        expect("charges by a format of the account's own", charges, {"EUR": Decimal("0.002") * cheap})


def compare_workbook(content: bytes, rows: list[dict[str, Any]]) -> None:
    """The workbook, opened with openpyxl, holds the rows of the answer."""
    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
    header, *cells = (list(row) for row in sheet.iter_rows(values_only=True))
    expect("columns of the workbook", [str(each) for each in header], list(rows[0]))
    # Empty cells at the end of a row are not in the file.
    read = [_plain(row) + [""] * (len(header) - len(row)) for row in cells]
    told = [_plain(row.values()) for row in rows]
    expect("rows of the workbook and of the answer", (len(read), read == told), (len(told), True))


def _plain(values: Any) -> list[str]:
    """Cells as texts: a number as its digits, whatever kind of number it is read as."""
    return ["" if each is None else f"{each.normalize():f}" if isinstance(each, Decimal) else str(each) for each in values]


if __name__ == "__main__":
    main()
    sys.exit(0)
