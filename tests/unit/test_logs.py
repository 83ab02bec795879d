"""What log lines hold, and what they must never hold."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAILING = """
import structlog
from app.observability.logs import configure

configure("info", as_json={as_json})
token = "gwk_" + "secret"
try:
    1 / 0
except ZeroDivisionError:
    structlog.stdlib.get_logger("gateway.test").exception("call failed", request_id="req_1")
"""


@pytest.mark.parametrize("as_json", [False, True])
def test_a_logged_failure_tells_where_it_happened_and_no_local_variables(as_json: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FAILING.format(as_json=as_json)], capture_output=True, text=True, check=True, timeout=60
    )

    assert "call failed" in ran.stderr
    assert "req_1" in ran.stderr
    assert "ZeroDivisionError: division by zero" in ran.stderr
    assert "gwk_secret" not in ran.stderr
