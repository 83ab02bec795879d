"""A load generator: sends one request again and again over a few connections, and times every answer.

It runs as a process of its own (`python -m scripts.benchmarks.load` reads a job from each line of its standard input), so that
the server and the load share the machine as a server and its callers do, and no interpreter. It is started once: a start takes as
long as a short measurement.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Call:
    """A request: `url` is whole, and a body is sent as JSON with POST."""

    url: str
    token: str
    body: str | None = None
    content_type: str = "application/json"

    def bytes(self) -> bytes:
        """The request as it goes over the wire."""
        parts = urlsplit(self.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"{'GET' if self.body is None else 'POST'} {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Authorization: Bearer {self.token}",
            "Accept: application/json",
        ]
        body = (self.body or "").encode()
        if self.body is not None:
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass(frozen=True, slots=True)
class Timed:
    """What came of it: answers and how long they took, in milliseconds."""

    answers: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


def one(call: Call) -> bytes:
    """The body of one answer."""
    parts = urlsplit(call.url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=300) as connection:
        connection.sendall(call.bytes())
        received = b""
        while (answer := _answer(received)) is None:
            part = connection.recv(1 << 20)
            if not part:
                raise ConnectionError(f"{call.url}: the answer broke off")
            received += part
    status, body = answer
    if status != 200:
        raise ValueError(f"{call.url}: {status} {body[:500]!r}")
    return body


def timed(call: Call, *, seconds: float, connections: int) -> Timed:
    """Send the request for so long, on so many connections at once, each waiting for its answer."""
    job = {"call": asdict(call), "seconds": seconds, "connections": connections}
    generator = _generator()
    assert generator.stdin is not None
    assert generator.stdout is not None
    generator.stdin.write(json.dumps(job) + "\n")
    generator.stdin.flush()
    told = generator.stdout.readline()
    if not told:
        raise RuntimeError("the load generator ended; what it said stands above")
    return Timed(**json.loads(told))


@cache
def _generator() -> subprocess.Popen[str]:
    """The process that sends. It ends with this one, at the end of its standard input."""
    command = [sys.executable, "-m", "scripts.benchmarks.load"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answer(received: bytes) -> tuple[int, bytes] | None:
    """Status and body, once the answer is whole."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return None
    length = None
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if length is None:
        raise ValueError("an answer without a content-length")
    return (int(head[9:12]), body) if len(body) >= length else None


class _Connection:
    """One connection: how many bytes of the answer are still to come."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = -1
        self.head = b""
        self.began = 0.0

    def send(self, request: bytes) -> None:
        self.left, self.head, self.began = -1, b"", time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what is there; whether the answer is whole."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection")
        if self.left >= 0:
            self.left -= len(part)
            return self.left == 0
        self.head += part
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return False
        if self.head[9:12] not in (b"200", b"201"):
            raise ValueError(self.head[:1_000])
        lower = self.head[:end].lower()
        at = lower.index(b"content-length:") + 15
        stop = lower.find(b"\r\n", at)
        self.left = int(lower[at : stop if stop >= 0 else end]) - (len(self.head) - end - 4)
        return self.left == 0


def _main() -> None:
    for line in sys.stdin:
        print(json.dumps(_sent(json.loads(line))), flush=True)


def _sent(job: dict[str, Any]) -> dict[str, float]:
    call = Call(**job["call"])
    parts = urlsplit(call.url)
    request = call.bytes()
    took: list[float] = []
    selector = selectors.DefaultSelector()
    open_ = [_Connection(parts.hostname or "", parts.port or 80) for _ in range(job["connections"])]
    began = time.perf_counter()
    until = began + job["seconds"]
    for each in open_:
        selector.register(each.socket, selectors.EVENT_READ, each)
        each.send(request)
    under_way = len(open_)
    while under_way:
        for key, _ in selector.select():
            each = key.data
            if each.receive():
                moment = time.perf_counter()
                took.append(moment - each.began)
                if moment < until:
                    each.send(request)
                else:
                    selector.unregister(each.socket)
                    each.socket.close()
                    under_way -= 1
    seconds = time.perf_counter() - began
    took.sort()
    p50, p99 = (took[min(len(took) - 1, int(len(took) * part))] * 1_000 for part in (0.5, 0.99))
    selector.close()
    return {"answers": len(took), "seconds": seconds, "p50": p50, "p99": p99}


if __name__ == "__main__":
    _main()
