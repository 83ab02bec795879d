"""Drift: what is told of the changes since an export was frozen is the very list of changes that were made."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.domain.account import Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import Correction, EntryKind
from app.domain.errors import InvalidQuery, NotFound, ScopeDenied
from app.evidence.drift import Change, ChangeKind, Drift, changes, counted, differences, drift, erasures, page
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.erasure import erase
from app.ports import Files, Store
from app.reports.report import PageRequest
from tests.conftest import ENGINES, Clock
from tests.events import activity, usage
from tests.exports.world import ASKED, correct, fill, frozen

ADDED, AMENDED, RETRACTED = ChangeKind.ADDED, ChangeKind.AMENDED, ChangeKind.RETRACTED


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def every(store: Store, found: Drift) -> list[Change]:
    return [each async for batch in changes(store, found) for each in batch]


async def test_each_change_tells_who_when_and_why(
    store: Store, files: Files, admin: Principal, rules: Rules, clock: Clock
) -> None:
    await fill(store, admin, rules)
    export = await frozen(store, files, admin, rules)
    clock.advance(hours=1)
    await correct(store, admin, rules)

    found = await drift(store, admin, export.id)
    told = await every(store, found)

    assert [(each.kind, [entry.sequence for entry in each.entries]) for each in told] == [
        (AMENDED, [8, 9]),
        (RETRACTED, [10]),
        (ADDED, [11]),
    ]
    assert [(each.first.actor, each.first.reason, each.first.recorded_at) for each in told] == [
        ("key k1", "typo", clock.now),
        ("key k1", "never happened", clock.now),
        (None, None, clock.now),
    ]
    assert await counted(store, found) == {ADDED: 1, AMENDED: 1, RETRACTED: 1}
    assert {(each.measure, each.unit): (each.then, each.now, each.change) for each in await differences(store, found)} == {
        ("events", None): (4, 4, 0),
        ("quantity", "GB"): (Decimal("-2.5"), 0, Decimal("2.5")),
        ("quantity", "call"): (Decimal("2.000000000000000001"), Decimal("9.000000000000000001"), 7),
        ("charge", "EUR"): (Decimal("0.1"), Decimal("0.1"), 0),
        ("charge", "USD"): (3, 3, 0),
    }
    assert await erasures(store, found) == []


async def test_nothing_has_drifted_at_the_point_of_the_freeze(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    await fill(store, admin, rules)
    export = await frozen(store, files, admin, rules)
    await correct(store, admin, rules)
    found = await drift(store, admin, export.id, export.as_of)
    assert await every(store, found) == []
    assert {each.change for each in await differences(store, found)} == {0}
    assert (await page(store, found, PageRequest())).rows == []


async def test_what_filters_leave_out_is_left_out_of_a_change(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(id=str(at), customer_id=f"c{at % 2}") for at in range(4)], rules=rules)
    export = await frozen(store, files, admin, rules, parameters={"customer_id": ["c0"]})
    await amend(store, admin, "evt_1_1", {"customer_id": "c1"}, rules=rules, reason="moves out")
    await amend(store, admin, "evt_1_2", {"customer_id": "c0"}, rules=rules, reason="moves in")
    await amend(store, admin, "evt_1_4", {"quantity": "9"}, rules=rules, reason="another customer's")
    await retract(store, admin, "evt_1_3", rules=rules, reason="gone")

    found = await drift(store, admin, export.id)
    told = await every(store, found)

    assert [(each.kind, each.first.reason, [entry.correction for entry in each.entries]) for each in told] == [
        (AMENDED, "moves out", [Correction.REVERSAL]),
        (AMENDED, "moves in", [Correction.REPLACEMENT]),
        (RETRACTED, "gone", [Correction.REVERSAL]),
    ]
    for size in (1, 2, 3, 4):
        assert (await page(store, found, PageRequest(first=size))).rows == told[:size]
        assert (await page(store, found, PageRequest(last=size))).rows == told[-size:]


async def test_a_report_about_a_subject_tells_what_became_of_it_too(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await fill(store, admin, rules)
    audit = await frozen(store, files, admin, rules, "license-audit")
    ledger = await frozen(store, files, admin, rules, "usage-ledger", parameters={"license_id": ["l1"]})
    await record(store, admin, [activity(action="license.revoked")], rules=rules, kind=EntryKind.ACTIVITY)
    await upsert(store, admin, RecordKind.LICENSE, "l1", {"status": "revoked"}, rules=rules)
    told = await every(store, await drift(store, admin, audit.id))
    assert [(each.kind, each.first.action) for each in told] == [(ADDED, "license.revoked"), (ADDED, "license.updated")]
    assert await every(store, await drift(store, admin, ledger.id)) == []


async def test_groups_that_differ_are_told_with_their_keys(store: Store, files: Files, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(product_id="a"), usage(product_id="b")], rules=rules)
    export = await frozen(store, files, admin, rules, "usage-summary", parameters={"group_by": ["product_id"]})
    await record(store, admin, [usage(product_id="b", quantity="2"), usage(product_id="c", quantity="0")], rules=rules)
    told = [
        (each.measure, each.unit, each.keys, each.then, each.now, each.change)
        for each in await differences(store, await drift(store, admin, export.id))
    ]
    b, c = {"product_id": "b"}, {"product_id": "c"}
    assert told == [
        ("events", None, {}, 2, 4, 2),
        ("quantity", "call", {}, 2, 4, 2),
        ("events", None, b, 1, 2, 1),
        ("quantity", "call", b, 1, 3, 2),
        ("events", None, c, 0, 1, 1),
    ]


async def test_what_was_erased_of_what_the_export_covers_is_told(
    store: Store, files: Files, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(message="secret")], rules=rules)
    export = await frozen(store, files, admin, rules)
    await record(store, admin, [usage(message="later")], rules=rules)
    await erase(store, admin, "act_1_1", rules=rules)
    await erase(store, admin, "act_1_3", rules=rules)
    [told] = await erasures(store, await drift(store, admin, export.id))
    assert (told.sequences, told.texts, told.actor) == ((1,), ("message",), "key k1")


async def test_what_cannot_be_compared_is_refused(
    store: Store,
    files: Files,
    admin: Principal,
    stranger: Principal,
    rules: Rules,
    caller_with: Callable[..., Principal],
) -> None:
    await fill(store, admin, rules)
    export = await frozen(store, files, admin, rules)
    with pytest.raises(InvalidQuery, match="asOf: lies before sequence 6, at which the export was frozen"):
        await drift(store, admin, export.id, 5)
    for caller, id_ in ((stranger, export.id), (admin, "rptx_1")):
        with pytest.raises(NotFound):
            await drift(store, caller, id_)
    with pytest.raises(ScopeDenied):
        await drift(store, caller_with(Permission.REPORT_READ), export.id)
    found = await drift(store, admin, export.id)
    for request in (PageRequest(after="x"), PageRequest(first=201), PageRequest(first=1, last=1)):
        with pytest.raises(InvalidQuery):
            await page(store, found, request)


@pytest.mark.parametrize("kind", ["usage-summary", "usage-ledger", "customer-summary"])
async def test_drift_is_the_log_of_the_mutations_made(
    store: Store, files: Files, admin: Principal, rules: Rules, clock: Clock, kind: str
) -> None:
    draw = random.Random(kind)
    await fill(store, admin, rules)
    asked = {**ASKED[kind]} if kind != "usage-ledger" else {"customer_id": ["c1"]}
    asked.pop("bucket", None)
    if kind == "usage-summary":
        asked = {"group_by": ["product_id"], "customer_id": ["c1"]}
    export = await frozen(store, files, admin, rules, kind, parameters=asked)
    log = await mutate(store, admin, rules, clock, draw, steps=60)

    found = await drift(store, admin, export.id)
    told = await every(store, found)

    assert [(each.kind, each.first.reason, len(each.entries)) for each in told] == [each[:3] for each in log]
    assert await counted(store, found) == {each: Counter(kind for kind, *_ in log)[each] for each in ChangeKind}
    # The differences are the sums of what the changes' entries say.
    sums: Counter[tuple[str, str | None]] = Counter()
    for each in told:
        for entry in each.entries:
            sums["events", None] += entry.sign
            sums["quantity", entry.unit] += entry.quantity or 0  # type: ignore[assignment]
    totals = [each for each in await differences(store, found) if not each.keys and each.measure != "charge"]
    assert {(each.measure, each.unit): each.change for each in totals if each.change} == {k: v for k, v in sums.items() if v}
    # Pages of any size, either way, are the same list.
    for size in (1, 7, 50):
        assert await walk(store, found, size, backward=False) == told
        assert await walk(store, found, size, backward=True) == told


async def walk(store: Store, found: Drift, size: int, *, backward: bool) -> list[Change]:
    met: list[Change] = []
    place: str | None = None
    while True:
        request = PageRequest(last=size, before=place) if backward else PageRequest(first=size, after=place)
        got = await page(store, found, request)
        met = [*got.rows, *met] if backward else [*met, *got.rows]
        if not (got.has_previous if backward else got.has_next):
            return met
        place = got.cursors[0 if backward else -1]


async def mutate(
    store: Store, admin: Principal, rules: Rules, clock: Clock, draw: random.Random, *, steps: int
) -> list[tuple[ChangeKind, str | None, int]]:
    """Random mutations; of those that are about customer c1 what a drift should tell: kind, reason, entries."""
    log: list[tuple[ChangeKind, str | None, int]] = []
    standing: dict[str, str] = {"evt_1_1": "c1", "evt_1_2": "c2", "evt_1_3": "c1"}
    for step in range(steps):
        clock.advance(minutes=draw.randint(0, 90))
        act = draw.choice(("record", "amend", "amend", "retract")) if standing else "record"
        reason = f"step {step}"
        if act == "record":
            customer = draw.choice(("c1", "c2"))
            said: dict[str, Any] = {"unit": draw.choice(("call", "GB")), "quantity": f"{draw.randint(-9, 99)}.25"}
            [outcome] = await record(store, admin, [usage(customer_id=customer, **said)], rules=rules)
            assert outcome.entry is not None
            standing[outcome.entry.event_ref] = customer
            if customer == "c1":
                log.append((ADDED, None, 1))
            continue
        ref = draw.choice(sorted(standing))
        before = standing[ref]
        if act == "retract":
            await retract(store, admin, ref, rules=rules, reason=reason)
            del standing[ref]
            if before == "c1":
                log.append((RETRACTED, reason, 1))
            continue
        after = draw.choice((before, before, "c1", "c2"))
        changed = {"quantity": str(draw.randint(1, 99)), "customer_id": after}
        await amend(store, admin, ref, changed, rules=rules, reason=reason)
        standing[ref] = after
        if "c1" in (before, after):
            log.append((AMENDED, reason, (before == "c1") + (after == "c1")))
    return log
