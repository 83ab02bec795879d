"""The `Link` header: GraphQL answers the same question at its target, to the same token."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from graphql import parse, validate

from app.api.graphql.schema import schema
from app.api.vendors.reports_v1.alternate import LONGEST, document_for
from app.reports.catalog import REPORTS
from app.reports.report import Report
from tests.vendors.conftest import Gateway
from tests.vendors.test_reports_v1_refusals import READS


@pytest.mark.parametrize("report", REPORTS, ids=[each.name for each in REPORTS])
def test_the_document_of_every_report_fits_the_schema(report: Report) -> None:
    assert validate(schema._schema, parse(document_for(report))) == []


@pytest.mark.parametrize(("path", "query"), READS)
def test_the_target_is_asked_with_the_same_token(
    gateway: Gateway, reader: httpx2.Client, path: str, query: tuple[tuple[str, str], ...]
) -> None:
    response = reader.get(path, params=[*query, ("limit", "3")])
    (relation,) = response.links
    linked = response.links["alternate"]
    assert (relation, linked["type"]) == ("alternate", "application/json")
    assert linked["url"].startswith(f"{gateway.served.url}/graphql?query=")

    followed = reader.get(linked["url"])

    assert followed.status_code == 200
    assert "errors" not in followed.json()
    with gateway.served.client() as nobody:
        assert nobody.get(linked["url"]).status_code == 401


def test_a_later_page_is_the_ledger_as_of_the_sequence_before_its_cursor(reader: httpx2.Client) -> None:
    response = reader.get("/api/v1/activities", params=[("cursor", "400"), ("limit", "2")])
    url = response.links["alternate"]["url"]

    assert parse_qs(urlsplit(url).query)["variables"] == ['{"first":2,"asOf":{"sequence":399}}']
    edges = reader.get(url).json()["data"]["activities"]["edges"]
    assert [edge["node"]["sequence"] for edge in edges] == [row["sequence"] for row in response.json()["data"]] == [399, 398]


def test_a_question_too_long_for_a_header_has_no_link(reader: httpx2.Client) -> None:
    query = [("customer_id", f"customer-{at:040}") for at in range(100)]
    response = reader.get("/api/v1/activities", params=query)

    assert response.status_code == 200
    assert "link" not in response.headers
    assert len(reader.get("/api/v1/activities", params=query[:50]).headers["link"]) < LONGEST + 100


def test_a_settlement_about_two_subjects_has_no_link(reader: httpx2.Client) -> None:
    query = [("subscription_id", "s1"), ("order_id", "o1")]

    assert "link" not in reader.get("/api/v1/reports/subscription-settlement", params=query).headers


def test_refusals_have_no_link(reader: httpx2.Client) -> None:
    assert "link" not in reader.get("/api/v1/activities", params={"limit": "0"}).headers
