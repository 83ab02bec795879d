"""Real usage in, answers out: a FOCUS file imported twice, totals against csv and Decimal, corrections, asOf."""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

from scripts.proofs.product import Product, expect

EXACT = Context(prec=80)
Row = dict[str, str]
Totals = dict[tuple[str, ...], Decimal]

SUMMARY = """
query ($by: [GroupKey!], $bucket: BucketInput, $asOf: AsOfInput, $after: String) {
  usageSummary(groupBy: $by, bucket: $bucket, asOf: $asOf) {
    total { events }
    groups(first: 200, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes: edges { node { bucketStart productId customerId quantities { unit quantity } charges { currency charge } } }
    }
  }
}
"""


def value(row: Row, name: str) -> str | None:
    """A cell; FOCUS writes NULL or nothing for no value."""
    return None if row[name] in ("", "NULL") else row[name]


def independent(rows: Iterable[Row], key: Callable[[Row], str | None], amount: str, unit: str) -> Totals:
    """Sums with csv and Decimal alone."""
    sums: Totals = defaultdict(Decimal)
    for row in rows:
        if value(row, amount) is not None:
            at = (key(row) or "", value(row, unit) or "")
            sums[at] = EXACT.add(sums[at], Decimal(row[amount]))
    return {at: total.normalize(EXACT) + 0 if total else Decimal(0) for at, total in sums.items()}


KEYS: dict[str, tuple[Callable[[Row], str | None], str]] = {
    "product_id": (lambda row: value(row, "ServiceName"), "productId"),
    "customer_id": (lambda row: value(row, "SubAccountId"), "customerId"),
    "day": (lambda row: row["ChargePeriodStart"][:10], "bucketStart"),
    "all": (lambda row: "|".join(_joint(row["ChargePeriodStart"], value(row, "ServiceName"), value(row, "SubAccountId"))), ""),
}


def _joint(start: str | None, product: str | None, customer: str | None) -> tuple[str, str, str]:
    return (start or "")[:10], product or "", customer or ""


def told_by_cli(product: Product, dimension: str) -> tuple[Totals, Totals]:
    """The same sums as `gateway report` tells them."""
    asked = ["--bucket", "day"] if dimension in ("day", "all") else ["--group-by", dimension]
    asked += ["--group-by", "product_id,customer_id"] if dimension == "all" else []
    answer = product.json("report", "usage-summary", "--account", "cloud", *asked)

    def key(row: dict[str, Any]) -> str:
        if dimension == "all":
            return "|".join(_joint(row["bucket_start"], row["product_id"], row["customer_id"]))
        return str(row["bucket_start"])[:10] if dimension == "day" else row[dimension] or ""

    def sums(section: str, amount: str, unit: str) -> Totals:
        return {(key(row), row[unit] or ""): Decimal(row[amount]) for row in answer[section]}

    return sums("group_quantities", "quantity", "unit"), sums("group_charges", "charge", "currency")


def told_by_graphql(ask: Callable[..., Any], dimension: str) -> tuple[Totals, Totals]:
    """The same sums as GraphQL tells them, page by page."""
    quantities: Totals = {}
    charges: Totals = {}
    field, after = KEYS[dimension][1], None
    asked: dict[str, Any] = {"bucket": {"granularity": "DAY"}} if dimension in ("day", "all") else {}
    if dimension != "day":
        named = ["PRODUCT", "CUSTOMER"] if dimension == "all" else [dimension.removesuffix("_id").upper()]
        asked["by"] = [{"dimension": each} for each in named]
    while True:
        groups = ask(SUMMARY, **asked, after=after)["usageSummary"]["groups"]
        for edge in groups["nodes"]:
            node = edge["node"]
            if dimension == "all":
                key = "|".join(_joint(node["bucketStart"], node["productId"], node["customerId"]))
            else:
                key = (node[field] or "")[: 10 if dimension == "day" else None]
            quantities |= {(key, each["unit"] or ""): Decimal(each["quantity"]) for each in node["quantities"]}
            charges |= {(key, each["currency"]): Decimal(each["charge"]) for each in node["charges"]}
        if not groups["pageInfo"]["hasNextPage"]:
            return quantities, charges
        after = groups["pageInfo"]["endCursor"]


def main(path: str) -> None:
    """Run the proof over the FOCUS file at `path`."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder))
        token = product.account("cloud")
        first = product.json("import", path, "--account", "cloud", "--format", "focus")
        expect("import", _counts(first), {"inserted": len(rows), "duplicate": 0, "conflict": 0, "rejected": 0})
        again = product.json("import", path, "--account", "cloud", "--format", "focus")
        expect("again", _counts(again), {"inserted": 0, "duplicate": len(rows), "conflict": 0, "rejected": 0})
        with product.serving() as server:

            def ask(query: str, **variables: Any) -> Any:
                return server.graphql(token, query, **variables)

            compare(product, ask, rows)
            correct(product, ask, rows)


def compare(product: Product, ask: Callable[..., Any], rows: list[Row]) -> None:
    """Every sum, through both doors, to the last digit."""
    for dimension, (key, _) in KEYS.items():
        quantities = independent(rows, key, "ConsumedQuantity", "ConsumedUnit")
        charges = independent(rows, key, "BilledCost", "BillingCurrency")
        for door, told in (("gateway report", told_by_cli(product, dimension)), ("GraphQL", told_by_graphql(ask, dimension))):
            expect(f"{door}: {len(quantities)} quantities by unit and {dimension} equal", told[0] == quantities, True)
            expect(f"{door}: {len(charges)} charges by currency and {dimension} equal", told[1] == charges, True)


def correct(product: Product, ask: Callable[..., Any], rows: list[Row]) -> None:
    """Ten amended, ten retracted: the new totals are right, and asOf the sequence before all is byte for byte as it was."""
    kinds = ("usage-summary", "usage-ledger", "activities")
    head = product.json("report", "activities", "--account", "cloud", "--limit", "1")["as_of"]
    before = {kind: product.run(*_report(kind), "--as-of", str(head), "--json").stdout for kind in kinds}
    ledger = product.json("report", "usage-ledger", "--account", "cloud")["entries"]
    refs = {entry["sender_id"]: entry["event_ref"] for entry in ledger}
    measured = [row for row in rows if value(row, "ConsumedQuantity") is not None]
    for row in measured[:10]:
        quantity = str(EXACT.add(Decimal(row["ConsumedQuantity"]), Decimal("0.5")))
        ask(
            "mutation ($input: AmendUsageEventInput!) { amendUsageEvent(input: $input) { errors { code message } } }",
            input={"id": refs[row["Id"]], "changes": {"quantity": quantity}, "reason": "metered half a unit short"},
        )
        row["ConsumedQuantity"] = quantity
    for row in measured[10:20]:
        ask(
            "mutation ($input: RetractUsageEventInput!) { retractUsageEvent(input: $input) { errors { code message } } }",
            input={"id": refs[row["Id"]], "reason": "test traffic"},
        )
    gone = {row["Id"] for row in measured[10:20]}
    # What was taken back leaves a zero where nothing else is counted, so zeros are compared too.
    for row in rows:
        if row["Id"] in gone:
            row["ConsumedQuantity"], row["BilledCost"] = "0", "0" if value(row, "BilledCost") else row["BilledCost"]
    compare(product, ask, rows)
    total = product.json("report", "usage-summary", "--account", "cloud")["total"][0]
    expect("events after ten retractions", total["events"], len(rows) - 10)
    entries = product.json("report", "usage-ledger", "--account", "cloud")["entries"]
    expect("entries after ten reversals, ten replacements, ten reversals", len(entries), len(rows) + 30)
    for kind in kinds:
        after = product.run(*_report(kind), "--as-of", str(head), "--json").stdout
        expect(f"{kind} as of sequence {head}, byte for byte ({len(after):,} bytes)", after == before[kind], True)
    verified = product.json("ledger", "verify", "--account", "cloud")
    expect("ledger verified", (verified["ok"], verified["entries"] >= len(rows) + 30), (True, True))


def _report(kind: str) -> list[str]:
    grouped = ["--group-by", "product_id,customer_id", "--bucket", "day"] if kind == "usage-summary" else []
    return ["report", kind, "--account", "cloud", *grouped]


def _counts(summary: dict[str, Any]) -> dict[str, int]:
    return {name: summary[name] for name in ("inserted", "duplicate", "conflict", "rejected")}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: scripts/prove focus FOCUS.csv")
    main(sys.argv[1])
    print(json.dumps({"proof": "focus", "shown": True}))
