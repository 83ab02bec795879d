"""Pages of 100 rows with twelve fields: GraphQL and the legacy route against the yardstick, the stock schema and other depths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts.benchmarks.load import Call, one, timed
from scripts.benchmarks.pairs import Result, paired
from scripts.benchmarks.places import Place, module, serving

CUSTOMER = "customer-0003"
FIELDS = "sequence id action occurredAt recordedAt customerId productId licenseId featureCode quantity unit charge"
PAGE = f"edges {{ cursor node {{ {FIELDS} }} }} pageInfo {{ hasNextPage endCursor }}"
BY_CUSTOMER = (
    "query Page($customer: [ID!], $after: String) "
    f"{{ usageLedger(filters: {{customerId: $customer}}, first: 100, after: $after) {{ {PAGE} }} }}"
)
EVERYTHING = f"query Page($after: String) {{ usageLedger(first: 100, after: $after) {{ {PAGE} }} }}"


def graphql(url: str, token: str, document: str, **variables: Any) -> Call:
    """The call that asks a document."""
    return Call(f"{url}/graphql", token, json.dumps({"query": document, "variables": variables}))


def rows_of(call: Call) -> list[dict[str, Any]]:
    """The rows of a GraphQL page."""
    answer = json.loads(one(call))
    assert "errors" not in answer, answer["errors"]
    (page,) = answer["data"].values()
    return [edge["node"] for edge in page["edges"]]


def run(place: Place, *, seconds: float, runs: int) -> Iterator[Result]:
    """Every pair, once the answers are seen to be equal."""
    with serving(place) as ours, serving(place, *module("yardstick")) as theirs, serving(place, *module("stock")) as stock:
        yard = Call(f"{theirs}/rows?customer_id={CUSTOMER}", place.token)
        page = graphql(ours, place.token, BY_CUSTOMER, customer=[CUSTOMER])
        slow = graphql(stock, place.token, BY_CUSTOMER, customer=[CUSTOMER])
        told = json.loads(one(yard))["data"]
        assert rows_of(page) == told, "the page is not the yardstick's"
        assert rows_of(slow) == told, "the stock schema's page is not the yardstick's"

        def rate(call: Call, connections: int) -> Any:
            return lambda: timed(call, seconds=seconds, connections=connections).rate

        for connections in (1, 8):
            yield paired(
                f"GraphQL page of a customer, {connections} connections",
                rate(page, connections),
                rate(yard, connections),
                unit="pages/s",
                against="hand-written REST route",
                wanted=0.6,
                runs=runs,
            )
        yield paired(
            "GraphQL page, caches and compiled path on and off",
            rate(page, 1),
            rate(slow, 1),
            unit="pages/s",
            against="the same schema without",
            wanted=10,
            runs=runs,
        )
        everything = graphql(ours, place.token, EVERYTHING)
        yard_all = Call(f"{theirs}/rows", place.token)
        assert rows_of(everything) == json.loads(one(yard_all))["data"]
        yield paired(
            "GraphQL page of the whole ledger",
            rate(everything, 1),
            rate(yard_all, 1),
            unit="pages/s",
            against="hand-written REST route",
            wanted=0.6,
            runs=runs,
        )
        shim = Call(f"{ours}/api/v1/reports/usage-ledger?customer_id={CUSTOMER}&limit=100", place.token)
        whole = Call(f"{theirs}/whole?customer_id={CUSTOMER}", place.token)
        wanted = json.loads(one(whole))["data"]
        assert json.loads(one(shim))["data"] == wanted, "the legacy page is not the yardstick's"
        for connections in (1, 8):
            yield paired(
                f"legacy REST page, all columns, {connections} connections",
                rate(shim, connections),
                rate(whole, connections),
                unit="pages/s",
                against="hand-written REST route",
                wanted=0.9,
                runs=runs,
            )
        deep = _deep(ours, place)
        yield paired(
            "GraphQL page deep in the ledger",
            rate(deep, 1),
            rate(everything, 1),
            unit="pages/s",
            against="the first page",
            wanted=0.9,
            runs=runs,
        )


def _deep(url: str, place: Place) -> Call:
    """A page about the middle of the ledger: the one that the ledger began with when it ended there."""
    document = EVERYTHING.replace("first: 100,", f"first: 100, asOf: {{sequence: {place.rows * 2 // 5}}},")
    return graphql(url, place.token, document)
