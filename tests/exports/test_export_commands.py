"""`gateway export …`: waited for, listed, shown, fetched, handed on, called off and deleted from the command line."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.cli import exporting
from app.domain.errors import Conflict, ExportNotReady, InvalidEvent, InvalidQuery, NotFound
from app.exports import freeze
from app.exports.freeze import create
from app.exports.order import Order
from tests.exports.test_command import acts, gateway, place
from tests.exports.test_jobs import LEFT

__all__ = ["place"]
ACME = ("--account", "acme", "--json")


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every export is one that is left to a worker."""
    monkeypatch.setattr(exporting, "create", partial(create, patience=LEFT))


def told(*words: str) -> Any:
    """What a command prints as JSON; a worker's lines may stand before it, which `main` would have kept apart."""
    ran = gateway("export", *words)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout.splitlines()[-1])


def test_what_is_short_is_ready_at_once(place: Path) -> None:
    made = told("create", "usage-ledger", "--format", "csv", *ACME)

    assert (made["status"], made["rows"], made["rows_expected"], made["as_of"]) == ("ready", 4, 4, 6)
    assert told("show", made["id"], *ACME) == made
    words = gateway("export", "show", made["id"], "--account", "acme").stdout.splitlines()
    assert words[:4] == [
        f"export           {made['id']}",
        "status           ready",
        "report           usage-ledger as csv, as of sequence 6",
        "rows             4 of 4",
    ]
    assert words[-1] == f"artifact digest  {made['artifact_digest']}"


def test_what_is_long_is_left_to_a_server_unless_it_is_waited_for(place: Path, long: None) -> None:
    left = told("create", "usage-ledger", *ACME)
    made = told("create", "usage-ledger", "--as-of", "6", "--wait", *ACME)
    told("create", "usage-ledger", "--as-of", "6", "--out", "out.json", *ACME)

    assert (left["status"], left["digest"]) == ("pending", None)
    assert (made["status"], made["rows"]) == ("ready", 4)
    assert (place / "out.json").stat().st_size == made["size"]
    assert [each["status"] for each in told("list", *ACME)] == ["ready", "ready", "pending"]


def test_waiting_ends_with_the_reason_where_there_is_no_file_in_the_end(
    place: Path, long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def later(*_: Any) -> None:
        """Nothing is tried while the caller waits, so that what is wrong is found by the worker."""

    def refusing(*_: Any) -> Any:
        raise NotFound("no license l9")

    monkeypatch.setattr(freeze, "_made_in_time", later)
    monkeypatch.setattr(Order, "parts", refusing)
    ran = gateway("export", "create", "usage-ledger", "--out", "out.json", *ACME)

    assert isinstance(ran.exception, ExportNotReady)
    (failed,) = told("list", *ACME)
    assert (ran.exception.message, ran.exception.detail) == (f"export {failed['id']} failed and has no file", "no license l9")
    assert (failed["status"], failed["reason"]) == ("failed", "no license l9")
    assert not (place / "out.json").exists()


def test_exports_are_listed_by_what_they_are(place: Path, long: None) -> None:
    told("create", "usage-ledger", *ACME)
    made = told("create", "usage-summary", "--format", "csv", "--wait", *ACME)

    for words in (("--format", "csv"), ("--report", "usage-summary"), ("--status", "ready", "--created-by", "key operator")):
        assert [each["id"] for each in told("list", *words, *ACME)] == [made["id"]]
    assert told("list", "--created-by", "key other", *ACME) == []
    table = gateway("export", "list", "--account", "acme", "--limit", "1").stdout
    assert table.splitlines()[-1] == "and more; --limit and the filters show them"
    refused = gateway("export", "list", "--created-by", "a\0", *ACME)
    assert isinstance(refused.exception, InvalidQuery)


def test_a_file_is_fetched_by_the_exports_id(place: Path) -> None:
    made = told("create", "usage-ledger", *ACME)
    fetched = told("download", made["id"], "--out", "out.json", *ACME)

    assert fetched == made | {"manifest": "out.json.manifest.json"}
    assert (place / "out.json").stat().st_size == made["size"]
    assert acts(place) == ["export.created", "export.downloaded"]
    unknown = gateway("export", "download", "rptx_0", "--out", "other.json", *ACME)
    assert isinstance(unknown.exception, NotFound)
    assert not (place / "other.json").exists()


def test_a_link_is_made_for_a_time(place: Path) -> None:
    made = told("create", "usage-ledger", *ACME)
    link = told("link", made["id"], "--expires", "1h", *ACME)

    assert set(link) == {"url", "expires_at"}
    assert link["url"].startswith("http://127.0.0.1:8000/downloads/1.")
    assert gateway("export", "link", made["id"], "--account", "acme").stdout.splitlines()[1].startswith("expires 20")
    assert acts(place) == ["export.created", "export.shared", "export.shared"]
    for span, field in (("31d", "lifetime"), ("1y", "expires")):
        refused = gateway("export", "link", made["id"], "--expires", span, *ACME)
        assert isinstance(refused.exception, InvalidEvent)
        assert refused.exception.field == field


def test_exports_are_called_off_and_files_deleted(place: Path, long: None) -> None:
    left = told("create", "usage-ledger", *ACME)
    made = told("create", "usage-ledger", "--wait", *ACME)

    cancelled, deleted = told("cancel", left["id"], *ACME), told("delete", made["id"], *ACME)
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "cancelled by key operator")
    assert (deleted["status"], deleted["digest"]) == ("expired", made["digest"])
    assert list((place / "artifacts").iterdir()) == []
    for words in (("cancel", made["id"]), ("delete", left["id"])):
        assert isinstance(gateway("export", *words, *ACME).exception, Conflict)
    assert isinstance(gateway("export", "download", made["id"], "--out", "x", *ACME).exception, ExportNotReady)
    assert acts(place) == ["export.created", "export.created", "export.cancelled", "export.expired"]
