"""The TypeScript client compiles against the schema without a warning, and does what it says against the demo."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from scripts.proofs.product import Server
from tests.e2e.clients.conftest import Client


@pytest.fixture(scope="module")
def client(copied: Callable[[str], Client]) -> Client:
    return copied("typescript")


@pytest.fixture(scope="module")
def compiled(client: Client) -> Client:
    done = client.run("npm", "--loglevel=error", "run", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    # A warning of graphql-codegen or tsc would stand in either.
    assert done.stderr == ""
    assert not re.search(r"warn|deprecat|error", done.stdout, re.IGNORECASE), done.stdout
    return client


def group_line(group: Any) -> str:
    name = (group["product"] or {}).get("name") or group["productId"] or "(no product)"
    charges = ", ".join(f"{part['charge']} {part['currency']}" for part in group["charges"])
    return f"  {name}: {group['events']} events, {charges or 'no charge'}"


def test_it_reads_the_feed_to_its_end_opens_a_number_and_follows_an_export(compiled: Client, demo: Server, token: str) -> None:
    done = compiled.run("npm", "start", "--silent", USAGE_URL=demo.url, USAGE_TOKEN=token)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()

    # The same is asked of the gateway here, in other words.
    newest = demo.graphql(token, "{ usageLedger(first: 50) { edges { node { customer { recordId name } } } } }")
    named = [edge["node"]["customer"] for edge in newest["usageLedger"]["edges"] if edge["node"]["customer"]]
    customer = named[0]
    told = demo.graphql(
        token,
        """query($of: [ID!]) {
          activities(filters: {customerId: $of}, first: 0) { totalCount }
          usageLedger(filters: {customerId: $of}, first: 0) { totalCount }
          usageSummary(
            filters: {customerId: $of}, groupBy: [{dimension: PRODUCT}], orderBy: {measure: EVENTS, direction: DESCENDING}
          ) {
            total { events }
            groups { edges { node { ...Told } } }
          }
        }
        fragment Told on UsageGroup {
          productId product { name } events charges { charge currency } entries(first: 0) { totalCount }
        }""",
        of=[customer["recordId"]],
    )
    activities = told["activities"]["totalCount"]
    groups = [edge["node"] for edge in told["usageSummary"]["groups"]["edges"]]
    most = next(each for each in groups if each["productId"])
    rows = told["usageLedger"]["totalCount"]

    assert lines[:2] == [
        f"customer {customer['name'] or customer['recordId']}",
        f"feed: {activities} activities in {-(-activities // 200)} pages, {activities} different",
    ]
    assert re.fullmatch(rf"summary as of \d+: {told['usageSummary']['total']['events']} events", lines[2])
    assert lines[3 : 3 + len(groups)] == [group_line(each) for each in groups]
    behind, *followed, ready, file = lines[3 + len(groups) :]
    assert behind == (
        f"behind {most['productId']}: {most['entries']['totalCount']} rows, {most['events']} events of {most['events']}"
    )
    # How often it is told is up to the machine; that it ends so is not.
    assert all(re.fullmatch(r"export: (PENDING|RUNNING), \d+ of (\d+|\?) rows", line) for line in followed)
    assert ready == f"export: READY, {rows} of {rows} rows"
    assert re.fullmatch(r"file: usage-ledger-as-of-\d+\.csv, [1-9]\d+ bytes, digest as stated", file)


def test_what_it_cannot_do_it_says_in_one_line(compiled: Client, demo: Server) -> None:
    unset = compiled.run("npm", "start", "--silent")
    assert (unset.returncode, unset.stdout) == (1, "")
    assert unset.stderr == "SETTINGS: USAGE_URL and USAGE_TOKEN are needed; ./scripts/serve prints both\n"
    refused = compiled.run("npm", "start", "--silent", USAGE_URL=demo.url, USAGE_TOKEN="gwk_nobody")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "UNAUTHORIZED: the token is malformed\n"
    nobody = compiled.run("npm", "start", "--silent", USAGE_URL="http://127.0.0.1:9", USAGE_TOKEN="gwk_nobody")
    assert (nobody.returncode, nobody.stdout, nobody.stderr) == (1, "", "UNREACHABLE: http://127.0.0.1:9 does not answer\n")


def test_it_does_not_compile_once_the_schema_lacks_what_it_asks_for(client: Client) -> None:
    whole = client.schema.read_text()
    try:
        client.schema.write_text(whole.replace("  artifactDigest: ", "  fileDigest: "))
        done = client.run("npm", "run", "generate")
    finally:
        client.schema.write_text(whole)
    assert done.returncode != 0
    assert 'Cannot query field "artifactDigest" on type "Export"' in done.stdout + done.stderr
