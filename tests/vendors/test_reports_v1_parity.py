"""The same question asked through REST and through GraphQL, thousands of times: there is no difference in any value.

Both questions are made from one draw and independently of each other; the `Link` header's is a third, made by the gateway.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
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
from app.reports import activities, usage_ledger, usage_summary
from app.reports.report import Column, Report
from app.reports.totals import TOTAL
from tests.events import START
from tests.vendors.conftest import Gateway
from tests.vendors.world import ACTIONS, DAYS, VALUES

CHUNK = 125
DIMENSIONS = ("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code")
HEAD = 805


@dataclass
class Question:
    """One question in both languages."""

    path: str
    query: list[tuple[str, str]]
    field: str
    variables: dict[str, Any]


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def drawn(draw: random.Random) -> Question:
    """A question to one of the routes that both languages have."""
    path, field = draw.choice(
        (
            ("/activities", "activities"),
            ("/reports/usage-ledger", "usageLedger"),
            *[("/reports/usage-summary", "usageSummary")] * 3,
        )
    )
    query: list[tuple[str, str]] = []
    variables: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    taken = {
        "activities": (*VALUES, "action", "result_class"),
        "usageLedger": (*DIMENSIONS, "action"),
        "usageSummary": DIMENSIONS,
    }
    words = {**VALUES, "action": ("usage.consumed", *ACTIONS), "result_class": ("success", "client_error", "server_error")}
    for name in draw.sample(taken[field], draw.choice((0, 0, 1, 1, 2, 3))):
        values = draw.sample(
            [*(each for each in words[name] if each is not None), 599 if name == "status_code" else "?"], draw.choice((1, 1, 2))
        )
        query += [(name, str(value)) for value in values]
        filters[camel(name)] = values
    _period(draw, query, filters)
    if filters:
        variables["filters"] = filters
    if draw.random() < 0.9:  # else the page has 50 rows; small ones are as good, and sooner compared
        limit = draw.choice((*[1, 2, 3, 7, 20] * 5, 200, 999))
        query.append(("limit", str(limit)))
        variables["first"] = min(limit, 200)
    if field == "usageSummary":
        _grouping(draw, query, variables)
    _point(draw, query, variables, paged=field != "usageSummary")
    draw.shuffle(query)  # the order of parameters means nothing, except to group_by, which is one of them
    return Question(f"/api/v1{path}", query, field, variables)


def _period(draw: random.Random, query: list[tuple[str, str]], filters: dict[str, Any]) -> None:
    start = START - timedelta(days=draw.randrange(DAYS + 3), seconds=draw.choice((0, 0, 1)) * draw.randrange(86_400))
    end = start + timedelta(days=draw.choice((1, 3, 20)), hours=draw.randrange(3))
    both = draw.choice(((), ("from",), ("to",), ("from", "to"), ("from", "to")))
    for name, moment in (("from", start), ("to", end)):
        if name in both:
            zone = draw.choice((UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-3))))
            query.append((name, moment.astimezone(zone).isoformat()))
            filters[name] = moment.isoformat()


def _grouping(draw: random.Random, query: list[tuple[str, str]], variables: dict[str, Any]) -> None:
    by = draw.sample(DIMENSIONS, draw.choice((0, 1, 1, 2, 3)))
    if by:
        query.append(("group_by", ",".join(by)))
        variables["groupBy"] = [each.partition("_")[0].upper() for each in by]
    if draw.random() < 0.5:
        bucket = draw.choice(("1h", "1d"))
        zone = draw.choice(("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"))
        query += [("bucket", bucket), *([("time_zone", zone)] if zone != "UTC" else [])]
        variables["bucket"] = {"granularity": {"1h": "HOUR", "1d": "DAY"}[bucket], "timeZone": zone}


def _point(draw: random.Random, query: list[tuple[str, str]], variables: dict[str, Any], *, paged: bool) -> None:
    chance = draw.random()
    sequence = draw.randrange(1, HEAD + 1)
    if paged and chance < 0.3:
        query.append(("cursor", str(sequence)))
        variables["asOf"] = {"sequence": sequence - 1}
    elif chance < 0.5:
        query.append(("as_of", str(sequence)))
        variables["asOf"] = {"sequence": sequence}
    elif chance < 0.6:
        moment = (START - timedelta(days=draw.randrange(DAYS + 1))).isoformat()
        query.append(("as_of", moment))
        variables["asOf"] = {"recordedAt": moment}


def selected(columns: Sequence[Column]) -> str:
    return " ".join(camel(each.name) for each in columns)


def documents() -> dict[str, str]:
    """What GraphQL is asked, by field; what it is asked about stands in variables."""
    parts = "quantities { unit quantity events } charges { currency charge events }"
    page = "pageInfo { hasNextPage } edges { node { %s } }"
    feed = (
        "query ($filters: UsageFilters, $first: Int, $asOf: AsOfInput)"
        " { %s(filters: $filters, first: $first, asOf: $asOf) { %s } }"
    )
    nodes = page % selected(activities.SECTION.columns)
    groups = page % f"{selected(usage_summary.GROUPS.groups.columns)} {parts}"
    summary = (
        "query ($filters: UsageFilters, $groupBy: [Dimension!] = [], $bucket: BucketInput, $first: Int, $asOf: AsOfInput) {"
        " usageSummary(filters: $filters, groupBy: $groupBy, bucket: $bucket, asOf: $asOf) { asOf dataThrough"
        f" total {{ {selected(TOTAL.groups.columns)} {parts} }} groups(first: $first) {{ {groups} }} }} }}"
    )
    return {"activities": feed % ("activities", nodes), "usageLedger": feed % ("usageLedger", nodes), "usageSummary": summary}


def plain(row: dict[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
    """A GraphQL row as REST tells it."""
    told: dict[str, Any] = {}
    for each in columns:
        value = row[camel(each.name)]
        if value is not None and each.type is Decimal:
            value = Decimal(value)
        elif value is not None and isinstance(each.type, type) and issubclass(each.type, Enum):
            value = each.type[value].value
        elif each.name == "erased":
            value = [name.lower() for name in value]
        told[each.name] = value
    for part, name in (("quantities", "quantity"), ("charges", "charge")):
        if part in row:
            told[part] = [{**each, name: Decimal(each[name])} for each in row[part]]
    return told


def rest_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """REST rows with whole numbers as decimals where they are amounts, so that 5 and 5.0 are one."""
    for row in rows:
        for name in ("quantity", "charge"):
            if row.get(name) is not None:
                row[name] = Decimal(row[name])
        for part, name in (("quantities", "quantity"), ("charges", "charge")):
            for each in row.get(part, ()):
                each[name] = Decimal(each[name])
    return rows


async def asked(context: Context, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of a GraphQL operation, as JSON tells it."""
    result = await schema.execute(document, variable_values=variables, context_value=context)
    assert result.errors is None, (document, variables, result.errors)
    data: dict[str, Any] = orjson.loads(orjson.dumps(result.data))
    return data


def told_by_graphql(question: Question, data: dict[str, Any]) -> Any:
    """What GraphQL told, in the shape of `told_by_rest`."""
    if question.field != "usageSummary":
        report: Report = {"activities": activities.REPORT, "usageLedger": usage_ledger.REPORT}[question.field]
        connection = data[question.field]
        rows = [plain(edge["node"], report.sections[0].columns) for edge in connection["edges"]]
        return rows, connection["pageInfo"]["hasNextPage"]
    told = data["usageSummary"]
    groups = [plain(edge["node"], usage_summary.GROUPS.groups.columns) for edge in told["groups"]["edges"]]
    total = plain(told["total"], TOTAL.groups.columns)
    return told["asOf"], told["dataThrough"], total, groups, told["groups"]["pageInfo"]["hasNextPage"]


def told_by_rest(question: Question, body: dict[str, Any]) -> Any:
    """What REST told."""
    data = body["data"]
    if question.field != "usageSummary":
        return rest_rows(data), body["page_info"]["next_cursor"] is not None
    (total,) = rest_rows([data["total"]])
    return data["as_of"], data["data_through"], total, rest_rows(data["groups"]), data["truncated"] == ["groups"]


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
            if rest[3] if len(rest) == 5 else rest[0]:
                found[question.field] = found.get(question.field, 0) + 1
            if number % 5:
                continue
            linked = parse_qs(urlsplit(response.links["alternate"]["url"]).query)
            (text,), (variables,) = linked["query"], linked["variables"]
            follow = await asked(context(), text, orjson.loads(variables))
            edges = follow[question.field] if question.field != "usageSummary" else follow[question.field]["groups"]
            columns = usage_summary.GROUPS.groups.columns if question.field == "usageSummary" else activities.SECTION.columns
            assert [plain(edge["node"], columns) for edge in edges["edges"]] == (rest[3] if len(rest) == 5 else rest[0]), question
    return found


@pytest.mark.parametrize("seed", range(16))
def test_rest_and_graphql_agree_on_every_value(gateway: Gateway, seed: int) -> None:
    found = gateway.served.run(compare(gateway, seed, CHUNK), timeout=110)

    # Questions about nothing agree easily: most are about something.
    assert sum(found.values()) > CHUNK * 0.5
    assert set(found) == {"activities", "usageLedger", "usageSummary"}
