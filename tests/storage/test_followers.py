"""Writers in several processes, some killed, and readers that follow by cursor: a small twin of `scripts/prove followers`."""

from __future__ import annotations

import pytest

from scripts.proofs import followers
from tests.databases import DATABASES


@pytest.mark.timeout(300)
async def test_every_follower_holds_the_table_also_when_writers_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "FOLLOWERS", 2)
    url = await DATABASES.lend("followers")
    seen = await followers.prove(url, 5, kill=True)
    DATABASES.give_back("followers")
    assert seen["entries"] == seen["verified"] > 0
    assert seen["killed"] > 0
    assert seen["lost"] == 0
    assert seen["events"] == seen["ids"]
    assert seen["reversals"] > 0
    assert [(each["entries"], each["noted"]) for each in seen["followers"]] == [(seen["entries"], seen["noted"])] * 2
