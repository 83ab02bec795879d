"""Freezing a report over GraphQL: the input's own words become the one vocabulary that every export is frozen with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from app.api.graphql.context import Info
from app.api.graphql.enums import Compression, DecimalMark, ExportFormat, FeedOrder, ReportKind
from app.api.graphql.exports import NEEDED, Export, export_node
from app.api.graphql.inputs import (
    AsOfInput,
    BucketInput,
    CompareInput,
    GroupKeyInput,
    GroupOrderInput,
    HavingInput,
    StatisticInput,
    UsageFilters,
    compared,
    conditions,
    group_key,
    group_order,
    point_of,
    statistic,
)
from app.api.graphql.payloads import Payload, attempt
from app.api.graphql.scalars import TimeZone
from app.api.graphql.scopes import Needs
from app.api.graphql.shapes import given
from app.domain import export as exports
from app.domain.errors import InvalidEvent, InvalidInput
from app.domain.instant import format_instant
from app.exports.formats import DEFAULT
from app.exports.freeze import create
from app.question.groups import MOST_TOP
from app.reports.wording import compare_text, condition_text, key_text, term_text

_PLACES = {
    "report_kind": "report",
    "filters.group_by": "groupBy",
    "filters.groupBy": "groupBy",
    "filters.bucket": "bucket",
    "filters.fill": "bucket.fill",
    "filters.time_zone": "timeZone",
    "filters.order_by": "orderBy",
    "filters.unit": "orderBy.unit",
    "filters.currency": "orderBy.currency",
    "filters.order": "order",
    "filters.as_of": "asOf",
    "filters.having": "having",
    "filters.top": "top",
    "filters.compare_with": "compareWith",
    "filters.compareWith": "compareWith",
    "filters.measures": "measures",
}
"""Where the input has what an export's filters hold under these names."""


@strawberry.input(description="How a file is laid out. An option changes the file and never the rows, nor their digest.")
class ExportOptions:
    local_time: TimeZone | None = strawberry.field(
        default=None, description="The zone in whose time each instant is told too, beside UTC."
    )
    decimals: DecimalMark | None = strawberry.field(
        default=None, description="How CSV writes decimals; with points by default. Other formats have no such option."
    )
    compression: Compression | None = strawberry.field(
        default=None, description="How a CSV or JSON file is compressed; not at all by default."
    )


@strawberry.input(description="Which report to freeze, and what to ask of it. What the report has no use for is refused.")
class CreateExportInput:
    report: ReportKind = strawberry.field(description="Which report.")
    format: ExportFormat = strawberry.field(default=ExportFormat(DEFAULT.name), description="What kind of file.")
    options: ExportOptions | None = strawberry.field(
        default=None, description="How the file is laid out. What the format does not have is refused."
    )
    filters: UsageFilters | None = strawberry.field(
        default=None, description="Which entries; all by default. A report about one subject is told it here, as one `licenseId`."
    )
    group_by: list[GroupKeyInput] = strawberry.field(
        default_factory=list, description="What to group by, the first first; nothing gives one total."
    )
    bucket: BucketInput | None = strawberry.field(default=None, description="How to cut time; not at all by default.")
    time_zone: TimeZone | None = strawberry.field(
        default=None, description="Without `bucket`: on whose calendar a report cuts time that does so by itself."
    )
    order_by: GroupOrderInput | None = strawberry.field(
        default=None, description="In which order groups come; by their keys by default."
    )
    order: FeedOrder | None = strawberry.field(default=None, description="In which order entries come; newest first by default.")
    having: list[HavingInput] = strawberry.field(
        default_factory=list, description="Which groups to tell: those that are all of this; all by default."
    )
    top: int | None = strawberry.field(
        default=None, description=f"Only the first so many groups in the order, 1 to {MOST_TOP}, and all the rest as one."
    )
    compare_with: CompareInput | None = strawberry.field(
        default=None, description="What to compare each total with; nothing by default."
    )
    measures: list[StatisticInput] = strawberry.field(
        default_factory=list, description="What to tell of groups and totals beside sums."
    )
    as_of: AsOfInput | None = strawberry.field(default=None, description="As of which point in the ledger; its end by default.")


@strawberry.type(description="What became of an export.")
class CreateExportPayload(Payload):
    export: Export | None = strawberry.field(description="The export: ready if it is short, else to be asked for again.")


async def _create(
    info: Info, input: Annotated[CreateExportInput, strawberry.argument(description="What to freeze.")]
) -> CreateExportPayload | None:
    frozen, errors = await attempt(_frozen(info, input))
    node = None if frozen is None else export_node(frozen, info.context.services.public_url)
    return CreateExportPayload(export=node, errors=errors)


create_export: Any = strawberry.mutation(
    resolver=_create,
    description="Freeze a report as one file, which stays whatever is recorded or corrected later.",
    extensions=[Needs(NEEDED)],
)


async def _frozen(info: Info, input: CreateExportInput) -> exports.Export:
    """The export. What is wrong is told by its place in the input."""
    services = info.context.services
    try:
        return await create(
            services.store,
            services.files,
            info.context.principal,
            input.report.value,
            input.format.value,
            _texts(input) | _chosen(input.options),
            rules=services.rules,
            as_of=point_of(input.as_of),
            notify=services.notify_exports,
        )
    except InvalidInput as error:
        head, _, name = error.field.partition(".")
        place = _PLACES.get(error.field) or (f"{head}.{to_camel_case(name)}" if name else head)
        raise InvalidEvent(place, error.reason) from None


def _texts(input: CreateExportInput) -> dict[str, list[str]]:
    """What the input asks, as names and texts. Raises InvalidEvent for what excludes each other."""
    texts: dict[str, list[str]] = {}
    for name, value in given(input.filters).items() if input.filters is not None else ():
        if isinstance(value, datetime):
            texts["from" if name == "start" else "to"] = [format_instant(value)]
        elif value is not None:
            texts[name] = [str(each) for each in value]
    if input.group_by:
        texts["group_by"] = [key_text(group_key(each)) for each in input.group_by]
    zone = input.time_zone
    if input.bucket is not None:
        if zone is not None:
            raise InvalidEvent("timeZone", "stands in bucket where there is one")
        texts["bucket"], zone = [input.bucket.granularity.value], input.bucket.time_zone
        if input.bucket.fill:
            texts["fill"] = ["true"]
    if zone is not None and zone != "UTC":
        texts["time_zone"] = [zone]
    if input.order_by is not None:
        if input.order is not None:
            raise InvalidEvent("order", "is for entries and orderBy for groups: a report has the one or the other")
        order = group_order(input.order_by)
        measure = term_text(replace(order.term, unit=None, currency=None)) if order.key is None else key_text(order.key)
        texts |= {"order_by": [measure], "order": ["desc" if order.descending else "asc"]}
        texts |= {name: [text] for name in ("unit", "currency") if (text := getattr(order, name)) is not None}
    if input.order is not None:
        texts["order"] = ["desc" if input.order is FeedOrder.NEWEST_FIRST else "asc"]
    if input.having:
        texts["having"] = [condition_text(each) for each in conditions(input.having)]
    if input.top is not None:
        texts["top"] = [str(input.top)]
    compare = compared(input.compare_with)
    if compare is not None:
        texts["compare_with"] = [compare_text(compare)]
    if input.measures:
        texts["measures"] = [term_text(statistic(each)) for each in input.measures]
    return texts


def _chosen(options: ExportOptions | None) -> dict[str, list[str]]:
    """The options, as names and texts."""
    return {name: [str(value)] for name, value in given(options).items() if value is not None} if options is not None else {}
