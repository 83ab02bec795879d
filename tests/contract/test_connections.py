"""Every connection of the schema, walked from either end: the same rows in the same order, each once, and honest about more."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.services import Services
from app.domain.account import Account, Principal
from app.domain.catalogue import RecordKind
from app.evidence.checkpoints import keep
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, record
from app.ports import Store
from tests import conftest
from tests.contract.conftest import Door
from tests.contract.test_schema_rules import connections
from tests.events import usage
from tests.exports.world import put

engine = conftest.engine
ROWS = 5
"""How many rows each connection has at least."""
WALKS = {
    "Query.activities": "{ walked: activities(PAGE) { CONNECTION } }",
    "Query.usageLedger": "{ walked: usageLedger(PAGE) { CONNECTION } }",
    "Query.checkpoints": "{ walked: checkpoints(PAGE) { CONNECTION } }",
    "Query.rejects": "{ walked: rejects(PAGE) { CONNECTION } }",
    "Drift.changes": '{ drift(exportId: "rptx_0") { walked: changes(PAGE) { CONNECTION } } }',
    "Query.exports": "{ walked: exports(PAGE) { CONNECTION } }",
    "UsageSummary.groups": "{ report: usageSummary(groupBy: [{ dimension: PRODUCT }]) { walked: groups(PAGE) { CONNECTION } } }",
    "UsageGroup.entries": "{ usageSummary(groupBy: { dimension: FEATURE }) {"
    " groups(first: 1) { edges { node { walked: OPENED } } } } }",
    "UsageTotal.entries": "{ usageSummary { total { walked: OPENED } } }",
    "PreviousTotal.entries": "{ usageSummary(filters: { from: AFTER }, compareWith: { period: { to: AFTER } }) {"
    " total { previous { walked: OPENED } } } }",
    "LicenseAuditFeaturesRow.entries": '{ licenseAudit(licenseId: "one") { features { walked: OPENED } } }',
    "LicenseAuditMonthsRow.entries": '{ licenseAudit(licenseId: "one") { months { walked: OPENED } } }',
    "CustomerSummaryLicensesRow.entries": '{ customerSummary(customerId: "one") { licenses { walked: OPENED } } }',
    "CustomerSummaryProductsRow.entries": '{ customerSummary(customerId: "one") { products { walked: OPENED } } }',
    "CustomerSummaryFeaturesRow.entries": '{ customerSummary(customerId: "one") { features { walked: OPENED } } }',
    "CustomerSummaryTrendRow.entries": '{ customerSummary(customerId: "one", PERIOD) { trend { walked: OPENED } } }',
    "CustomerSummaryTrendRow.previousEntries": '{ customerSummary(customerId: "one", LATER) {'
    " trend { walked: previousEntries(PAGE) { CONNECTION } } } }",
} | {f"Query.{kind}s": f"{{ walked: {kind}s(PAGE) {{ CONNECTION }} }}" for kind in RecordKind}
"""For each field that gives a connection, how it is asked."""
CONNECTION = "edges { cursor node { __typename WHAT } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
TIMES = {
    "AFTER": '"2026-04-02T00:00:00Z"',
    "PERIOD": 'period: { from: "2026-04-01T00:00:00Z", to: "2026-04-02T00:00:00Z" }',
    "LATER": 'period: { from: "2026-04-02T00:00:00Z", to: "2026-04-03T00:00:00Z" }',
}
OF_A_ROW = {"UsageSummary.groups": "productId events", "Query.checkpoints": "name", "Drift.changes": "kind entries { id }"}
"""What tells the rows of a connection apart, where they have no id."""


@pytest.fixture
async def filled(store: Store, account: Account, admin: Principal, rules: Rules, services: Services, door: Door) -> None:
    """Five of everything that is walked."""
    refused = [{"id": f"refused {n}"} for n in range(ROWS)]
    await door.client.post("/api/v1/usage-events", headers=door.headers, json=refused)
    named = ("product_id", "customer_id", "license_id", "order_id", "subscription_id")
    await record(store, admin, [usage(**dict.fromkeys(named, f"x{n}")) for n in range(ROWS)], rules=rules)
    await record(store, admin, [usage(**dict.fromkeys(("customer_id", "license_id"), "one")) for _ in range(ROWS)], rules=rules)
    for n in range(ROWS):
        await upsert(store, admin, RecordKind.DOCUMENT, f"x{n}", {"type": "invoice"}, rules=rules)
        await keep(store, services.signer, account)
        await put(store, account, f"rptx_{n}", sequence=n + 1)


async def page(door: Door, place: str, bounds: str) -> dict[str, Any]:
    document = WALKS[place].replace("OPENED", "entries(PAGE) { CONNECTION }")
    document = document.replace("CONNECTION", CONNECTION.replace("WHAT", OF_A_ROW.get(place, "id")))
    for name, instant in TIMES.items():
        document = document.replace(name, instant)
    found: Any = (await door.ask(document.replace("PAGE", bounds))).data
    while "walked" not in found:
        found = next(iter(found.values())) if isinstance(found, dict) else found[0]
    return dict(found["walked"])


def test_no_connection_is_left_out() -> None:
    assert set(WALKS) == set(connections())


async def test_a_walk_from_either_end_meets_every_row_once(door: Door, filled: None) -> None:
    for place in WALKS:
        await walk(place, door)


async def walk(place: str, door: Door) -> None:
    whole = await page(door, place, "first: 200")
    edges = whole["edges"]
    cursors = [each["cursor"] for each in edges]
    assert len(edges) >= ROWS, place
    assert len({str(each["node"]) for each in edges}) == len(set(cursors)) == len(edges)
    assert whole["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": cursors[0],
        "endCursor": cursors[-1],
    }

    forward: list[Any] = []
    after = ""
    while not forward or after:
        read = await page(door, place, f"first: 2 {after}")
        assert read["pageInfo"]["hasPreviousPage"] is bool(after)
        forward += read["edges"]
        assert read["pageInfo"]["endCursor"] == forward[-1]["cursor"]
        after = f'after: "{forward[-1]["cursor"]}"' if read["pageInfo"]["hasNextPage"] else ""
    assert forward == edges, place

    backward: list[Any] = []
    before = ""
    while not backward or before:
        read = await page(door, place, f"last: 2 {before}")
        assert read["pageInfo"]["hasNextPage"] is bool(before)
        backward = read["edges"] + backward
        assert read["pageInfo"]["startCursor"] == backward[0]["cursor"]
        before = f'before: "{backward[0]["cursor"]}"' if read["pageInfo"]["hasPreviousPage"] else ""
    assert backward == edges, place

    between = await page(door, place, f'first: 99 after: "{cursors[0]}" before: "{cursors[-1]}"')
    assert between["edges"] == edges[1:-1]
