"""The options of a question, the same for every command that asks a report."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from app.domain.errors import InvalidQuery
from app.reports.catalog import REPORTS, report_named
from app.reports.parameters import parse_as_of
from app.reports.report import Report

Given = dict[str, list[str]]
"""What was asked for: the texts given for each name, as `app.reports.parameters.parse` takes them."""
_Values = Annotated[list[str] | None, typer.Option(help="Repeat for several values.")]
AsOfOption = Annotated[str | None, typer.Option("--as-of", help="A sequence, or an instant of recording.")]


def kind_argument(*, exported: bool = False) -> Any:
    """The argument that names a report; only those that can be exported, if so said."""
    names = (each.name.replace("_", "-") for each in REPORTS if each.exported or not exported)
    return typer.Argument(help=f"One of: {', '.join(names)}.")


def _question(
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
    group_by: Annotated[
        list[str] | None, typer.Option(help="Keys of a summary: product_id, customer_id …, or data.KEY of additional data.")
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="hour, day, week, month, quarter or year.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA zone whose calendar cuts the buckets; UTC if left out.")] = None,
    fill: Annotated[bool, typer.Option("--fill", help="Tell empty buckets too.")] = False,
    order_by: Annotated[
        str | None, typer.Option(help="key, a key, events, quantity, customers, quantity_p95, last_use …")
    ] = None,
    order: Annotated[str | None, typer.Option(help="asc or desc.")] = None,
    unit: Annotated[str | None, typer.Option(help="Unit whose quantity orders the groups.")] = None,
    currency: Annotated[str | None, typer.Option(help="Currency whose charge orders the groups.")] = None,
    having: Annotated[
        list[str] | None, typer.Option(help="Only groups such as 'events>=10' or 'quantity[GB]<2.5'; all of several must hold.")
    ] = None,
    top: Annotated[str | None, typer.Option(help="Only the first so many groups in the order, and all the rest as one.")] = None,
    compare_with: Annotated[
        str | None, typer.Option(help="previous, or a period such as 2026-03-01/2026-04-01: each total beside the one there.")
    ] = None,
    measures: Annotated[
        list[str] | None,
        typer.Option(help="Also: customers, quantity_average, quantity_minimum, quantity_maximum, quantity_p95 …"),
    ] = None,
) -> None:
    """Only its parameters matter: `asks` gives them to commands."""


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a question, after its own first ones; it gets what was given as `given`."""
    shared = inspect.signature(_question, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters

    @functools.wraps(command)
    def with_question(**values: Any) -> None:
        words = {name: values.pop(name) for name in shared}
        command(given=_given(words), **values)

    parameters: list[inspect.Parameter] = []
    for name, each in own.items():
        parameters += shared.values() if name == "given" else [each]
    with_question.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    )
    with_question.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_question


def report_asked(kind: str) -> Report:
    """The report of that name; raises InvalidQuery."""
    report = report_named(kind)
    if report is None:
        raise InvalidQuery("kind", f"{kind} is no report; these are: {', '.join(each.name for each in REPORTS)}")
    return report


def as_of_asked(text: str | None) -> Any:
    """What `--as-of` says; raises InvalidQuery."""
    return None if text is None else parse_as_of(text)


def _given(words: Mapping[str, Any]) -> Given:
    given: Given = {}
    for name, value in words.items():
        if value is not None and value is not False and value != []:
            given[name.rstrip("_")] = ["true"] if value is True else [value] if isinstance(value, str) else value
    return given
