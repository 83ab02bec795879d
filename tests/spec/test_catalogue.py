"""The catalogue: records made and changed by entries, stubs of what was only named, and both as of any sequence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import LINKED_KINDS, Record, RecordKind
from app.domain.entry import EntryKind
from app.domain.errors import InvalidEvent, ScopeDenied
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ports import Store
from app.question.records import Records
from app.question.scope import Scope
from tests.asking import ledger_of, live, nothing_written
from tests.conftest import Clock
from tests.events import START, activity, at, usage


async def found(store: Store, scope: Scope, kind: RecordKind, **stated: Any) -> list[str]:
    """The ids of the records asked for, in order."""
    return [each.id for each in await store.records(Records(scope, kind, **stated))]


async def test_a_record_is_what_its_entry_carries(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    made, entry = await upsert(
        store,
        admin,
        RecordKind.SUBSCRIPTION,
        "s1",
        {
            "name": "Gold",
            "status": "active",
            "customer_id": "c1",
            "product_id": "api",
            "order_id": "o1",
            "license_id": "l1",
            "starts_at": "2026-01-01T00:00:00+01:00",
            "ends_at": at(9000),
            "currency": "EUR",
            "additional_data": {"tier": 3},
        },
        rules=rules,
    )

    assert made == Record(
        kind=RecordKind.SUBSCRIPTION,
        id="s1",
        sequence=1,
        first_sequence=1,
        name="Gold",
        status="active",
        customer_id="c1",
        product_id="api",
        order_id="o1",
        license_id="l1",
        starts_at=at(-2173),
        ends_at=at(9000),
        currency="EUR",
        additional_data='{"tier":3}',
        recorded_at=START,
    )
    assert await ledger_of(store, account) == [entry]
    assert entry is not None
    assert (entry.kind, entry.action, entry.name, entry.subscription_id) == (
        EntryKind.CATALOGUE,
        "subscription.updated",
        "Gold",
        "s1",
    )
    assert await store.records(Records(Scope(account.id, 1), RecordKind.SUBSCRIPTION)) == [made]


async def test_a_document_has_fields_of_its_own(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    changes = {
        "type": "credit",
        "number": "CN-7",
        "parent_id": "d0",
        "entity_ref": "erp:7",
        "currency": "USD",
        "customer_id": "c1",
    }
    made, _ = await upsert(store, admin, RecordKind.DOCUMENT, "d1", changes, rules=rules)
    assert made == Record(kind=RecordKind.DOCUMENT, id="d1", sequence=1, first_sequence=1, recorded_at=START, **changes)
    # A document that is only named as a parent is not known: entries name no documents.
    assert await found(store, Scope(account.id, 1), RecordKind.DOCUMENT) == ["d1"]

    made, _ = await upsert(store, admin, RecordKind.DOCUMENT, "d1", {"type": None}, rules=rules)
    assert (made.type, made.number) == (None, "CN-7")


async def test_a_change_keeps_what_it_does_not_name(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    await upsert(
        store, admin, RecordKind.CUSTOMER, "c1", {"name": "Ada", "status": "new", "additional_data": {"a": 1}}, rules=rules
    )
    clock.advance(seconds=1)
    changed, entry = await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"status": "", "name": "Ada Ltd"}, rules=rules)

    assert changed == Record(
        kind=RecordKind.CUSTOMER,
        id="c1",
        sequence=2,
        first_sequence=1,
        name="Ada Ltd",
        additional_data='{"a":1}',
        recorded_at=START + timedelta(seconds=1),
    )
    assert entry is not None
    assert entry.sequence == 2


async def test_a_change_to_nothing_new_writes_nothing(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    changes = {"name": "Ada", "starts_at": START, "additional_data": {"a": 1, "b": 2}}
    made, _ = await upsert(store, admin, RecordKind.CUSTOMER, "c1", changes, rules=rules)
    async with nothing_written(store, account):
        for again in (
            changes,
            {},
            {"status": None},
            {"additional_data": {"b": 2, "a": 1}},
            {"starts_at": "2026-04-01T12:00:00Z"},
        ):
            assert await upsert(store, admin, RecordKind.CUSTOMER, "c1", again, rules=rules) == (made, None)


async def test_an_unknown_id_in_an_event_makes_a_stub_once(
    store: Store, account: Account, admin: Principal, rules: Rules, clock: Clock
) -> None:
    ids = {f"{kind}_id": f"{kind}-1" for kind in LINKED_KINDS}
    await record(store, admin, [usage(**ids), usage(**ids), usage(**ids | {"customer_id": "other"})], rules=rules)
    clock.advance(seconds=1)
    await record(store, admin, [activity(**ids)], rules=rules, kind=EntryKind.ACTIVITY)

    for kind in LINKED_KINDS:
        stub = Record(kind=kind, id=f"{kind}-1", sequence=1, first_sequence=1, stub=True, recorded_at=START)
        assert await store.records(Records(Scope(account.id, 4), kind, ids=(f"{kind}-1",))) == [stub]
    assert await found(store, Scope(account.id, 4), RecordKind.CUSTOMER) == ["customer-1", "other"]
    assert await found(store, Scope(account.id, 2), RecordKind.CUSTOMER) == ["customer-1"]


async def test_activities_and_records_make_stubs_too(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [activity(license_id="l9", customer_id="c9")], rules=rules, kind=EntryKind.ACTIVITY)
    await upsert(store, admin, RecordKind.LICENSE, "l1", {"customer_id": "c1", "product_id": "api"}, rules=rules)
    scope = await live(store, account)

    assert await found(store, scope, RecordKind.LICENSE) == ["l1", "l9"]
    assert await found(store, scope, RecordKind.CUSTOMER) == ["c1", "c9"]
    [stub] = await store.records(Records(scope, RecordKind.PRODUCT))
    assert (stub.id, stub.stub, stub.sequence) == ("api", True, 2)


async def test_a_stub_that_is_described_is_no_stub_from_then_on(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await record(store, admin, [usage(customer_id="c1")], rules=rules)
    described, entry = await upsert(store, admin, RecordKind.CUSTOMER, "c1", {}, rules=rules)
    assert entry is not None  # described with nothing, but described

    assert (described.stub, described.sequence, described.first_sequence) == (False, 2, 1)
    assert await store.records(Records(Scope(account.id, 2), RecordKind.CUSTOMER)) == [described]
    [before] = await store.records(Records(Scope(account.id, 1), RecordKind.CUSTOMER))
    assert (before.stub, before.sequence, before.first_sequence) == (True, 1, 1)


async def test_a_retracted_event_still_named_its_records(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage(customer_id="c1")], rules=rules)
    await amend(store, admin, "evt_1_1", {"customer_id": "c2"}, rules=rules, reason="typo")
    await retract(store, admin, "evt_1_1", rules=rules, reason="never happened")
    stubs = await store.records(Records(await live(store, account), RecordKind.CUSTOMER))
    assert [(each.id, each.sequence) for each in stubs] == [("c1", 1), ("c2", 3)]


async def test_a_record_is_read_as_of_any_sequence(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    names = ["Ada", "Ada Ltd", "Ada & Sons"]
    for name in names:
        await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": name}, rules=rules)
        await upsert(store, stranger, RecordKind.CUSTOMER, "c1", {"name": "Somebody else"}, rules=rules)
        await record(store, admin, [usage(customer_id="c1")], rules=rules)

    told = []
    for as_of in range(7):
        records = await store.records(Records(Scope(account.id, as_of), RecordKind.CUSTOMER))
        told.append([(each.name, each.sequence, each.first_sequence) for each in records])
    assert told == [
        [],
        *[[("Ada", 1, 1)]] * 2,
        *[[("Ada Ltd", 3, 1)]] * 2,
        *[[("Ada & Sons", 5, 1)]] * 2,
    ]


async def test_links_and_names_are_those_of_the_version_asked_for(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await upsert(store, admin, RecordKind.LICENSE, "l1", {"customer_id": "c1", "name": "one"}, rules=rules)
    await upsert(store, admin, RecordKind.LICENSE, "l2", {"customer_id": "c1", "name": "two"}, rules=rules)
    await upsert(store, admin, RecordKind.LICENSE, "l1", {"customer_id": "c2", "name": "uno"}, rules=rules)

    before, after = Scope(account.id, 2), Scope(account.id, 3)
    assert await found(store, before, RecordKind.LICENSE, customer_id="c1") == ["l1", "l2"]
    assert await found(store, after, RecordKind.LICENSE, customer_id="c1") == ["l2"]
    assert await found(store, after, RecordKind.LICENSE, customer_id="c2") == ["l1"]
    assert await found(store, before, RecordKind.LICENSE, name="one") == ["l1"]
    assert await found(store, after, RecordKind.LICENSE, name="one") == []
    assert await found(store, after, RecordKind.LICENSE, name="uno") == ["l1"]
    assert await found(store, after, RecordKind.LICENSE, name="uno", customer_id="c1") == []
    assert await found(store, after, RecordKind.LICENSE, name="Uno") == []


@pytest.mark.parametrize("kind", LINKED_KINDS)
async def test_records_are_found_by_every_link_but_not_by_their_own_id(
    store: Store, account: Account, admin: Principal, rules: Rules, kind: RecordKind
) -> None:
    links = {f"{other}_id": f"{other}-1" for other in LINKED_KINDS if other is not kind}
    await upsert(store, admin, kind, "own", links, rules=rules)
    await upsert(store, admin, RecordKind.DOCUMENT, "d", {f"{other}_id": f"{other}-1" for other in LINKED_KINDS}, rules=rules)
    scope = await live(store, account)

    for name, value in links.items():
        assert await found(store, scope, kind, **{name: value}) == ["own"]
        assert await found(store, scope, kind, **{name: "unknown"}) == []
    assert await found(store, scope, kind, **{f"{kind}_id": "own"}) == []
    assert await found(store, scope, RecordKind.DOCUMENT, **{f"{kind}_id": f"{kind}-1"}) == ["d"]


async def test_records_stand_in_binary_order_and_are_walked_by_id(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    ids = ["b", "a", "Z", "é", "ab", "\U00010000", "\uffff", "a'b", "10", "9"]
    await record(store, admin, [usage(customer_id=each) for each in ids], rules=rules)
    await upsert(store, admin, RecordKind.CUSTOMER, "B", {}, rules=rules)
    scope = await live(store, account)
    ordered = ["10", "9", "B", "Z", "a", "a'b", "ab", "b", "é", "\uffff", "\U00010000"]

    async def customers(**stated: Any) -> list[str]:
        return await found(store, scope, RecordKind.CUSTOMER, **stated)

    assert await customers() == ordered
    assert await customers(descending=True) == ordered[::-1]
    assert await customers(limit=3) == ordered[:3]
    assert await customers(limit=3, descending=True) == ordered[:-4:-1]
    assert await customers(after="a", before="é") == ["a'b", "ab", "b"]
    assert await customers(after="a", before="é", descending=True, limit=2) == ["b", "ab"]
    assert await customers(after="aa") == ordered[6:]
    assert await customers(after="\U00010000") == []
    assert await customers(ids=("b", "unknown", "10", "b")) == ["10", "b"]
    assert await customers(ids=("b", "10"), after="2") == ["b"]
    assert await customers(ids=()) == []
    assert await customers(limit=0) == []

    walked: list[str] = []
    while page := await customers(limit=2, after=walked[-1] if walked else None):
        walked += page
    assert walked == ordered


async def test_many_ids_may_be_asked_for_at_once(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    ids = tuple(f"c{number:04}" for number in range(1_500))
    await record(store, admin, [usage(customer_id=each) for each in ids], rules=rules)
    assert await found(store, await live(store, account), RecordKind.CUSTOMER, ids=ids[::-1]) == list(ids)


@pytest.mark.parametrize(
    ("kind", "record_id", "changes", "field", "reason"),
    [
        (RecordKind.CUSTOMER, "", {}, "id", "is missing"),
        (RecordKind.CUSTOMER, "x" * 257, {}, "id", "is longer than 256 characters"),
        (RecordKind.CUSTOMER, "a\0", {}, "id", "contains the character NUL"),
        (RecordKind.CUSTOMER, "c", {"colour": "red"}, "colour", "is not a field of a catalogue record"),
        (RecordKind.CUSTOMER, "c", {"customer_id": "d"}, "customer_id", "a customer does not link to a customer"),
        (RecordKind.CUSTOMER, "c", {"number": "7"}, "number", "is a field of documents only"),
        (RecordKind.CUSTOMER, "c", {"name": 7}, "name", "must be a string"),
        (RecordKind.CUSTOMER, "c", {"name": "x" * 257}, "name", "is longer than 256 characters"),
        (RecordKind.CUSTOMER, "c", {"additional_data": "{}"}, "additional_data", "must be an object of keys and values"),
        (RecordKind.DOCUMENT, "d", {"type": "letter"}, "type", "of a document is invoice, credit or debit"),
        (
            RecordKind.LICENSE,
            "l",
            {"starts_at": "today"},
            "starts_at",
            "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z",
        ),
        (RecordKind.LICENSE, "l", {"starts_at": START, "ends_at": START}, "starts_at", "must be before ends_at"),
    ],
)
async def test_what_is_no_record_is_refused(
    store: Store,
    account: Account,
    admin: Principal,
    rules: Rules,
    kind: RecordKind,
    record_id: str,
    changes: dict[str, Any],
    field: str,
    reason: str,
) -> None:
    async with nothing_written(store, account):
        with pytest.raises(InvalidEvent) as refused:
            await upsert(store, admin, kind, record_id, changes, rules=rules)
    assert (refused.value.field, refused.value.reason) == (field, reason)


async def test_an_end_that_would_come_before_the_start_kept_is_refused(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await upsert(store, admin, RecordKind.LICENSE, "l1", {"starts_at": at(0)}, rules=rules)
    async with nothing_written(store, account):
        with pytest.raises(InvalidEvent, match="starts_at: must be before ends_at"):
            await upsert(store, admin, RecordKind.LICENSE, "l1", {"ends_at": at(-1)}, rules=rules)


@pytest.mark.parametrize("kind", RecordKind)
async def test_a_kind_of_record_needs_its_own_permission(
    store: Store, account: Account, caller_with: Callable[..., Principal], rules: Rules, kind: RecordKind
) -> None:
    needed = Permission.PRODUCT_WRITE if kind is RecordKind.PRODUCT else Permission.LICENSE_WRITE
    others = caller_with(*(each for each in Permission if each not in (Permission.ADMIN, needed)))
    async with nothing_written(store, account):
        with pytest.raises(ScopeDenied) as refused:
            await upsert(store, others, kind, "x", {}, rules=rules)
    assert refused.value.scope == needed.value
    made, _ = await upsert(store, caller_with(needed), kind, "x", {}, rules=rules)
    assert (made.id, made.stub) == ("x", False)
