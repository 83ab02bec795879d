"""The contract of `/api/usage/event`, call by call through a real socket: the documented pairs, and every refusal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from app.api.body import exact_json
from app.domain.account import Account, Permission
from app.domain.catalogue import RecordKind
from app.domain.entry import Entry, EntryKind
from app.ledger import credentials, own_formats
from app.ledger.catalogue import upsert
from app.ledger.commands import Rules
from app.ledger.replaying import replay
from app.question.rows import Rows
from app.question.scope import Scope
from tests.conftest import Clock
from tests.events import START
from tests.vendors.served import Served, serving

EVENT: dict[str, Any] = {
    "timestamp": "2024-02-06T11:37:38.872Z",
    "customer_ref": "eaa65954-9eb7-4246-a96c-7f6bc3aac42f",
    "usage_product_ref": "94434ff8-8537-4f72-a5df-a45cca271544",
    "quantity": 10,
    "additional_report_data": {"note": "User-specific note"},
    "validations": {"currency": "USD", "entity_ref": "27db2a0c-a11f-4b2e-bfab-8032d0a5a7a1"},
}
"""The example of the contract's own page."""
CUSTOMER, PRODUCT = EVENT["customer_ref"], EVENT["usage_product_ref"]
DOCUMENT, PARENT = "fffb529d-e5ad-4d87-b1e5-fa5085a675b5", "cb88774f-fbdd-42ef-b9eb-822e6c581ee1"
FORMAT = {
    "version": 1,
    "name": "nested-meter",
    "fields": {
        "occurred_at": {"path": "when", "layout": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"},
        "customer_id": {"path": "who.customer", "required": True},
        "product_id": {"path": "what"},
        "quantity": {"path": "amount"},
        "unit": {"constant": "call"},
        "id": {"path": "key"},
    },
    "additional": ["who.region"],
}
DEFAULT_EVENT = {"occurred_at": "2024-02-06T11:37:38Z", "quantity": 1}
_NUMBERS = count(1)
PAYLOAD = {"when": "06.02.2024 12:37", "who": {"customer": CUSTOMER, "region": "eu"}, "what": PRODUCT, "amount": "2.5"}


@dataclass
class Sender:
    """An ordinary client of this contract, logged in, and the account that it sends to."""

    served: Served
    account: Account
    clock: Clock
    client: httpx2.Client

    def key(self, *scopes: Permission, **stated: Any) -> tuple[str, str]:
        """The id and the secret of a new key."""
        _, key_id, secret = self.served.token(self.account, *scopes, **stated).split("_", 2)
        return key_id, secret

    def login(self, *scopes: Permission, **stated: Any) -> str:
        """The token of a new session of a new key."""
        api_key, password = self.key(*scopes, **stated)
        response = self.client.post("/auth/login", json={"api_key": api_key, "password": password})
        assert response.status_code == 200, response.text
        token = response.json()
        assert isinstance(token, str)
        return token

    def post(self, path: str, body: Any, **options: Any) -> httpx2.Response:
        return self.client.post(f"/api/usage/event{path}", json=body, **options)

    def entries(self) -> list[Entry]:
        """All of the account's entries, the newest first."""
        store = self.served.services.store
        head = self.served.run(store.head(self.account.id))
        return self.served.run(store.rows(Rows(Scope(self.account.id, head.sequence), limit=500)))

    def describe(self, kind: RecordKind, record_id: str, **stated: Any) -> None:
        services = self.served.services
        principal = self.served.principal(self.account)
        self.served.run(upsert(services.store, principal, kind, record_id, stated, rules=services.rules))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Clock]]:
    clock = Clock(START)
    with serving(tmp_path_factory.mktemp("usage-event"), rules=Rules(clock=clock)) as served:
        yield served, clock


@pytest.fixture
def sender(gateway: tuple[Served, Clock]) -> Iterator[Sender]:
    """Each test has an account of its own, so that it finds in the ledger what it put there."""
    served, clock = gateway
    clock.now = START
    account = served.account(f"sender-{next(_NUMBERS)}")
    with served.client() as client:
        made = Sender(served, account, clock, client)
        client.headers["Authorization"] = f"Bearer {made.login(Permission.USAGE_WRITE)}"
        client.headers["Version"] = "V0"
        yield made


def invoiced(sender: Sender, **stated: Any) -> None:
    """The invoice of the contract's example, with its parent, customer and product."""
    sender.describe(RecordKind.CUSTOMER, CUSTOMER, name="Acme")
    sender.describe(RecordKind.PRODUCT, PRODUCT, name="Units")
    sender.describe(RecordKind.DOCUMENT, PARENT, type="invoice", number="US-INV-12345", status="closed")
    facts = {
        "type": "invoice",
        "number": "US-INV-1234",
        "status": "open",
        "parent_id": PARENT,
        "customer_id": CUSTOMER,
        "product_id": PRODUCT,
        "currency": "USD",
        "entity_ref": "27db2a0c-a11f-4b2e-bfab-8032d0a5a7a1",
        "starts_at": "2024-02-01T00:00:00Z",
        "ends_at": "2024-03-01T00:00:00Z",
    }
    sender.describe(RecordKind.DOCUMENT, DOCUMENT, **facts | stated)


def test_the_documented_event_is_answered_as_documented(sender: Sender) -> None:
    invoiced(sender)
    response = sender.post("", EVENT)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    (entry, *_) = sender.entries()
    assert response.json() == {
        "event_ref": entry.event_ref,
        "related_document_ref": DOCUMENT,
        "related_document_numbers": "US-INV-1234",
    }
    assert list(response.json()) == ["event_ref", "related_document_ref", "related_document_numbers"]
    assert (entry.customer_id, entry.product_id, str(entry.quantity)) == (CUSTOMER, PRODUCT, "1E+1")
    assert entry.occurred_at.isoformat() == "2024-02-06T11:37:38.872000+00:00"
    assert entry.additional_data == '{"note":"User-specific note"}'


def test_without_a_document_the_fields_are_null_and_the_event_counts(sender: Sender) -> None:
    response = sender.post("", EVENT)

    (entry,) = sender.entries()
    assert (response.status_code, response.json()) == (
        200,
        {"event_ref": entry.event_ref, "related_document_ref": None, "related_document_numbers": None},
    )


@pytest.mark.parametrize("written", ["12.345678901234567890", "0.1", 0.1, 7, "1e3", -2])
def test_a_quantity_is_taken_exactly_as_string_and_as_number(sender: Sender, written: Any) -> None:
    ref = sender.post("", EVENT | {"quantity": written}).json()["event_ref"]

    (entry,) = sender.entries()
    assert (entry.event_ref, str(entry.quantity.normalize() if entry.quantity else None)) == (
        ref,
        {"12.345678901234567890": "12.34567890123456789", "0.1": "0.1", "7": "7", "1e3": "1E+3", "-2": "-2"}[str(written)],
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-02-05T19:03:39.784Z", "2024-02-05T19:03:39.784000"),
        ("2024-02-05T20:03:39+01:00", "2024-02-05T19:03:39"),
        ("2024-02-05T19:03:39", "2024-02-05T19:03:39"),
        ("2024-02-05T19:03Z", "2024-02-05T19:03:00"),
        ("20240205T190339Z", "2024-02-05T19:03:39"),
        ("2024-02-05", "2024-02-05T00:00:00"),
        ("2024-W06-1T19:03:39Z", "2024-02-05T19:03:39"),
    ],
)
def test_a_timestamp_is_any_of_iso_8601(sender: Sender, written: str, meant: str) -> None:
    assert sender.post("", EVENT | {"timestamp": written}).status_code == 200

    assert sender.entries()[0].occurred_at.isoformat() == f"{meant}+00:00"


def test_what_the_table_calls_strings_is_taken_as_such(sender: Sender) -> None:
    invoiced(sender)
    body = EVENT | {
        "additional_report_data": '{"note": "n", "rate": 0.1}',
        "validations": "USD 27db2a0c-a11f-4b2e-bfab-8032d0a5a7a1",
    }
    assert sender.post("", body).json()["related_document_ref"] == DOCUMENT
    assert sender.entries()[0].additional_data == '{"note":"n","rate":{"$decimal":"0.1"}}'
    for validations in ('{"currency": "USD"}', "USD", "", None, {}, {"currency": None}):
        assert sender.post("", EVENT | {"validations": validations}).status_code == 200


@pytest.mark.parametrize(
    ("validations", "field", "stated"),
    [
        ({"currency": "EUR"}, "currency", "USD"),
        ("EUR 27db2a0c-a11f-4b2e-bfab-8032d0a5a7a1", "currency", "USD"),
        ({"entity_ref": "other"}, "entity_ref", "27db2a0c-a11f-4b2e-bfab-8032d0a5a7a1"),
        ("other", "entity_ref", "27db2a0c-a11f-4b2e-bfab-8032d0a5a7a1"),
    ],
)
def test_an_event_that_its_document_does_not_match_is_refused(sender: Sender, validations: Any, field: str, stated: str) -> None:
    invoiced(sender)
    before = sender.entries()
    response = sender.post("", EVENT | {"validations": validations})

    assert response.status_code == 422
    assert response.json()["error"] == {
        "code": "VALIDATION_ERROR",
        "message": f"validations.{field}: does not match: document US-INV-1234 says {stated}",
    }
    assert sender.entries() == before


def test_customers_and_products_are_found_by_name_where_the_ref_is_left_out(sender: Sender) -> None:
    invoiced(sender)
    body = {name: value for name, value in EVENT.items() if not name.endswith("_ref")}
    named = body | {"customer_name": "Acme", "usage_product_name": "Units"}

    for more in ({}, {"customer_ref": None, "usage_product_ref": ""}, {"customer_ref": CUSTOMER, "customer_name": "whoever"}):
        assert sender.post("", named | more).json()["related_document_ref"] == DOCUMENT
        assert (sender.entries()[0].customer_id, sender.entries()[0].product_id) == (CUSTOMER, PRODUCT)

    sender.describe(RecordKind.CUSTOMER, "another", name="Acme")
    before = sender.entries()
    for wrong, told in (
        ({}, "customer_name: names more than one customer: Acme"),
        ({"customer_name": "Nobody"}, "customer_name: names no customer: Nobody"),
        ({"customer_name": None}, "customer_ref: is missing, and so is customer_name"),
        ({"customer_ref": CUSTOMER, "usage_product_name": "unit"}, "usage_product_name: names no product: unit"),
        ({"customer_ref": CUSTOMER, "usage_product_name": ""}, "usage_product_ref: is missing, and so is usage_product_name"),
    ):
        response = sender.post("", named | wrong)
        assert (response.status_code, response.json()["error"]["message"]) == (422, told)
    assert sender.entries() == before


@pytest.mark.parametrize(
    ("wrong", "status", "told"),
    [
        ({"timestamp": None}, 422, "timestamp: is missing"),
        ({"quantity": None}, 422, "quantity: is missing"),
        ({"quantity": ""}, 422, "quantity: is missing"),
        ({"quantity": "ten"}, 422, "quantity: is not a decimal number"),
        ({"quantity": True}, 422, "quantity: must be a decimal number, as a string or as a number without rounding"),
        ({"quantity": "0.1234567890123456789"}, 422, "quantity: has more than 18 digits after the point"),
        ({"timestamp": "yesterday"}, 422, "timestamp: is not an ISO 8601 date and time, such as 2024-02-05T19:03:39.784Z"),
        ({"timestamp": 7}, 422, "timestamp: is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ({"timestamp": "1969-12-31T23:59:59Z"}, 422, "timestamp: lies before 1970"),
        ({"timestamp": "2026-04-03T00:00:00Z"}, 422, "timestamp: lies more than 24 hours in the future"),
        ({"customer_ref": {}}, 422, "customer_ref: must be a string"),
        ({"customer_ref": "x" * 257}, 422, "customer_ref: is longer than 256 characters"),
        ({"additional_report_data": "text"}, 422, "additional_report_data: must be an object, or the JSON text of one"),
        ({"additional_report_data": [1]}, 422, "additional_report_data: must be an object, or the JSON text of one"),
        ({"additional_report_data": {"a": {"$decimal": "1"}}}, 422, "additional_report_data.a.$decimal: is a reserved key"),
        ({"validations": "USD a b"}, 422, "validations: must be a currency and an entity's ref"),
        ({"validations": {"colour": "red"}}, 422, "validations.colour: is not known; known are currency, entity_ref"),
        ({"validations": {"currency": 7}}, 422, "validations.currency: must be a string"),
        ({"validations": 7}, 422, "validations: must be an object, or the JSON text of one"),
        ({"colour": "red"}, 400, f"colour is not a field here; these are: {', '.join([*EVENT, 'customer_name'])}"),
    ],
)
def test_a_wrong_event_is_refused_with_the_field_and_the_reason(
    sender: Sender, wrong: dict[str, Any], status: int, told: str
) -> None:
    response = sender.post("", EVENT | wrong)

    error = response.json()["error"]
    if status == 400:
        assert error["message"].startswith("colour is not a field here; these are: timestamp, customer_ref, customer_name, ")
    else:
        assert error["message"] == told
    assert (response.status_code, error["code"]) == (status, "INVALID_JSON" if status == 400 else "VALIDATION_ERROR")
    assert sender.entries() == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "INVALID_JSON"),
        (b"{", 400, "INVALID_JSON"),
        (b'{"quantity": 1, "quantity": 2}', 400, "INVALID_JSON"),
        (b'{"customer_ref": "\xff"}', 400, "INVALID_JSON"),
        (b"[]", 422, "VALIDATION_ERROR"),
        (b'"' + b"x" * 1024 * 1024 + b'"', 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_a_body_that_is_no_object_is_refused(sender: Sender, content: bytes, status: int, code: str) -> None:
    response = sender.client.post("/api/usage/event", content=content)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert sender.entries() == []


def test_a_formatted_event_is_answered_in_full(sender: Sender) -> None:
    invoiced(sender)
    services, principal = sender.served.services, sender.served.principal(sender.account)
    sender.served.run(own_formats.save(services.store, principal, FORMAT, rules=services.rules))

    for named in ({"format_name": "nested-meter"}, {"format_name": "Nested Meter"}, {"format_ref": "nested-meter@1"}):
        response = sender.post("/formatted", {**named, "event": PAYLOAD})

        (entry, *_) = sender.entries()
        assert (response.status_code, list(response.json().items())) == (
            200,
            [
                ("event_ref", entry.event_ref),
                ("related_document_ref", DOCUMENT),
                ("related_document_numbers", "US-INV-1234"),
                ("related_parent_document_ref", PARENT),
                ("related_parent_document_numbers", "US-INV-12345"),
                ("timestamp", "2024-02-06T11:37:00.000000Z"),
                ("customer_ref", CUSTOMER),
                ("customer_name", "Acme"),
                ("usage_product_ref", PRODUCT),
                ("usage_product_name", "Units"),
                ("quantity", 2.5),
                ("additional_report_data", {"who.region": "eu"}),
            ],
        )
        assert '"quantity":2.5,' in response.text
        assert entry.unit == "call"


def test_a_formatted_event_with_a_senders_id_counts_once(sender: Sender) -> None:
    services, principal = sender.served.services, sender.served.principal(sender.account)
    sender.served.run(own_formats.save(services.store, principal, FORMAT, rules=services.rules))
    body = {"format_name": "nested-meter", "event": PAYLOAD | {"key": "k1"}}
    first = sender.post("/formatted", body)
    before = sender.entries()

    assert sender.post("/formatted", body).json() == first.json()
    other = sender.post("/formatted", {**body, "event": PAYLOAD | {"key": "k1", "amount": 3}})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "EVENT_CONFLICT")
    assert other.json()["error"]["message"].endswith("with other content: quantity differs")
    assert sender.entries() == before


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"event": {}}, 422, "format_name: is missing"),
        ({"format_name": 7, "event": {}}, 422, "format_name: must be a string"),
        ({"format_name": "unknown", "event": {}}, 404, "no format unknown"),
        ({"format_name": "???", "event": {}}, 404, "no format ???"),
        ({"format_ref": "Nested Meter", "event": {}}, 404, "no format Nested Meter"),
        ({"format_name": "nested-meter"}, 422, "event: is missing"),
        ({"format_name": "nested-meter", "event": "x"}, 422, "event: must be an object of keys and values"),
        ({"format_name": "nested-meter", "event": {"when": "06.02.2024 12:37"}}, 422, "who.customer: is missing"),
        ({"format_name": "nested-meter", "event": PAYLOAD | {"when": "now"}}, 422, "when: does not fit the layout"),
        ({"format_name": "nested-meter", "event": PAYLOAD | {"amount": "many"}}, 422, "amount: is not a decimal number"),
        (
            {"format_name": "default", "event": DEFAULT_EVENT | {"colour": "red"}},
            422,
            "colour: is not known to the format default",
        ),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_with_the_path_and_the_reason(
    sender: Sender, body: dict[str, Any], status: int, told: str
) -> None:
    services, principal = sender.served.services, sender.served.principal(sender.account)
    sender.served.run(own_formats.save(services.store, principal, FORMAT, rules=services.rules))
    before = sender.entries()
    response = sender.post("/formatted", body)

    assert (response.status_code, response.json()["error"]["message"][: len(told)]) == (status, told)
    assert sender.entries() == before


def test_a_refused_payload_is_kept_and_counts_once_its_format_is_mended(sender: Sender) -> None:
    services, principal = sender.served.services, sender.served.principal(sender.account)
    sender.served.run(own_formats.save(services.store, principal, FORMAT, rules=services.rules))
    body = {"format_name": "nested-meter", "event": PAYLOAD | {"amount": "2,5", "key": "k1"}}
    response = sender.post("/formatted", body)

    (reject,) = sender.served.run(services.store.rejects(sender.account.id, limit=10))
    assert response.json()["error"] == {
        "code": "VALIDATION_ERROR",
        "message": "amount: is not a decimal number",
        "detail": f"kept as {reject.id}",
    }
    assert exact_json(reject.payload or b"") == body["event"]

    quantity = {"compute": "amount == '2,5' ? '2.5' : amount"}
    mended = FORMAT | {"fields": FORMAT["fields"] | {"quantity": quantity}}
    sender.served.run(own_formats.save(services.store, principal, mended, rules=services.rules))
    replayed = sender.served.run(replay(services.store, principal, rules=services.rules))
    again = sender.post("/formatted", body)

    assert replayed.told() == {"inserted": 1, "duplicate": 0, "conflict": 0, "rejected": 0}
    counted = [each for each in sender.entries() if each.kind is EntryKind.USAGE]
    assert [(each.event_ref, str(each.quantity)) for each in counted] == [(again.json()["event_ref"], "2.5")]
    assert sender.served.run(services.store.rejects(sender.account.id, limit=10)) == []


def test_what_the_ledger_refuses_is_kept_in_its_own_words_and_a_wrong_document_keeps_nothing(sender: Sender) -> None:
    invoiced(sender)
    services = sender.served.services
    assert sender.post("", EVENT | {"validations": "EUR"}).status_code == 422
    assert sender.served.run(services.store.rejects(sender.account.id, limit=10)) == []

    response = sender.post("", EVENT | {"quantity": "ten"})

    (reject,) = sender.served.run(services.store.rejects(sender.account.id, limit=10))
    assert response.json()["error"]["detail"] == f"kept as {reject.id}"
    assert (reject.format, exact_json(reject.payload or b"")["quantity"]) == ("default", "ten")


def test_an_update_is_answered_with_the_updated_event(sender: Sender) -> None:
    invoiced(sender)
    ref = sender.post("", EVENT).json()["event_ref"]
    response = sender.post("/update", EVENT | {"event_ref": ref, "quantity": "12", "additional_report_data": {"note": "new"}})

    assert (response.status_code, response.json()) == (
        200,
        {
            "event_ref": ref,
            "related_document_ref": DOCUMENT,
            "related_document_numbers": "US-INV-1234",
            "related_parent_document_ref": PARENT,
            "related_parent_document_numbers": "US-INV-12345",
            "timestamp": "2024-02-06T11:37:38.872000Z",
            "customer_ref": CUSTOMER,
            "customer_name": "Acme",
            "usage_product_ref": PRODUCT,
            "usage_product_name": "Units",
            "quantity": 12,
            "additional_report_data": {"note": "new"},
        },
    )
    replacement, reversal, first, *_ = sender.entries()
    assert (replacement.corrects, reversal.corrects, replacement.reason) == (
        first.sequence,
        first.sequence,
        "updated by its sender",
    )
    assert (first.quantity, reversal.quantity, replacement.quantity) == (10, -10, 12)


def test_an_update_leaves_alone_what_it_does_not_name(sender: Sender) -> None:
    ref = sender.post("", EVENT).json()["event_ref"]

    moved = sender.post("/update", {"event_ref": ref, "timestamp": "2024-02-07"}).json()
    assert (moved["timestamp"], moved["quantity"], moved["additional_report_data"]) == (
        "2024-02-07T00:00:00.000000Z",
        10,
        {"note": "User-specific note"},
    )
    emptied = sender.post("/update", {"event_ref": ref, "additional_report_data": {}}).json()
    assert (emptied["quantity"], emptied["additional_report_data"]) == (10, {})


def test_an_event_is_updated_through_a_format(sender: Sender) -> None:
    services, principal = sender.served.services, sender.served.principal(sender.account)
    sender.served.run(own_formats.save(services.store, principal, FORMAT, rules=services.rules))
    ref = sender.post("/formatted", {"format_name": "nested-meter", "event": PAYLOAD | {"key": "k1"}}).json()["event_ref"]

    body = {"event_ref": ref, "format_name": "nested-meter", "event": PAYLOAD | {"key": "k2", "amount": 0.25}}
    response = sender.post("/formatted/update", body)

    assert (response.status_code, response.json()["event_ref"]) == (200, ref)
    assert '"quantity":0.25,' in response.text
    assert response.json()["additional_report_data"] == {"who.region": "eu"}
    assert sender.entries()[0].sender_id == "k1"  # what the event is known by stays


def test_a_deleted_event_counts_no_longer_and_is_told_by_its_ref(sender: Sender) -> None:
    ref = sender.post("", EVENT).json()["event_ref"]
    response = sender.client.delete(f"/api/usage/event/{ref}")

    assert (response.status_code, response.json()) == (200, {"event_ref": ref})
    reversal, first = sender.entries()
    assert (reversal.corrects, reversal.quantity, reversal.reason) == (first.sequence, -10, "deleted by its sender")
    for again in (
        sender.client.delete(f"/api/usage/event/{ref}"),
        sender.post("/update", {"event_ref": ref, "quantity": 1}),
    ):
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ALREADY_CORRECTED")
    assert len(sender.entries()) == 2


@pytest.mark.parametrize("ref", ["evt_1_999", "d1d3416c-0b33-479e-a42f-dbb74effd290", "evt_999_1"])
def test_an_unknown_event_can_be_neither_updated_nor_deleted(sender: Sender, ref: str) -> None:
    for response in (
        sender.client.delete(f"/api/usage/event/{ref}"),
        sender.post("/update", {"event_ref": ref, "quantity": 1}),
        sender.post("/formatted/update", {"event_ref": ref, "format_name": "default", "event": DEFAULT_EVENT}),
    ):
        assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_an_update_that_names_no_event_or_no_change_is_refused(sender: Sender) -> None:
    ref = sender.post("", EVENT).json()["event_ref"]
    for body, told in (
        ({"quantity": 1}, "event_ref: is missing"),
        ({"event_ref": 7}, "event_ref: must be a string"),
        ({"event_ref": ref}, "changes: is empty: what should the event say instead?"),
        ({"event_ref": ref, "quantity": "many"}, "quantity: is not a decimal number"),
    ):
        response = sender.post("/update", body)
        assert (response.status_code, response.json()["error"]["message"]) == (422, told)
    assert len(sender.entries()) == 1


CALLS: list[Callable[[httpx2.Client], httpx2.Response]] = [
    lambda client: client.post("/api/usage/event", json=EVENT),
    lambda client: client.post("/api/usage/event/formatted", json={"format_name": "default", "event": {}}),
    lambda client: client.post("/api/usage/event/update", json={"event_ref": "evt_1_1", "quantity": 1}),
    lambda client: client.post("/api/usage/event/formatted/update", json={"event_ref": "evt_1_1"}),
    lambda client: client.delete("/api/usage/event/evt_1_1"),
    lambda client: client.post("/auth/logout"),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_without_the_version_or_with_another_is_refused_and_says_so(
    sender: Sender, call: Callable[[httpx2.Client], httpx2.Response]
) -> None:
    del sender.client.headers["Version"]
    response = call(sender.client)
    assert (response.status_code, response.json()["error"]) == (
        400,
        {"code": "INVALID_QUERY", "message": "Version: the header is missing; send `Version: V0`"},
    )
    sender.client.headers["Version"] = "V1"
    response = call(sender.client)
    assert (response.status_code, response.json()["error"]["message"]) == (400, "Version: the header must be V0, not V1")
    assert sender.entries() == []


@pytest.mark.parametrize("call", CALLS)
def test_a_call_without_a_session_is_refused(sender: Sender, call: Callable[[httpx2.Client], httpx2.Response]) -> None:
    token = sender.served.token(sender.account, Permission.ADMIN)
    for sent in (None, "Bearer nonsense", f"Bearer {token}", "Basic x"):
        sender.client.headers.pop("Authorization", None)
        if sent is not None:
            sender.client.headers["Authorization"] = sent
        response = call(sender.client)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "UNAUTHORIZED")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert sender.entries() == []


@pytest.mark.parametrize("call", CALLS[:-1])
def test_a_session_may_do_no_more_than_its_key(sender: Sender, call: Callable[[httpx2.Client], httpx2.Response]) -> None:
    sender.client.headers["Authorization"] = f"Bearer {sender.login(Permission.REPORT_READ)}"
    response = call(sender.client)

    assert (response.status_code, response.json()["error"]["detail"]) == (403, "requires usage:write")
    assert sender.entries() == []


def test_a_login_answers_a_bare_json_string(sender: Sender) -> None:
    api_key, password = sender.key(Permission.USAGE_WRITE)
    with sender.served.client() as client:
        response = client.post("/auth/login", json={"api_key": api_key, "password": password})

        assert response.status_code == 200
        assert re.fullmatch(r'"[\w-]+\.[\w-]+\.[\w-]+"', response.text)
        for body, status, told in (
            ({"api_key": api_key, "password": password[:-1] + "!"}, 401, "api_key or password is wrong"),
            ({"api_key": "a" * 16, "password": password}, 401, "api_key or password is wrong"),
            ({"api_key": "x", "password": "y"}, 401, "api_key or password is wrong"),
            ({"api_key": api_key}, 422, "password: is missing"),
            ({"api_key": 7, "password": password}, 422, "api_key: must be a string"),
            ({"api_key": api_key, "password": password, "email": "e"}, 400, "email is not a field here"),
        ):
            response = client.post("/auth/login", json=body)
            assert (response.status_code, response.json()["error"]["message"][: len(told)]) == (status, told)
        assert client.post("/auth/login", json=body, headers={"Version": "V9"}).status_code == 400


def test_a_logged_out_session_is_refused_and_another_of_the_same_key_is_not(sender: Sender) -> None:
    api_key, password = sender.key(Permission.USAGE_WRITE)
    one, other = (sender.client.post("/auth/login", json={"api_key": api_key, "password": password}).json() for _ in range(2))
    sender.client.headers["Authorization"] = f"Bearer {one}"
    assert sender.post("", EVENT).status_code == 200

    response = sender.client.post("/auth/logout")

    assert (response.status_code, response.json()) == (200, {})
    for refused in (sender.post("", EVENT), sender.client.post("/auth/logout")):
        assert (refused.status_code, refused.json()["error"]["message"]) == (401, "the session was ended")
    sender.client.headers["Authorization"] = f"Bearer {other}"
    assert sender.post("", EVENT).status_code == 200


def test_a_session_lives_for_24_hours(sender: Sender) -> None:
    sender.clock.advance(hours=24, seconds=-1)
    assert sender.post("", EVENT).status_code == 200
    sender.clock.advance(seconds=1)
    response = sender.post("", EVENT)

    assert (response.status_code, response.json()["error"]["message"]) == (401, "the session has expired")
    assert len(sender.entries()) == 1


def test_a_revoked_key_can_neither_log_in_nor_go_on(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = 0.0
    monkeypatch.setattr("app.access.memory.time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    api_key, password = sender.key(Permission.USAGE_WRITE)
    login = {"api_key": api_key, "password": password}
    sender.client.headers["Authorization"] = f"Bearer {sender.client.post('/auth/login', json=login).json()}"
    assert sender.post("", EVENT).status_code == 200
    services = sender.served.services
    revoking = credentials.revoke(services.store, sender.account.id, api_key, actor="key operator", rules=services.rules)
    sender.served.run(revoking)
    passed = 0.9

    for response in (sender.post("", EVENT), sender.client.post("/auth/login", json=login)):
        assert (response.status_code, response.json()["error"]["message"]) == (401, "the token was revoked")
    assert [each.action for each in sender.entries()] == ["key.revoked", "usage.consumed"]


def test_another_account_sees_and_changes_nothing(sender: Sender) -> None:
    invoiced(sender)
    ref = sender.post("", EVENT).json()["event_ref"]
    stranger = Sender(sender.served, sender.served.account(f"stranger-of-{sender.account.id}"), sender.clock, sender.client)
    sender.client.headers["Authorization"] = f"Bearer {stranger.login(Permission.ADMIN)}"
    before = sender.entries()

    assert sender.post("", EVENT).json()["related_document_ref"] is None
    for response in (sender.post("/update", {"event_ref": ref, "quantity": 1}), sender.client.delete(f"/api/usage/event/{ref}")):
        assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert sender.entries() == before


def test_the_frozen_document_is_seen_through_the_other_doors(sender: Sender) -> None:
    invoiced(sender)
    ref = sender.post("", EVENT).json()["event_ref"]
    token = sender.served.token(sender.account, Permission.REPORT_READ)
    with sender.served.client(token) as client:
        (row,) = client.get("/api/v1/reports/usage-ledger", params={"limit": 1}).json()["data"]

    assert (row["event_ref"], row["record"]) == (
        ref,
        {"kind": "document", "id": DOCUMENT, "number": "US-INV-1234", "parent_id": PARENT, "parent_number": "US-INV-12345"},
    )
