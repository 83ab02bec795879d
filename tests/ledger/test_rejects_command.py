"""`gateway rejects …` as an operator meets it: from a broken import to a replay that leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.domain.errors import NotFound
from tests.ledger.test_format_command import METER, Desk

LINES = '{"id": "a", "at": "2026-03-01T10:00:00Z", "n": 1}\n{"id": "b", "at": "2026-03-01T10:00:00Z", "amount": 2}\n'


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'gateway.db'}")
    made = Desk(tmp_path)
    made.run("format", "save", made.put("meter.json", METER))
    done = made.run("import", made.put("usage.jsonl", LINES), "--format", "meter")
    assert done.stdout == "1 inserted, 0 duplicate, 0 conflict, 1 rejected\n"
    assert "`gateway rejects list` has them" in done.stderr
    return made


def test_what_was_refused_is_listed_shown_and_replayed(desk: Desk) -> None:
    [listed] = json.loads(desk.run("rejects", "list", "--json").stdout)
    assert (listed["id"], listed["status"], listed["format"], listed["sender_id"]) == ("rej_1_1", "rejected", "meter@1", "b")
    assert listed["payload"] == LINES.splitlines()[1]
    assert "rej_1_1" in desk.run("rejects", "list").stdout
    assert json.loads(desk.run("rejects", "show", "rej_1_1").stdout) == listed

    again = desk.run("rejects", "replay", "--strict")
    assert (again.exit_code, again.stdout) == (1, "0 inserted, 0 duplicate, 0 conflict, 1 rejected\n")
    assert again.stderr == "  rej_1_1: n: is missing, and so is charge: a usage event has one of them or both\n"

    mended = METER | {"fields": METER["fields"] | {"quantity": {"path": "n || amount"}}}
    desk.run("format", "save", desk.put("meter.json", mended))
    done = desk.run("rejects", "replay", "--strict")
    assert (done.exit_code, done.stdout) == (0, "1 inserted, 0 duplicate, 0 conflict, 0 rejected\n")
    assert json.loads(desk.run("rejects", "list", "--json").stdout) == []
    [told] = json.loads(desk.run("rejects", "list", "--status", "recorded", "--json").stdout)
    assert (told["sequence"], told["payload"], told["format"]) == (4, None, "meter@2")
    assert json.loads(desk.run("rejects", "replay", "--json").stdout)["inserted"] == 0


def test_a_reject_is_dropped_for_good(desk: Desk) -> None:
    assert desk.run("rejects", "drop", "rej_1_1").stdout == "dropped rej_1_1\n"
    assert desk.run("rejects", "drop", "rej_1_1").stdout == "nothing left to drop\n"
    assert json.loads(desk.run("rejects", "show", "rej_1_1").stdout)["payload"] is None
    assert b"amount" not in b"".join(path.read_bytes() for path in desk.folder.glob("gateway.db*"))


@pytest.mark.parametrize("words", [("show", "rej_1_2"), ("show", "evt_1_1"), ("replay", "rej_2_1"), ("drop", "rej_1_9")])
def test_a_reject_that_is_not_there_is_not_found(desk: Desk, words: tuple[str, str]) -> None:
    assert isinstance(desk.run("rejects", *words).exception, NotFound)
