"""From cells to groups: merging, ordering with nulls last, walking both ways, filling, and totals that never mix units."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.decimal import ONE
from app.domain.period import Granularity, Period, cut
from app.question.fold import Cell, added_up, fold, only_currency, only_unit, place
from app.question.groups import CurrencyTotal, Dimension, Group, GroupOrder, Groups, Measure, UnitTotal
from app.question.scope import Scope

DAY = datetime(2026, 4, 1, tzinfo=UTC)
SCOPE = Scope(1, 100)


def cell(*dimensions: str | None, events: int = 1, bucket: datetime | None = None, **stated: Any) -> Cell:
    """A cell of so many events. `quantity` and `charge` are whole numbers of their unit and currency."""
    unit, quantity = stated.get("unit"), stated.get("quantity")
    currency, charge = stated.get("currency"), stated.get("charge")
    return Cell(
        bucket=bucket,
        dimensions=dimensions,
        unit=unit,
        currency=currency,
        events=events,
        measured=events if quantity is not None else 0,
        charged=events if charge is not None else 0,
        has_quantity=quantity is not None,
        has_charge=charge is not None,
        quantity=(quantity or 0) * ONE,
        charge=(charge or 0) * ONE,
        first_use=stated.get("first"),
        last_use=stated.get("last"),
    )


def products(question: Groups, cells: list[Cell]) -> list[str | None]:
    return [group.dimensions[0] for group in fold(cells, question).groups]


def by_product(**stated: Any) -> Groups:
    return Groups(SCOPE, by=(Dimension.PRODUCT,), **stated)


def test_cells_of_one_group_are_added_up_by_unit_and_by_currency() -> None:
    cells = [
        cell("p", unit="call", quantity=5, events=2, first=DAY, last=DAY + timedelta(hours=2)),
        cell("p", unit="call", quantity=-1, events=-1),
        cell("p", unit="GB", quantity=7, currency="USD", charge=3, first=DAY - timedelta(hours=1), last=DAY),
        cell("p", unit=None, quantity=1, currency="EUR", charge=2),
        cell("p", currency="EUR", charge=4),
    ]
    grouped = fold(reversed(cells), by_product())

    group = Group(
        None,
        ("p",),
        4,
        [UnitTotal("GB", Decimal(7), 1), UnitTotal("call", Decimal(4), 1), UnitTotal(None, Decimal(1), 1)],
        [CurrencyTotal("EUR", Decimal(6), 2), CurrencyTotal("USD", Decimal(3), 1)],
        DAY - timedelta(hours=1),
        DAY + timedelta(hours=2),
    )
    assert grouped.groups == [group]
    assert grouped.total == Group(
        None, (), *[getattr(group, name) for name in ("events", "quantities", "charges")], group.first_use, group.last_use
    )


def test_what_was_taken_back_stays_as_a_zero() -> None:
    cells = [cell("p", unit="call", quantity=5, first=None), cell("p", unit="call", quantity=-5, events=-1)]
    assert fold(cells, by_product()).groups == [Group(None, ("p",), 0, [UnitTotal("call", Decimal(0), 0)])]


def test_a_group_has_one_quantity_only_where_units_are_not_mixed_and_one_charge_likewise() -> None:
    one = Group(None, (), 1, [UnitTotal(None, Decimal(2), 1)], [CurrencyTotal("EUR", Decimal(3), 1)])
    mixed = Group(
        None,
        (),
        2,
        [UnitTotal("GB", Decimal(2), 1), UnitTotal("MB", Decimal(2), 1)],
        [CurrencyTotal("EUR", Decimal(3), 1), CurrencyTotal("USD", Decimal(3), 1)],
    )
    assert (only_unit(one), only_currency(one)) == (one.quantities[0], one.charges[0])
    assert (only_unit(mixed), only_currency(mixed)) == (None, None)
    assert (only_unit(Group(None, ())), only_currency(Group(None, ()))) == (None, None)


def test_a_unit_or_currency_of_which_nothing_stands_mixes_nothing() -> None:
    amended = Group(
        None,
        (),
        1,
        [UnitTotal("GB", Decimal(0), 0), UnitTotal("MB", Decimal(2), 1)],
        [CurrencyTotal("EUR", Decimal(3), 1), CurrencyTotal("USD", Decimal(0), 0)],
    )
    assert (only_unit(amended), only_currency(amended)) == (amended.quantities[1], amended.charges[0])
    retracted = Group(None, (), 0, [UnitTotal("GB", Decimal(0), 0)], [CurrencyTotal("EUR", Decimal(0), 0)])
    assert (only_unit(retracted), only_currency(retracted)) == (retracted.quantities[0], retracted.charges[0])
    # An original of nothing at all stands all the same.
    zeros = Group(None, (), 2, [UnitTotal("GB", Decimal(0), 1), UnitTotal("MB", Decimal(0), 1)])
    assert only_unit(zeros) is None


def test_nothing_found_is_no_group_and_a_total_of_nothing() -> None:
    grouped = fold([], by_product(fill=True))
    assert (grouped.groups, grouped.total, grouped.group_count) == ([], Group(None, ()), 0)
    assert (grouped.more_after, grouped.more_before) == (False, False)


KEYS = [cell("b"), cell(None), cell("a"), cell("é"), cell("Z"), cell("\U00010000"), cell("\uffff")]


def test_keys_stand_in_binary_order_with_nulls_last_in_both_directions() -> None:
    ascending = ["Z", "a", "b", "é", "\uffff", "\U00010000"]
    assert products(by_product(), KEYS) == [*ascending, None]
    assert products(by_product(order=GroupOrder(descending=True)), KEYS) == [*reversed(ascending), None]


def test_a_bucket_is_the_leading_key() -> None:
    cells = [cell("b", bucket=DAY), cell("a", bucket=DAY + timedelta(days=1)), cell("a", bucket=DAY)]
    told = [(group.bucket, *group.dimensions) for group in fold(cells, by_product()).groups]
    assert told == [(DAY, "a"), (DAY, "b"), (DAY + timedelta(days=1), "a")]
    descending = fold(cells, by_product(order=GroupOrder(descending=True))).groups
    assert [(group.bucket, *group.dimensions) for group in descending] == told[::-1]


MEASURED = [
    cell("a", events=2, unit="call", quantity=10, currency="EUR", charge=5, first=DAY, last=DAY),
    cell("b", events=9, unit="call", quantity=10, currency="EUR", charge=1, first=DAY + timedelta(1), last=DAY + timedelta(1)),
    cell("c", events=2, unit="call", quantity=-3, first=DAY - timedelta(1), last=DAY + timedelta(2)),
    cell("d", events=1, unit="GB", quantity=99, currency="USD", charge=7),
    cell("d", events=1, unit="call", quantity=50),
    cell("e", events=1, currency="EUR", charge=9),
    cell("e", events=1, currency="USD", charge=1),
]


@pytest.mark.parametrize(
    ("order", "ascending", "descending"),
    [
        (GroupOrder(Measure.EVENTS), "acdeb", "bacde"),
        (GroupOrder(Measure.QUANTITY), "cabde", "abcde"),  # d is mixed and e has none: both null, and last
        (GroupOrder(Measure.QUANTITY, unit="call"), "cabde", "dabce"),
        (GroupOrder(Measure.QUANTITY, unit="GB"), "dabce", "dabce"),
        (GroupOrder(Measure.QUANTITY, unit="none"), "abcde", "abcde"),
        (GroupOrder(Measure.CHARGE), "badce", "dabce"),
        (GroupOrder(Measure.CHARGE, currency="EUR"), "baecd", "eabcd"),
        (GroupOrder(Measure.FIRST_USE), "cabde", "bacde"),
        (GroupOrder(Measure.LAST_USE), "abcde", "cbade"),
    ],
)
def test_groups_stand_by_their_measure_with_nulls_last_and_ties_by_key(
    order: GroupOrder, ascending: str, descending: str
) -> None:
    turned = GroupOrder(order.measure, True, order.unit, order.currency)
    assert "".join(map(str, products(by_product(order=order), MEASURED))) == ascending
    assert "".join(map(str, products(by_product(order=turned), MEASURED))) == descending


def test_the_first_groups_are_cut_from_the_order_and_totals_cover_all() -> None:
    grouped = fold(MEASURED, by_product(order=GroupOrder(Measure.EVENTS, descending=True), limit=2))
    assert [group.dimensions for group in grouped.groups] == [("b",), ("a",)]
    assert (grouped.group_count, grouped.more_after, grouped.more_before) == (5, True, False)
    assert grouped.total.events == 17


def test_the_last_groups_are_told_in_order_too() -> None:
    grouped = fold(MEASURED, by_product(limit=2, from_end=True))
    assert [group.dimensions for group in grouped.groups] == [("d",), ("e",)]
    assert (grouped.more_after, grouped.more_before) == (False, True)


def test_a_place_between_groups_is_a_place_too() -> None:
    # The group that a cursor was made from may have changed since: the walk goes on where it would stand.
    order = GroupOrder(Measure.EVENTS, descending=True)
    stale = place(Group(None, ("bb",), 2), by_product(order=order))
    assert products(by_product(order=order, after=stale), MEASURED) == ["c", "d", "e"]
    assert products(by_product(order=order, before=stale), MEASURED) == ["b", "a"]


values = st.none() | st.sampled_from(["", "a", "b", "é", "\uffff", "\U00010000"])
moments = st.integers(0, 3).map(lambda days: DAY + timedelta(days=days))
orders = st.builds(
    GroupOrder,
    st.sampled_from(Measure),
    st.booleans(),
    unit=st.sampled_from([None, "call", "GB"]),
    currency=st.sampled_from([None, "EUR", "USD"]),
)


@st.composite
def worlds(draw: st.DrawFn) -> list[Cell]:
    cells = []
    for _ in range(draw(st.integers(0, 12))):
        first, last = sorted([draw(moments), draw(moments)])
        standing = draw(st.booleans())
        cells.append(
            cell(
                draw(values),
                draw(values),
                events=draw(st.integers(-2, 3)),
                bucket=draw(moments),
                unit=draw(st.sampled_from([None, "call", "GB"])),
                quantity=draw(st.none() | st.integers(-3, 3)),
                currency=draw(st.sampled_from(["EUR", "USD"])),
                charge=draw(st.none() | st.integers(-3, 3)),
                first=first if standing else None,
                last=last if standing else None,
            )
        )
    return cells


@given(worlds(), orders, st.integers(1, 4), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_a_walk_in_pages_meets_every_group_once_in_both_directions(
    cells: list[Cell], order: GroupOrder, size: int, backwards: bool, fill: bool
) -> None:
    buckets = cut(Period(DAY, DAY + timedelta(days=4)), Granularity.DAY)
    by = (Dimension.PRODUCT, Dimension.CUSTOMER)
    whole = fold(cells, Groups(SCOPE, by=by, buckets=buckets, order=order, fill=fill))

    met: list[Group] = []
    edge = None
    for _ in range(len(whole.groups) + 2):
        bounds: dict[str, Any] = {"before": edge, "from_end": True} if backwards else {"after": edge}
        question = Groups(SCOPE, by=by, buckets=buckets, order=order, fill=fill, limit=size, **bounds)
        page = fold(cells, question)
        assert (page.total, page.group_count) == (whole.total, whole.group_count)
        met = [*page.groups, *met] if backwards else [*met, *page.groups]
        assert (page.more_before if backwards else page.more_after) == (len(met) < len(whole.groups))
        if len(met) == len(whole.groups):
            break
        edge = place(page.groups[0 if backwards else -1], question)
    assert met == whole.groups


@given(worlds())
@settings(max_examples=60)
def test_groups_add_up_to_fewer_keys_as_what_they_are_made_of_does(cells: list[Cell]) -> None:
    cells = [replace(each, bucket=None) for each in cells]
    by = (Dimension.PRODUCT, Dimension.CUSTOMER)
    groups = fold(cells, Groups(SCOPE, by=by)).groups
    for at, key in enumerate(by):
        question = Groups(SCOPE, by=(key,))
        alone = [replace(each, dimensions=(each.dimensions[at],)) for each in cells]
        assert added_up((((each.dimensions[at],), each) for each in groups), question) == fold(alone, question)


@given(worlds(), orders)
@settings(max_examples=60)
def test_groups_are_in_the_order_of_their_values(cells: list[Cell], order: GroupOrder) -> None:
    question = Groups(SCOPE, by=(Dimension.PRODUCT, Dimension.CUSTOMER), order=order)
    told = [place(group, question).value for group in fold(cells, question).groups]
    if order.measure is Measure.KEY:
        assert set(told) <= {None}
    else:
        known = [value for value in told if value is not None]
        assert told == [*known, *[None] * (len(told) - len(known))]
        assert all((left >= right) if order.descending else (left <= right) for left, right in pairwise(known))


@given(worlds())
@settings(max_examples=60)
def test_totals_do_not_depend_on_how_entries_are_grouped_or_in_what_order_they_come(cells: list[Cell]) -> None:
    fine = fold(cells, Groups(SCOPE, by=(Dimension.PRODUCT, Dimension.CUSTOMER)))
    coarse = fold([Cell(None, (), *list(vars_of(each))[2:]) for each in reversed(cells)], Groups(SCOPE))
    assert coarse.total == fine.total
    assert sum(group.events for group in fine.groups) == fine.total.events
    for total in fine.total.quantities:
        parts = [each for group in fine.groups for each in group.quantities if each.unit == total.unit]
        assert (sum(part.quantity for part in parts), sum(part.events for part in parts)) == (total.quantity, total.events)
    for total_charge in fine.total.charges:
        shares = [each for group in fine.groups for each in group.charges if each.currency == total_charge.currency]
        assert sum(share.charge for share in shares) == total_charge.charge


def vars_of(each: Cell) -> list[Any]:
    return [getattr(each, name) for name in Cell.__dataclass_fields__]


def test_fill_puts_every_bucket_beside_each_combination_that_occurs() -> None:
    buckets = cut(Period(DAY, DAY + timedelta(days=2)), Granularity.DAY)
    cells = [cell("a", bucket=DAY, unit="call", quantity=1), cell(None, bucket=DAY + timedelta(days=1))]
    grouped = fold(cells, by_product(buckets=buckets, fill=True))
    assert [(group.bucket, group.dimensions[0], group.events) for group in grouped.groups] == [
        (DAY, "a", 1),
        (DAY, None, 0),
        (DAY + timedelta(days=1), "a", 0),
        (DAY + timedelta(days=1), None, 1),
    ]
    assert grouped.groups[1] == Group(DAY, (None,))
    assert (grouped.total.events, grouped.group_count) == (2, 4)


def test_fill_without_dimensions_tells_every_bucket_even_of_nothing() -> None:
    buckets = cut(Period(DAY, DAY + timedelta(days=3)), Granularity.DAY)
    assert fold([], Groups(SCOPE, buckets=buckets, fill=True)).groups == [Group(DAY + timedelta(days=at), ()) for at in range(3)]
    assert fold([], Groups(SCOPE, buckets=buckets)).groups == []


def test_sums_keep_every_digit() -> None:
    most = 10**38 - 1
    cells = [Cell(None, (), "u", None, 1, 1, 0, True, False, most, 0, None, None) for _ in range(1_000)]
    assert fold(cells, Groups(SCOPE)).total.quantities == [
        UnitTotal("u", Decimal("99999999999999999999999.999999999999999000"), 1_000)
    ]
