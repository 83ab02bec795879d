"""Keys, measures and conditions in a line of text: read, written, and refused by name."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.domain.errors import InvalidQuery
from app.domain.period import Granularity, Period, buckets_before, cut
from app.question.groups import Compare, GroupOrder
from app.question.keys import DataKey, Dimension, GroupKey
from app.question.measures import Condition, Measure, Relation, Term, rank_of
from app.reports.parameters import parse
from app.reports.wording import (
    compare_in,
    compare_text,
    condition_in,
    condition_text,
    key_text,
    keys_in,
    order_in,
    statistic_in,
    term_in,
    term_text,
)

KEYS: list[GroupKey] = [
    Dimension.PRODUCT,
    DataKey("region"),
    DataKey("a,b"),
    DataKey('say "x", then'),
    DataKey(" spaced "),
    DataKey("back\\slash"),
    DataKey("product_id"),
    DataKey("naïve 😀"),
]
TERMS = [
    Term(Measure.EVENTS),
    Term(Measure.CUSTOMERS),
    Term(Measure.LAST_USE),
    Term(Measure.QUANTITY, unit="GB"),
    Term(Measure.QUANTITY_PERCENTILE, percentile=Decimal("99.9")),
    Term(Measure.QUANTITY_PERCENTILE, unit="odd]unit>=1", percentile=Decimal(5)),
    Term(Measure.CHARGE_MAXIMUM, currency="EUR"),
]


def test_keys_are_read_as_they_are_written() -> None:
    assert keys_in([key_text(each) for each in KEYS], "group_by") == tuple(KEYS)
    assert keys_in([",".join(key_text(each) for each in KEYS)], "group_by") == tuple(KEYS)
    assert keys_in(["product_id, data.region", "data.tier"], "group_by") == (
        Dimension.PRODUCT,
        DataKey("region"),
        DataKey("tier"),
    )


@pytest.mark.parametrize("term", TERMS)
def test_measures_and_conditions_are_read_as_they_are_written(term: Term) -> None:
    assert term_in(term_text(term), "order_by") == term
    value: Any = datetime(2026, 4, 1, tzinfo=UTC) if term.measure is Measure.LAST_USE else Decimal("-2.5")
    for relation in Relation:
        condition = Condition(term, relation, value)
        if ">" not in (term.unit or ""):
            assert condition_in(condition_text(condition), "having") == condition


def test_conditions_may_have_spaces_and_dates() -> None:
    assert condition_in(" quantity[GB] >= 10 ", "having") == Condition(
        Term(Measure.QUANTITY, unit="GB"), Relation.AT_LEAST, Decimal(10)
    )
    assert condition_in("last_use<2026-04-01", "having").value == datetime(2026, 4, 1, tzinfo=UTC)


def test_an_order_is_a_measure_or_a_key() -> None:
    stated: dict[str, Any] = {"descending": True, "unit": None, "currency": None}
    assert order_in(None, **stated) == order_in("key", **stated) == GroupOrder(Measure.KEY, True)
    assert order_in("customer_id", **stated) == GroupOrder(Measure.KEY, True, key=Dimension.CUSTOMER)
    assert order_in("data.region", **stated) == GroupOrder(Measure.KEY, True, key=DataKey("region"))
    assert order_in("quantity_p95[GB]", **stated) == GroupOrder(
        Measure.QUANTITY_PERCENTILE, True, unit="GB", percentile=Decimal(95)
    )


def test_a_period_to_compare_with_is_named_or_the_one_before() -> None:
    march = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert compare_in("2026-03-01/2026-04-01", "compare_with") == march
    assert [compare_in(compare_text(each), "compare_with") for each in (march, Compare.PREVIOUS)] == [march, Compare.PREVIOUS]


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"group_by": ["color"]}, "group_by", "color is not one of product_id"),
        ({"group_by": ["data."]}, "group_by", "data.: a key must have 1 to 256 characters"),
        ({"group_by": ['data."open']}, "group_by", "is no JSON string"),
        ({"group_by": ["data.a", 'data."a"']}, "group_by", "names a dimension twice"),
        ({"order_by": ["speed"]}, "order_by", "speed is not one of events, quantity"),
        ({"order_by": ["quantity_p101"]}, "order_by", "must be from 0 to 100"),
        ({"order_by": ["events[GB]"]}, "order_by", "a unit or a currency stands in brackets behind"),
        ({"having": ["events"]}, "having", "events is no condition"),
        ({"having": ["events>many"]}, "having", "events>many: many is not a decimal number"),
        ({"having": ["last_use>5"]}, "having", "is not"),
        ({"having": ["key=5"]}, "having", "is about what groups add up to"),
        ({"top": ["0"]}, "top", "must be a whole number from 1 to 100"),
        ({"top": ["101"]}, "top", "must be a whole number from 1 to 100"),
        ({"compare_with": ["before"]}, "compare_with", "must be previous, or a period"),
        ({"compare_with": ["2026-04-01/2026-03-01"]}, "compare_with", "must be before"),
        ({"measures": ["events"]}, "measures", "events is told anyhow"),
        ({"measures": ["quantity_p5[GB]"]}, "measures", "it is told of each unit and currency"),
    ],
)
def test_what_cannot_be_asked_names_the_parameter(given: dict[str, list[str]], field: str, reason: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        parse(given, ("group_by", "order_by", "having", "top", "compare_with", "measures"))
    assert refused.value.field == field
    assert reason in refused.value.reason


def test_statistics_are_read_by_their_words() -> None:
    assert statistic_in("quantity_p50", "measures") == Term(Measure.QUANTITY_PERCENTILE, percentile=Decimal(50))
    assert statistic_in("customers", "measures") == Term(Measure.CUSTOMERS)


@pytest.mark.parametrize(
    ("percentile", "count", "rank"),
    [("0", 5, 1), ("20", 5, 1), ("20.001", 5, 2), ("50", 4, 2), ("50", 5, 3), ("99.999", 10, 10), ("100", 7, 7), ("30", 1, 1)],
)
def test_a_percentile_is_the_nearest_rank(percentile: str, count: int, rank: int) -> None:
    assert rank_of(Decimal(percentile), count) == rank


@pytest.mark.parametrize(
    ("start", "end", "granularity", "zone", "earlier"),
    [
        ("2026-03-01T00:00Z", "2026-04-01T00:00Z", Granularity.MONTH, "UTC", "2026-02-01T00:00Z"),
        ("2026-03-28T23:00Z", "2026-03-30T22:00Z", Granularity.DAY, "Europe/Berlin", "2026-03-26T23:00Z"),
        ("2026-01-01T00:00Z", "2027-01-01T00:00Z", Granularity.QUARTER, "UTC", "2025-01-01T00:00Z"),
        ("2026-04-05T02:00Z", "2026-04-05T03:00Z", Granularity.HOUR, "America/Santiago", "2026-04-05T01:00Z"),
    ],
)
def test_before_some_buckets_lie_as_many_of_the_calendars_own(
    start: str, end: str, granularity: Granularity, zone: str, earlier: str
) -> None:
    first, last, before = (datetime.fromisoformat(each) for each in (start, end, earlier))
    assert buckets_before(cut(Period(first, last), granularity, zone)) == Period(before, first)
