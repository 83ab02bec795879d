"""`gateway report KIND`: ask a report from the command line, as a table, JSON or CSV."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from app.cli.asking import AsOfOption, Given, as_of_asked, asks, kind_argument, report_asked
from app.cli.keys import AccountOption
from app.cli.session import Session, run
from app.cli.sources import told_of
from app.cli.tables import print_table
from app.domain.errors import InvalidQuery
from app.domain.instant import format_instant
from app.exports.encoding import Encoding
from app.exports.formats import csv
from app.exports.order import Order
from app.ports import Store
from app.question.filters import Filters
from app.reports.answer import open_ledger
from app.reports.completeness import late_arrivals, rejects_waiting, unknown
from app.reports.parameters import parse
from app.reports.report import Column, Opened, Report, row_values


@asks
def report_command(
    kind: Annotated[str, kind_argument()],
    account: AccountOption,
    given: Given,
    as_of: AsOfOption = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many rows or groups; a table shows 50, a file everything.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an object with a list for each section.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, the section in the first column if there are several.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Also say, on standard error, where each total was found.")] = False,
) -> None:
    """Ask a report. Totals always cover everything that was asked for, whatever the limit shows."""
    report = report_asked(kind).asked_with(given)
    if as_json and as_csv:
        raise InvalidQuery("json", "cannot be combined with csv")
    # A table is for reading, so it shows fifty rows; a file is whole.
    parameters = parse(given, report.parameters, limit=limit if limit is not None or as_json or as_csv else 50)

    async def body(session: Session) -> None:
        principal = await session.principal(account)
        opened = await open_ledger(session.store, principal, as_of_asked(as_of))
        ledger = told_of(session.store) if explain else session.store
        if as_csv:
            texts = {name: tuple(values) for name, values in given.items()}
            async for data in Encoding(ledger, Order(report, csv.FORMAT, texts, parameters), opened).chunks():
                sys.stdout.buffer.write(data)
            return
        rows: dict[str, list[Any]] = {section.name: [] for section in report.sections}
        async for section, batch in report.answer(ledger, opened, parameters):
            rows[section.name] += [row_values(section, row) for row in batch]
        complete = await _completeness(session.store, opened, parameters.filters)
        if as_json:
            answered = {"as_of": opened.scope.as_of, "completeness": complete, **rows}
            sys.stdout.buffer.write(orjson.dumps(answered, option=orjson.OPT_INDENT_2) + b"\n")
        else:
            _print_tables(report, rows)
            _print_completeness(complete)

    run(body)


async def _completeness(store: Store, opened: Opened, filters: Filters) -> dict[str, Any]:
    """Up to where the ledger was read, what has come late, what waits, and what nobody knows."""
    late = await late_arrivals(store, opened, filters)
    return {
        "sequence": opened.scope.as_of,
        "recorded_at": None if opened.recorded_at is None else format_instant(opened.recorded_at),
        "late_after_period": late.after_period,
        "late_since_as_of": late.since_as_of,
        "rejects_waiting": await rejects_waiting(store, opened),
        "unknown": [{"filter": each.filter, "value": each.value} for each in await unknown(store, opened, filters)],
    }


def _print_completeness(complete: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"[dim]complete up to sequence {complete['sequence']}, recorded at {complete['recorded_at'] or 'no time yet'}[/dim]"
    )
    for name, told in (
        ("late_after_period", "{} entries of the period were recorded after it had ended, and are counted"),
        ("late_since_as_of", "{} more have been recorded since, and are not counted"),
    ):
        if complete[name]:
            console.print(f"[dim]{told.format(complete[name])}[/dim]")
    if waiting := complete["rejects_waiting"]:
        items = "rejected item is kept" if waiting == 1 else "rejected items are kept"
        console.print(f"[dim]{waiting} {items} until replayed or dropped, and not counted: `gateway rejects list`[/dim]")
    for each in complete["unknown"]:
        console.print(
            f"[yellow]{each['filter']} {escape(str(each['value']))} is not known here: nobody has ever named it[/yellow]"
        )


def _print_tables(report: Report, rows: dict[str, list[dict[str, Any]]]) -> None:
    console = Console()
    for section in report.sections:
        values = rows[section.name]
        shown = [each for each in section.columns if any(row[each.name] not in (None, []) for row in values)]
        if not shown:
            console.print(f"[bold]{section.title}[/bold]: none")
            continue
        numbers = [at for at, each in enumerate(shown) if each.unit or each.type is int]
        told = [[_told(row[each.name], each) for each in shown] for row in values]
        print_table([each.label for each in shown], told, title=section.title, right=numbers)


def _told(value: Any, column: Column) -> str:
    """The value for people: instants to the second. Files have every digit."""
    if column.type is datetime and isinstance(value, str):
        return value.partition(".")[0] + "Z"
    if value is None:
        return ""
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else str(value)
