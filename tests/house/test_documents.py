"""What there is, the README names: every setting and every command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from app.cli import app
from app.settings import PREFIX, Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in README


def commands() -> list[str]:
    root = typer.main.get_command(app)
    found = []
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [name] if inner is None else [f"{name} {each}" for each in inner]
    return sorted(found)


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_readme(command: str) -> None:
    group, _, name = command.partition(" ")
    rows = [row for row in README.splitlines() if row.startswith(f"| `gateway {group}")]
    assert any(not name or re.search(rf"`(?:gateway {group} )?{name}`", row) for row in rows)
