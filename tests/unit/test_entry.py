"""Entries: what their digest covers, how private texts are veiled and erased, and how entries and events are named."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.canonical import canonical_bytes
from app.domain.entry import (
    PRIVATE_FIELDS,
    Content,
    Correction,
    Entry,
    EntryKind,
    Veil,
    entry_id,
    event_ref,
    sequence_in,
)

MOMENT = datetime(2026, 4, 1, 10, 30, tzinfo=UTC)


def content(**stated: Any) -> Content:
    return Content(kind=EntryKind.USAGE, action="usage.consumed", source="default", occurred_at=MOMENT, **stated)


FULL: dict[str, Any] = {
    "product_id": "p",
    "customer_id": "c",
    "license_id": "l",
    "order_id": "o",
    "subscription_id": "s",
    "feature_code": "f",
    "quantity": Decimal("1.5"),
    "unit": "GB",
    "charge": Decimal("-2"),
    "currency": "EUR",
    "request_id": "r",
    "result_class": "success",
    "status_code": 200,
    "transaction_id": "t",
    "sender_id": "id",
    "message": "done",
    "actor": "Ada",
    "reason": "typo",
    "name": "Ada Ltd",
    "additional_data": '{"a":1}',
    "record": '{"kind":"x"}',
    "event": 3,
    "version": 2,
    "correction": Correction.REPLACEMENT,
    "corrects": 5,
}


def test_the_canonical_bytes_of_a_bare_entry_are_these() -> None:
    assert canonical_bytes(content(quantity=Decimal("1E+2"), unit="call").canonical()) == (
        b'{"action":"usage.consumed","kind":"usage","occurred_at":"2026-04-01T10:30:00.000000Z",'
        b'"quantity":"100","source":"default","unit":"call","v":1,"version":1}'
    )


def test_private_texts_stand_in_the_canonical_bytes_as_salted_digests_only() -> None:
    stated = content(message="done", actor="Ada")
    stated.veil = Veil({"message": b"m" * 16, "actor": b"a" * 16}, {})
    assert stated.canonical()["private"] == {
        "message": hashlib.sha256(b"m" * 16 + b"done").hexdigest(),
        "actor": hashlib.sha256(b"a" * 16 + b"Ada").hexdigest(),
    }
    assert b"Ada" not in canonical_bytes(stated.canonical())
    assert b"done" not in canonical_bytes(stated.canonical())


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, Correction):
        return Correction.REVERSAL
    if isinstance(value, EntryKind):
        return EntryKind.ACTIVITY
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    return value + (1 if isinstance(value, (int, Decimal)) else "x")


@pytest.mark.parametrize("name", [each.name for each in fields(Content) if each.name != "veil"])
def test_the_digest_covers_every_field(name: str) -> None:
    stated = content(**FULL).veiled()
    digest = stated.digest()

    changed = replace(stated, **{name: other(getattr(stated, name))})
    assert changed.digest() != digest
    if name in FULL and name != "version":
        assert replace(stated, **{name: None}).digest() != digest


def test_a_text_whose_salt_was_changed_or_taken_away_does_not_give_the_digest() -> None:
    stated = content(message="done").veiled()
    digest = stated.digest()
    assert replace(stated, veil=Veil({"message": b"x" * 16}, {})).digest() != digest
    assert replace(stated, veil=Veil({}, {})).digest() != digest
    assert replace(stated, veil=Veil(stated.veil.salts | {"actor": b"x" * 16}, {})).digest() != digest


def test_each_text_has_a_salt_of_its_own_and_every_entry_has_new_ones() -> None:
    one, two = content(message="same", actor="same").veiled(), content(message="same", actor="same").veiled()
    salts = [*one.veil.salts.values(), *two.veil.salts.values()]
    assert [len(salt) for salt in salts] == [16] * 4
    assert len(set(salts)) == 4


@given(
    texts=st.dictionaries(st.sampled_from(PRIVATE_FIELDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=9)),
    erased=st.sets(st.sampled_from(PRIVATE_FIELDS)),
)
def test_erasing_any_of_the_texts_keeps_the_digest_and_the_veil_survives_its_bytes(
    texts: dict[str, str], erased: set[str]
) -> None:
    stated = content(**texts).veiled()
    gone = {name: text for name, text in texts.items() if name in erased}

    left = replace(stated, veil=stated.veil.without(gone), **dict.fromkeys(gone))

    assert left.digest() == stated.digest()
    assert left.veil.salts.keys() == texts.keys() - gone.keys()
    assert left.veil.erased.keys() == gone.keys()
    assert Veil.from_bytes(left.veil.to_bytes()) == left.veil
    assert len(left.veil.to_bytes()) == 17 * len(left.veil.salts) + 33 * len(left.veil.erased)


def test_what_was_erased_cannot_be_put_back_unnoticed() -> None:
    stated = content(message="done").veiled()
    left = replace(stated, message=None, veil=stated.veil.without({"message": "done"}))
    assert replace(left, message="done").digest() != stated.digest()


def entry(**stated: Any) -> Entry:
    recorded = {"account_id": 7, "sequence": 12, "recorded_at": MOMENT, "content_digest": b"", "leaf": b"", "chain": b""}
    return Entry(kind=EntryKind.USAGE, action="usage.consumed", source="default", occurred_at=MOMENT, **recorded | stated)


def test_a_version_has_its_own_id_and_shares_its_events_ref() -> None:
    first = entry()
    later = entry(sequence=20, event=12, version=2, correction=Correction.REPLACEMENT, corrects=12)
    assert (first.id, first.event_ref, first.corrects_id, first.sign) == ("act_7_12", "evt_7_12", None, 1)
    assert (later.id, later.event_ref, later.corrects_id, later.sign) == ("act_7_20", "evt_7_12", "act_7_12", 1)
    assert entry(correction=Correction.REVERSAL, quantity=Decimal(5)).sign == -1


def test_an_entry_tells_which_of_its_texts_were_erased() -> None:
    assert entry(veil=Veil({}, {"actor": b"x" * 32, "message": b"x" * 32})).erased == ("message", "actor")


@given(st.integers(1, 10**18 - 1), st.integers(1, 10**18 - 1))
def test_an_id_names_its_sequence_within_its_account_alone(account: int, sequence: int) -> None:
    assert sequence_in(entry_id(account, sequence), account) == sequence
    assert sequence_in(event_ref(account, sequence), account) == sequence
    assert sequence_in(event_ref(account, sequence), account + 1) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "act", "act_7", "act_7_", "act__1", "7_1", "_7_1"),
        *("act_7_0", "act_7_01", "act_07_1", "act_7_-1", "act_7_+1", "act_7_1 ", "act_7_1_1", "act_7_" + "9" * 19),
        *("ACT_7_1", "exp_7_1", "act_7_١", "act_٧_1", "act_7_²"),
    ],
)
def test_what_is_no_id_names_nothing(text: str) -> None:
    assert sequence_in(text, 7) is None
