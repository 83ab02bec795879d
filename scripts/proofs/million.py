"""A million rows of a ledger in every format that streams: time, memory, a download cut off and resumed. ARG: rows, formats.

Formats that are named are made without options; by default all are made, some with options.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.proofs.product import GATEWAY, Product, Server, expect

MOST_MEMORY = 250
"""MB that one export may take at most."""
# Started from a small process of its own: of a child of this one, the memory that this one had would be counted as well.
_MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": done.returncode, "out": done.stdout, "peak": usage.ru_maxrss // 1024}))
"""
FORMATS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("csv", ()),
    ("json", ()),
    ("jsonl", ()),
    ("csv", ("--compression", "gzip", "--local-time", "Europe/Berlin")),
    ("xlsx", ()),
)


def events(count: int) -> Iterator[dict[str, Any]]:
    """Events with ids, additional data and every dimension."""
    for number in range(count):
        yield {
            "id": f"m-{number}",
            "occurred_at": f"2026-{number % 3 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:00:00Z",
            "customer_id": f"cust_{number % 5_000}",
            "product_id": f"prod_{number % 40}",
            "feature_code": "tiles",
            "quantity": f"{number % 977}.25",
            "unit": "calls",
            "charge": "0.0012",
            "currency": "EUR",
            "status_code": 200,
            "additional_data": {"zone": f"z{number % 9}", "attempt": number % 3},
        }


def measured(product: Product, *words: str) -> tuple[dict[str, Any], int, float]:
    """What `gateway … --json` says, the most memory that it took in MB, and how long, in seconds."""
    began = time.monotonic()
    run = [sys.executable, "-c", _MEASURED, GATEWAY, *words, "--json"]
    told = json.loads(subprocess.run(run, env=product.environment, stdout=subprocess.PIPE, text=True, check=True).stdout)
    expect(f"gateway {words[0]} {words[1]} ends well", told["code"], 0)
    return json.loads(told["out"]), told["peak"], time.monotonic() - began


def cut_off(server: Server, token: str, export: str, out: Path) -> None:
    """Download the file into `out`, cut off three times at odd places: a whole answer first, then ranges of the same file."""
    size, tag, seen = out.stat().st_size, "", []
    with out.open("wb") as file:
        for until in (size // 7, size // 2 + 1, size - 1, size):
            connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)
            headers = {"Authorization": f"Bearer {token}"}
            if file.tell():
                headers |= {"Range": f"bytes={file.tell()}-", "If-Range": tag}
            connection.request("GET", f"/downloads/exports/{export}", headers=headers)
            answer = connection.getresponse()
            tag = answer.headers["ETag"]
            seen.append((answer.status, answer.headers["Content-Range"]))
            while file.tell() < until:
                file.write(answer.read(min(1 << 20, until - file.tell())))
            connection.close()
    ranges = [f"bytes {begun}-{size - 1}/{size}" for begun in (size // 7, size // 2 + 1, size - 1)]
    expect("answers to a download that is cut off three times", seen, [(200, None), *((206, each) for each in ranges)])


def digest_of(file: Path) -> str:
    """SHA-256 over the file, as exports state it."""
    with file.open("rb") as source:
        return f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    wanted = sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        product, source = Product(Path(folder)), Path(folder) / "events.jsonl"
        token = product.account("acme")
        with source.open("w") as file:
            file.writelines(json.dumps(each) + "\n" for each in events(count))
        product.run("import", str(source), "--account", "acme")
        source.unlink()
        digests = set()
        for format, options in FORMATS:
            if wanted and (options or format not in wanted):
                continue
            out = Path(folder) / f"out.{format}"
            words = ("export", "create", "usage-ledger", "--account", "acme")
            told, peak, seconds = measured(product, *words, "--format", format, "--out", str(out), "--overwrite", *options)
            digests.add(told["digest"])
            size, rate = out.stat().st_size / 1e6, count / seconds
            print(
                f"{' '.join((format, *options))}: {count:,} rows, {size:,.0f} MB, {seconds:.0f} s, {rate:,.0f} rows/s, {peak} MB"
            )
            expect(f"{format} takes less than {MOST_MEMORY} MB", peak < MOST_MEMORY, True)
            expect(f"{format} has every row", told["rows"], count)
            expect(f"{format} written by the command has the digest told", digest_of(out), told["artifact_digest"])
            with product.serving() as server:
                cut_off(server, token, told["id"], out)
            expect(f"{format} put together from parts has it too", digest_of(out), told["artifact_digest"])
            out.unlink()
        expect("all have the same digest", len(digests), 1)


if __name__ == "__main__":
    main()
