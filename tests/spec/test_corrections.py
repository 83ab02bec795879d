"""Amending and retracting: what is appended, what stands afterwards, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import Content, Correction, Entry, EntryKind, entry_id, event_ref
from app.domain.errors import AlreadyCorrected, InvalidEvent, NotFound, ScopeDenied
from app.ledger.commands import Amended, Rules, amend, record, retract
from app.ports import Store
from app.question.groups import CurrencyTotal, Groups, UnitTotal
from app.question.records import Records
from tests.asking import ledger_of, live, nothing_written
from tests.conftest import Clock
from tests.events import START, activity, at, usage

NOT_COPIED = {"quantity", "charge", "reason", "actor", "message", "event", "correction", "corrects", "veil", "version"}


@pytest.fixture
async def event(store: Store, admin: Principal, rules: Rules) -> Entry:
    """A recorded event that says something in every field."""
    said = usage(
        id="e1",
        source="meter",
        license_id="l",
        order_id="o",
        subscription_id="s",
        feature_code="f",
        request_id="r",
        transaction_id="t",
        quantity="3.5",
        charge="-0.25",
        currency="EUR",
        status_code=404,
        message="not there",
        actor="Ada",
        additional_data={"a": 1},
    )
    [outcome] = await record(store, admin, [said], rules=rules)
    assert outcome.entry is not None
    return outcome.entry


async def test_a_reversal_takes_the_original_back_where_it_was_counted(
    store: Store, account: Account, admin: Principal, event: Entry, rules: Rules, clock: Clock
) -> None:
    clock.advance(hours=2)
    done = await retract(store, admin, event.event_ref, rules=rules, reason="never happened", actor="Grace")

    assert done == Amended((await ledger_of(store, account))[1], None)
    reversal = done.reversal
    for name in Content.__dataclass_fields__.keys() - NOT_COPIED:
        assert getattr(reversal, name) == getattr(event, name), name
    assert (reversal.quantity, reversal.charge, reversal.sign) == (Decimal("-3.5"), Decimal("0.25"), -1)
    assert (reversal.sequence, reversal.version, reversal.recorded_at) == (2, 1, START + timedelta(hours=2))
    assert (reversal.correction, reversal.corrects, reversal.event) == (Correction.REVERSAL, 1, 1)
    assert (reversal.event_ref, reversal.corrects_id, reversal.id) == (event.event_ref, event.id, entry_id(account.id, 2))
    assert (reversal.reason, reversal.actor, reversal.message) == ("never happened", "Grace", None)


async def test_a_replacement_says_what_was_changed_and_keeps_the_rest(
    store: Store, account: Account, admin: Principal, event: Entry, rules: Rules, clock: Clock
) -> None:
    clock.advance(hours=2)
    done = await amend(store, admin, event.event_ref, {"quantity": "4", "customer_id": "c9"}, rules=rules, reason="typo")

    replacement = done.replacement
    assert replacement is not None
    assert await ledger_of(store, account) == [event, done.reversal, replacement]
    for name in Content.__dataclass_fields__.keys() - NOT_COPIED - {"customer_id"}:
        assert getattr(replacement, name) == getattr(event, name), name
    assert (replacement.quantity, replacement.charge, replacement.sign) == (Decimal(4), Decimal("-0.25"), 1)
    assert (replacement.customer_id, replacement.message, replacement.additional_data) == ("c9", "not there", '{"a":1}')
    assert (replacement.sequence, replacement.version, replacement.recorded_at) == (3, 2, START + timedelta(hours=2))
    assert (replacement.correction, replacement.corrects, replacement.event) == (Correction.REPLACEMENT, 1, 1)
    assert (replacement.reason, replacement.actor) == ("typo", "key k1")
    assert done.reversal.customer_id == "c1"


@pytest.mark.parametrize(
    ("changes", "becomes"),
    [
        ({"additional_data": None}, {"additional_data": None}),
        ({"additional_data": {"b": 2}}, {"additional_data": '{"b":2}'}),
        ({"message": None}, {"message": None}),
        ({"customer_id": None}, {"customer_id": None}),
        ({"charge": None}, {"charge": None, "currency": None}),
        ({"quantity": None}, {"quantity": None, "unit": None}),
        ({"unit": "GB"}, {"unit": "GB", "quantity": Decimal("3.5")}),
        ({"status_code": 200}, {"status_code": 200, "result_class": "success"}),
        ({"status_code": None}, {"status_code": None, "result_class": None}),
        ({"occurred_at": at(-5)}, {"occurred_at": at(-5)}),
        ({"action": "usage.api.called"}, {"action": "usage.api.called"}),
    ],
)
async def test_any_field_can_be_changed_or_taken_away(
    store: Store, admin: Principal, event: Entry, rules: Rules, changes: dict[str, Any], becomes: dict[str, Any]
) -> None:
    done = await amend(store, admin, event.event_ref, changes, rules=rules, reason="correction")
    assert {name: getattr(done.replacement, name) for name in becomes} == becomes


async def test_a_result_class_of_the_senders_own_survives_an_amended_status(store: Store, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(status_code=500, result_class="throttled")], rules=rules)
    done = await amend(store, admin, "evt_1_1", {"status_code": 200}, rules=rules, reason="correction")
    assert done.replacement is not None
    assert (done.replacement.status_code, done.replacement.result_class) == (200, "throttled")


async def test_versions_count_up_and_the_ref_stays(
    store: Store, account: Account, admin: Principal, event: Entry, rules: Rules
) -> None:
    for quantity in ("4", "5", "6"):
        await amend(store, admin, event.event_ref, {"quantity": quantity}, rules=rules, reason="recount")
    await retract(store, admin, event.event_ref, rules=rules, reason="never happened")

    entries = await ledger_of(store, account)
    assert {entry.event_ref for entry in entries} == {event_ref(account.id, 1)}
    assert [(entry.sequence, entry.version, entry.correction, entry.corrects, entry.quantity) for entry in entries] == [
        (1, 1, None, None, Decimal("3.5")),
        (2, 1, Correction.REVERSAL, 1, Decimal("-3.5")),
        (3, 2, Correction.REPLACEMENT, 1, Decimal(4)),
        (4, 2, Correction.REVERSAL, 3, Decimal(-4)),
        (5, 3, Correction.REPLACEMENT, 3, Decimal(5)),
        (6, 3, Correction.REVERSAL, 5, Decimal(-5)),
        (7, 4, Correction.REPLACEMENT, 5, Decimal(6)),
        (8, 4, Correction.REVERSAL, 7, Decimal(-6)),
    ]


@pytest.mark.parametrize(
    "digits", ["99999999999999999999.999999999999999999", "-99999999999999999999.999999999999999999", "0.000000000000000001"]
)
async def test_all_38_digits_are_negated_exactly(
    store: Store, account: Account, admin: Principal, rules: Rules, digits: str
) -> None:
    await record(store, admin, [usage(quantity=digits, charge=digits, currency="EUR")], rules=rules)
    done = await amend(store, admin, "evt_1_1", {"unit": "GB"}, rules=rules, reason="unit")

    assert done.replacement is not None
    assert (done.replacement.quantity, done.replacement.charge) == (Decimal(digits), Decimal(digits))
    assert (done.reversal.quantity, done.reversal.charge) == (Decimal(digits).copy_negate(), Decimal(digits).copy_negate())
    total = (await store.groups(Groups(await live(store, account)))).total
    assert total.quantities == [UnitTotal("GB", Decimal(digits), 1), UnitTotal("call", Decimal(0), 0)]
    assert total.charges == [CurrencyTotal("EUR", Decimal(digits), 1)]


async def test_the_standing_version_can_be_named_by_its_own_id(
    store: Store, account: Account, admin: Principal, event: Entry, rules: Rules
) -> None:
    done = await amend(store, admin, event.id, {"quantity": "4"}, rules=rules, reason="typo")
    assert done.replacement is not None
    again = await amend(store, admin, done.replacement.id, {"quantity": "5"}, rules=rules, reason="typo", expected_version=2)
    assert again.replacement is not None
    assert (again.replacement.version, again.replacement.corrects) == (3, 3)


Correct = Callable[..., Any]


def by_amending(store: Store, principal: Principal, ref: str, **stated: Any) -> Any:
    return amend(store, principal, ref, {"quantity": "9"}, **stated)


def by_retracting(store: Store, principal: Principal, ref: str, **stated: Any) -> Any:
    return retract(store, principal, ref, **stated)


either = pytest.mark.parametrize("correct", [by_amending, by_retracting])


@either
@pytest.mark.parametrize(
    ("ref", "stated", "message"),
    [
        ("act_1_1", {}, "act_1_1 is not the standing version of its event; act_1_3 is"),
        ("act_1_2", {}, "act_1_2 is not the standing version of its event; act_1_3 is"),
        ("evt_1_1", {"expected_version": 1}, "evt_1_1 stands at version 2, not 1"),
        ("act_1_3", {"expected_version": 3}, "evt_1_1 stands at version 2, not 3"),
        ("evt_1_4", {}, "evt_1_4 was retracted"),
        ("act_1_4", {}, "evt_1_4 was retracted"),
        ("act_1_5", {}, "evt_1_4 was retracted"),
    ],
)
async def test_only_the_standing_version_can_be_corrected(
    store: Store,
    account: Account,
    admin: Principal,
    rules: Rules,
    correct: Correct,
    ref: str,
    stated: dict[str, Any],
    message: str,
) -> None:
    await record(store, admin, [usage()], rules=rules)
    await amend(store, admin, "evt_1_1", {"quantity": "2"}, rules=rules, reason="typo")
    await record(store, admin, [usage()], rules=rules)
    await retract(store, admin, "evt_1_4", rules=rules, reason="never happened")

    async with nothing_written(store, account):
        with pytest.raises(AlreadyCorrected) as refused:
            await correct(store, admin, ref, rules=rules, reason="again", **stated)
    assert (refused.value.code, refused.value.message) == ("ALREADY_CORRECTED", message)


@either
@pytest.mark.parametrize(
    "ref",
    ["", "evt", "nonsense", "evt_1_99", "act_1_99", "evt_1_0", "evt_2_1", "act_2_1", "evt_1_2", "evt_1_3", "evt_1_4", "act_1_4"],
)
async def test_what_is_no_event_of_this_account_is_not_found(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules, correct: Correct, ref: str
) -> None:
    await record(store, admin, [usage()], rules=rules)
    await amend(store, admin, "evt_1_1", {"quantity": "2"}, rules=rules, reason="typo")  # 2 and 3 are corrections, no events
    await record(store, admin, [activity()], rules=rules, kind=EntryKind.ACTIVITY)  # 4 is no usage
    await record(store, stranger, [usage()], rules=rules)

    async with nothing_written(store, account), nothing_written(store, stranger.account):
        with pytest.raises(NotFound):
            await correct(store, admin, ref, rules=rules, reason="why")


@either
@pytest.mark.parametrize(
    ("stated", "field", "reason"),
    [
        ({"reason": "  "}, "reason", "is missing: a correction says why"),
        ({"reason": "x" * 4097}, "reason", "is longer than 4,096 characters"),
        ({"reason": "a\0"}, "reason", "contains the character NUL"),
        ({"reason": "typo", "actor": "\ud800"}, "actor", "contains half of a surrogate pair"),
    ],
)
async def test_a_correction_says_why_in_words_that_can_be_kept(
    store: Store,
    account: Account,
    admin: Principal,
    event: Entry,
    rules: Rules,
    correct: Correct,
    stated: dict[str, Any],
    field: str,
    reason: str,
) -> None:
    async with nothing_written(store, account):
        with pytest.raises(InvalidEvent) as refused:
            await correct(store, admin, event.event_ref, rules=rules, **stated)
    assert (refused.value.field, refused.value.reason) == (field, reason)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"id": "e2"}, "id", "cannot be amended: it is what makes the event this one"),
        ({"source": "other"}, "source", "cannot be amended: it is what makes the event this one"),
        ({"actor": "Eve"}, "actor", "of a correction is whoever corrects; it is no change to the event"),
        ({"colour": "red"}, "colour", "is not a field of an event"),
        ({"quantity": "many"}, "quantity", "is not a decimal number"),
        (
            {"quantity": None, "charge": None},
            "quantity",
            "is missing, and so is charge: a usage event has one of them or both",
        ),
        ({"currency": None}, "currency", "is missing: a charge has a currency"),
        ({"occurred_at": None}, "occurred_at", "is missing: when did it happen?"),
        ({"occurred_at": at(25)}, "occurred_at", "lies more than 24 hours in the future"),
        ({"action": "license.issued"}, "action", "of a usage event begins with `usage.`"),
        ({"additional_data": [1]}, "additional_data", "must be an object of keys and values"),
    ],
)
async def test_an_amendment_that_would_not_be_an_event_is_refused(
    store: Store,
    account: Account,
    admin: Principal,
    event: Entry,
    rules: Rules,
    changes: dict[str, Any],
    field: str,
    reason: str,
) -> None:
    async with nothing_written(store, account):
        with pytest.raises(InvalidEvent) as refused:
            await amend(store, admin, event.event_ref, changes, rules=rules, reason="typo")
    assert (refused.value.field, refused.value.reason) == (field, reason)


@either
async def test_who_may_not_write_corrects_nothing(
    store: Store, account: Account, caller_with: Callable[..., Principal], event: Entry, rules: Rules, correct: Correct
) -> None:
    reader = caller_with(Permission.EVENT_READ, Permission.REPORT_READ)
    async with nothing_written(store, account):
        with pytest.raises(ScopeDenied):
            await correct(store, reader, event.event_ref, rules=rules, reason="why")


async def test_of_corrections_at_the_same_time_one_wins_and_the_others_are_told(
    store: Store, account: Account, admin: Principal, event: Entry, rules: Rules
) -> None:
    calls = [
        amend(store, admin, event.event_ref, {"quantity": str(number)}, rules=rules, reason="race", expected_version=1)
        for number in range(8)
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)

    won = [each for each in answers if isinstance(each, Amended)]
    lost = [each for each in answers if isinstance(each, AlreadyCorrected)]
    assert (len(won), len(lost)) == (1, 7)
    assert await ledger_of(store, account) == [event, won[0].reversal, won[0].replacement]


async def test_a_negative_original_is_an_event_like_any_other(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(quantity="-5")], rules=rules)
    total = (await store.groups(Groups(await live(store, account)))).total
    assert (total.events, total.quantities) == (1, [UnitTotal("call", Decimal(-5), 1)])

    done = await retract(store, admin, "evt_1_1", rules=rules, reason="never happened")
    assert done.reversal.quantity == Decimal(5)
    total = (await store.groups(Groups(await live(store, account)))).total
    assert (total.events, total.quantities) == (0, [UnitTotal("call", Decimal(0), 0)])


async def test_an_amendment_may_name_records_that_are_not_known_yet(
    store: Store, account: Account, admin: Principal, event: Entry, rules: Rules
) -> None:
    await amend(store, admin, event.event_ref, {"customer_id": "c9"}, rules=rules, reason="typo")
    scope = await live(store, account)
    found = await store.records(Records(scope, RecordKind.CUSTOMER))
    assert [(each.id, each.stub, each.first_sequence) for each in found] == [("c1", True, 1), ("c9", True, 3)]
