"""A page of 100 rows while 2,000 events a second come in, against the same page while none do: the p99 of its time.

The sender is a process of its own (`python -m scripts.benchmarks.steady` reads its job from its standard input): a batch of a
hundred events each twentieth of a second, sent on time whether or not the one before was answered.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from statistics import median

from scripts.benchmarks.events import new_contents, said
from scripts.benchmarks.load import Call, one, timed
from scripts.benchmarks.pages import BY_CUSTOMER, CUSTOMER, graphql
from scripts.benchmarks.pairs import Result
from scripts.benchmarks.places import Place, serving
from scripts.benchmarks.recording import LATELY, copied

A_SECOND, BATCH = 2_000, 100
TWICE, GROWS = 2.0, 15.0
"""A page's p99 at most doubles, or grows by so many milliseconds, whichever is more."""
CONNECTIONS = 1
"""Of readers. As many as keep a core busy would measure how it is shared, and not what a page waits for."""


def run(place: Place, *, seconds: float, runs: int) -> Iterator[Result]:
    """The pair: the same page alone and under the stream. What is written goes into a copy."""
    lasting = max(4.0, seconds * 2)
    with copied(place) as copy, serving(copy) as url:
        page = graphql(url, copy.token, BY_CUSTOMER, customer=[CUSTOMER])
        events = Call(f"{url}/api/v1/usage-events", copy.token, content_type="application/x-ndjson")
        timed(page, seconds=1, connections=CONNECTIONS)
        alone, under, came = [], [], []
        for _ in range(runs):
            alone.append(timed(page, seconds=lasting, connections=CONNECTIONS).p99)
            with _Sender(events, lasting + 1) as sender:
                under.append(timed(page, seconds=lasting, connections=CONNECTIONS).p99)
            came.append(sender.rate)
    yield Result(
        f"p99 of a page, {CONNECTIONS} connection, {median(came):,.0f} events a second coming in",
        median(under),
        median(alone),
        "ms",
        [mine / other for mine, other in zip(under, alone, strict=True)],
        "the same with none",
        max(TWICE, 1 + GROWS / median(alone)),
        most=True,
        more={"events_a_second": median(came)},
    )


class _Sender:
    """The stream, for so many seconds. `rate` is how many events a second were recorded, once it has ended."""

    def __init__(self, call: Call, seconds: float) -> None:
        self._job = {"call": asdict(call), "seconds": seconds}
        self.rate = 0.0

    def __enter__(self) -> _Sender:
        command = [sys.executable, "-m", "scripts.benchmarks.steady"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._job))
        self._process.stdin.close()
        assert self._process.stdout.readline() == "begun\n"
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        self._process.stdout.close()
        if self._process.wait(60) != 0:
            raise SystemExit("bench: the sender of the steady stream failed")
        self.rate = float(told)


def _main() -> None:
    job = json.load(sys.stdin)
    call, batches = Call(**job["call"]), round(job["seconds"] * A_SECOND / BATCH)
    lines = [json.dumps(said(each)) for each in new_contents(batches * BATCH, time.time_ns(), within=LATELY)]
    bodies = ["\n".join(lines[at : at + BATCH]) for at in range(0, len(lines), BATCH)]
    print("begun", flush=True)
    began = time.monotonic()

    def send(body: str) -> int:
        return int(json.loads(one(replace(call, body=body)))["data"]["inserted"])

    with ThreadPoolExecutor(16) as pool:
        sent = []
        for number, body in enumerate(bodies):
            time.sleep(max(0.0, began + number * BATCH / A_SECOND - time.monotonic()))
            sent.append(pool.submit(send, body))
        recorded = sum(each.result() for each in sent)
    print(recorded / (time.monotonic() - began), flush=True)


if __name__ == "__main__":
    _main()
