"""Tables in terminals of different widths."""

from __future__ import annotations

import pytest

from app.cli.tables import print_table

HEADINGS = ("id", "created", "why")
ROWS = [
    ("act_1_[2]", "2026-04-01T00:00:00.000000Z", "a reason that is a whole sentence, and longer than what is left"),
    ("act_1_3", "", ""),
]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_table_never_breaks_ids_and_instants(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(HEADINGS, ROWS, title="Some")
    told = capsys.readouterr().out
    assert all(len(line) <= width for line in told.splitlines())
    assert "act_1_[2]" in told
    assert "2026-04-01T00:00:00.000000Z" in told
    assert ("1 of 2" in told) == (width == 60)
