"""`gateway report KIND`: ask a report from the command line, as a table, JSON or CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import AsyncIterator, Sequence
from itertools import islice
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.cli.keys import AccountOption
from app.cli.session import Session, run
from app.domain.errors import InvalidQuery
from app.domain.instant import parse_bound
from app.domain.period import Granularity, Period
from app.question.filters import Filters
from app.question.groups import Dimension, GroupOrder, Measure
from app.reports import activities, feed, usage_ledger, usage_summary
from app.reports.answer import AsOf, open_ledger
from app.reports.catalog import REPORTS, report_named
from app.reports.report import Section, row_values

T = TypeVar("T")
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
    status_code: Annotated[list[int] | None, typer.Option(help="Repeat for several values.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="A sequence, or an instant of recording.")] = None,
    group_by: Annotated[list[str] | None, typer.Option(help="Dimensions of a summary: product_id, customer_id …")] = None,
    bucket: Annotated[Granularity | None, typer.Option(help="Bucket of time of a summary.")] = None,
    time_zone: Annotated[str, typer.Option(help="IANA zone whose calendar cuts the buckets.")] = "UTC",
    fill: Annotated[bool, typer.Option("--fill", help="Tell empty buckets too.")] = False,
    order_by: Annotated[Measure, typer.Option(help="What a summary's groups are ordered by.")] = Measure.KEY,
    descending: Annotated[bool, typer.Option("--desc", help="Greatest first.")] = False,
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
    start = None if from_ is None else parse_bound(from_, "from", error=InvalidQuery)
    end = None if to is None else parse_bound(to, "to", error=InvalidQuery)
    filters = Filters(
        Period(start, end),
        product_id=_tuple(product_id),
        customer_id=_tuple(customer_id),
        license_id=_tuple(license_id),
        order_id=_tuple(order_id),
        subscription_id=_tuple(subscription_id),
        feature_code=_tuple(feature_code),
        action=_tuple(action),
        source=_tuple(source),
        request_id=_tuple(request_id),
        result_class=_tuple(result_class),
        status_code=_tuple(status_code),
    )
    cut = limit if limit is not None or as_json or as_csv else 50
    summary = usage_summary.SummaryQuestion(
        filters,
        tuple(_dimension(each) for given in group_by or () for each in given.split(",")),
        bucket,
        time_zone,
        GroupOrder(order_by, descending, unit, currency),
        fill,
    )

    async def body(session: Session) -> None:
        principal = await session.principal(account)
        opened = await open_ledger(session.store, principal, _as_of(as_of))
        if report is usage_summary.REPORT:
            answer = await usage_summary.read(session.store, opened, summary, limit=cut)
            parts = list(usage_summary.rows(answer))
        else:
            kinds = activities.KINDS if report is activities.REPORT else usage_ledger.KINDS
            batches = feed.stream(session.store, opened, feed.FeedQuestion(filters), kinds)
            if as_csv:
                await _stream_csv(report.sections[0], batches, cut)
                return
            parts = [(report.sections[0], [row async for row in _cut(batches, cut)])]
        if as_json:
            answered = {section.name: [row_values(section, row) for row in rows] for section, rows in parts}
            sys.stdout.buffer.write(orjson.dumps({"as_of": opened.scope.as_of, **answered}, option=orjson.OPT_INDENT_2) + b"\n")
        elif as_csv:
            _write_csv(parts)
        else:
            _print_tables(parts)
            Console().print(f"[dim]as of sequence {opened.scope.as_of}[/dim]")

    run(body)


def _tuple(values: list[T] | None) -> tuple[T, ...] | None:
    return None if values is None else tuple(values)


def _as_of(text: str | None) -> AsOf:
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else parse_bound(text, "as-of", error=InvalidQuery)


def _dimension(text: str) -> Dimension:
    try:
        return Dimension(text.strip())
    except ValueError:
        raise InvalidQuery("group-by", f"{text[:64]} is not one of {', '.join(each.value for each in Dimension)}") from None


async def _cut(batches: AsyncIterator[list[Any]], limit: int | None) -> AsyncIterator[Any]:
    told = 0
    async for batch in batches:
        for row in islice(batch, None if limit is None else limit - told):
            yield row
        told += len(batch)
        if limit is not None and told >= limit:
            return


async def _stream_csv(section: Section, batches: AsyncIterator[list[Any]], limit: int | None) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(each.name for each in section.columns)
    async for row in _cut(batches, limit):
        writer.writerow(_cell(value) for value in row_values(section, row).values())


def _write_csv(parts: Sequence[tuple[Section, Sequence[Any]]]) -> None:
    columns = list(dict.fromkeys(each.name for section, _ in parts for each in section.columns))
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(["section", *columns] if len(parts) > 1 else columns)
    for section, rows in parts:
        for row in rows:
            values = row_values(section, row)
            cells = [_cell(values.get(name)) for name in columns]
            writer.writerow([section.name, *cells] if len(parts) > 1 else cells)


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


def _print_tables(parts: Sequence[tuple[Section, Sequence[Any]]]) -> None:
    console = Console()
    for section, rows in parts:
        values = [row_values(section, row) for row in rows]
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
