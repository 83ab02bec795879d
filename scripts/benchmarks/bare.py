"""A month of the ledger written by the bare libraries: `python -m scripts.benchmarks.bare FORMAT FILE ACCOUNT SINCE UNTIL`.

The rows are read with one plain statement, by the yardstick's code, and each has the columns of the ledger's exports. Nothing is
digested, nothing made inert, and a page of the PDF is lines of text, one below the other. Tells how many rows there are.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from openpyxl import Workbook
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from app.reports.feed import COLUMNS
from app.settings import load
from scripts.benchmarks.yardstick import Postgres, Sqlite

Rows = list[dict[str, Any]]
Writer = tuple[Callable[[Rows], None], Callable[[], None]]
"""What takes some more rows, and what ends the file."""
NAMES = [each.name for each in COLUMNS]
SIZE = 5_000


def _csv(path: Path) -> Writer:
    file = path.open("w", newline="", encoding="utf-8")
    writer = csv.writer(file)
    writer.writerow(NAMES)
    return lambda rows: writer.writerows([row[name] for name in NAMES] for row in rows), file.close


def _json(path: Path) -> Writer:
    file = path.open("wb")
    file.write(b"[")
    between = iter((b"",))

    def end() -> None:
        file.write(b"]")
        file.close()

    return lambda rows: file.writelines((next(between, b","), orjson.dumps(rows)[1:-1])), end


def _jsonl(path: Path) -> Writer:
    file = path.open("wb")
    return lambda rows: file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows), file.close


def _xlsx(path: Path) -> Writer:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("ledger")
    sheet.append(NAMES)

    def rows_of(rows: Rows) -> None:
        for row in rows:
            told = {name: row[name] for name in NAMES}
            told["erased"] = ""
            for name in ("quantity", "charge"):
                told[name] = None if told[name] is None else float(told[name])
            sheet.append(list(told.values()))

    return rows_of, lambda: book.save(path)


def _pdf(path: Path) -> Writer:
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))  # which comes with the library
    canvas = Canvas(str(path), pagesize=A4)
    _, height = A4
    at = [0.0]

    def line(words: list[str]) -> None:
        if at[0] < 40:
            if at[0]:
                canvas.showPage()
            canvas.setFont("Vera", 6)
            at[0] = height - 40
        for number, word in enumerate(words):
            canvas.drawString(30 + number * 60, at[0], word)
        at[0] -= 9

    def rows_of(rows: Rows) -> None:
        for row in rows:
            words = [str(row[name]) for name in NAMES if row[name] not in (None, [])]
            for begin in range(0, len(words), 9):
                line(words[begin : begin + 9])

    return rows_of, canvas.save


WRITERS: dict[str, Callable[[Path], Writer]] = {"csv": _csv, "json": _json, "jsonl": _jsonl, "xlsx": _xlsx, "pdf": _pdf}


async def _write(format: str, path: Path, account: int, since: datetime, until: datetime) -> int:
    settings = load()
    pool = None if settings.embedded else await asyncpg.create_pool(settings.database_url, min_size=1, max_size=1)
    source: Sqlite | Postgres = Sqlite(settings.database_path) if pool is None else Postgres(pool)
    take, end = WRITERS[format](path)
    count = 0
    async for rows in source.stream(account, since, until, SIZE, orjson.Fragment if format.startswith("json") else str):
        take(rows)
        count += len(rows)
    end()
    if pool is not None:
        await pool.close()
    return count


def main() -> None:
    """Write the file."""
    format, path, account, since, until = sys.argv[1:]
    moments = (datetime.fromisoformat(each) for each in (since, until))
    print(asyncio.run(_write(format, Path(path), int(account), *moments)))


if __name__ == "__main__":
    main()
