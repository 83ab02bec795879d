"""GraphQL over HTTP, as its own audit has it: every MUST, every SHOULD and every MAY, asked of a running server."""

from __future__ import annotations

import json
from pathlib import Path

from app.domain.account import Permission
from tests.node import node
from tests.vendors.served import serving


def test_a_running_server_passes_the_audit_of_graphql_over_http(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        token = served.token(served.account("acme"), Permission.REPORT_READ)
        audits = json.loads(node("audit.mjs", f"{served.url}/graphql", token))
    levels = [each["name"].split()[0] for each in audits]
    assert {level: levels.count(level) for level in set(levels)} == {"MUST": 13, "SHOULD": 23, "MAY": 25}
    assert [each for each in audits if each["status"] != "ok"] == []
