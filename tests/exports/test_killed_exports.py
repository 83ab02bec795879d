"""Workers in several processes, killed at random: a small twin of `scripts/prove killed-exports`."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.proofs import killed_exports


@pytest.mark.timeout(300)
async def test_an_export_ends_ready_and_the_same_whoever_is_killed(tmp_path: Path) -> None:
    seen = await killed_exports.prove(tmp_path, 8_000, 1, seed=1)

    assert (seen["rows"], seen["killed"]) == (8_000, 1)
    assert (seen["not ready"], seen["other"], seen["at once"]) == (0, 0, 0)
    assert seen["leases"] >= seen["exports"] + 1
