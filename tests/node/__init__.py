"""Programs from npm that tests run: other people's clients and linters, as their users run them.

`package.json` names them and `scripts/setup-tests` brings them. A test that runs one says `node("program.mjs", …)`.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
_ROOT = FOLDER.parents[1]


@cache
def ready() -> None:
    """Bring the packages, where they are not there yet."""
    subprocess.run([_ROOT / "scripts/setup-tests"], check=True, stdout=subprocess.DEVNULL)


def node(*command: str | Path, seconds: float = 60) -> str:
    """What `node` prints when it runs that script of this folder with these arguments. Fails with what it says if it fails."""
    ready()
    ran = subprocess.run(
        [_ROOT / "scripts/with-node", "node", *command], cwd=FOLDER, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout
