"""Recording a batch: what becomes of each item, and what stands in the ledger afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.entry import EntryKind
from app.domain.errors import InvalidEvent, ScopeDenied
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.outcome import Outcome, Status, tally
from app.ports import Store
from tests.asking import ledger_of, nothing_written
from tests.conftest import Clock
from tests.events import START, activity, at, usage


def told(outcomes: list[Outcome]) -> list[tuple[str, int | None]]:
    """Each item's status, and the sequence of the entry that stands for it."""
    return [(each.status.value, each.entry.sequence if each.entry else None) for each in outcomes]


async def test_what_was_recorded_is_read_back_as_it_was_said(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    said = usage(
        id="e1",
        source="meter",
        action="usage.api.called",
        occurred_at="2026-03-31T23:59:59.999999+02:00",
        license_id="l",
        order_id="o",
        subscription_id="s",
        feature_code="f",
        request_id="r",
        transaction_id="t",
        quantity="-12345678901234567890.123456789012345678",
        charge="0.000000000000000001",
        currency="EUR",
        status_code=503,
        message='naïve 😀 "quoted"\n',
        actor="Ada",
        additional_data={"ключ": [1, None, {"n": Decimal("0.10")}]},
    )
    [outcome] = await record(store, admin, [said], rules=rules)
    [entry] = await ledger_of(store, account)

    assert outcome == Outcome(Status.INSERTED, entry)
    assert (entry.account_id, entry.sequence, entry.recorded_at, entry.version) == (account.id, 1, START, 1)
    assert (entry.event, entry.correction, entry.corrects, entry.reason) == (None, None, None, None)
    assert (entry.kind, entry.action, entry.source, entry.sender_id) == (EntryKind.USAGE, "usage.api.called", "meter", "e1")
    assert entry.occurred_at.isoformat() == "2026-03-31T21:59:59.999999+00:00"
    assert (entry.product_id, entry.customer_id, entry.license_id, entry.order_id) == ("api", "c1", "l", "o")
    assert (entry.subscription_id, entry.feature_code, entry.request_id, entry.transaction_id) == ("s", "f", "r", "t")
    assert (entry.quantity, entry.unit) == (Decimal("-12345678901234567890.123456789012345678"), "call")
    assert (entry.charge, entry.currency) == (Decimal("0.000000000000000001"), "EUR")
    assert (entry.status_code, entry.result_class) == (503, "server_error")
    assert (entry.message, entry.actor) == ('naïve 😀 "quoted"\n', "Ada")
    assert entry.additional_data == '{"ключ":[1,null,{"n":{"$decimal":"0.1"}}]}'
    assert entry.content_digest == entry.digest()


async def test_each_item_is_told_apart_and_a_bad_one_never_fails_its_batch(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(id="old")], rules=rules)

    outcomes = await record(
        store,
        admin,
        [
            usage(id="new"),
            usage(id="old"),
            usage(id="old", quantity="2"),
            usage(id="bad", quantity="many"),
            InvalidEvent("row 5", "has no columns"),
            usage(id="new"),
            usage(id="new", customer_id="c2"),
            usage(),
            usage(),
        ],
        rules=rules,
    )

    assert told(outcomes) == [
        ("inserted", 2),
        ("duplicate", 1),
        ("conflict", 1),
        ("rejected", None),
        ("rejected", None),
        ("duplicate", 2),
        ("conflict", 2),
        ("inserted", 3),
        ("inserted", 4),
    ]
    assert [(each.field, each.reason) for each in outcomes if each.reason] == [
        ("id", f"was recorded as evt_{account.id}_1 with other content: quantity differs"),
        ("quantity", "is not a decimal number"),
        ("row 5", "has no columns"),
        ("id", f"was recorded as evt_{account.id}_2 with other content: customer_id differs"),
    ]
    assert [entry.sender_id for entry in await ledger_of(store, account)] == ["old", "new", None, None]
    assert tally(outcomes) == {"inserted": 3, "duplicate": 2, "conflict": 2, "rejected": 2}


async def test_a_batch_sent_again_records_nothing(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    batch = [usage(id=f"e{number}") for number in range(5)]
    first = await record(store, admin, batch, rules=rules)
    clock.advance(hours=1)
    async with nothing_written(store, account):
        again = await record(store, admin, batch, rules=rules)
    assert [each.entry for each in again] == [each.entry for each in first]
    assert tally(again) == {"inserted": 0, "duplicate": 5, "conflict": 0, "rejected": 0}


async def test_a_rejected_id_is_not_taken(store: Store, admin: Principal, rules: Rules) -> None:
    assert told(await record(store, admin, [usage(id="a", quantity="x"), usage(id="a")], rules=rules)) == [
        ("rejected", None),
        ("inserted", 1),
    ]


async def test_the_same_number_and_instant_said_otherwise_are_a_duplicate(store: Store, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(id="a", quantity="1.50", occurred_at="2026-04-01T10:00:00Z")], rules=rules)
    again = await record(store, admin, [usage(id="a", quantity="15E-1", occurred_at="2026-04-01T12:00:00+02:00")], rules=rules)
    assert told(again) == [("duplicate", 1)]


async def test_an_id_belongs_to_its_source_and_its_account(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    assert told(await record(store, admin, [usage(id="a"), usage(id="a", source="other")], rules=rules)) == [
        ("inserted", 1),
        ("inserted", 2),
    ]
    assert told(await record(store, stranger, [usage(id="a")], rules=rules)) == [("inserted", 1)]
    # The name of the sender counts, not whether the item or the call said it.
    assert told(await record(store, admin, [usage(id="a")], rules=rules, source="other")) == [("duplicate", 2)]
    assert told(await record(store, admin, [usage(id="a", source="other")], rules=rules, source="third")) == [("duplicate", 2)]


async def test_usage_and_activities_share_one_space_of_ids(store: Store, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [activity(id="a")], rules=rules, kind=EntryKind.ACTIVITY)
    [outcome] = await record(store, admin, [usage(id="a")], rules=rules)
    assert (outcome.status, outcome.reason) == (Status.CONFLICT, "was recorded as evt_1_1 with other content: kind differs")
    [outcome] = await record(store, admin, [activity(id="a")], rules=rules, kind=EntryKind.ACTIVITY)
    assert outcome.status is Status.DUPLICATE


async def test_an_id_stays_taken_after_an_amendment_and_a_retraction(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    [first] = await record(store, admin, [usage(id="a")], rules=rules)
    assert first.entry is not None
    await amend(store, admin, first.entry.event_ref, {"quantity": "2"}, rules=rules, reason="typo")

    # What counts is what the sender said, not what stands now.
    assert told(await record(store, admin, [usage(id="a")], rules=rules)) == [("duplicate", 1)]
    assert told(await record(store, admin, [usage(id="a", quantity="2")], rules=rules)) == [("conflict", 1)]

    await retract(store, admin, first.entry.event_ref, rules=rules, reason="never happened")
    async with nothing_written(store, account):
        assert told(await record(store, admin, [usage(id="a")], rules=rules)) == [("duplicate", 1)]


async def test_without_an_id_the_same_words_are_another_event(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    for _ in range(2):
        await record(store, admin, [usage(), usage(id="")], rules=rules)
    assert [entry.sequence for entry in await ledger_of(store, account)] == [1, 2, 3, 4]


async def test_a_batch_of_which_nothing_can_be_recorded_writes_nothing(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    async with nothing_written(store, account):
        assert await record(store, admin, [], rules=rules) == []
        outcomes = await record(store, admin, [usage(occurred_at=at(25)), usage(unit="\0")], rules=rules)
    assert outcomes == [
        Outcome(Status.REJECTED, None, "occurred_at", "lies more than 24 hours in the future"),
        Outcome(Status.REJECTED, None, "unit", "contains the character NUL"),
    ]


async def test_who_may_not_write_writes_nothing(
    store: Store, account: Account, caller_with: Callable[..., Principal], rules: Rules
) -> None:
    reader = caller_with(*(each for each in Permission if each not in (Permission.ADMIN, Permission.USAGE_WRITE)))
    async with nothing_written(store, account):
        with pytest.raises(ScopeDenied) as refused:
            await record(store, reader, [usage()], rules=rules)
    assert refused.value.scope == "usage:write"
    assert told(await record(store, caller_with(Permission.USAGE_WRITE), [usage()], rules=rules)) == [("inserted", 1)]


async def test_the_time_of_recording_never_goes_back(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, clock: Clock
) -> None:
    await record(store, admin, [usage()], rules=rules)
    clock.advance(hours=-1)
    await record(store, admin, [usage(occurred_at=at(-3))], rules=rules)
    await record(store, stranger, [usage(occurred_at=at(-3))], rules=rules)
    clock.advance(hours=1, microseconds=1)
    await record(store, admin, [usage()], rules=rules)

    assert [entry.recorded_at for entry in await ledger_of(store, account)] == [START, START, START + timedelta.resolution]
    assert (await store.head(stranger.account.id)).recorded_at == at(-1)


async def test_a_large_batch_is_one_run_of_sequences(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    batch = [usage(id=f"e{number}", quantity=number) for number in range(2_500)]
    assert told(await record(store, admin, batch[:1_200], rules=rules)) == [("inserted", 1 + number) for number in range(1_200)]

    # Half of it is known already: more ids than any engine takes in one question.
    outcomes = await record(store, admin, batch, rules=rules)
    assert [each.entry.sequence for each in outcomes if each.entry] == list(range(1, 2_501))
    assert tally(outcomes) == {"inserted": 1_300, "duplicate": 1_200, "conflict": 0, "rejected": 0}
    assert [entry.quantity for entry in await ledger_of(store, account)] == [Decimal(number) for number in range(2_500)]


async def test_callers_at_the_same_time_count_every_event_once(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    calls = [
        (caller, [usage(id=f"e{(start + number) % 30}") for number in range(10)])
        for start in range(0, 60, 5)
        for caller in (admin, stranger)
    ]
    answers = await asyncio.gather(*(record(store, caller, batch, rules=rules) for caller, batch in calls))

    for caller in (admin, stranger):
        counted = Counter(
            each.status for (own, _), answer in zip(calls, answers, strict=True) if own is caller for each in answer
        )
        assert counted == {Status.INSERTED: 30, Status.DUPLICATE: 90}
        entries = await ledger_of(store, caller.account)
        assert [entry.sequence for entry in entries] == list(range(1, 31))
        assert {entry.sender_id for entry in entries} == {f"e{number}" for number in range(30)}
