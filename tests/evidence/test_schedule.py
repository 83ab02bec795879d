"""Checkpoints on a schedule: what has grown is signed, kept and sent; what was not delivered is sent again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.account import Account, Principal
from app.domain.errors import InvalidSetting, Unavailable
from app.evidence.checkpoints import Document, page
from app.evidence.keys import Signer
from app.evidence.schedule import Schedule
from app.evidence.verification import roots_in, verify_ledger
from app.evidence.verifier import pinned
from app.ledger.commands import Rules, record
from app.ports import Store
from app.reports.report import PageRequest
from app.settings import load
from app.storage.witnesses import to_file, to_log, to_webhook
from tests.conftest import Clock
from tests.events import usage


@pytest.fixture
def signer(store: Store, clock: Clock) -> Signer:
    return Signer(store, clock=clock)


class Witness:
    """Keeps what it is sent, unless it is away."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self.away = False

    async def __call__(self, document: Document) -> None:
        if self.away:
            raise Unavailable("away")
        self.seen.append((document["statement"]["account"], document["statement"]["sequence"]))


async def test_each_ledger_that_has_grown_is_signed_once_kept_and_sent(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, signer: Signer
) -> None:
    witness = Witness()
    schedule = Schedule(store, signer, 60, {"witness": witness})
    assert await schedule.round()
    assert witness.seen == []  # nothing is recorded yet

    await record(store, admin, [usage(), usage()], rules=rules)
    await schedule.round()
    await record(store, stranger, [usage()], rules=rules)
    await schedule.round()
    await schedule.round()
    assert witness.seen == [("acme", 2), ("globex", 1)]
    await record(store, admin, [usage()], rules=rules)
    await schedule.round()
    assert witness.seen[2:] == [("acme", 3)]
    kept = (await page(store, admin, PageRequest())).rows
    assert [each["statement"]["sequence"] for each in kept] == [3, 2]


async def test_what_was_not_delivered_is_sent_again_or_stood_for_by_a_newer_one(
    store: Store, account: Account, admin: Principal, rules: Rules, signer: Signer
) -> None:
    witness, other = Witness(), Witness()
    schedule = Schedule(store, signer, 60, {"witness": witness, "other": other})
    await record(store, admin, [usage()], rules=rules)
    witness.away = True
    with capture_logs() as logs:
        assert not await schedule.round()
    assert [(each["event"], each["to"], each["sequence"]) for each in logs] == [("checkpoint was not delivered", "witness", 1)]
    await record(store, admin, [usage()], rules=rules)
    witness.away = False
    assert await schedule.round()
    assert (witness.seen, other.seen) == ([("acme", 2)], [("acme", 1), ("acme", 2)])


async def test_a_file_holds_what_a_ledger_is_verified_by(
    store: Store, account: Account, admin: Principal, rules: Rules, signer: Signer, tmp_path: Path
) -> None:
    file = tmp_path / "checkpoints.jsonl"
    schedule = Schedule(store, signer, 60, {"file": to_file(file)})
    for _ in range(3):
        await record(store, admin, [usage()], rules=rules)
        await schedule.round()
    roots = roots_in(file.read_text(), pinned(json.dumps(await signer.jwks())), account)
    assert (await verify_ledger(store, account, roots)).checkpoints == (1, 2, 3)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unavailable, match="the file of checkpoints cannot be written"):
        await to_file(tmp_path)({})


class Hook(BaseHTTPRequestHandler):
    """A webhook that keeps what it is sent, and answers as it is told to."""

    seen: list[tuple[str, Any]]
    answer: int

    def do_POST(self) -> None:
        type(self).seen.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(self.answer)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    kind = type("OwnHook", (Hook,), {"seen": [], "answer": 204})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook?secret=s3cret", kind
    server.shutdown()
    server.server_close()


async def test_a_webhook_is_posted_the_checkpoint(hook: tuple[str, type[Hook]]) -> None:
    url, kind = hook
    await to_webhook(url)({"statement": {"é": 1}})
    assert kind.seen == [("/hook?secret=s3cret", {"statement": {"é": 1}})]
    for answer in (302, 400, 500):
        kind.answer = answer
        with pytest.raises(Unavailable, match=f"answered {answer}"):
            await to_webhook(url)({})
    assert [path for path, _ in kind.seen] == ["/hook?secret=s3cret"] * 4  # nobody was followed elsewhere
    with pytest.raises(Unavailable, match="cannot be reached") as refused:
        await to_webhook("http://127.0.0.1:1/hook?secret=s3cret")({})
    assert "s3cret" not in str(refused.value.detail)


async def test_the_log_is_told_the_checkpoint_whole() -> None:
    with capture_logs() as logs:
        await to_log({"statement": {"sequence": 4}})
    assert [(each["event"], json.loads(each["document"])) for each in logs] == [("checkpoint", {"statement": {"sequence": 4}})]


def test_a_webhook_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CHECKPOINT_WEBHOOK", "ftp://example.com/x")
    with pytest.raises(InvalidSetting, match="GATEWAY_CHECKPOINT_WEBHOOK: must be an http or https URL"):
        load()
