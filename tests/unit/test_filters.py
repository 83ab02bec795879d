"""Filters: what they accept, by definition, and which cannot be asked."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.catalogue import RecordKind
from app.domain.entry import Entry, EntryKind
from app.domain.errors import InvalidQuery
from app.domain.period import Period
from app.question.filters import MOST_VALUES, OTHER_THAN_COLUMNS, Filters
from app.question.records import Records
from app.question.scope import Scope

MOMENT = datetime(2026, 4, 1, tzinfo=UTC)
COLUMNS = [each.name for each in fields(Filters) if each.name not in OTHER_THAN_COLUMNS | {"status_code"}]


def entry(**stated: Any) -> Entry:
    said = {"action": "usage.consumed", "source": "default"} | stated
    recorded = {"account_id": 1, "sequence": 1, "recorded_at": MOMENT, "content_digest": b"", "leaf": b"", "chain": b""}
    return Entry(kind=EntryKind.USAGE, occurred_at=MOMENT, **said, **recorded)


def test_no_filter_accepts_every_entry() -> None:
    assert Filters().accept(entry())
    assert list(Filters().terms()) == []


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_must_have_one_of_the_values(column: str) -> None:
    filters = Filters(**{column: ("a", "b")})
    accepted = [filters.accept(entry(**{column: value})) for value in ("a", "b", "A", "ab", " a")]
    assert accepted == [True, True, False, False, False]


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("action", "source")])
def test_an_entry_that_says_nothing_has_none_of_the_values(column: str) -> None:
    assert not Filters(**{column: ("None",)}).accept(entry())


def test_a_status_code_is_a_number() -> None:
    assert [Filters(status_code=(200, 404)).accept(entry(status_code=code)) for code in (200, 404, 500, None)] == [
        True,
        True,
        False,
        False,
    ]


def test_every_filter_must_hold() -> None:
    both = Filters(product_id=("p",), customer_id=("c",))
    assert both.accept(entry(product_id="p", customer_id="c"))
    assert not both.accept(entry(product_id="p", customer_id="x"))
    assert not both.accept(entry(product_id="x", customer_id="c"))


def test_the_period_is_of_occurrence_and_half_open() -> None:
    tick = timedelta.resolution
    assert Filters(Period(MOMENT, MOMENT + tick)).accept(entry())
    assert not Filters(Period(MOMENT - tick, MOMENT)).accept(entry())
    assert not Filters(product_id=("p",)).within(Period(MOMENT + tick)).accept(entry(product_id="p"))


def test_a_value_that_was_named_twice_counts_once_and_order_is_kept() -> None:
    assert list(Filters(product_id=("b", "a", "b")).terms()) == [("product_id", ("b", "a"))]


@pytest.mark.parametrize(
    ("stated", "field", "reason"),
    [
        ({"product_id": ()}, "product_id", "names no value; leave it out to ask for all"),
        ({"customer_id": tuple(map(str, range(MOST_VALUES + 1)))}, "customer_id", "names more than 200 values"),
        ({"license_id": ("",)}, "license_id", "must have 1 to 256 characters"),
        ({"order_id": ("x" * 257,)}, "order_id", "must have 1 to 256 characters"),
        ({"action": ("a\0",)}, "action", "contains the character NUL"),
        ({"source": ("fine", "\ud800")}, "source", "contains half of a surrogate pair"),
        ({"status_code": (99,)}, "status_code", "must be a whole number from 100 to 599"),
        ({"status_code": (200, 10**30)}, "status_code", "must be a whole number from 100 to 599"),
    ],
)
def test_values_that_no_entry_can_have_are_refused(stated: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        Filters(**stated)
    assert (refused.value.field, refused.value.reason) == (field, reason)


def test_the_bounds_themselves_are_allowed() -> None:
    values = tuple(f"{at:03}" + "x" * 253 for at in range(MOST_VALUES))
    assert Filters(customer_id=values).accept(entry(customer_id=values[-1]))


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({"ids": ("a", "b\0")}, "id"),
        ({"name": "\udfff"}, "name"),
        ({"order_id": "\0"}, "order_id"),
        ({"after": "\ud800"}, "after"),
    ],
)
def test_texts_that_no_record_can_have_are_refused(stated: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        Records(Scope(1, 1), RecordKind.LICENSE, **stated)
    assert refused.value.field == field


def test_a_value_that_is_repeated_too_often_is_refused_like_so_many_values():
    Filters(customer_id=("c",) * MOST_VALUES)
    with pytest.raises(InvalidQuery, match="names more than 200 values"):
        Filters(customer_id=("c",) * (MOST_VALUES + 1))
