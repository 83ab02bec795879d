"""The same question asked through REST and through GraphQL, thousands of times: there is no difference in any value.

Both questions are made from one draw and independently of each other; the `Link` header's is a third, made by the gateway.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import orjson
import pytest

from app.api.body import exact_json
from app.api.factory import create_app
from app.api.graphql.context import Context
from app.api.graphql.schema import schema
from app.domain.account import Permission
from app.domain.instant import WRITTEN
from app.reports import (
    activities,
    customer_summary,
    license_audit,
    subscription_settlement,
    usage_ledger,
    usage_summary,
)
from app.reports.report import Column, Report, Section
from app.reports.subjects import RecordRow
from app.reports.totals import TOTAL, ChargeRow, GroupRow, QuantityRow
from tests.vendors.conftest import Gateway
from tests.vendors.questions import Question, camel, drawn

CHUNK = 100
"""Questions in one test: there are sixteen of them, so that they are spread over workers."""


def selected(columns: Sequence[Column]) -> str:
    return " ".join(camel(each.name) for each in columns)


def own(section: Section) -> list[Column]:
    """The columns that REST tells: it groups by dimensions alone, and says nothing of keys of additional data."""
    return [each for each in section.columns if section.row is not GroupRow or each.name != "additional_data"]


def documents() -> dict[str, str]:
    """What GraphQL is asked, by field; what it is asked about stands in variables."""
    page = "pageInfo { hasNextPage } edges { node { %s } }"
    feed = (
        "query ($filters: UsageFilters, $first: Int, $asOf: AsOfInput)"
        " { %s(filters: $filters, first: $first, asOf: $asOf) { %s } }"
    )
    nodes = page % selected(activities.SECTION.columns)
    groups = page % f"{selected(own(usage_summary.GROUPS.groups))} {PARTS}"
    summary = (
        "query ($filters: UsageFilters, $groupBy: [GroupKey!] = [], $bucket: BucketInput, $first: Int, $asOf: AsOfInput) {"
        " usageSummary(filters: $filters, groupBy: $groupBy, bucket: $bucket, asOf: $asOf) { asOf dataThrough"
        f" total {{ {selected(TOTAL.groups.columns)} {PARTS} }} groups(first: $first) {{ {groups} }} }} }}"
    )
    told = {"activities": feed % ("activities", nodes), "usageLedger": feed % ("usageLedger", nodes), "usageSummary": summary}
    period = "period: $period, first: $first, asOf: $asOf"
    declared = "$period: PeriodInput, $first: Int, $asOf: AsOfInput"
    told["licenseAudit"] = (
        f'query ($licenseId: ID!, $timeZone: TimeZone! = "UTC", {declared})'
        f" {{ licenseAudit(licenseId: $licenseId, timeZone: $timeZone, {period}) {{ {sections(license_audit.REPORT)} }} }}"
    )
    told["customerSummary"] = (
        f"query ($customerId: ID!, {declared})"
        f" {{ customerSummary(customerId: $customerId, {period}) {{ {sections(customer_summary.REPORT)} }} }}"
    )
    told["subscriptionSettlement"] = (
        f"query ($subject: SettlementSubject!, $groupBy: [GroupKey!] = [], {declared})"
        f" {{ subscriptionSettlement(subject: $subject, groupBy: $groupBy, {period})"
        f" {{ {sections(subscription_settlement.REPORT)} }} }}"
    )
    return told


def sections(report: Report) -> str:
    """What is asked of a report's sections."""
    asked = ["asOf dataThrough"]
    for each in report.sections:
        if each.row in (QuantityRow, ChargeRow):
            continue
        if each.row is RecordRow:
            fields = "__typename recordId name status described sequence firstSequence"
        else:
            fields = selected(own(each)) + (f" {PARTS}" if each.row is GroupRow else "")
        asked.append(f"{camel(each.name)} {{ {f'isCut rows {{ {fields} }}' if each.name in EXCERPTS else fields} }}")
    return " ".join(asked)


PARTS = "quantities { unit quantity events } charges { currency charge events }"
EXCERPTS = ("groups", "corrections", "activities", "late_corrections")
REPORTS: dict[str, Report] = {
    "activities": activities.REPORT,
    "usageLedger": usage_ledger.REPORT,
    "usageSummary": usage_summary.REPORT.asked_with(()),
    "licenseAudit": license_audit.REPORT,
    "customerSummary": customer_summary.REPORT,
    "subscriptionSettlement": subscription_settlement.REPORT,
}


def plain(row: dict[str, Any], section: Section) -> dict[str, Any]:
    """A GraphQL row as REST tells it, amounts as decimals."""
    if section.row is RecordRow:
        kind = {"kind": row["__typename"].lower(), "id": row["recordId"]}
        return kind | {name: row[camel(name)] for name in ("name", "status", "described", "sequence", "first_sequence")}
    told: dict[str, Any] = {}
    for each in own(section):
        value = row[camel(each.name)]
        if value is not None and each.type is Decimal:
            value = Decimal(value)
        elif value is not None and isinstance(each.type, type) and issubclass(each.type, Enum):
            value = each.type[value].value
        elif each.name == "erased":
            value = [name.lower() for name in value]
        told[each.name] = value
    return told | _parts(row)


def exact(row: dict[str, Any], section: Section) -> dict[str, Any]:
    """A REST row with its amounts as decimals, so that 5 and 5.0 are one; of records what `plain` has of them."""
    if section.row is RecordRow:
        return {name: row[name] for name in ("kind", "id", "name", "status", "described", "sequence", "first_sequence")}
    amounts = [each.name for each in section.columns if each.type is Decimal and row[each.name] is not None]
    return row | {name: Decimal(row[name]) for name in amounts} | _parts(row)


def _parts(row: dict[str, Any]) -> dict[str, Any]:
    named = (("quantities", "quantity"), ("charges", "charge"))
    return {part: [{**each, name: Decimal(each[name])} for each in row[part]] for part, name in named if part in row}


async def asked(context: Context, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of a GraphQL operation, as JSON tells it."""
    result = await schema.execute(document, variable_values=variables, context_value=context)
    assert result.errors is None, (document, variables, result.errors)
    data: dict[str, Any] = orjson.loads(orjson.dumps(result.data, option=WRITTEN))
    return data


Told = dict[str, tuple[list[dict[str, Any]], bool]]
"""For each section its rows, and whether there are more."""


def told_by_graphql(question: Question, data: dict[str, Any]) -> Told:
    """What GraphQL told."""
    report, told = REPORTS[question.field], data[question.field]
    if question.field in ("activities", "usageLedger"):
        return {report.sections[0].name: _edges(told, report.sections[0])}
    rows: Told = {"": ([{"as_of": told["asOf"], "data_through": told["dataThrough"]}], False)}
    for each in report.sections:
        if each.row in (QuantityRow, ChargeRow):
            continue
        found = told[camel(each.name)]
        if question.field == "usageSummary" and each.name == "groups":
            rows[each.name] = _edges(found, each)
        elif each.name in EXCERPTS:
            rows[each.name] = [plain(row, each) for row in found["rows"]], found["isCut"]
        else:
            rows[each.name] = [plain(row, each) for row in ([found] if isinstance(found, dict) else found)], False
    return rows


def _edges(connection: dict[str, Any], section: Section) -> tuple[list[dict[str, Any]], bool]:
    return [plain(edge["node"], section) for edge in connection["edges"]], connection["pageInfo"]["hasNextPage"]


def told_by_rest(question: Question, body: dict[str, Any]) -> Told:
    """What REST told."""
    report, data = REPORTS[question.field], body["data"]
    if question.field in ("activities", "usageLedger"):
        (section,) = report.sections
        return {section.name: ([exact(row, section) for row in data], body["page_info"]["next_cursor"] is not None)}
    rows: Told = {"": ([{name: data[name] for name in ("as_of", "data_through")}], False)}
    for each in report.sections:
        if each.row not in (QuantityRow, ChargeRow):
            found = data[each.name]
            told = [exact(row, each) for row in ([found] if isinstance(found, dict) else found)]
            rows[each.name] = told, each.name in data["truncated"]
    return rows


def of_link(question: Question, data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What the linked question told: the rows of each section, without what says how they are paged."""
    told: Any = data[question.field]
    if question.field in ("activities", "usageLedger"):
        (section,) = REPORTS[question.field].sections
        return {section.name: [plain(edge["node"], section) for edge in told["edges"]]}
    told = {"dataThrough": None, **told}
    if question.field == "usageSummary":
        told["groups"] = {**told["groups"], "pageInfo": {"hasNextPage": False}}
    return {name: rows for name, (rows, _) in told_by_graphql(question, {question.field: told}).items() if name}


async def compare(gateway: Gateway, seed: int, count: int) -> dict[str, int]:
    """Ask so many questions both ways; tells how many were about something, by field."""
    draw = random.Random(seed)
    services = gateway.served.services
    principal = gateway.served.principal(gateway.account, Permission.REPORT_READ)
    asking = documents()

    def context() -> Context:
        return Context(services, principal, "req_parity")

    transport = httpx2.ASGITransport(create_app(services))
    headers = {"Authorization": f"Bearer {gateway.reader}"}
    found: dict[str, int] = {}
    async with httpx2.AsyncClient(transport=transport, base_url="http://parity", headers=headers) as client:
        for number in range(count):
            question = drawn(draw)
            response = await client.get(question.path, params=question.query)
            assert response.status_code == 200, (question, response.text)
            rest = told_by_rest(question, exact_json(response.content))
            graphql = told_by_graphql(question, await asked(context(), asking[question.field], question.variables))
            assert rest == graphql, question
            if any(rows for name, (rows, _) in rest.items() if name in (*EXCERPTS, "entries")):
                found[question.field] = found.get(question.field, 0) + 1
            if number % 5 == 0:
                linked = parse_qs(urlsplit(response.links["alternate"]["url"]).query)
                follow = await asked(context(), linked["query"][0], orjson.loads(linked["variables"][0]))
                assert of_link(question, follow) == {name: rows for name, (rows, _) in rest.items() if name}, question
    return found


@pytest.mark.parametrize("seed", range(16))
def test_rest_and_graphql_agree_on_every_value(gateway: Gateway, seed: int) -> None:
    found = gateway.served.run(compare(gateway, seed, CHUNK), timeout=110)

    # Questions about nothing agree easily: most are about something.
    assert sum(found.values()) > CHUNK * 0.5
    assert set(found) == set(REPORTS)
