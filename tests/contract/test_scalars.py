"""Scalars at the door: nothing is rounded on the way in or out, however a number is written, and refusals say what is wrong."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.domain.account import Account
from app.ports import Store
from tests import conftest
from tests.asking import nothing_written
from tests.contract.conftest import Door

engine = conftest.engine
LONG = "12345678901234567890.123456789012345678"
"""38 digits, 18 of them after the point: a float keeps the first sixteen."""
RECORD = """
mutation ($quantity: Decimal, $data: JSONObject) {
  recordUsageEvent(input: { occurredAt: "2026-04-01T11:00:00Z", quantity: $quantity, additionalData: $data }) {
    entry { quantity additionalData } errors { field message }
  }
}
"""
ROWS = """query ($f: UsageFilters, $asOf: AsOfInput) { usageLedger(filters: $f, asOf: $asOf) { edges { node { sequence } } } }"""


def raw(query: str, variables: str) -> str:
    """A body whose variables are written as they are."""
    return f'{{"query": {orjson.dumps(query).decode()}, "variables": {variables}}}'


async def recorded(door: Door, literal: str) -> Any:
    """The quantity that comes back for one that is written into the document."""
    query = f'mutation {{ recordUsageEvent(input: {{ occurredAt: "2026-04-01T11:00:00Z", quantity: {literal} }}) '
    return (await door.ask(query + "{ entry { quantity } } }")).data["recordUsageEvent"]["entry"]["quantity"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (LONG, LONG),
        (f"-{LONG}", f"-{LONG}"),
        ("0.1", "0.1"),
        ("1.10", "1.1"),
        ("100", "100"),
        ("1e3", "1000"),
        ("25E-2", "0.25"),
        ("-0.0", "0"),
        ("9007199254740993", "9007199254740993"),
        ("12345678901234567890", "12345678901234567890"),
    ],
)
async def test_a_decimal_is_exact_however_it_is_sent(written: str, told: str, door: Door) -> None:
    assert await recorded(door, written) == told
    assert await recorded(door, f'"{written}"') == told
    for variable in (written, f'"{written}"'):
        answer = await door.post(raw(RECORD, f'{{"quantity": {variable}}}'))
        assert answer.data["recordUsageEvent"] == {"entry": {"quantity": told, "additionalData": None}, "errors": []}


async def test_totals_keep_every_digit(door: Door) -> None:
    for written in (LONG, "0.000000000000000001", "1"):
        await recorded(door, written)
    total = (await door.ask("{ usageSummary { total { quantity quantities { quantity } } } }")).data["usageSummary"]["total"]
    assert total["quantity"] == "12345678901234567891.123456789012345679"


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ('"ten"', "Decimal must hold a plain decimal number, such as 12.50."),
        ('"1,5"', "Decimal must hold a plain decimal number, such as 12.50."),
        ('"NaN"', "Decimal must hold a plain decimal number, such as 12.50."),
        ('"Infinity"', "Decimal must hold a plain decimal number, such as 12.50."),
        ('"' + "1" * 129 + '"', "Decimal must hold a plain decimal number, such as 12.50."),
        ("true", "Decimal must be a number, or a string that holds one."),
        ("[1]", "Decimal must be a number, or a string that holds one."),
        ('{"$decimal": "1"}', "Decimal must be a number, or a string that holds one."),
    ],
)
async def test_what_is_no_decimal_is_refused_with_its_place(
    variable: str, message: str, door: Door, store: Store, account: Account
) -> None:
    async with nothing_written(store, account):
        answer = await door.post(raw(RECORD, f'{{"quantity": {variable}}}'))
    assert (answer.status, answer.code) == (200, "INVALID_QUERY")
    assert answer.error["message"] == f"Variable '$quantity' has invalid value: {message}"


@pytest.mark.parametrize("literal", ["true", "TEN", "[1, 2]", "{ a: 1 }", '"ten"'])
async def test_no_decimal_in_the_document_is_refused_too(literal: str, door: Door, store: Store, account: Account) -> None:
    query = f'mutation {{ recordUsageEvent(input: {{ occurredAt: "2026-04-01T11:00:00Z", quantity: {literal} }}) {{ status }} }}'
    async with nothing_written(store, account):
        answer = await door.ask(query)
    assert answer.code == "INVALID_QUERY"
    assert answer.error["message"].startswith("Decimal must ")
    assert "data" not in answer.body


async def test_additional_data_is_exact_both_ways(door: Door) -> None:
    sent = f"""{{"n": 1, "long": {LONG}, "big": 12345678901234567890, "safe": 9007199254740991, "half": 0.50, "whole": 2.0,
        "nested": [{{"ключ": "naïve 😀", "none": null, "yes": true}}], "told": {{"$decimal": "1.50"}}}}"""
    back = (await door.post(raw(RECORD, f'{{"quantity": 1, "data": {sent}}}'))).data["recordUsageEvent"]["entry"][
        "additionalData"
    ]
    assert back == {
        "n": 1,
        "long": {"$decimal": LONG},
        "big": {"$decimal": "12345678901234567890"},
        "safe": 9007199254740991,
        "half": {"$decimal": "0.5"},
        "whole": 2,
        "nested": [{"ключ": "naïve 😀", "none": None, "yes": True}],
        "told": {"$decimal": "1.5"},
    }
    again = (await door.post(raw(RECORD, f'{{"quantity": 1, "data": {orjson.dumps(back).decode()}}}'))).data
    assert again["recordUsageEvent"]["entry"]["additionalData"] == back


async def test_additional_data_in_the_document_is_exact_too(door: Door) -> None:
    query = f"""mutation ($n: Decimal) {{
      recordUsageEvent(input: {{
        occurredAt: "2026-04-01T11:00:00Z", quantity: 1,
        additionalData: {{ long: {LONG}, big: 12345678901234567890, list: [1, "two", null, false], of: {{ variable: $n }} }}
      }}) {{ entry {{ additionalData }} }}
    }}"""
    answer = await door.post(raw(query, '{"n": 0.10}'))
    assert answer.data["recordUsageEvent"]["entry"]["additionalData"] == {
        "long": {"$decimal": LONG},
        "big": {"$decimal": "12345678901234567890"},
        "list": [1, "two", None, False],
        "of": {"variable": {"$decimal": "0.1"}},
    }


@pytest.mark.parametrize("data", ["[1]", '"text"', "1", "true"])
async def test_additional_data_is_an_object(data: str, door: Door, store: Store, account: Account) -> None:
    async with nothing_written(store, account):
        answer = await door.post(raw(RECORD, f'{{"quantity": 1, "data": {data}}}'))
    assert answer.error["message"] == "Variable '$data' has invalid value: JSONObject must be an object of keys and values."


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"$decimal": "1", "x": 1}, "additionalData.$decimal", "additionalData.$decimal is a reserved key"),
        ({"a": {"b": ["x\0"]}}, "additionalData.a.b[0]", "additionalData.a.b[0] contains the character NUL"),
    ],
)
async def test_what_additional_data_cannot_hold_is_told_by_its_path(data: Any, field: str, message: str, door: Door) -> None:
    payload = (await door.ask(RECORD, quantity=1, data=data)).data["recordUsageEvent"]
    assert payload == {"entry": None, "errors": [{"field": field, "message": message}]}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2026-04-01", "DateTime is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z."),
        ("2026-04-01T00:00:00", "DateTime has no UTC offset; end it with Z or an offset such as +02:00."),
        ("2026-02-30T00:00:00Z", "DateTime names a date or time that does not exist."),
        ("yesterday", "DateTime is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z."),
        (1_775_000_000, "DateTime is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z."),
    ],
)
async def test_what_is_no_instant_is_refused_with_its_place(written: Any, message: str, door: Door) -> None:
    answer = await door.ask(ROWS, f={"from": written})
    assert answer.error["message"] == f"Variable '$f' has invalid value at .from: {message}"


async def test_instants_come_back_in_utc_with_microseconds(door: Door) -> None:
    said = '{ occurredAt: "2026-04-01T13:00:00.5+02:00", quantity: 1 }'
    query = f"mutation {{ recordUsageEvent(input: {said}) {{ entry {{ occurredAt }} }} }}"
    assert (await door.ask(query)).data["recordUsageEvent"]["entry"] == {"occurredAt": "2026-04-01T11:00:00.500000Z"}


@pytest.mark.parametrize("written", ["1.5", '"1"', "true", "9007199254740992", "-9007199254740992"])
async def test_what_is_no_safe_integer_is_refused(written: str, door: Door) -> None:
    answer = await door.post(raw(ROWS, f'{{"asOf": {{"sequence": {written}}}}}'))
    message = "SafeInt must be a whole number between -(2^53 - 1) and 2^53 - 1."
    assert answer.error["message"] == f"Variable '$asOf' has invalid value at .sequence: {message}"


@pytest.mark.parametrize("written", ["0", "0.0", "0e5"])
async def test_a_whole_number_may_be_written_with_a_point(written: str, door: Door) -> None:
    assert (await door.post(raw(ROWS, f'{{"asOf": {{"sequence": {written}}}}}'))).data == {"usageLedger": {"edges": []}}


@pytest.mark.parametrize("written", ['"Europe/Nowhere"', '""', '"../etc/passwd"', "1", '"\\ud800"'])
async def test_what_is_no_time_zone_is_refused(written: str, door: Door) -> None:
    query = f"{{ usageSummary(bucket: {{ granularity: DAY, timeZone: {written} }}) {{ asOf }} }}"
    answer = await door.ask(query)
    assert answer.code == "INVALID_QUERY"
    assert "data" not in answer.body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (raw(ROWS, '{"f": {"productId": "a", "productId": "b"}}'), 'the body has the key "productId" twice'),
        (raw(ROWS, '{"f": NaN}'), "the body has NaN, which is no number in JSON"),
        (raw(ROWS, '{"f": {"productId": "\\ud83d"}}'), "the body contains half of a surrogate pair"),
        (raw(ROWS, "1" * 5_000), "the body has a number that is far too long to be recorded"),
        (raw(ROWS, "[" * 100_000 + "]" * 100_000), "the body is not JSON: is nested too deeply at character 0"),
        ('{"query": "{', "the body is not JSON: unterminated string starting at at character 10"),
        (b'{"query": "\xff"}', "the body is not UTF-8"),
        ("[]", "the body must be one JSON object with the key `query`"),
        ("5", "the body must be one JSON object with the key `query`"),
        ('{"query": 5}', "`query` must be a string"),
        ('{"query": "{ a }", "variables": []}', "`variables` must be an object"),
        ('{"query": "{ a }", "operationName": 1}', "`operationName` must be a string"),
    ],
)
async def test_a_body_that_readers_do_not_agree_on_is_refused(body: Any, message: str, door: Door) -> None:
    answer = await door.post(body)
    assert (answer.status, answer.code) == (400, "INVALID_JSON")
    assert answer.error["message"].split(" at character")[0] == message.split(" at character")[0]
