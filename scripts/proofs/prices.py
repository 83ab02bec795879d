"""Every example document costs the same over 1,000 and 1,000,000 entries, as `estimate` told before. ARG: the entries of each."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from graphql import OperationDefinitionNode, OperationType, parse

from app.api.graphql.examples import tabs
from app.api.graphql.ide import Tab
from scripts.benchmarks.dataset import build
from scripts.benchmarks.events import BEGINS, DAYS, SHARES
from scripts.proofs.product import Product, Server, expect

SIZES = (1_000, 1_000_000)
ACCOUNT = max(SHARES, key=lambda each: SHARES[each])
"""The one that most of the entries belong to."""
ESTIMATE = """
query ($document: String!, $variables: JSONObject) { estimate(document: $document, variables: $variables) {
  price most allowed costliest { path points } problems
} }
"""
COUNT = "{ usageLedger(first: 0) { totalCount } }"
Prices = dict[str, Any]


def operation(document: str) -> OperationDefinitionNode:
    """The one operation of an example."""
    (found,) = (each for each in parse(document).definitions if isinstance(each, OperationDefinitionNode))
    return found


def named(tab: Tab) -> str:
    """What the example's operation is called."""
    name = operation(tab.query).name
    assert name is not None
    return name.value


def asked(server: Server, token: str, examples: list[Tab]) -> tuple[Prices, Prices]:
    """What each example is said to cost before it is run, and what it is said to have cost when it was; followers are not run."""
    told = {
        named(each): server.graphql(token, ESTIMATE, document=each.query, variables=each.variables or {})["estimate"]
        for each in examples
    }
    paid = {}
    for each in examples:
        if operation(each.query).operation is not OperationType.SUBSCRIPTION:
            body = json.dumps({"query": each.query, "variables": each.variables or {}}).encode()
            paid[named(each)] = server.call("/graphql", body, token)["extensions"]["cost"]["price"]
    return told, paid


def over(size: int, folder: Path) -> tuple[int, Prices, Prices]:
    """How many rows a ledger of so many entries in all has, and what the examples cost over it."""
    product, began = Product(folder), time.monotonic()
    asyncio.run(build(f"sqlite:///{product.database}", size))
    built = time.monotonic() - began
    token = product.json("key", "create", "--account", ACCOUNT, "--scope", "admin")["token"]
    with product.serving() as server:
        rows = server.graphql(token, COUNT)["usageLedger"]["totalCount"]
        began = time.monotonic()
        told, paid = asked(server, token, tabs(BEGINS + timedelta(days=DAYS), ["evt_1_1", "evt_1_2"]))
    seconds = time.monotonic() - began
    print(f"{size:,} entries, {rows:,} of them asked about: built in {built:.0f} s, examples told and run in {seconds:.1f} s")
    return rows, told, paid


def main() -> None:
    """Ask over a small and over a large ledger."""
    seen = []
    for size in [int(each) for each in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory(prefix="prices-") as folder:
            seen.append(over(size, Path(folder)))
    (_, told, paid), *others = seen
    print(", ".join(f"{name} {each['price']}" for name, each in told.items()))
    expect("examples that are told what they cost, and may be run", sum(each["allowed"] for each in told.values()), len(told))
    expect("examples that were run, and cost what was told", sum(told[name]["price"] == paid[name] for name in paid), len(paid))
    for rows, told_there, paid_there in others:
        same = sum(told_there[name] == told[name] for name in told)
        expect(f"of them told the same over {rows:,} rows, down to the costliest parts", same, len(told))
        expect(f"of them paid the same over {rows:,} rows", sum(paid_there[name] == paid[name] for name in paid), len(paid))


if __name__ == "__main__":
    main()
