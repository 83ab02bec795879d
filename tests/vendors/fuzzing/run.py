"""Running schemathesis against a gateway: all of its checks, with a fixed seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = 20_260_401


def run(url: str, token: str, folder: Path, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """One run in a process of its own, whose exit code is 0 where nothing was found. What it keeps goes to `folder`."""
    command = [
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIG), "run", f"{url}/api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {token}", "--checks", "all", "--seed", str(SEED), "--no-color"),
        *arguments,
    ]
    # The hooks are found from the project's root, and nothing is written there.
    environment = os.environ | {"PYTHONPATH": str(CONFIG.parents[3])}
    return subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds
    )
