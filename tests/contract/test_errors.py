"""What errors say: a stable code, the request's id, the argument by its path, and nothing of the inside."""

from __future__ import annotations

import dataclasses
from typing import Any

import httpx2
import pytest
from graphql import get_introspection_query
from structlog.testing import capture_logs

from app.access.terms import Terms
from app.api.factory import create_app
from app.api.services import Services
from app.domain.account import Account, Permission
from app.ports import Store
from tests.contract.conftest import ORIGIN, Answer, Door, token_for

ARGUMENTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a literal": ('{ usageLedger(first: "x") { asOf } }', {}, "first"),
    "a literal within": ('{ usageLedger(filters: { from: "yesterday" }) { asOf } }', {}, "filters.from"),
    "a field that there is not": ("{ usageLedger(filters: { nope: 1 }) { asOf } }", {}, "filters.nope"),
    "an argument that there is not": ("{ usageLedger(nope: 1) { asOf } }", {}, "nope"),
    "an argument that is missing": ("{ licenseAudit { asOf } }", {}, "licenseId"),
    "a word that is none": ("{ usageSummary(bucket: { granularity: WEEKS }) { asOf } }", {}, "bucket.granularity"),
    "a variable": ("query ($n: Int) { usageLedger(first: $n) { asOf } }", {"n": "x"}, "first"),
    "a variable that is missing": ("query ($n: Int!) { usageLedger(first: $n) { asOf } }", {}, "first"),
    "a variable's inside": (
        *("query ($f: UsageFilters) { usageLedger(filters: $f) { asOf } }", {"f": {"productId": ["a", {}]}}),
        "filters.productId[1]",
    ),
    "a variable in an input": (
        *("query ($zone: TimeZone!) { usageSummary(bucket: { granularity: DAY, timeZone: $zone }) { asOf } }", {"zone": "Moon"}),
        "bucket.timeZone",
    ),
    "a page size": ("{ usageLedger(first: 201) { asOf } }", {}, "first"),
    "a cursor": ('{ usageLedger(after: "x") { asOf } }', {}, "after"),
    "a page size further in": ("{ usageSummary { groups(first: 201) { totalCount } } }", {}, "first"),
    "a filter": ("{ usageLedger(filters: { productId: [] }) { asOf } }", {}, "filters.productId"),
    "a point": ("{ usageLedger(asOf: { sequence: 7 }) { asOf } }", {}, "asOf"),
    "a date under another name": (
        *("{ w: usageSummary(filters: { from: \"2026-05-01T00:00:00Z\", to: \"2026-04-01T00:00:00Z\" }) { asOf } }", {}),
        "filters.from",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ARGUMENTS)
async def test_an_error_names_the_argument_that_it_is_about(what: str, door: Door) -> None:
    query, variables, argument = ARGUMENTS[what]
    answer = await door.post({"query": query, "variables": variables}, X_Request_Id="r1")
    extensions = answer.error["extensions"]
    assert (extensions["code"], extensions["argument"], extensions["requestId"]) == ("INVALID_QUERY", argument, "r1")


async def test_an_error_within_what_is_recorded_is_data_and_names_its_field(door: Door) -> None:
    query = (
        'mutation { recordUsageEvent(input: { occurredAt: "2026-04-01T11:00:00Z" }) { status errors { code field message } } }'
    )
    (error,) = (await door.ask(query)).data["recordUsageEvent"]["errors"]
    assert (error["code"], error["field"]) == ("VALIDATION_ERROR", "quantity")


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json", "text/event-stream"])
async def test_what_fails_inside_is_masked_and_found_by_the_request_id(
    accept: str, door: Door, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_given: Any) -> Any:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(store, "rows", broken)
    with capture_logs() as logs:
        headers = door.headers | {"Accept": accept, "X-Request-Id": "r2"}
        answer = await door.client.post("/graphql", headers=headers, json={"query": "{ usageLedger { asOf } }"})
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    assert '"code":"INTERNAL_ERROR","requestId":"r2"' in answer.text
    assert [str(each["exc_info"]) for each in logs if each["event"] == "operation failed"] == ["password=hunter2"]


async def told_by(services: Services, token: str, query: str, **terms: Any) -> Answer:
    """The answer of a gateway whose operator allows only so much."""
    app = create_app(dataclasses.replace(services, terms=Terms(**terms)))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as client:
        return await Door(client, token).ask(query)


INTROSPECTING = [
    get_introspection_query(),
    '{ __type(name: "Entry") { name } }',
    "{ ...A } fragment A on Query { viewer { account { name } } ... on Query { __schema { queryType { name } } } }",
]


@pytest.mark.parametrize("query", INTROSPECTING)
async def test_the_schema_need_not_be_told(query: str, services: Services, store: Store, account: Account) -> None:
    token = await token_for(store, account, Permission.ADMIN)
    assert "data" in (await told_by(services, token, query)).body
    refused = await told_by(services, token, query, introspection=False)
    assert (refused.code, refused.error["message"]) == ("INVALID_QUERY", "The schema is not told here.")
    assert "data" not in refused.body
    assert (await told_by(services, token, "{ viewer { __typename } }", introspection=False)).data["viewer"] == {
        "__typename": "Viewer"
    }


@pytest.mark.parametrize(
    ("query", "message", "suggestion"),
    [
        ("{ viewr { scopes } }", "Cannot query field 'viewr' on type 'Query'.", " Did you mean 'viewer'?"),
        (
            "{ usageLedger(frist: 1) { asOf } }",
            "Unknown argument 'frist' on field 'Query.usageLedger'.",
            " Did you mean 'first' or 'last'?",
        ),
        (
            "{ usageSummary(bucket: { granularity: WEEKS }) { asOf } }",
            *("Value 'WEEKS' does not exist in 'Granularity' enum.", " Did you mean the enum value 'WEEK'?"),
        ),
    ],
)
async def test_names_need_not_be_suggested(
    query: str, message: str, suggestion: str, services: Services, store: Store, account: Account
) -> None:
    token = await token_for(store, account, Permission.ADMIN)
    assert (await told_by(services, token, query)).error["message"] == message + suggestion
    assert (await told_by(services, token, query, suggestions=False)).error["message"] == message
