"""Every report through every door tells the same numbers, every filter equals a scan, an old export is made again the same."""

from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
import urllib.parse
import urllib.request
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from scripts.proofs.product import Product, Server, expect

TOTAL = "asOf total { events quantities { unit quantity events } charges { currency charge events } }"
SUMMARY = "query ($filters: UsageFilters) { answer: usageSummary(filters: $filters) { " + TOTAL + " } }"
LICENSE = "query ($id: ID!) { answer: licenseAudit(licenseId: $id) { " + TOTAL + " } }"
CUSTOMER = "query ($id: ID!) { answer: customerSummary(customerId: $id) { " + TOTAL + " } }"
ORDER = "query ($id: ID!) { answer: subscriptionSettlement(subject: { orderId: $id }) { " + TOTAL + " } }"
COUNT = "query ($filters: UsageFilters) { usageLedger(filters: $filters, first: 0) { totalCount } }"
FILTERS = {
    "product_id": "productId",
    "customer_id": "customerId",
    "license_id": "licenseId",
    "order_id": "orderId",
    "subscription_id": "subscriptionId",
    "feature_code": "featureCode",
    "action": "action",
    "source": "source",
    "request_id": "requestId",
    "result_class": "resultClass",
    "status_code": "statusCode",
}
Totals = tuple[int, dict[str, Decimal], dict[str, Decimal]]


def totals(told: dict[str, Any]) -> Totals:
    """The totals in an answer of GraphQL or REST."""
    quantities = {str(each["unit"]): Decimal(each["quantity"]) for each in told["quantities"]}
    return int(told["events"]), quantities, {str(each["currency"]): Decimal(each["charge"]) for each in told["charges"]}


def totals_of_rows(sections: dict[str, list[dict[str, Any]]]) -> Totals:
    """The totals in the rows of a file or of the command line."""
    quantities = {str(row["unit"] or None): Decimal(row["quantity"]) for row in sections["total_quantities"]}
    charges = {str(row["currency"]): Decimal(row["charge"]) for row in sections["total_charges"]}
    return int(sections["total"][0]["events"]), quantities, charges


def rest(server: Server, token: str, path: str, **query: str) -> Any:
    """What REST answers, numbers with all their digits."""
    request = urllib.request.Request(f"{server.url}{path}?{urllib.parse.urlencode(query)}")
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer, parse_float=Decimal)["data"]


def ledger_totals(rows: list[dict[str, Any]]) -> Totals:
    """The totals that ledger rows add up to."""
    quantities: Counter[str] = Counter()
    charges: Counter[str] = Counter()
    for row in rows:
        if row["quantity"]:
            quantities[str(row["unit"] or None)] += Decimal(row["quantity"])  # type: ignore[assignment]
        if row["charge"]:
            charges[str(row["currency"])] += Decimal(row["charge"])  # type: ignore[assignment]
    events = sum(-1 if row["correction"] == "reversal" else 1 for row in rows)
    return events, dict(quantities), dict(charges)  # type: ignore[arg-type]


def compare(product: Product, server: Server, token: str, account: str, folder: Path) -> None:
    """The same totals through GraphQL, REST, the command line and both formats, of all five reports."""
    ledger = product.json("report", "usage-ledger", "--account", account)["entries"]
    most = {
        name: Counter(row[name] for row in ledger if row[name]).most_common(1)[0][0]
        for name in ("license_id", "customer_id", "order_id")
    }
    asked = (
        ("usage-summary", None, SUMMARY),
        ("usage-ledger", None, SUMMARY),
        ("license-audit", "license_id", LICENSE),
        ("customer-summary", "customer_id", CUSTOMER),
        ("subscription-settlement", "order_id", ORDER),
    )
    for kind, name, document in asked:
        of = [] if name is None else [f"--{name.replace('_', '-')}", most[name]]
        query = {} if name is None else {name: most[name]}
        graphql = totals(server.graphql(token, document, **({} if name is None else {"id": most[name]}))["answer"]["total"])
        files = []
        for suffix in ("json", "csv"):
            path = folder / f"{account}-{kind}.{suffix}"
            product.json("export", kind, "--account", account, "--format", suffix, "--out", str(path), "--overwrite", *of)
            files.append(path)
        sections = json.loads(files[0].read_text())["sections"]
        rows = list(csv.DictReader(io.StringIO(files[1].read_text(), newline="")))
        command = product.json("report", kind, "--account", account, *of)
        if kind == "usage-ledger":
            told = [ledger_totals(command["entries"]), ledger_totals(sections["entries"]), ledger_totals(rows)]
            walked: list[dict[str, Any]] = []
            while page := rest(server, token, "/api/v1/reports/usage-ledger", limit="200", **_below(walked)):
                walked += page
            told.append(ledger_totals([{k: None if v is None else str(v) for k, v in row.items()} for row in walked]))
        else:
            parted = {each: [row for row in rows if row["section"] == each] for each in sections}
            told = [totals_of_rows(command), totals_of_rows(sections), totals_of_rows(parted)]
            told.append(totals(rest(server, token, f"/api/v1/reports/{kind}", **query)["total"]))
        same = [each == graphql for each in told]
        what = f"{account}: {kind}: {graphql[0]} events, {len(graphql[1])} units, {len(graphql[2])} currencies"
        expect(f"{what}: command line, JSON, CSV and REST equal GraphQL", same, [True] * 4)


def _below(walked: list[dict[str, Any]]) -> dict[str, str]:
    return {"cursor": str(walked[-1]["sequence"])} if walked else {}


def filters(product: Product, server: Server, token: str, account: str) -> None:
    """Every filter counts what a scan over all rows counts."""
    ledger = product.json("report", "usage-ledger", "--account", account)["entries"]
    for column, name in FILTERS.items():
        counted = Counter(row[column] for row in ledger if row[column] is not None)
        for values in ([each] for each, _ in counted.most_common(5)):
            found = server.graphql(token, COUNT, filters={name: values})["usageLedger"]["totalCount"]
            if found != counted[values[0]]:
                raise SystemExit(f"NOT SHOWN  {column}={values}: {found}, a scan says {counted[values[0]]}")
        both = [each for each, _ in counted.most_common(2)]
        if both:
            found = server.graphql(token, COUNT, filters={name: both})["usageLedger"]["totalCount"]
            expect(
                f"{account}: {column}: {len(counted)} values; two together equal a scan",
                found == sum(counted[v] for v in both),
                True,
            )
    moments = sorted(row["occurred_at"] for row in ledger)
    start, end = moments[len(moments) // 4], moments[len(moments) * 3 // 4]
    found = server.graphql(token, COUNT, filters={"from": start, "to": end})["usageLedger"]["totalCount"]
    expect(f"{account}: from and to equal a scan", found, sum(start <= each < end for each in moments))


def again(product: Product, server: Server, token: str, account: str, folder: Path) -> None:
    """A hundred corrections later, each export as of its sequence has the digest that it had."""
    ledger = product.json("report", "usage-ledger", "--account", account)["entries"]
    kinds = {"usage-summary": ["--group-by", "product_id", "--bucket", "day"], "usage-ledger": []}
    made = {}
    for kind, more in kinds.items():
        path = str(folder / f"{account}-{kind}-before.csv")
        made[kind] = product.json("export", kind, "--account", account, "--format", "csv", "--out", path, *more)
    standing = [row["event_ref"] for row in ledger if row["correction"] is None]
    corrected = {row["event_ref"] for row in ledger if row["correction"] is not None}
    for ref in [each for each in standing if each not in corrected][:100]:
        document = "mutation ($input: RetractUsageEventInput!) { retractUsageEvent(input: $input) { errors { message } } }"
        answer = server.graphql(token, document, input={"id": ref, "reason": "proof"})
        if answer["retractUsageEvent"]["errors"]:
            raise SystemExit(f"NOT SHOWN  {answer}")
    for kind, more in kinds.items():
        before = made[kind]
        path = str(folder / f"{account}-{kind}-after.csv")
        asked = ["export", kind, "--account", account, "--format", "csv", "--out", path, *more]
        after = product.json(*asked, "--as-of", str(before["as_of"]))
        now = product.json(*asked, "--overwrite")
        expect(f"{account}: {kind} as of {before['as_of']} again: same digest", after["digest"] == before["digest"], True)
        expect(f"{account}: {kind}: same bytes", after["artifact_digest"] == before["artifact_digest"], True)
        expect(f"{account}: {kind} as of now: another digest", now["digest"] == before["digest"], False)


def main(path: str) -> None:
    """Run the proof over the FOCUS file at `path` and over the demo account's generated usage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        product = Product(folder)
        token = product.account("cloud")
        product.run("import", path, "--account", "cloud", "--format", "focus")
        with product.serving("--demo") as server:
            for account, key in (("cloud", token), ("demo", (folder / "demo-token").read_text())):
                compare(product, server, key, account, folder)
                filters(product, server, key, account)
                again(product, server, key, account, folder)
                compare(product, server, key, account, folder)
    print(json.dumps({"proof": "doors", "shown": True}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: scripts/prove doors FOCUS.csv")
    main(sys.argv[1])
