"""What formats map, what they refuse, and where they say the trouble is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidEvent, NotFound
from app.ledger.chain import Prepared
from app.ledger.commands import Rules
from app.ledger.events import FIELDS
from app.ledger.formats import NAMES, Format, event_fields, load, located, named
from app.ledger.intake import Item
from app.ledger.translation import prepare_items
from tests.events import START
from tests.ledger.focus import row

NO_FIELDS: dict[str, Any] = {"version": 1, "name": "own", "fields": {}}


def own(**stated: Any) -> dict[str, Any]:
    return NO_FIELDS | stated


def refusal(document: Any) -> tuple[str, str]:
    with pytest.raises(InvalidEvent) as refused:
        load(document)
    return refused.value.field, refused.value.reason


def refused(document: Any, payload: Any) -> tuple[str, str]:
    with pytest.raises(InvalidEvent) as error:
        event_fields(load(document), payload)
    return error.value.field, error.value.reason


def test_a_focus_row_becomes_an_event_with_everything_that_it_says() -> None:
    said = row(Id="11472", Tags='{"team": "core", "share": 0.1, "n": 3}')
    assert event_fields(named("focus"), said) == {
        "id": "11472",
        "occurred_at": datetime(2026, 3, 1, 10, tzinfo=UTC),
        "customer_id": "7",
        "product_id": "Object Storage",
        "feature_code": "SKU1",
        "license_id": "bucket/a",
        "order_id": "1234567890123",
        "quantity": "10.000000000000000",
        "unit": "GB",
        "charge": "0.00000080000",
        "currency": "USD",
        "additional_data": {
            "ChargeCategory": "Usage",
            "ChargePeriodEnd": "2026-03-01 11:00:00",
            "Tags": {"team": "core", "share": Decimal("0.1"), "n": 3},
        },
    }
    assert named("focus").source == "focus"


def test_null_and_nothing_are_no_value_in_a_focus_row() -> None:
    fields = event_fields(named("focus"), row(ConsumedQuantity="NULL", ConsumedUnit="", ResourceId="NULL", ChargeCategory=""))
    assert not fields.keys() & {"quantity", "unit", "license_id"}
    assert fields["additional_data"] == {"ChargePeriodEnd": "2026-03-01 11:00:00"}


def test_a_focus_row_may_write_its_instants_with_an_offset_too() -> None:
    fields = event_fields(named("focus"), row(ChargePeriodStart="2026-03-01T10:00:00+01:00"))
    assert fields["occurred_at"] == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_the_default_format_takes_every_field_under_its_own_name_and_no_other() -> None:
    said = dict.fromkeys(FIELDS, "x")
    assert event_fields(named("default"), said) == said
    with pytest.raises(InvalidEvent) as error:
        event_fields(named("default"), {"occurred_at": "x", "quanttity": "1"})
    assert (error.value.field, error.value.reason) == ("quanttity", "is not known to the format default")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_format_says_its_name_and_describes_itself(name: str) -> None:
    assert named(name).name == name
    assert named(name).description.endswith(".")


def test_a_name_that_no_format_has_is_not_found() -> None:
    with pytest.raises(NotFound) as error:
        named("none")
    assert error.value.message == f"no format none; there are {', '.join(NAMES)}"


def test_a_path_reaches_into_objects_and_lists_and_takes_the_first_alternative_that_says_something() -> None:
    made = load(own(fields={"customer_id": {"path": "who.id || account"}, "unit": {"path": 'lines[0]."unit-name"'}}))
    said = {"who": {"id": "c1"}, "account": "c2", "lines": [{"unit-name": "GB"}]}
    assert event_fields(made, said) == {"customer_id": "c1", "unit": "GB"}
    assert event_fields(made, {"who": "somebody", "account": "c2", "lines": []}) == {"customer_id": "c2"}


def test_a_number_is_found_as_it_was_written() -> None:
    made = load(own(fields={"quantity": {"path": "n"}, "charge": {"path": "cost.amount"}}))
    found = event_fields(made, {"n": Decimal("0.10"), "cost": {"amount": 3}})
    assert (str(found["quantity"]), found["charge"]) == ("0.10", 3)


def test_texts_that_mean_nothing_are_told_for_all_fields_and_for_one() -> None:
    made = load(own(none=["-"], fields={"unit": {"path": "u", "none": ["n/a"]}, "message": {"path": "m"}}, additional=["m", "x"]))
    assert event_fields(made, {"u": "-", "m": "n/a", "x": "-"}) == {"message": "n/a", "additional_data": {"m": "n/a"}}
    assert event_fields(made, {"u": "n/a", "m": "-", "x": None}) == {"additional_data": {}}


def test_a_constant_stands_in_every_event() -> None:
    made = load(own(fields={"unit": {"constant": "GB"}, "status_code": {"constant": 200}, "source": {"constant": "meter"}}))
    assert event_fields(made, {}) == {"unit": "GB", "status_code": 200}
    assert made.source == "meter"


def test_what_is_required_and_missing_is_named_by_its_path() -> None:
    document = own(fields={"customer_id": {"path": "who.id", "required": True}})
    assert refused(document, {"who": {}}) == ("who.id", "is missing")


def test_the_rest_keeps_what_a_path_only_reaches_into() -> None:
    made = load(own(fields={"customer_id": {"path": "who.id"}, "unit": {"path": "u"}}, additional="rest"))
    found = event_fields(made, {"who": {"id": "c1", "team": "t"}, "u": "GB", "more": [1]})
    assert found["additional_data"] == {"who": {"id": "c1", "team": "t"}, "more": [1]}


def test_keys_that_nothing_maps_are_ignored_or_refused_as_the_format_says() -> None:
    document = own(fields={"customer_id": {"path": "who.id || who2"}})
    assert event_fields(load(document), {"who2": "c", "more": 1}) == {"customer_id": "c"}
    assert refused(document | {"unmapped": "refuse"}, {"who": {"id": "c"}, "more": 1}) == (
        "more",
        "is not known to the format own",
    )


def test_a_cell_that_should_be_json_and_is_not_is_refused_by_its_column() -> None:
    with pytest.raises(InvalidEvent) as error:
        event_fields(named("focus"), row(Tags='{"team": "core"'))
    assert (error.value.field, error.value.reason) == ("Tags", "is not JSON: expecting ',' delimiter")
    with pytest.raises(InvalidEvent) as error:
        event_fields(named("focus"), row(Tags='{"team": 1, "team": 2}'))
    assert error.value.reason == 'is not JSON: has the key "team" twice'


@pytest.mark.parametrize("payload", [None, [], "text", 1])
def test_a_payload_that_is_no_object_is_refused(payload: Any) -> None:
    assert refused(NO_FIELDS, payload) == ("", "must be an object of keys and values")


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ({"layout": "rfc3339"}, "2026-03-01T10:00:00+02:00", "2026-03-01T08:00:00"),
        ({"layout": "rfc3339", "zone": "Europe/Berlin"}, "2026-07-01 10:00:00", "2026-07-01T08:00:00"),
        ({"layout": "rfc3339", "zone": "Europe/Berlin"}, "2026-07-01T10:00:00Z", "2026-07-01T10:00:00"),
        ({"layout": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}, "01.03.2026 10:00", "2026-03-01T09:00:00"),
        ({"layout": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}, "25.10.2026 02:30", "2026-10-25T00:30:00"),
        ({"layout": "%Y-%j", "zone": "UTC"}, "2026-060", "2026-03-01T00:00:00"),
        ({"layout": "%Y%m%dT%H%M%S%z"}, "20260301T100000-0530", "2026-03-01T15:30:00"),
        ({"layout": "unix"}, 1772359200, "2026-03-01T10:00:00"),
        ({"layout": "unix"}, Decimal("1772359200.000001"), "2026-03-01T10:00:00.000001"),
        ({"layout": "unix_ms"}, "1772359200123", "2026-03-01T10:00:00.123"),
        ({"layout": "unix_us"}, 1772359200000001, "2026-03-01T10:00:00.000001"),
        ({"layout": "unix_ns"}, 1772359200000001999, "2026-03-01T10:00:00.000001"),
        ({"layout": ["unix", "%d.%m.%Y", "rfc3339"], "zone": "UTC"}, "01.03.2026", "2026-03-01T00:00:00"),
        ({"layout": ["unix", "%d.%m.%Y", "rfc3339"], "zone": "UTC"}, "2026-03-01T10:00:00", "2026-03-01T10:00:00"),
    ],
)
def test_an_instant_is_read_as_its_layout_and_zone_say(rule: dict[str, Any], text: Any, expected: str) -> None:
    made = load(own(fields={"occurred_at": {"path": "t", **rule}}))
    for _ in range(2):  # the second time from memory
        assert event_fields(made, {"t": text})["occurred_at"] == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "value", "reason"),
    [
        ({"layout": "rfc3339"}, "2026-03-01T10:00:00", "has no UTC offset; end it with Z or an offset such as +02:00"),
        ({"layout": "rfc3339", "zone": "UTC"}, "yesterday", "is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z"),
        ({"layout": "%Y-%m-%d", "zone": "UTC"}, "01.03.2026", "does not fit the layout %Y-%m-%d"),
        (
            {"layout": "%Y-%m-%d %H:%M", "zone": "Europe/Berlin"},
            "2026-03-29 02:30",
            "names a local time that Europe/Berlin skipped",
        ),
        ({"layout": "%Y-%m-%d %z"}, "0001-01-01 +0100", "names a date or time that does not exist"),
        ({"layout": "%Y-%m-%d", "zone": "Asia/Tokyo"}, "0001-01-01", "names a date or time that does not exist"),
        ({"layout": "rfc3339"}, 1772359200, "must be a date and time, as a string"),
        ({"layout": "unix"}, True, "is no number of the layout unix"),
        ({"layout": "unix"}, "1e9", "is no number of the layout unix"),
        ({"layout": "unix"}, "9" * 20, "names a date or time that does not exist"),
        ({"layout": "unix"}, [1], "must be a date and time, as a string or a number"),
        (
            {"layout": ["rfc3339", "unix"]},
            "x",
            "fits none of the 2 layouts: is not an RFC 3339 date and time, such as 2026-04-01T00:00:00Z;"
            " is no number of the layout unix",
        ),
    ],
)
def test_an_instant_that_does_not_fit_is_refused_by_its_path(rule: dict[str, str], value: Any, reason: str) -> None:
    assert refused(own(fields={"occurred_at": {"path": "t", **rule}}), {"t": value}) == ("t", reason)


@pytest.mark.parametrize(
    ("document", "field", "reason"),
    [
        ([], "", "must be an object of keys and values"),
        (own(version=2), "version", "must be 1"),
        (own(version=True), "version", "must be 1"),
        (own(name="Own Format"), "name", "must be a lower-case word of at most 63 letters, digits, dashes and underscores"),
        (own(description=1), "description", "must be a text"),
        ({"version": 1, "name": "own"}, "fields", "must be an object of keys and values"),
        (own(none="NULL"), "none", "must be a list of at most 200 texts"),
        (own(json_columns=[1]), "json_columns", "must be a list of at most 200 texts"),
        (own(unmapped="drop"), "unmapped", "must be ignore or refuse"),
        (own(unmapped="refuse", additional="rest"), "unmapped", "cannot refuse what `additional` takes as the rest"),
        (own(additional="all"), "additional", 'must be "rest" or a list of at most 200 paths'),
        (own(additional=["a", "a"]), "additional", "names a path twice"),
        (own(additional=["a", 1]), "additional[1]", "must be a path of 1 to 256 characters"),
        (
            own(fields={"additional_data": {"path": "d"}}, additional="rest"),
            "additional",
            "cannot stand beside fields.additional_data: say one of the two",
        ),
        (own(fields={"unit": {}}), "fields.unit", "needs one of a path, a constant and an expression to compute"),
        (
            own(fields={"unit": {"path": "u", "constant": "GB"}}),
            "fields.unit",
            "needs one of a path, a constant and an expression to compute",
        ),
        (own(fields={"unit": {"path": ""}}), "fields.unit.path", "must be a path of 1 to 256 characters"),
        (own(fields={"unit": {"path": "u" * 257}}), "fields.unit.path", "must be a path of 1 to 256 characters"),
        (own(fields={"unit": {"path": "u", "required": 1}}), "fields.unit.required", "must be true or false"),
        (own(fields={"unit": {"path": "u", "none": [None]}}), "fields.unit.none", "must be a list of at most 200 texts"),
        (own(fields={"unit": {"path": "u", "layout": "rfc3339"}}), "fields.unit.layout", "unit is no instant"),
        (own(fields={"unit": {"path": "u", "zone": "UTC"}}), "fields.unit.zone", "unit is no instant"),
        (
            own(fields={"unit": {"constant": 1.5}}),
            "fields.unit.constant",
            "must be a text or a whole number; write other numbers as text",
        ),
        (
            own(fields={"unit": {"constant": True}}),
            "fields.unit.constant",
            "must be a text or a whole number; write other numbers as text",
        ),
        (own(fields={"unit": {"constant": "a\0"}}), "fields.unit.constant", "contains the character NUL"),
        (own(fields={"unit": {"constant": "GB", "required": True}}), "fields.unit.required", "says nothing beside a constant"),
        (own(fields={"occurred_at": {"path": "t", "zone": "UTC"}}), "fields.occurred_at.zone", "needs a layout beside it"),
        (
            own(fields={"occurred_at": {"path": "t", "layout": "%Y-%m-%d", "zone": "Berlin"}}),
            "fields.occurred_at.zone",
            "is not the name of an IANA time zone, such as Europe/Berlin",
        ),
        (
            own(fields={"occurred_at": {"path": "t", "layout": "%Y-%m-%d"}}),
            "fields.occurred_at.zone",
            "is missing: the layout has no offset (%z)",
        ),
        (
            own(fields={"occurred_at": {"path": "t", "layout": "%Y-%m-%d %z", "zone": "UTC"}}),
            "fields.occurred_at.zone",
            "is not needed: the layout has an offset (%z)",
        ),
        (
            own(fields={"occurred_at": {"path": "t", "layout": "%m-%d", "zone": "UTC"}}),
            "fields.occurred_at.layout",
            "says no full date: it needs year, month and day",
        ),
        (
            own(fields={"occurred_at": {"path": "t", "layout": "%Y-%m-%d %Q", "zone": "UTC"}}),
            "fields.occurred_at.layout",
            "has the directive %Q, which is not known here",
        ),
        (
            own(fields={"occurred_at": {"path": "t", "layout": 1}}),
            "fields.occurred_at.layout",
            "must be rfc3339, unix, unix_ms, unix_us, unix_ns or a strptime layout such as %Y-%m-%d %H:%M:%S",
        ),
    ],
)
def test_a_document_that_breaks_a_rule_is_refused_by_its_own_path(document: Any, field: str, reason: str) -> None:
    assert refusal(document) == (field, reason)


@pytest.mark.parametrize(
    ("document", "field", "known"),
    [
        (
            own(colour="red"),
            "colour",
            "additional, description, fields, input, json_columns, name, none, unmapped, version",
        ),
        (own(fields={"colour": {}}), "fields.colour", ", ".join(sorted(FIELDS))),
        (
            own(fields={"unit": {"expr": "a"}}),
            "fields.unit.expr",
            "compute, constant, default, layout, none, path, required, with, zone",
        ),
    ],
)
def test_a_key_that_is_not_known_is_refused_with_those_that_are(document: Any, field: str, known: str) -> None:
    assert refusal(document) == (field, f"is not known; known are {known}")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("length(a)", "function expression"),
        ("a[?b]", "filter projection"),
        ("a.*", "value projection"),
        ("a[]", "projection"),
        ("`1.5`", "literal"),
        ("a | b", "pipe"),
        ("{a: b}", "multi select dict"),
    ],
)
def test_a_path_that_would_make_a_value_instead_of_finding_one_is_refused(path: str, kind: str) -> None:
    field, reason = refusal(own(fields={"unit": {"path": path}}))
    assert (field, reason) == (
        "fields.unit.path",
        f"holds a {kind}; a path is made of names, points, indexes such as [0], and ||",
    )


@pytest.mark.parametrize("path", ["a..b", "a-b", "a[", "1a", "a b"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    field, reason = refusal(own(fields={"unit": {"path": path}}))
    assert field == "fields.unit.path"
    assert reason.startswith("is not a path; a key with signs in it is written in double quotes (")


@pytest.mark.parametrize(
    ("field", "reason", "place"),
    [
        ("customer_id", "is longer", "SubAccountId"),
        ("additional_data", "is larger", ""),
        ("additional_data.Tags.a", "is reserved", "Tags.a"),
        ("actor", "must be", "actor"),
    ],
)
def test_a_refusal_of_the_ledger_is_told_in_the_words_of_the_payload(field: str, reason: str, place: str) -> None:
    told = located(named("focus"), InvalidEvent(field, reason))
    assert (told.field, told.reason) == (place, reason)


def test_a_refusal_inside_mapped_additional_data_is_told_beneath_its_path() -> None:
    made = load(own(fields={"additional_data": {"path": "extra"}}))
    assert located(made, InvalidEvent("additional_data.a.b", "is wrong")).field == "extra.a.b"


def test_items_are_prepared_in_order_each_with_its_own_refusal() -> None:
    items = [
        Item(0, 2, row()),
        Item(1, 3, row(ChargePeriodStart="NULL")),
        Item(2, 4, row(BillingCurrency="usd")),
        Item(3, 5, None, InvalidEvent("", "has 3 cells, the header has 15"), ["a", "b", "c"]),
        Item(4, 6, row(Tags='{"$decimal": "1"}')),
    ]
    made = prepare_items(named("focus"), items, rules=Rules(max_future=timedelta(days=400), clock=lambda: START))
    first = made[0]
    assert isinstance(first, Prepared)
    assert (first.content.source, first.content.customer_id, first.content.quantity) == ("focus", "7", Decimal(10))
    assert [(each.field, each.reason) for each in made[1:] if isinstance(each, InvalidEvent)] == [
        ("ChargePeriodStart", "is missing"),
        ("BillingCurrency", "must be an ISO 4217 code of three capital letters, such as EUR"),
        ("", "has 3 cells, the header has 15"),
        ("Tags.$decimal", "is a reserved key"),
    ]


def test_the_callers_source_stands_before_the_formats_and_the_items_own_before_both() -> None:
    rules = Rules(clock=lambda: START)
    (made,) = prepare_items(named("focus"), [Item(0, 1, row())], rules=rules, source="cloud-a")
    assert isinstance(made, Prepared)
    assert made.content.source == "cloud-a"
    said = {"occurred_at": START, "quantity": "1", "source": "own"}
    (made,) = prepare_items(named("default"), [Item(0, 1, said)], rules=rules, source="cloud-a")
    assert isinstance(made, Prepared)
    assert made.content.source == "own"


_VALUES = st.one_of(st.none(), st.sampled_from(["", "-", "2026-04-01T00:00:00Z"]), st.integers(), st.just({"region": "eu"}))
_PAYLOADS = st.dictionaries(st.sampled_from([*sorted(FIELDS), "unknown"]), _VALUES)
_OWN_WORDS = load(
    own(unmapped="ignore", fields={"occurred_at": {"path": "occurred_at", "required": True}, "quantity": {"path": "quantity"}})
)


@given(_PAYLOADS, st.sampled_from([named("default"), _OWN_WORDS]))
def test_an_event_in_its_own_words_has_the_fields_in_the_order_of_the_format(payload: dict[str, Any], format_: Format) -> None:
    def told(by: Format) -> list[tuple[str, Any]] | tuple[str, str]:
        try:
            return list(event_fields(by, payload).items())
        except InvalidEvent as error:
            return error.field, error.reason

    assert format_.own_words
    assert told(format_) == told(replace(format_, own_words=False))


@pytest.mark.parametrize(
    "stated",
    [
        {"fields": {"unit": {"path": "measure"}}},
        {"fields": {"unit": {"path": "unit", "default": "MB"}}},
        {"fields": {"unit": {"path": "unit", "none": ["-"]}}},
        {"fields": {"unit": {"path": "unit.name"}}},
        {"fields": {"unit": {"constant": "MB"}}},
        {"fields": {"unit": {"path": "unit"}}, "none": ["-"]},
        {"fields": {"unit": {"path": "unit"}}, "additional": "rest"},
        {"fields": {"unit": {"path": "unit"}}, "additional": ["region"]},
    ],
)
def test_a_format_that_changes_anything_is_not_of_an_events_own_words(stated: dict[str, Any]) -> None:
    assert not load(own(**stated)).own_words
