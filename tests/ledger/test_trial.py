"""Trying a format on samples: what each would become, and that nothing is recorded or kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.errors import PayloadTooLarge, ScopeDenied
from app.domain.instant import parse_instant
from app.domain.reject import RejectFilters
from app.ledger.commands import Rules, record
from app.ledger.formats import load, named, sample_of
from app.ledger.trial import LARGEST, MOST_SAMPLES, Tried, try_format
from app.ports import Store
from tests.asking import nothing_written
from tests.ledger.test_format_command import METER, Desk


def a_sample(**said: Any) -> dict[str, Any]:
    return {"id": "a", "at": "2026-03-01T10:00:00Z", "n": 1} | said


async def tried(store: Store, principal: Principal, *samples: Any, rules: Rules, document: Any = METER) -> list[Tried]:
    data = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in samples).encode()
    return await try_format(store, principal, load(document), data, rules=rules)


async def test_each_sample_is_told_as_it_would_stand_in_the_ledger(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    document = METER | {"fields": METER["fields"] | {"source": {"constant": "m"}}, "additional": "rest"}
    async with nothing_written(store, account):
        [only] = await tried(
            store, admin, '{"id": 7, "at": "2026-03-01T10:00:00Z", "n": 0.50, "x": 1.5}', rules=rules, document=document
        )
    assert (only.index, only.line, only.status.value, only.entry, only.field, only.reason) == (0, 1, "inserted", None, None, None)
    assert only.event == {
        "id": "7", "source": "m", "action": "usage.consumed", "occurred_at": parse_instant("2026-03-01T10:00:00Z", ""),
        "quantity": Decimal("0.5"), "additional_data": {"x": Decimal("1.5")},
    }  # fmt: skip


async def test_samples_are_compared_with_the_ledger_and_with_each_other(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [{"id": "a", "occurred_at": "2026-03-01T10:00:00Z", "quantity": 1}], rules=rules)
    async with nothing_written(store, account):
        found = await tried(
            *(store, admin, a_sample(), a_sample(n=2), a_sample(id="b"), a_sample(id="b"), a_sample(id="b", n=3)),
            *(a_sample(n="x"), "nonsense"),
            rules=rules,
        )
    assert [(each.status.value, each.entry and each.entry.event_ref, each.field, each.reason) for each in found] == [
        ("duplicate", "evt_1_1", None, None),
        ("conflict", "evt_1_1", "id", "was recorded as evt_1_1 with other content: quantity differs"),
        ("inserted", None, None, None),
        ("duplicate", None, None, None),
        ("conflict", None, "id", "stands before it with other content: quantity differs"),
        ("rejected", None, "n", "is not a decimal number"),
        ("rejected", None, None, "is not JSON: expecting value at column 1"),
    ]
    assert await store.rejects(account.id, limit=1, filters=RejectFilters(status=())) == []


async def test_samples_are_bounded(store: Store, admin: Principal, rules: Rules) -> None:
    assert len(await tried(store, admin, *[a_sample()] * MOST_SAMPLES, rules=rules)) == MOST_SAMPLES
    with pytest.raises(PayloadTooLarge, match="there are more than 100 samples"):
        await tried(store, admin, *[a_sample()] * (MOST_SAMPLES + 1), rules=rules)
    with pytest.raises(PayloadTooLarge, match="the body is larger than 1,048,576 bytes"):
        await try_format(store, admin, load(METER), gzip.compress(b" " * (LARGEST + 1)), rules=rules)


async def test_trying_needs_to_record(store: Store, caller_with: Callable[..., Principal], rules: Rules) -> None:
    with pytest.raises(ScopeDenied):
        await tried(store, caller_with(Permission.REPORT_READ), a_sample(), rules=rules)
    assert len(await tried(store, caller_with(Permission.USAGE_WRITE), a_sample(), rules=rules)) == 1


@pytest.fixture
def desk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'gateway.db'}")
    return Desk(tmp_path)


def test_the_command_line_tries_a_format_that_is_shipped_saved_or_still_a_file(desk: Desk) -> None:
    shown = desk.run("format", "try", "access-log")
    assert (shown.exit_code, shown.stdout.splitlines()[0]) == (0, "line 1: inserted")
    assert "  customer_id = frank" in shown.stdout.splitlines()

    file = desk.put("meter.json", METER)
    samples = desk.put("samples.jsonl", json.dumps(a_sample()) + "\n" + json.dumps(a_sample(n="x")))
    found = desk.run("format", "try", file, samples, "--json")
    assert found.exit_code == 1
    assert [json.loads(line) for line in found.stdout.splitlines()] == [
        {
            "index": 0, "line": 1, "status": "inserted", "event_ref": None, "field": None, "reason": None,
            "event": {
                "action": "usage.consumed", "id": "a", "occurred_at": "2026-03-01T10:00:00.000000Z", "quantity": 1,
                "source": "default",
            },
        },
        {
            "index": 1, "line": 2, "status": "rejected", "event_ref": None, "field": "n", "reason": "is not a decimal number",
            "event": None,
        },
    ]  # fmt: skip
    desk.run("format", "save", file)
    assert desk.run("format", "try", "meter", samples, "--json").stdout == found.stdout
    assert desk.run("format", "try", "meter").exit_code == 2
    assert json.loads(desk.run("rejects", "list", "--status", "rejected", "--json").stdout) == []


def test_the_samples_that_ship_are_read_by_their_format_alone() -> None:
    assert sample_of("focus")[0] == "focus.csv"
    assert named("access-log").input == "access-log"
