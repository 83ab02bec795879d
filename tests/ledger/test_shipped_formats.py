"""The formats that come with the gateway: what each makes of its sample, and where it says the trouble is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.errors import InvalidEvent
from app.ledger.chain import Prepared
from app.ledger.commands import Rules
from app.ledger.formats import NAMES, event_fields, named
from app.ledger.formats.shipped import sample_of
from app.ledger.intake import Item, Kind, kind_of, reader_for
from app.ledger.translation import prepare_items
from tests.events import START


def items(name: str) -> list[Item]:
    file, data = sample_of(name)
    usual = named(name).input
    reader = reader_for(kind_of(file, data, None if usual is None else Kind(usual)))
    return [*reader.feed(data), *reader.finish()]


def refused(name: str, payload: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(InvalidEvent) as error:
        event_fields(named(name), payload)
    return error.value.field, error.value.reason


def sample(name: str) -> dict[str, Any]:
    (item,) = items(name)
    assert item.value is not None
    return item.value


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_of_a_shipped_format_can_be_recorded(name: str) -> None:
    (made,) = prepare_items(named(name), items(name), rules=Rules(clock=lambda: START))
    assert isinstance(made, Prepared)
    assert made.content.quantity is not None
    assert made.content.sender_id is not None


def test_a_cloud_event_is_told_in_the_words_of_its_data() -> None:
    assert event_fields(named("cloudevents"), sample("cloudevents")) == {
        "id": "C234-1234-1234",
        "source": "/maps/frontend",
        "occurred_at": datetime(2026, 3, 5, 17, 31, tzinfo=UTC),
        "customer_id": "cust_1",
        "product_id": "maps",
        "feature_code": "com.example.tiles.served",
        "quantity": "12",
        "unit": "tiles",
        "status_code": 200,
        "additional_data": {
            "specversion": "1.0",
            "type": "com.example.tiles.served",
            "subject": "cust_1",
            "datacontenttype": "application/json",
            "data": {"product_id": "maps", "quantity": "12", "unit": "tiles", "status_code": 200},
        },
    }


def test_a_cloud_event_that_says_itself_whose_it_is_and_of_what_is_believed() -> None:
    said = sample("cloudevents")
    said["data"] |= {"customer_id": "cust_2", "feature_code": "tiles"}
    fields = event_fields(named("cloudevents"), said)
    assert (fields["customer_id"], fields["feature_code"]) == ("cust_2", "tiles")


@pytest.mark.parametrize("name", ["id", "source", "time"])
def test_a_cloud_event_needs_what_its_specification_or_the_ledger_needs(name: str) -> None:
    assert refused("cloudevents", sample("cloudevents") | {name: None}) == (name, "is missing")


def test_an_event_of_openmeter_counts_once_unless_it_says_how_much() -> None:
    fields = event_fields(named("openmeter"), sample("openmeter"))
    assert fields == {
        "id": "00001",
        "source": "service-0",
        "occurred_at": datetime(2026, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC),
        "customer_id": "customer-1",
        "feature_code": "request",
        "quantity": 1,
        "unit": "events",
        "additional_data": {"specversion": "1.0", "data": {"method": "GET", "route": "/hello"}},
    }
    more = sample("openmeter") | {"data": {"value": "0.5", "unit": "s", "product": "maps"}}
    fields = event_fields(named("openmeter"), more)
    assert (fields["quantity"], fields["unit"], fields["product_id"]) == ("0.5", "s", "maps")
    assert refused("openmeter", sample("openmeter") | {"subject": None}) == ("subject", "is missing")


def test_a_meter_event_of_stripe_is_read_in_both_versions_of_its_timestamp() -> None:
    assert event_fields(named("stripe-meter-event"), sample("stripe-meter-event")) == {
        "id": "identifier_123",
        "occurred_at": datetime(2023, 3, 30, 21, 10, 39, tzinfo=UTC),
        "feature_code": "alpaca_ai_tokens",
        "customer_id": "cus_NciAYcXfLnqBoz",
        "quantity": "25",
        "additional_data": {
            "object": "billing.meter_event",
            "created": 1680210639,
            "livemode": True,
            "payload": {"value": "25", "stripe_customer_id": "cus_NciAYcXfLnqBoz"},
        },
    }
    second = sample("stripe-meter-event") | {"timestamp": "2026-06-01T12:00:00.000Z"}
    assert event_fields(named("stripe-meter-event"), second)["occurred_at"] == datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert refused("stripe-meter-event", sample("stripe-meter-event") | {"timestamp": "soon"}) == (
        "timestamp",
        "fits none of the 2 layouts: is no number of the layout unix; is not an RFC 3339 date and time, such as"
        " 2026-04-01T00:00:00Z",
    )
    assert refused("stripe-meter-event", sample("stripe-meter-event") | {"payload": {"value": 1}}) == (
        "payload.stripe_customer_id",
        "is missing",
    )


def test_a_line_of_an_access_log_is_one_transaction_with_its_status() -> None:
    fields = event_fields(named("access-log"), sample("access-log"))
    assert fields == {
        "id": fields["id"],
        "occurred_at": datetime(2000, 10, 10, 20, 55, 36, tzinfo=UTC),
        "customer_id": "frank",
        "feature_code": "/apache_pb.gif",
        "quantity": 1,
        "unit": "transactions",
        "status_code": "200",
        "additional_data": {
            "method": "GET", "target": "/apache_pb.gif", "bytes": "2326", "referer": "http://www.example.com/start.html",
        },
    }  # fmt: skip
    assert fields["id"].endswith("-0")
    assert refused("access-log", sample("access-log") | {"status": "-"}) == ("status", "is missing")
