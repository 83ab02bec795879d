"""`gateway report KIND`: ask a report from the command line, as a table, JSON or CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.cli.keys import AccountOption
from app.cli.session import Session, run
from app.domain.errors import InvalidQuery
from app.reports.answer import open_ledger
from app.reports.catalog import REPORTS, report_named
from app.reports.parameters import parse, parse_as_of
from app.reports.report import Report, Section, row_values

_Values = Annotated[list[str] | None, typer.Option(help="Repeat for several values.")]


def report_command(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(each.name.replace('_', '-') for each in REPORTS)}.")],
    account: AccountOption,
    from_: Annotated[str | None, typer.Option("--from", help="Inclusive; RFC 3339, or a date for its midnight UTC.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Exclusive.")] = None,
    product_id: _Values = None,
    customer_id: _Values = None,
    license_id: _Values = None,
    order_id: _Values = None,
    subscription_id: _Values = None,
    feature_code: _Values = None,
    action: _Values = None,
    source: _Values = None,
    request_id: _Values = None,
    result_class: _Values = None,
    status_code: _Values = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="A sequence, or an instant of recording.")] = None,
    group_by: Annotated[list[str] | None, typer.Option(help="Dimensions of a summary: product_id, customer_id …")] = None,
    bucket: Annotated[str | None, typer.Option(help="hour, day, week, month, quarter or year.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA zone whose calendar cuts the buckets; UTC if left out.")] = None,
    fill: Annotated[bool, typer.Option("--fill", help="Tell empty buckets too.")] = False,
    order_by: Annotated[str | None, typer.Option(help="key, events, quantity, charge, first_use or last_use.")] = None,
    order: Annotated[str | None, typer.Option(help="asc or desc.")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit whose quantity orders the groups.")] = None,
    currency: Annotated[str | None, typer.Option(help="Currency whose charge orders the groups.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many rows or groups; a table shows 50, a file everything.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an object with a list for each section.")] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, the section in the first column if there are several.")
    ] = False,
) -> None:
    """Ask a report. Totals always cover everything that was asked for, whatever the limit shows."""
    report = report_named(kind)
    if report is None:
        raise InvalidQuery("kind", f"{kind} is no report; these are: {', '.join(each.name for each in REPORTS)}")
    if as_json and as_csv:
        raise InvalidQuery("json", "cannot be combined with csv")
    listed = {
        "product_id": product_id, "customer_id": customer_id, "license_id": license_id, "order_id": order_id,
        "subscription_id": subscription_id, "feature_code": feature_code, "action": action, "source": source,
        "request_id": request_id, "result_class": result_class, "status_code": status_code, "group_by": group_by,
    }
    single = {
        "from": from_, "to": to, "bucket": bucket, "time_zone": time_zone, "fill": "true" if fill else None,
        "order_by": order_by, "order": order, "unit": unit, "currency": currency,
    }
    given = {name: values for name, values in listed.items() if values}
    given |= {name: [value] for name, value in single.items() if value is not None}
    # A table is for reading, so it shows fifty rows; a file is whole.
    parameters = parse(given, report.parameters, limit=limit if limit is not None or as_json or as_csv else 50)

    async def body(session: Session) -> None:
        principal = await session.principal(account)
        opened = await open_ledger(session.store, principal, None if as_of is None else parse_as_of(as_of))
        parts = report.answer(session.store, opened, parameters)
        if as_csv:
            await _write_csv(report, parts)
            return
        rows: dict[str, list[Any]] = {section.name: [] for section in report.sections}
        async for section, batch in parts:
            rows[section.name] += [row_values(section, row) for row in batch]
        if as_json:
            answered = {"as_of": opened.scope.as_of, **rows}
            sys.stdout.buffer.write(orjson.dumps(answered, option=orjson.OPT_INDENT_2) + b"\n")
        else:
            _print_tables(report, rows)
            Console().print(f"[dim]as of sequence {opened.scope.as_of}[/dim]")

    run(body)


async def _write_csv(report: Report, parts: AsyncIterator[tuple[Section, Sequence[Any]]]) -> None:
    columns = list(dict.fromkeys(each.name for section in report.sections for each in section.columns))
    sectioned = len(report.sections) > 1
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(["section", *columns] if sectioned else columns)
    async for section, batch in parts:
        for row in batch:
            values = row_values(section, row)
            cells = [_cell(values.get(name)) for name in columns]
            writer.writerow([section.name, *cells] if sectioned else cells)


def _cell(value: Any) -> str:
    """One cell; a text that a spreadsheet would execute as a formula is made inert with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode() if value else ""
    text = str(value)
    inert = text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(text)
    return "'" + text if inert else text


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit() and text.isascii()


def _print_tables(report: Report, rows: dict[str, list[dict[str, Any]]]) -> None:
    console = Console()
    for section in report.sections:
        values = rows[section.name]
        shown = [each for each in section.columns if any(row[each.name] not in (None, []) for row in values)]
        if not shown:
            console.print(f"[bold]{section.title}[/bold]: none")
            continue
        table = Table(title=section.title, title_justify="left")
        for each in shown:
            table.add_column(each.label, justify="right" if each.unit or each.type is int else "left", overflow="fold")
        for row in values:
            table.add_row(*(_shown(row[each.name]) for each in shown))
        console.print(table)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = orjson.dumps(value).decode() if isinstance(value, (dict, list)) else str(value)
    return text.replace("[", r"\[")
