"""The example clients as their readers have them: compiled in a copy, so that nothing made stays, and run against the demo."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WITH_NODE = str(ROOT / "scripts" / "with-node")
EXAMPLES = Path("scripts") / "examples"


@dataclass(frozen=True)
class Client:
    """A copy of an example client, at the same place under a root of its own, where the schema lies too."""

    root: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.root / EXAMPLES / self.name

    @property
    def schema(self) -> Path:
        return self.root / "schema.graphql"

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end."""
        return subprocess.run(
            [WITH_NODE, *command],
            cwd=self.folder,
            env=environment() | settings,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


def environment() -> dict[str, str]:
    """What a shell would hand on; colours would stand between the words that tests look for."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")} | {"NO_COLOR": "1"}


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Client]:
    """Copies a client, without what was made in it; its packages are those of set-up."""

    def copy(name: str) -> Client:
        client = Client(tmp_path_factory.mktemp(name), name)
        made = shutil.ignore_patterns("node_modules", "dist", "generated", "__generated__")
        shutil.copytree(ROOT / EXAMPLES / name, client.folder, ignore=made)
        packages = ROOT / EXAMPLES / name / "node_modules"
        if not packages.is_dir():
            pytest.fail(f"the npm packages of {EXAMPLES / name} are not there: scripts/setup-tests fetches them")
        (client.folder / "node_modules").symlink_to(packages)
        shutil.copy(ROOT / "schema.graphql", client.schema)
        return client

    return copy
