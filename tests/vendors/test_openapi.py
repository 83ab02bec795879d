"""The OpenAPI document: valid, complete, and true to the last example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import BaseRoute, Mount

from app.api.factory import create_app
from tests.vendors.conftest import Gateway
from tests.vendors.example_ledger import FILE, REQUESTS, ask_all
from tests.vendors.test_reports_v1_refusals import READS

ROUTES = {
    ("GET", "/health", "health", ()),
    ("GET", "/healthz", "healthz", ()),
    ("GET", "/readyz", "readyz", ()),
    ("GET", "/metrics", "getMetrics", ()),
    ("POST", "/api/v1/usage-events", "recordUsageEvents", ("usage:write",)),
    ("GET", "/api/v1/activities", "listActivities", ("report:read",)),
    ("GET", "/api/v1/reports/usage-summary", "getUsageSummary", ("report:read",)),
    ("GET", "/api/v1/reports/usage-ledger", "listUsageLedger", ("report:read",)),
    ("GET", "/api/v1/reports/license-audit", "getLicenseAuditReport", ("report:read",)),
    ("GET", "/api/v1/reports/customer-summary", "getCustomerSummary", ("report:read",)),
    ("GET", "/api/v1/reports/subscription-settlement", "getSubscriptionSettlement", ("report:read",)),
    ("POST", "/v1/authorize", "authorize", ()),
    ("GET", "/v1/client/usage-report", "getClientUsageReport", ("report:read",)),
    ("GET", "/v1/client/usage-report/{link}.xlsx", "downloadClientUsageReport", ()),
    ("POST", "/auth/login", "login", ()),
    ("POST", "/auth/logout", "logout", ()),
    ("POST", "/api/usage/event", "reportUsageEvent", ("usage:write",)),
    ("POST", "/api/usage/event/formatted", "reportFormattedUsageEvent", ("usage:write",)),
    ("POST", "/api/usage/event/update", "updateUsageEvent", ("usage:write",)),
    ("POST", "/api/usage/event/formatted/update", "updateFormattedUsageEvent", ("usage:write",)),
    ("DELETE", "/api/usage/event/{event_ref}", "deleteUsageEvent", ("usage:write",)),
    ("POST", "/api/v1/reports/exports", "createReportExport", ("report:export",)),
    ("GET", "/api/v1/reports/exports/{id}", "getReportExport", ("report:export",)),
    ("GET", "/api/v1/reports/exports/{id}/download", "downloadReportExport", ("report:export",)),
    ("GET", "/.well-known/jwks.json", "listSigningKeys", ()),
    ("GET", "/api/v1/evidence/checkpoint", "getCheckpoint", ("report:read",)),
    ("GET", "/api/v1/evidence/inclusion", "proveInclusion", ("report:read",)),
    ("GET", "/api/v1/evidence/consistency", "proveConsistency", ("report:read",)),
    ("GET", "/api/v1/evidence/exports/{id}/manifest", "getExportManifest", ("report:export",)),
    ("GET", "/api/v1/evidence/exports/{id}/drift", "getExportDrift", ("report:export",)),
}
STATUSES = {
    **dict.fromkeys(("health", "healthz", "getMetrics"), frozenset({"200"})),
    "readyz": {"200", "503"},
    "recordUsageEvents": {"200", "400", "401", "403", "413", "415", "500", "503"},
    **dict.fromkeys(
        ("listActivities", "getUsageSummary", "listUsageLedger"), frozenset({"200", "400", "401", "403", "500", "503"})
    ),
    **dict.fromkeys(
        ("getLicenseAuditReport", "getCustomerSummary", "getSubscriptionSettlement", "getReportExport"),
        frozenset({"200", "400", "401", "403", "404", "500", "503"}),
    ),
    "createReportExport": {"201", "400", "401", "403", "404", "409", "413", "422", "500", "503"},
    "authorize": {"200", "400", "401", "413", "422", "500", "503"},
    "getClientUsageReport": {"200", "400", "401", "403", "422", "500", "503"},
    "downloadClientUsageReport": {"200", "403", "404", "500", "503"},
    "login": {"200", "400", "401", "413", "422", "500", "503"},
    "logout": {"200", "400", "401", "500", "503"},
    "reportUsageEvent": {"200", "400", "401", "403", "413", "422", "500", "503"},
    **dict.fromkeys(
        ("reportFormattedUsageEvent", "updateUsageEvent", "updateFormattedUsageEvent"),
        frozenset({"200", "400", "401", "403", "404", "409", "413", "422", "500", "503"}),
    ),
    "deleteUsageEvent": {"200", "400", "401", "403", "404", "409", "500", "503"},
    "listSigningKeys": {"200", "500", "503"},
    **dict.fromkeys(("getCheckpoint", "proveConsistency"), frozenset({"200", "400", "401", "403", "500", "503"})),
    **dict.fromkeys(("proveInclusion", "getExportDrift"), frozenset({"200", "400", "401", "403", "404", "500", "503"})),
    "getExportManifest": {"200", "400", "401", "403", "404", "409", "500", "503"},
    "downloadReportExport": {"200", "206", "304", "400", "401", "403", "404", "409", "416", "500", "503"},
}


@pytest.fixture(scope="module")
def document(gateway: Gateway) -> dict[str, Any]:
    """The document as it is served."""
    with gateway.served.client() as client:
        response = client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    loaded: dict[str, Any] = response.json()
    return loaded


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["operationId"]: each for item in document["paths"].values() for each in item.values()}


def schema_for(document: dict[str, Any], operation: str, status: str) -> Draft202012Validator:
    """A validator of the JSON that the operation answers with that status."""
    schema = operations(document)[operation]["responses"][status]["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": document["components"]})


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_route_table(document: dict[str, Any]) -> None:
    """Every operation with its id and its scopes, and nothing else."""
    told = {
        (method.upper(), path, each["operationId"], tuple(each["x-required-scopes"]))
        for path, item in document["paths"].items()
        for method, each in item.items()
    }

    assert told == ROUTES


def test_what_is_served_beside_the_document(gateway: Gateway) -> None:
    def paths(routes: list[BaseRoute]) -> set[str]:
        return {getattr(each, "path", "") + ("/*" if isinstance(each, Mount) else "") for each in routes} - {""}

    plain = {path for path in paths(create_app(gateway.served.services).routes) if "{" not in path}

    assert plain - {path for _, path, *_ in ROUTES} == {
        *("/", "/graphql", "/graphiql/static/*", "/api/v1/openapi.json"),
        *("/reference", "/schema.graphql", "/readme", "/pages/style.css"),
    }


def test_every_status_that_can_occur_is_documented(document: dict[str, Any]) -> None:
    assert {name: set(each["responses"]) for name, each in operations(document).items()} == STATUSES


def test_operations_that_take_a_token_say_so(document: dict[str, Any]) -> None:
    assert {name: each["scheme"] for name, each in document["components"]["securitySchemes"].items()} == {
        "bearer": "bearer",
        "session": "bearer",
    }
    for path, item in document["paths"].items():
        for each in item.values():
            if path in ("/auth/logout", "/v1/client/usage-report") or path.startswith("/api/usage/event"):
                assert each["security"] == [{"session": []}]
            else:
                assert each.get("security") == ([{"bearer": []}] if each["x-required-scopes"] else None)


def test_every_json_answer_has_a_schema(document: dict[str, Any]) -> None:
    for name, each in operations(document).items():
        for status, response in each["responses"].items():
            assert response["description"]
            assert "X-Request-Id" in response["headers"]
            for media, content in response.get("content", {}).items():  # a 304 has none
                assert content["schema"] not in ({}, None), (name, status, media)


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    for each in operations(document).values():
        for parameter in each.get("parameters", ()):
            assert parameter["description"]
            assert parameter["schema"]


@pytest.mark.parametrize(("path", "query"), READS)
def test_answers_are_what_the_schemas_say(
    document: dict[str, Any], reader: httpx2.Client, path: str, query: tuple[tuple[str, str], ...]
) -> None:
    operation = document["paths"][path]["get"]["operationId"]
    for more in ((), (("limit", "200"),), (("as_of", "0"),)):
        response = reader.get(path, params=[*query, *more])
        status = str(response.status_code)
        schema_for(document, operation, status).validate(response.json())
    for wrong in ((("limit", "0"),), (("color", "red"),)):
        response = reader.get(path, params=[*query, *wrong])
        assert response.status_code == 400
        schema_for(document, operation, "400").validate(response.json())


def test_rows_have_exactly_the_columns_that_the_schemas_name(document: dict[str, Any], reader: httpx2.Client) -> None:
    schemas = document["components"]["schemas"]
    (row,) = reader.get("/api/v1/activities", params={"limit": "1"}).json()["data"]
    summary = reader.get("/api/v1/reports/usage-summary").json()["data"]

    assert list(row) == schemas["Entry"]["required"] == list(schemas["Entry"]["properties"])
    assert list(summary) == schemas["UsageSummaryReport"]["required"]
    assert list(summary["total"]) == schemas["Total"]["required"]
    assert list(summary["groups"][0]) == schemas["UsageSummaryGroups"]["required"]


def test_amounts_are_numbers_and_sequences_whole_ones(document: dict[str, Any]) -> None:
    entry = document["components"]["schemas"]["Entry"]["properties"]

    assert entry["quantity"]["anyOf"] == entry["charge"]["anyOf"] == [{"type": "number"}, {"type": "null"}]
    assert entry["sequence"]["type"] == "integer"
    assert entry["occurred_at"]["format"] == "date-time"


def test_every_example_is_true(tmp_path: Path) -> None:
    """To have them asked anew: `python -m tests.vendors.example_ledger`."""
    assert ask_all(tmp_path) == orjson.loads(FILE.read_bytes())


def test_every_example_stands_in_the_document_and_fits_its_schema(document: dict[str, Any]) -> None:
    stated = orjson.loads(FILE.read_bytes())

    for operation, examples in REQUESTS.items():
        each = operations(document)[operation]
        for name in examples:
            example = stated[operation][name]
            status = str(example["status"])
            told = each["responses"][status]["content"]["application/json"]["examples"][name]["value"]
            assert told == example["answer"]
            schema_for(document, operation, status).validate(told)
            for parameter in each.get("parameters", ()):
                for shown in parameter.get("examples", {}).values():
                    Draft202012Validator(parameter["schema"]).validate(shown["value"])
            for shown in each.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {}).values():
                Draft202012Validator(each["requestBody"]["content"]["application/json"]["schema"]).validate(shown["value"])


def test_every_operation_with_a_json_answer_has_an_example_of_it(document: dict[str, Any]) -> None:
    for name, each in operations(document).items():
        for status, response in each["responses"].items():
            if status in ("200", "201", "401", "403", "404") and "application/json" in response["content"]:
                shown = response["content"]["application/json"].get("examples", {})
                assert shown or (name, status) == ("downloadReportExport", "200"), (name, status)
