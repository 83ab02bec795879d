"""What is specified holds on every engine, and where totals are read from rollups also where the ledger alone tells them."""

from __future__ import annotations

import pytest

from app.storage.sql import planner
from tests.conftest import DURABLE, ENGINES

_BY_LEDGER = {f"{engine}_by_ledger": engine for engine in DURABLE}


@pytest.fixture(params=[*ENGINES, *_BY_LEDGER])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of each engine in turn, those that have rollups once with and once without asking them."""
    name = str(request.param)
    if name in _BY_LEDGER:
        monkeypatch.setattr(planner, "ROLLUPS", ())
    return _BY_LEDGER.get(name, name)
