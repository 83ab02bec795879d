"""The OpenAPI document under many random calls: scripts/prove openapi [CALLS]; 300 of each operation by default."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import structlog

from app.domain.account import Permission
from tests.vendors.fuzzing.run import run
from tests.vendors.served import serving
from tests.vendors.world import fill


def main() -> int:
    """Print what schemathesis says, and pass its exit code on."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    calls = sys.argv[1] if len(sys.argv) > 1 else "300"
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as served:
        account = served.account("acme")
        served.run(fill(served.services.store, served.principal(account)))
        token = served.token(account, Permission.REPORT_READ, Permission.REPORT_EXPORT, Permission.USAGE_WRITE)
        done = run(served.url, token, Path(folder), "--max-examples", calls, seconds=3_600)
    print(done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
