"""The document that usage belongs to: which one it is, that it is frozen in the entry, and what becomes of it in a correction."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Account, Permission, Principal
from app.domain.catalogue import RecordKind
from app.domain.entry import Correction, Entry
from app.domain.errors import AlreadyCorrected, InvalidEvent, NotFound, ScopeDenied
from app.ledger.catalogue import id_of_name, upsert
from app.ledger.commands import Rules, amend, record, retract
from app.ledger.outcome import Status
from app.ledger.refusals import stated as arrived
from app.ledger.related import Related, Validations, amend_related, record_related, related_to
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from tests.events import START, at

EVENT = {"customer_id": "c1", "product_id": "p1", "occurred_at": at(-1), "quantity": "10"}


async def document(store: Store, admin: Principal, rules: Rules, name: str, **stated: Any) -> None:
    facts = {"type": "invoice", "status": "open", "customer_id": "c1", "product_id": "p1", "number": f"US-{name}"} | stated
    await upsert(store, admin, RecordKind.DOCUMENT, name, facts, rules=rules)


async def recorded(store: Store, admin: Principal, rules: Rules, *, validations: Any = None, **stated: Any) -> Entry:
    how = {} if validations is None else {"validations": validations}
    outcome = await record_related(store, admin, arrived([EVENT | stated]), rules=rules, **how)
    assert outcome.status is Status.INSERTED
    assert outcome.entry is not None
    return outcome.entry


async def entries(store: Store, account: Account) -> list[Entry]:
    head = await store.head(account.id)
    return await store.rows(Rows(Scope(account.id, head.sequence), limit=100))


async def test_an_event_belongs_to_the_open_document_of_its_customer_product_and_time(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await document(store, admin, rules, "other-customer", customer_id="c2")
    await document(store, admin, rules, "other-product", product_id="p2")
    await document(store, admin, rules, "closed", status="closed")
    await document(store, admin, rules, "before", ends_at=at(-1))
    await document(store, admin, rules, "after", starts_at=at(0))
    await document(store, admin, rules, "this", starts_at=at(-1), ends_at=at(0))

    entry = await recorded(store, admin, rules)

    assert related_to(entry) == Related("this", "US-this")
    (newest, *_) = await entries(store, account)
    assert newest == entry
    assert newest.record == '{"id":"this","kind":"document","number":"US-this"}'
    assert newest.holds


async def test_an_event_without_a_document_counts_all_the_same(store: Store, admin: Principal, rules: Rules) -> None:
    entry = await recorded(store, admin, rules, validations=Validations("USD", "e1"))
    nobodys = await recorded(store, admin, rules, customer_id=None)

    assert (entry.record, related_to(entry), related_to(nobodys)) == (None, None, None)


async def test_a_document_that_is_due_upon_usage_tells_its_parent(store: Store, admin: Principal, rules: Rules) -> None:
    await document(store, admin, rules, "parent", status="closed", product_id=None)
    await document(store, admin, rules, "child", parent_id="parent", type="debit")
    await document(store, admin, rules, "orphan", customer_id="c2", parent_id="nowhere")

    assert related_to(await recorded(store, admin, rules)) == Related("child", "US-child", "parent", "US-parent")
    assert related_to(await recorded(store, admin, rules, customer_id="c2")) == Related("orphan", "US-orphan", "nowhere", None)


async def test_of_several_the_one_that_began_last_is_meant_and_then_the_lower_id(
    store: Store, admin: Principal, rules: Rules
) -> None:
    for name, hours in (("b", -3), ("c", -2), ("a", -2), ("0", -9)):
        await document(store, admin, rules, name, starts_at=at(hours))

    assert related_to(await recorded(store, admin, rules)) == Related("a", "US-a")


async def test_more_documents_than_a_page_holds_are_all_looked_at(
    store: Store, admin: Principal, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ledger.related._PAGE", 2)
    for at_, name in enumerate(("a", "b", "c", "d", "e")):
        await document(store, admin, rules, name, status="open" if at_ == 4 else "closed")

    assert related_to(await recorded(store, admin, rules)) == Related("e", "US-e")


async def test_what_is_to_be_validated_chooses_among_several_and_refuses_the_rest(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await document(store, admin, rules, "euros", currency="EUR", entity_ref="e1", starts_at=at(-5))
    await document(store, admin, rules, "dollars", currency="USD", entity_ref="e2", starts_at=at(-9))
    await document(store, admin, rules, "silent", starts_at=at(-2))
    before = await entries(store, account)

    for validations, field, told in (
        (Validations("JPY"), "validations.currency", "does not match: document US-silent says nothing of it"),
        (Validations("EUR", "e2"), "validations.currency", "does not match: document US-silent says nothing of it"),
        (Validations(None, "e3"), "validations.entity_ref", "does not match: document US-silent says nothing of it"),
    ):
        with pytest.raises(InvalidEvent) as refused:
            await recorded(store, admin, rules, validations=validations)
        assert (refused.value.field, refused.value.reason) == (field, told)
    assert await entries(store, account) == before

    for validations, name in ((Validations("USD"), "dollars"), (Validations("EUR", "e1"), "euros"), (Validations(), "silent")):
        assert related_to(await recorded(store, admin, rules, validations=validations)) == Related(name, f"US-{name}")


async def test_the_match_is_frozen_in_the_entry(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await document(store, admin, rules, "d1")
    entry = await recorded(store, admin, rules, id="e1")
    await document(store, admin, rules, "d1", status="closed", number="US-other")

    again = await record_related(store, admin, arrived([EVENT | {"id": "e1"}]), rules=rules)

    assert (again.status, again.entry) == (Status.DUPLICATE, entry)
    assert again.entry is not None
    assert related_to(again.entry) == Related("d1", "US-d1")


async def test_an_amendment_keeps_the_document_unless_it_is_about_another_customer_product_or_time(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await document(store, admin, rules, "d1", starts_at=at(-24))
    entry = await recorded(store, admin, rules)
    await document(store, admin, rules, "d1", status="closed")
    await document(store, admin, rules, "d2", customer_id="c2")
    ref = entry.event_ref

    by_hand = (await amend(store, admin, ref, {"quantity": "11"}, rules=rules, reason="r")).replacement
    kept = await amend_related(store, admin, ref, {"quantity": "12"}, rules=rules, reason="r")
    moved = await amend_related(store, admin, ref, {"customer_id": "c2"}, rules=rules, reason="r")
    away = await amend_related(store, admin, ref, {"product_id": "p9"}, rules=rules, reason="r")
    back = await amend_related(store, admin, ref, {"customer_id": "c1", "product_id": "p1"}, rules=rules, reason="r")

    assert by_hand is not None
    told = [related_to(each) for each in (by_hand, kept, moved, away, back)]
    assert told == [Related("d1", "US-d1"), Related("d1", "US-d1"), Related("d2", "US-d2"), None, None]
    assert (back.version, back.correction, str(back.quantity)) == (6, Correction.REPLACEMENT, "12")


async def test_an_amendment_by_another_door_that_moves_an_event_tells_no_document(
    store: Store, admin: Principal, rules: Rules
) -> None:
    await document(store, admin, rules, "d1")
    entry = await recorded(store, admin, rules)

    amended = await amend(store, admin, entry.event_ref, {"customer_id": "c2"}, rules=rules, reason="r")

    assert related_to(amended.reversal) == Related("d1", "US-d1")
    assert amended.replacement is not None
    assert related_to(amended.replacement) is None


async def test_an_amendment_is_validated_against_the_document_that_it_keeps(
    store: Store, account: Account, admin: Principal, rules: Rules
) -> None:
    await document(store, admin, rules, "d1", currency="EUR")
    entry = await recorded(store, admin, rules)
    before = await entries(store, account)

    with pytest.raises(InvalidEvent, match=r"^validations.currency: does not match: document US-d1 says EUR$"):
        await amend_related(
            store, admin, entry.event_ref, {"quantity": "1"}, rules=rules, reason="r", validations=Validations("USD")
        )
    assert await entries(store, account) == before


async def test_what_was_retracted_is_unknown_or_is_anothers_cannot_be_amended(
    store: Store, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    entry = await recorded(store, admin, rules)
    with pytest.raises(NotFound):
        await amend_related(store, stranger, entry.event_ref, {"quantity": "1"}, rules=rules, reason="r")
    for ref in ("evt_1_99", "", "x"):
        with pytest.raises(NotFound):
            await amend_related(store, admin, ref, {"quantity": "1"}, rules=rules, reason="r")
    await retract(store, admin, entry.event_ref, rules=rules, reason="r")
    with pytest.raises(AlreadyCorrected, match="was retracted"):
        await amend_related(store, admin, entry.event_ref, {"quantity": "1"}, rules=rules, reason="r")


async def test_recording_and_amending_need_their_scope(
    store: Store, account: Account, admin: Principal, caller_with: Any, rules: Rules
) -> None:
    entry = await recorded(store, admin, rules)
    reader = caller_with(Permission.REPORT_READ)
    before = await entries(store, account)

    with pytest.raises(ScopeDenied):
        await record_related(store, reader, arrived([EVENT]), rules=rules)
    with pytest.raises(ScopeDenied):
        await amend_related(store, reader, entry.event_ref, {"quantity": "1"}, rules=rules, reason="r")
    assert await entries(store, account) == before


async def test_a_record_is_found_by_a_name_that_only_it_has(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    for record_id, name in (("c1", "Acme"), ("c2", "Twice"), ("c3", "Twice"), ("c4", "Once")):
        await upsert(store, admin, RecordKind.CUSTOMER, record_id, {"name": name}, rules=rules)
    await upsert(store, admin, RecordKind.CUSTOMER, "c4", {"name": "Other"}, rules=rules)
    await upsert(store, stranger, RecordKind.CUSTOMER, "theirs", {"name": "Theirs"}, rules=rules)

    async def found(name: str, kind: RecordKind = RecordKind.CUSTOMER) -> str:
        return await id_of_name(store, account.id, kind, name, field="customer_name")

    assert [await found("Acme"), await found("Other")] == ["c1", "c4"]
    for name, told in (("Twice", "more than one customer"), ("Once", "no customer"), ("Theirs", "no customer"), ("acme", "no")):
        with pytest.raises(InvalidEvent, match=rf"^customer_name: names {told}"):
            await found(name)
    with pytest.raises(InvalidEvent, match=r"^customer_name: names no product: Acme$"):
        await found("Acme", RecordKind.PRODUCT)


async def test_a_document_of_another_account_is_no_match(
    store: Store, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    await document(store, stranger, rules, "theirs")

    assert related_to(await recorded(store, admin, rules)) is None


async def test_what_other_doors_record_has_no_document(store: Store, admin: Principal, rules: Rules) -> None:
    """They were not asked to look for one, and a batch of thousands would have to look as often."""
    await document(store, admin, rules, "d1")

    (outcome,) = await record(store, admin, [{**EVENT, "occurred_at": START}], rules=rules)

    assert outcome.entry is not None
    assert related_to(outcome.entry) is None
