"""The import rule is kept, and would notice if it were not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = str(Path(sys.executable).with_name("lint-imports"))


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run([LINT, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__", "static", "node_modules"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_rooms_are_kept(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("domain/entry.py", "import app.ledger.commands", "Rooms BROKEN"),
        ("reports/feed.py", "import fastapi", "The inside knows no framework BROKEN"),
        ("api/health.py", "import sqlalchemy", "Doors know no database BROKEN"),
        ("misc.py", "", "Rooms BROKEN"),
    ],
)
def test_a_planted_breach_is_noticed(copy: Path, module: str, line: str, contract: str) -> None:
    planted = copy / "app" / module
    before = planted.read_text() if planted.exists() else '"""Planted."""\n'
    planted.write_text(before + f"\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout
    # A module that no layer names is told in words of its own.
    assert contract in done.stdout or "Missing layer" in done.stdout or "misc" in done.stdout


@pytest.mark.parametrize("module", sorted((ROOT / "app").rglob("*.py"), key=str), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_what_it_is_for_and_has_a_name_that_says_something(module: Path) -> None:
    assert module.stem not in {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "misc"}
    assert module.read_text().startswith('"""')
