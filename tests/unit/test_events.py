"""From a sender's fields to content: what each rule takes and refuses."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.entry import Content, EntryKind, Veil
from app.domain.errors import InvalidEvent
from app.ledger.chain import prepare, seal
from app.ledger.events import activity, claim_key, differing_field, fields_of, result_class_of, usage
from app.ports import Head
from tests.events import START, at
from tests.events import activity as stated_activity
from tests.events import usage as stated

DAY = timedelta(hours=24)


def made(**changes: Any) -> Content:
    return usage(stated(**changes), now=START, max_future=DAY)


def test_every_field_reaches_its_column() -> None:
    said = {
        "id": "e1",
        "source": "meter",
        "action": "usage.api.called",
        "occurred_at": "2026-04-01T12:00:00+02:00",
        "product_id": "p",
        "customer_id": "c",
        "license_id": "l",
        "order_id": "o",
        "subscription_id": "s",
        "feature_code": "f",
        "request_id": "r",
        "transaction_id": "t",
        "quantity": "1.50",
        "unit": "GB",
        "charge": 2,
        "currency": "EUR",
        "status_code": "404",
        "message": "not there",
        "actor": "Ada",
        "additional_data": {"b": 1, "a": Decimal("0.5")},
    }
    assert usage(said, now=START, max_future=DAY) == Content(
        kind=EntryKind.USAGE,
        action="usage.api.called",
        source="meter",
        occurred_at=datetime(2026, 4, 1, 10, tzinfo=UTC),
        product_id="p",
        customer_id="c",
        license_id="l",
        order_id="o",
        subscription_id="s",
        feature_code="f",
        request_id="r",
        transaction_id="t",
        quantity=Decimal("1.5"),
        unit="GB",
        charge=Decimal(2),
        currency="EUR",
        result_class="client_error",
        status_code=404,
        sender_id="e1",
        message="not there",
        actor="Ada",
        additional_data='{"a":{"$decimal":"0.5"},"b":1}',
    )


def test_what_is_left_out_or_empty_says_nothing() -> None:
    empty = dict.fromkeys(("id", "source", "action", "license_id", "charge", "currency", "status_code", "message"), "")
    assert made(**empty) == made()
    assert (made().action, made().source, made().sender_id) == ("usage.consumed", "default", None)


def test_ids_that_are_numbers_are_taken_as_texts() -> None:
    assert made(customer_id=7, id=10**20).customer_id == "7"
    assert made(id=10**20).sender_id == "100000000000000000000"


def test_a_unit_without_a_quantity_and_a_currency_without_a_charge_are_kept_as_they_were_stated() -> None:
    assert made(quantity=None, charge="1", currency="EUR", unit="GB").unit == "GB"
    assert made(currency="EUR").currency == "EUR"


@pytest.mark.parametrize(
    ("code", "word"),
    [(None, None), (100, "success"), (399, "success"), (400, "client_error"), (499, "client_error"), (500, "server_error")],
)
def test_the_result_class_is_read_from_the_status_code_where_none_is_said(code: int | None, word: str | None) -> None:
    assert result_class_of(code) == word
    assert made(status_code=code).result_class == word
    assert made(status_code=code, result_class="throttled").result_class == "throttled"


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"colour": "red"}, "colour", "is not a field of an event"),
        ({"occurred_at": None}, "occurred_at", "is missing: when did it happen?"),
        ({"occurred_at": "yesterday"}, "occurred_at", "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ({"occurred_at": at(24) + timedelta.resolution}, "occurred_at", "lies more than 24 hours in the future"),
        ({"quantity": None}, "quantity", "is missing, and so is charge: a usage event has one of them or both"),
        ({"quantity": "many"}, "quantity", "is not a decimal number"),
        ({"quantity": 0.1}, "quantity", "must be a decimal number, as a string or as a number without rounding"),
        ({"charge": "1"}, "currency", "is missing: a charge has a currency"),
        ({"charge": "1", "currency": "EURO"}, "currency", "is longer than 3 characters"),
        ({"charge": "1", "currency": "eur"}, "currency", "must be an ISO 4217 code of three capital letters, such as EUR"),
        ({"action": "consumed"}, "action", "must be lower-case words joined by points, such as usage.consumed"),
        ({"action": "Usage.Consumed"}, "action", "must be lower-case words joined by points, such as usage.consumed"),
        ({"action": "license.issued"}, "action", "of a usage event begins with `usage.`"),
        ({"status_code": 99}, "status_code", "must be a whole number from 100 to 599"),
        ({"status_code": True}, "status_code", "must be a whole number from 100 to 599"),
        ({"status_code": "9" * 5000}, "status_code", "must be a whole number from 100 to 599"),
        ({"result_class": "Not OK"}, "result_class", "must be a lower-case word, such as success or client_error"),
        ({"customer_id": "x" * 257}, "customer_id", "is longer than 256 characters"),
        ({"customer_id": ["c"]}, "customer_id", "must be a string"),
        ({"customer_id": True}, "customer_id", "must be a string"),
        ({"message": "a\0b"}, "message", "contains the character NUL"),
        ({"actor": "\ud800"}, "actor", "contains half of a surrogate pair"),
        ({"message": "x" * 4097}, "message", "is longer than 4,096 characters"),
        ({"id": "x" * 513}, "id", "is longer than 512 characters"),
        ({"additional_data": [1]}, "additional_data", "must be an object of keys and values"),
    ],
)
def test_a_usage_event_that_breaks_a_rule_is_refused(changes: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        made(**changes)
    assert (refused.value.field, refused.value.reason) == (field, reason)


def test_an_event_may_be_dated_as_far_ahead_as_the_rule_says() -> None:
    assert made(occurred_at=at(24)).occurred_at == at(24)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(days=3), "3 days"),
        (timedelta(minutes=90), "5400 seconds"),
        (timedelta(0), "0 seconds"),
    ],
)
def test_how_far_ahead_is_too_far_is_said_in_words(span: timedelta, said: str) -> None:
    with pytest.raises(InvalidEvent, match=f"occurred_at: lies more than {said} in the future"):
        usage(stated(occurred_at=at(200)), now=START, max_future=span)


def test_an_activity_has_an_action_and_needs_no_quantity() -> None:
    content = activity(stated_activity(quantity="3", unit="seat"), now=START, max_future=DAY)
    assert (content.kind, content.action, content.quantity, content.unit) == (
        EntryKind.ACTIVITY,
        "license.issued",
        Decimal(3),
        "seat",
    )


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (None, "is missing"),
        ("", "must be lower-case words joined by points, such as usage.consumed"),
        ("usage.consumed", "usage.consumed is an action that the gateway itself records"),
        ("export.created", "export.created is an action that the gateway itself records"),
        ("key.revoked", "key.revoked is an action that the gateway itself records"),
        ("entry.erased", "entry.erased is an action that the gateway itself records"),
        ("customer.updated", "customer.updated is an action that the gateway itself records"),
        ("document.updated", "document.updated is an action that the gateway itself records"),
    ],
)
def test_an_activity_cannot_pass_for_what_the_gateway_records(action: str | None, reason: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        activity(stated_activity(action=action), now=START, max_future=DAY)
    assert (refused.value.field, refused.value.reason) == ("action", reason)


def test_a_senders_id_is_claimed_per_source_and_cannot_be_shifted_into_it() -> None:
    assert claim_key(made()) is None
    assert claim_key(made(id="x")) == hashlib.sha256(b"\0\0\0\x07defaultx").digest()[:16]
    keys = {claim_key(made(id=sender, source=source)) for sender, source in [("bc", "a"), ("c", "ab"), ("abc", None)]}
    assert len(keys) == 3


def recorded(**changes: Any) -> Any:
    return seal(1, [prepare(made(**changes))], Head(0, None, b"g" * 32), START)[0]


def test_what_an_entry_says_would_be_said_again_from_its_own_fields() -> None:
    entry = recorded(id="e1", status_code=500, charge="2", currency="EUR", message="m", actor="Ada", request_id="r")
    again = usage(fields_of(entry) | {"actor": "Ada"}, now=START, max_future=DAY)
    assert differing_field(entry, again) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": "2"}, "quantity"),
        ({"unit": "GB"}, "unit"),
        ({"occurred_at": at(-2)}, "occurred_at"),
        ({"message": "other"}, "message"),
        ({"message": None}, "message"),
        ({"additional_data": {"a": 2}}, "additional_data"),
        ({"feature_code": "f"}, "feature_code"),
        ({"status_code": 200}, "result_class"),
    ],
)
def test_the_first_differing_field_is_named(changes: dict[str, Any], field: str) -> None:
    first = {"id": "e1", "message": "m", "additional_data": {"a": 1}}
    assert differing_field(recorded(**first), made(**first)) is None
    assert differing_field(recorded(**first), made(**first | changes)) == field


def test_the_same_number_said_otherwise_is_the_same() -> None:
    assert differing_field(recorded(quantity="1.50"), made(quantity="15e-1")) is None
    assert differing_field(recorded(occurred_at="2026-04-01T11:00:00Z"), made(occurred_at="2026-04-01T13:00:00+02:00")) is None


def test_an_erased_text_agrees_with_anything() -> None:
    entry = recorded(message="m", actor="Ada")
    erased = replace(entry, message=None, veil=Veil({}, {"message": b"x" * 32}))
    assert differing_field(erased, made(message="whatever", actor="Ada")) is None
    assert differing_field(erased, made(message="whatever", actor="Eve")) == "actor"
