"""`gateway format …` as an operator meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.domain.errors import InvalidBody, InvalidEvent, NotFound
from app.ledger.formats import NAMES, document_of

METER: dict[str, Any] = {
    "version": 1,
    "name": "meter",
    "description": "What our meters send.",
    "fields": {"id": {"path": "id"}, "occurred_at": {"path": "at"}, "quantity": {"path": "n"}},
}


class Desk:
    """A database with the account `acme`, and a folder for files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        assert self.run("account", "create", "acme", account=False).exit_code == 0

    def put(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def run(self, *words: str, account: bool = True, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, [*words, *(["--account", "acme"] if account else [])], input=stdin)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'gateway.db'}")
    monkeypatch.setenv("COLUMNS", "160")
    return Desk(tmp_path)


def test_a_format_is_saved_listed_shown_and_read_with(desk: Desk) -> None:
    saved = desk.run("format", "save", desk.put("meter.json", METER))
    assert (saved.exit_code, saved.stdout.split(", SHA-256 ")[0]) == (0, "saved meter@1")
    assert desk.run("format", "save", "-", stdin=json.dumps(METER | {"none": ["-"]})).stdout.startswith("saved meter@2")

    listed = json.loads(desk.run("format", "list", "--json").stdout)
    assert [each["name"] for each in listed] == [*NAMES, "meter"]
    assert (listed[-1]["ref"], listed[-1]["description"]) == ("meter@2", "What our meters send.")
    assert any("meter" in line and "│ 2 " in line for line in desk.run("format", "list").stdout.splitlines())
    assert json.loads(desk.run("format", "show", "meter@1").stdout) == METER
    assert json.loads(desk.run("format", "show", "focus").stdout) == document_of("focus")

    line = desk.put("usage.jsonl", '{"id": "a", "at": "2026-03-01T10:00:00Z", "n": 1}\n')
    assert desk.run("import", line, "--format", "meter").stdout == "1 inserted, 0 duplicate, 0 conflict, 0 rejected\n"


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("{", InvalidBody, "the document is not JSON: expecting property name enclosed in double quotes"),
        (METER | {"version": 2}, InvalidEvent, "version: must be 1"),
    ],
)
def test_what_is_no_format_is_not_saved(desk: Desk, content: Any, error: type[Exception], message: str) -> None:
    refused = desk.run("format", "save", desk.put("meter.json", content))
    assert isinstance(refused.exception, error)
    assert str(refused.exception) == message
    assert [each["name"] for each in json.loads(desk.run("format", "list", "--json").stdout)] == list(NAMES)


def test_a_format_that_nobody_saved_is_not_found(desk: Desk) -> None:
    assert isinstance(desk.run("format", "show", "meter").exception, NotFound)
