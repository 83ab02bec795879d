"""Mutations: what became of each event, corrections as entries of their own, and errors as data by the caller's names."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.account import Account, Principal
from app.ledger.commands import Rules, record
from app.ports import Store
from tests import conftest
from tests.asking import ledger_of, nothing_written
from tests.contract.conftest import Door
from tests.events import usage

engine = conftest.engine
RECORD = """
mutation ($input: UsageEventInput!) {
  recordUsageEvent(input: $input) { status entry { id sequence quantity } errors { code field message } }
}
"""
BATCH = """
mutation ($events: [UsageEventInput!]!) {
  recordUsageEvents(input: { events: $events }) {
    inserted duplicate conflict rejected
    outcomes { status entry { sequence } errors { code field message } }
    errors { code field message }
  }
}
"""
AMEND = """
mutation ($input: AmendUsageEventInput!) {
  amendUsageEvent(input: $input) {
    reversal { id quantity charge correction corrects reason actor version }
    replacement { id eventRef quantity featureCode message correction corrects reason actor version additionalData }
    errors { code field message }
  }
}
"""
RETRACT = """
mutation ($input: RetractUsageEventInput!) {
  retractUsageEvent(input: $input) { reversal { id quantity correction corrects } errors { code field message } }
}
"""
ERASE = """
mutation ($input: EraseTextsInput!) { eraseTexts(input: $input) { texts sequences expiredExports errors { code field message } } }
"""


def event(**stated: Any) -> dict[str, Any]:
    return {"occurredAt": "2026-04-01T11:00:00Z", "quantity": "1", "unit": "call"} | stated


async def test_an_event_is_recorded_once_whatever_is_sent_again(door: Door, store: Store, account: Account) -> None:
    sent = event(id="e1", customerId="c1")
    entry = {"id": "act_1_1", "sequence": 1, "quantity": "1"}
    assert (await door.ask(RECORD, input=sent)).data["recordUsageEvent"] == {"status": "INSERTED", "entry": entry, "errors": []}
    async with nothing_written(store, account):
        again = (await door.ask(RECORD, input=sent)).data["recordUsageEvent"]
        assert again == {"status": "DUPLICATE", "entry": entry, "errors": []}
        other = (await door.ask(RECORD, input=sent | {"customerId": "c2"})).data["recordUsageEvent"]
    assert other == {
        "status": "CONFLICT",
        "entry": entry,
        "errors": [
            {
                "code": "EVENT_CONFLICT",
                "field": "id",
                "message": "id was recorded as evt_1_1 with other content: customerId differs",
            }
        ],
    }


@pytest.mark.parametrize(
    ("stated", "field", "message"),
    [
        ({"quantity": None}, "quantity", "quantity is missing, and so is charge: a usage event has one of them or both"),
        ({"charge": "1"}, "currency", "currency is missing: a charge has a currency"),
        ({"statusCode": 99}, "statusCode", "statusCode must be a whole number from 100 to 599"),
        ({"action": "license.issued"}, "action", "action of a usage event begins with `usage.`"),
        ({"occurredAt": "2026-04-02T12:00:00.000001Z"}, "occurredAt", "occurredAt lies more than 24 hours in the future"),
        ({"quantity": "123456789012345678901"}, "quantity", "quantity has more than 20 digits before the point"),
        ({"quantity": "0.0000000000000000001"}, "quantity", "quantity has more than 18 digits after the point"),
        ({"customerId": "c" * 257}, "customerId", "customerId is longer than 256 characters"),
        ({"additionalData": {"my_key": {"a": "x\0"}}}, "additionalData.my_key.a", None),
        ({"resultClass": "Success"}, "resultClass", "resultClass must be a lower-case word, such as success or client_error"),
    ],
)
async def test_what_cannot_be_recorded_is_told_as_data(
    stated: dict[str, Any], field: str, message: str | None, door: Door, store: Store, account: Account
) -> None:
    async with nothing_written(store, account):
        payload = (await door.ask(RECORD, input=event(**stated))).data["recordUsageEvent"]
    (error,) = payload["errors"]
    assert (payload["status"], payload["entry"]) == ("REJECTED", None)
    assert (error["code"], error["field"]) == ("VALIDATION_ERROR", field)
    assert message is None or error["message"] == message


async def test_each_event_of_a_batch_has_its_own_outcome(door: Door, store: Store, account: Account) -> None:
    await door.ask(RECORD, input=event(id="e1"))
    events = [event(id="e1"), event(id="e1", quantity="2"), event(id="e2"), event(id="e2"), event(quantity=None), event(charge=1)]
    payload = (await door.ask(BATCH, events=events)).data["recordUsageEvents"]
    assert {name: payload[name] for name in ("inserted", "duplicate", "conflict", "rejected", "errors")} == {
        "inserted": 1,
        "duplicate": 2,
        "conflict": 1,
        "rejected": 2,
        "errors": [],
    }
    assert [(each["status"], each["entry"] and each["entry"]["sequence"]) for each in payload["outcomes"]] == [
        ("DUPLICATE", 1),
        ("CONFLICT", 1),
        ("INSERTED", 2),
        ("DUPLICATE", 2),
        ("REJECTED", None),
        ("REJECTED", None),
    ]
    assert len(await ledger_of(store, account)) == 2


async def test_a_batch_has_at_most_a_hundred_events(door: Door, store: Store, account: Account) -> None:
    async with nothing_written(store, account):
        payload = (await door.ask(BATCH, events=[event()] * 101)).data["recordUsageEvents"]
    assert payload == {
        "inserted": 0,
        "duplicate": 0,
        "conflict": 0,
        "rejected": 0,
        "outcomes": [],
        "errors": [
            {
                "code": "PAYLOAD_TOO_LARGE",
                "field": "events",
                "message": "events has more than 100 items; send larger batches to POST /api/v1/usage-events",
            }
        ],
    }
    assert (await door.ask(BATCH, events=[event()] * 100)).data["recordUsageEvents"]["inserted"] == 100
    assert (await door.ask(BATCH, events=[])).data["recordUsageEvents"]["outcomes"] == []


async def test_an_activity_is_recorded_as_such(door: Door) -> None:
    query = """mutation ($action: String!) {
      recordActivity(input: { action: $action, occurredAt: "2026-04-01T11:00:00Z", licenseId: "l1", actor: "Ada" }) {
        status entry { kind action licenseId actor quantity } errors { field message }
      }
    }"""
    assert (await door.ask(query, action="license.issued")).data["recordActivity"] == {
        "status": "INSERTED",
        "entry": {"kind": "ACTIVITY", "action": "license.issued", "licenseId": "l1", "actor": "Ada", "quantity": None},
        "errors": [],
    }
    assert (await door.ask(query, action="usage.consumed")).data["recordActivity"] == {
        "status": "REJECTED",
        "entry": None,
        "errors": [{"field": "action", "message": "action usage.consumed is an action that the gateway itself records"}],
    }


@pytest.fixture
async def recorded(store: Store, admin: Principal, rules: Rules) -> None:
    """One event, sequence 1."""
    said = usage(
        id="e1", feature_code="lookup", message="ok", charge="0.5", currency="EUR", actor="Ada", additional_data={"plan": "S"}
    )
    await record(store, admin, [said], rules=rules)


async def test_an_amendment_appends_a_reversal_and_a_replacement(door: Door, recorded: None) -> None:
    asked = {"id": "evt_1_1", "changes": {"quantity": 2.50, "featureCode": None}, "reason": "metered twice", "actor": "Bo"}
    assert (await door.ask(AMEND, input=asked)).data["amendUsageEvent"] == {
        "reversal": {
            "id": "act_1_2",
            "quantity": "-1",
            "charge": "-0.5",
            "correction": "REVERSAL",
            "corrects": "act_1_1",
            "reason": "metered twice",
            "actor": "Bo",
            "version": 1,
        },
        "replacement": {
            "id": "act_1_3",
            "eventRef": "evt_1_1",
            "quantity": "2.5",
            "featureCode": None,  # null takes a value away,
            "message": "ok",  # and what is left out stays
            "correction": "REPLACEMENT",
            "corrects": "act_1_1",
            "reason": "metered twice",
            "actor": "Bo",
            "version": 2,
            "additionalData": {"plan": "S"},
        },
        "errors": [],
    }


async def test_a_retraction_appends_a_reversal(door: Door, recorded: None) -> None:
    payload = (await door.ask(RETRACT, input={"id": "act_1_1", "reason": "test traffic"})).data["retractUsageEvent"]
    assert payload == {
        "reversal": {"id": "act_1_2", "quantity": "-1", "correction": "REVERSAL", "corrects": "act_1_1"},
        "errors": [],
    }


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"changes": {"quantity": None, "charge": None}}, ("VALIDATION_ERROR", "changes.quantity")),
        ({"changes": {"statusCode": 1}}, ("VALIDATION_ERROR", "changes.statusCode")),
        ({"reason": " "}, ("VALIDATION_ERROR", "reason")),
        ({"actor": "x" * 5_000}, ("VALIDATION_ERROR", "actor")),
        ({"id": "evt_1_2"}, ("NOT_FOUND", None)),
        ({"id": "evt_2_1"}, ("NOT_FOUND", None)),
        ({"id": "nonsense"}, ("NOT_FOUND", None)),
        ({"expectedVersion": 2}, ("ALREADY_CORRECTED", None)),
    ],
)
async def test_an_amendment_that_cannot_be_made_is_told_as_data(
    asked: dict[str, Any], error: tuple[str, str | None], door: Door, recorded: None, store: Store, account: Account
) -> None:
    async with nothing_written(store, account):
        answer = await door.ask(AMEND, input={"id": "evt_1_1", "changes": {"quantity": "2"}, "reason": "r"} | asked)
    payload = answer.data["amendUsageEvent"]
    assert (payload["reversal"], payload["replacement"]) == (None, None)
    assert [(each["code"], each["field"]) for each in payload["errors"]] == [error]


async def test_an_event_is_retracted_once(door: Door, recorded: None, store: Store, account: Account) -> None:
    await door.ask(RETRACT, input={"id": "evt_1_1", "reason": "r"})
    async with nothing_written(store, account):
        payload = (await door.ask(RETRACT, input={"id": "evt_1_1", "reason": "r"})).data["retractUsageEvent"]
    assert payload == {
        "reversal": None,
        "errors": [{"code": "ALREADY_CORRECTED", "field": None, "message": "evt_1_1 was retracted"}],
    }


async def test_texts_are_erased_and_said_to_be(door: Door, recorded: None) -> None:
    asked = {"id": "evt_1_1", "texts": ["MESSAGE", "REASON"]}
    assert (await door.ask(ERASE, input=asked)).data["eraseTexts"] == {
        "texts": ["MESSAGE"],
        "sequences": [1],
        "expiredExports": [],
        "errors": [],
    }
    assert (await door.ask(ERASE, input=asked)).data["eraseTexts"] == {
        "texts": [],
        "sequences": [],
        "expiredExports": [],
        "errors": [],
    }
    rest = (await door.ask(ERASE, input={"id": "evt_1_1"})).data["eraseTexts"]
    assert (sorted(rest["texts"]), rest["sequences"]) == (["ACTOR", "ADDITIONAL_DATA"], [1])
    query = '{ node(id: "act_1_1") { ... on Entry { message actor additionalData erased quantity } } }'
    assert (await door.ask(query)).data["node"] == {
        "message": None,
        "actor": None,
        "additionalData": None,
        "erased": ["MESSAGE", "ACTOR", "ADDITIONAL_DATA"],
        "quantity": "1",
    }


async def test_a_record_keeps_what_is_left_out_and_loses_what_is_null(door: Door) -> None:
    query = """mutation ($input: UpsertLicenseInput!) {
      upsertLicense(input: $input) { entry { sequence action name licenseId customerId record } errors { code field message } }
    }"""
    first = {"id": "l1", "name": "Lookups", "customerId": "c1", "status": "active", "startsAt": "2026-04-01T02:00:00+02:00"}
    assert (await door.ask(query, input=first)).data["upsertLicense"] == {
        "entry": {
            "sequence": 1,
            "action": "license.updated",
            "name": "Lookups",
            "licenseId": "l1",
            "customerId": "c1",
            "record": {"id": "l1", "kind": "license", "status": "active", "starts_at": "2026-04-01T00:00:00.000000Z"},
        },
        "errors": [],
    }
    changed = (await door.ask(query, input={"id": "l1", "status": "suspended", "customerId": None})).data["upsertLicense"][
        "entry"
    ]
    assert (changed["sequence"], changed["name"], changed["customerId"]) == (2, "Lookups", None)
    assert changed["record"]["status"] == "suspended"
    assert (await door.ask(query, input={"id": "l1", "status": "suspended"})).data["upsertLicense"] == {
        "entry": None,
        "errors": [],
    }
    wrong = (await door.ask(query, input={"id": "l1", "endsAt": "2026-03-31T00:00:00Z"})).data["upsertLicense"]
    assert wrong == {
        "entry": None,
        "errors": [{"code": "VALIDATION_ERROR", "field": "startsAt", "message": "startsAt must be before endsAt"}],
    }


async def test_a_refused_mutation_does_not_hide_what_another_did(door: Door, store: Store, account: Account) -> None:
    query = f"""mutation {{
      kept: recordUsageEvent(input: {{ occurredAt: "2026-04-01T11:00:00Z", quantity: 1 }}) {{ status }}
      refused: retractUsageEvent(input: {{ id: "evt_1_{10**18}", reason: "r" }}) {{ errors {{ code }} }}
    }}"""
    assert (await door.ask(query)).data == {"kept": {"status": "INSERTED"}, "refused": {"errors": [{"code": "NOT_FOUND"}]}}
    assert len(await ledger_of(store, account)) == 1
