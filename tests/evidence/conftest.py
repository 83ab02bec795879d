"""What is signed does not depend on the engine behind it, so most of these tests run over the referee alone."""

from __future__ import annotations

import pytest


@pytest.fixture
def engine() -> str:
    """The referee among the engines."""
    return "memory"
