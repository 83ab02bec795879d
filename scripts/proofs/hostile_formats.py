"""Formats and payloads made to hurt: each is refused within the bound, and the server goes on answering meanwhile."""

from __future__ import annotations

import gzip
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from scripts.proofs.product import Product, Server, expect

BOUND = 5.0
"""Seconds within which a refusal is to come, on a machine that does other things too."""
MOST_PAUSE = 3.0
"""Seconds that another caller waits at most for its answer meanwhile, there."""
SAVE = "mutation ($d: JSONObject!) { saveFormat(input: { document: $d }) { format { ref } errors { message } } }"
TRY = "query ($d: JSONObject!, $s: String!) { tryFormat(format: { document: $d }, samples: $s) { status errors { message } } }"
AT = "2026-03-01T10:00:00Z"
LINES = {"Content-Type": "application/x-ndjson"}
PACKED = {"Content-Encoding": "gzip"}


def document(text: str, **more: Any) -> dict[str, Any]:
    """A format that computes one text."""
    fields = {"occurred_at": {"path": "at"}, "quantity": {"constant": 1}, "message": {"compute": text}}
    return {"version": 1, "name": "bomb", "fields": fields} | more


BOMBS: dict[str, Any] = {
    "three loops in one another": document("[a].map(x, [a].map(y, [a].map(z, x + y + z)))"),
    "a loop hidden behind three quotes": document("'''a'b''' + [a].map(x, x) + '''c'd'''"),
    "a loop by another name": document("[1, 2, 3].all(x, [1, 2, 3].exists(y, y == x))"),
    "a regular expression": document("a.matches('^(a+)+$') ? 'x' : 'y'"),
    "parentheses without end": document("(" * 250 + "1" + ")" * 250),
    "lists without end": document("[" * 256 + "]" * 256),
    "texts that double": document("a" + " + a" * 120),
    "an expression of a megabyte": document("1 + " * 250_000 + "1"),
    "a document of a megabyte": document("a", none=[f"{at}" + "x" * 5_000 for at in range(200)]),
    "more paths than may be": document("a", additional=[f"k{at}" for at in range(10_000)]),
    "a path that walks": document("a", additional=["[*].[*].[*]"]),
    "a path without end": document("a", additional=["a" + ".a" * 5_000]),
    "something to read": document("read('/etc/passwd')"),
    "the clock": document("timestamp(a) > timestamp('2020-01-01T00:00:00Z') ? 'x' : 'y'"),
    "a float": document("string(0.1 + 0.2)"),
}


class Others:
    """Other callers, who ask something small over and over: how long each waits is noted."""

    def __init__(self, server: Server, token: str) -> None:
        self.waited: list[float] = []
        self._server, self._token = server, token
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Others:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.is_set():
            began = time.perf_counter()
            self._server.graphql(self._token, "{ viewer { account { name } } }")
            self.waited.append(time.perf_counter() - began)
            time.sleep(0.01)


def timed(what: str, ask: Callable[[], Any], wanted: Any, others: Others, bound: float = BOUND) -> None:
    """Ask, and say how long that took and how long others waited at most meanwhile."""
    first = len(others.waited)
    began = time.perf_counter()
    seen = ask()
    took = time.perf_counter() - began
    while len(others.waited) <= first + 1:
        time.sleep(0.01)
    most = max(others.waited[first:])
    expect(what, seen, wanted)
    print(f"       in {took:.2f} s; {len(others.waited) - first} others were answered meanwhile, the slowest in {most:.2f} s")
    expect(f"{what}: in time", (took < bound, most < MOST_PAUSE), (True, True))


def refused(server: Server, token: str, path: str, body: bytes, **headers: str) -> tuple[int, str]:
    """Status and code of a refusal, or of what became of the first item."""
    try:
        data = server.call(path, body, token, **headers)["data"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["error"]["code"]
    first = data["results"][0]
    return 200, f"{first['status']}: {first['reason']}" if first["reason"] else first["status"]


def payloads() -> dict[str, tuple[bytes, dict[str, str], tuple[int, str]]]:
    """Bodies that hurt, how each is sent, and what is to become of it."""
    no_log = 'is no line of the combined log format: host ident user [time] "request" status bytes "referer" "agent"'
    return {
        "a payload 10,000 deep": (
            b'{"at": ' + b'{"a": ' * 10_000 + b"1" + b"}" * 10_001,
            LINES,
            (200, "rejected: is not JSON: is nested too deeply at column 1"),
        ),
        "200 MB of nothing in 200 kB": (gzip.compress(b" " * 200_000_000), PACKED, (413, "PAYLOAD_TOO_LARGE")),
        "a text of 10 MB": (b'{"id": "' + b"x" * 10_000_000 + b'"}', LINES, (200, "rejected: is larger than 131,072 bytes")),
        "a number of 100,000 digits": (
            b'{"quantity": ' + b"9" * 100_000 + b"}",
            LINES,
            (200, "rejected: has a number that is far too long to be recorded"),
        ),
        "log lines that are all escapes": (
            (b'a - - [t] "' + b'\\"' * 60_000 + b"\n") * 50,
            {"Content-Type": "text/plain"},
            (200, f"rejected: {no_log}"),
        ),
    }


def main() -> None:
    """Save, try and send everything that hurts."""
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder))
        token = product.account("acme")
        with product.serving() as server, Others(server, token) as others:
            for what, bomb in BOMBS.items():
                timed(
                    f"{what} is not saved",
                    lambda bomb=bomb: server.graphql(token, SAVE, d=bomb)["saveFormat"]["format"],  # type: ignore[misc]
                    None,
                    others,
                )
            # The most that a format may do, over the most that a call may bring: it is recorded, and others wait little.
            heavy = " + ".join(["a"] * 17)
            names = ("message", "actor", "request_id", "transaction_id", "license_id", "order_id", "subscription_id", "unit")
            fields = {name: {"compute": f"part({heavy}, 'b', 9) == null ? null : 'x'"} for name in names}
            worst = {"version": 1, "name": "worst", "fields": document("a")["fields"] | fields}
            expect("the most that may be", server.graphql(token, SAVE, d=worst)["saveFormat"]["format"], {"ref": "worst@1"})
            lines = b"\n".join(json.dumps({"at": AT, "a": "a" * 1_000, "n": at}).encode() for at in range(10_000))
            send = partial(refused, server, token)
            told = partial(send, "/api/v1/usage-events?format=worst", gzip.compress(lines), **LINES, **PACKED)
            timed("10,000 items by the most that may be", told, (200, "inserted"), others, 300.0)
            for what, (body, headers, wanted) in payloads().items():
                timed(what, partial(send, "/api/v1/usage-events", body, **headers), wanted, others)
            samples = "\n".join(json.dumps({"at": AT, "a": "a" * 1_000}) for _ in range(100))
            tried = partial(server.graphql, token, TRY, d=document(heavy), s=samples)
            timed("trying it", lambda: {each["status"] for each in tried()["tryFormat"]}, {"REJECTED"}, others)
            waits = sorted(others.waited)
            median, slowest = (f"{each * 1000:.0f} ms" for each in (statistics.median(waits), waits[-1]))
            print(f"others: {len(waits)} answers, median {median}, slowest {slowest}")


if __name__ == "__main__":
    main()
    sys.exit(0)
