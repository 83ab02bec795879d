"""The read routes: two feeds that are told page by page, and four reports that are told as one object each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.api import openapi
from app.api.body import query_items
from app.api.envelope import success
from app.api.identity import caller
from app.api.services import services_of
from app.api.vendors.reports_v1 import models
from app.api.vendors.reports_v1.alternate import link
from app.api.vendors.reports_v1.answering import Folding, telling
from app.api.vendors.reports_v1.asking import Asked, read
from app.api.vendors.reports_v1.parameters import described
from app.api.vendors.reports_v1.vocabulary import FEEDS, SUMMARIES, ReadRoute
from app.domain.account import Permission, Principal
from app.domain.entry import EntryKind, fields_behind
from app.domain.errors import InvalidQuery
from app.domain.instant import format_instant
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports import activities, usage_ledger
from app.reports.answer import open_ledger, open_with_rows
from app.reports.catalog import report_named
from app.reports.report import Opened, Report
from app.reports.wording import key_text

router = APIRouter(prefix="/api/v1", tags=["Reporting"])

_Caller = Annotated[Principal, Depends(caller)]
_Endpoint = Callable[[Request, Principal], Awaitable[Response]]
_KINDS: dict[str, frozenset[EntryKind] | None] = {
    activities.REPORT.name: activities.KINDS,
    usage_ledger.REPORT.name: usage_ledger.KINDS,
}


def _feed(report: Report, route: ReadRoute) -> _Endpoint:
    section = report.sections[0]
    told_of_entries = fields_behind(each.attribute for each in section.columns)
    tell = telling(section.columns)

    async def endpoint(request: Request, principal: _Caller) -> Response:
        asked = _asked(request, principal, route)

        def rows(scope: Scope) -> Rows:
            filters, kinds = asked.parameters.filters, _KINDS[report.name]
            return Rows(scope, filters, kinds, below=asked.cursor, limit=asked.limit + 1, fields=told_of_entries)

        with _naming_as_of():
            opened, found = await open_with_rows(services_of(request.scope).store, principal, asked.as_of, rows)
        more, found = len(found) > asked.limit, found[: asked.limit]
        return success(
            request,
            [tell(each) for each in found],
            page_info={"next_cursor": found[-1].sequence if more else None},
            headers=_alternate(request, report, asked, opened),
        )

    return endpoint


def _summary(report: Report, route: ReadRoute) -> _Endpoint:
    async def endpoint(request: Request, principal: _Caller) -> Response:
        asked = _asked(request, principal, route)
        with _naming_as_of():
            opened = await open_ledger(services_of(request.scope).store, principal, asked.as_of)
        folding = Folding(report, asked.limit)
        # One row more than is told, to know whether there are more.
        parameters = replace(asked.parameters, limit=asked.limit + 1)
        async for section, batch in report.answer(services_of(request.scope).store, opened, parameters):
            if section.only_with is None:
                folding.add(section, batch)
        data = _heading(report, route, asked, opened) | {"truncated": folding.truncated} | folding.told()
        return success(request, data, headers=_alternate(request, report, asked, opened))

    return endpoint


def _asked(request: Request, principal: Principal, route: ReadRoute) -> Asked:
    # Said again inside, where it cannot be forgotten; said here so that a caller without the scope hears of nothing else.
    principal.require(Permission.REPORT_READ)
    return read(query_items(request.scope), route)


@contextmanager
def _naming_as_of() -> Iterator[None]:
    """Where a ledger cannot be opened as was asked, this door's name of the parameter is told."""
    try:
        yield
    except InvalidQuery as error:
        raise InvalidQuery("as_of", error.reason) from None


def _heading(report: Report, route: ReadRoute, asked: Asked, opened: Opened) -> dict[str, Any]:
    parameters = asked.parameters
    period = parameters.filters.period
    told: dict[str, Any] = {
        "report": report.name.replace("_", "-"),
        "as_of": opened.scope.as_of,
        "data_through": format_instant(opened.recorded_at) if opened.recorded_at else None,
        "period": {
            "from": format_instant(period.start) if period.start else None,
            "to": format_instant(period.end) if period.end else None,
        },
    }
    if "group_by" in route.parameters:
        told["group_by"] = [key_text(each) for each in parameters.by]
    if "time_zone" in route.parameters:
        told["time_zone"] = parameters.zone
    return told


def _alternate(request: Request, report: Report, asked: Asked, opened: Opened) -> dict[str, str]:
    found = link(services_of(request.scope).public_url, report, asked, opened)
    return {} if found is None else {"Link": found}


def _add(route: ReadRoute) -> None:
    report = report_named(route.report)
    assert report is not None, f"{route.path} tells a report that is not in the catalogue"
    feed = route in FEEDS
    subject = ("NOT_FOUND",) if report.required else ()
    router.add_api_route(
        route.path,
        _feed(report, route) if feed else _summary(report, route),
        methods=["GET"],
        operation_id=route.operation_id,
        summary=route.summary,
        description=report.description,
        response_model=models.feed_answer(report) if feed else models.report_answer(report, route),
        responses=openapi.failures("INVALID_QUERY", "UNAUTHORIZED", "TOKEN_SCOPE_DENIED", *subject),
        openapi_extra=openapi.operation(Permission.REPORT_READ, parameters=described(report, route)),
    )


for each in (*FEEDS, *SUMMARIES):
    _add(each)
