"""What a start waits for: no library that only some calls need is loaded before the first of them comes."""

from __future__ import annotations

import subprocess
import sys

LATER = ("PIL", "alembic", "asyncpg", "cel", "jwt", "lxml", "openpyxl", "prompt_toolkit", "reportlab")


def test_the_command_line_and_the_doors_load_no_library_that_only_some_calls_need() -> None:
    code = f"import sys, app.cli, app.api.factory; print([name for name in {LATER} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
