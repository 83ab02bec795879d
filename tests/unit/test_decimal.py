"""Exact numbers: what is taken, what is refused rather than rounded, and that nothing is lost on the way through."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decimal import ONE, average, parse_decimal, plain, scaled, unscaled
from app.domain.errors import InvalidEvent

GREATEST = 10**38 - 1
scaled_numbers = st.integers(-GREATEST, GREATEST)


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("0", "0"),
        ("-0.000", "0"),
        ("+7", "7"),
        (" 7 ", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1.20E-1", "0.12"),
        ("0e9999", "0"),
        ("0.0000000000000000010", "0.000000000000000001"),
        ("99999999999999999999.999999999999999999", "99999999999999999999.999999999999999999"),
        ("-99999999999999999999.999999999999999999", "-99999999999999999999.999999999999999999"),
        ("0000000000000000000000000000000000000000000001", "1"),
        (10**20 - 1, "99999999999999999999"),
        (Decimal("1E+19"), "10000000000000000000"),
        (Decimal("-0"), "0"),
    ],
)
def test_a_number_is_taken_with_all_its_digits(said: str | int | Decimal, means: str) -> None:
    assert plain(parse_decimal(said, "quantity")) == means


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "is not a decimal number"),
        ("abc", "is not a decimal number"),
        ("1_000", "is not a decimal number"),
        ("1,5", "is not a decimal number"),
        ("0x10", "is not a decimal number"),
        ("٣", "is not a decimal number"),
        ("NaN", "is not a decimal number"),
        ("Infinity", "is not a decimal number"),
        ("1e12345", "is not a decimal number"),
        ("1" * 129, "is not a decimal number"),
        (Decimal("NaN"), "is not a finite number"),
        (Decimal("sNaN"), "is not a finite number"),
        (Decimal("-Infinity"), "is not a finite number"),
        ("100000000000000000000", "has more than 20 digits before the point"),
        (10**20, "has more than 20 digits before the point"),
        (-(2**500), "has more than 20 digits before the point"),
        ("1e9999", "has more than 20 digits before the point"),
        ("0.0000000000000000001", "has more than 18 digits after the point"),
        ("1e-9999", "has more than 18 digits after the point"),
        (1.5, "must be a decimal number, as a string or as a number without rounding"),
        (True, "must be a decimal number, as a string or as a number without rounding"),
        (None, "must be a decimal number, as a string or as a number without rounding"),
    ],
)
def test_what_is_no_exact_number_is_refused_and_never_rounded(said: object, reason: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse_decimal(said, "quantity")  # type: ignore[arg-type]
    assert (refused.value.field, refused.value.reason) == ("quantity", reason)


@given(scaled_numbers)
def test_a_number_survives_scaling_and_text(number: int) -> None:
    decimal = unscaled(number)
    assert scaled(decimal) == number
    assert scaled(parse_decimal(plain(decimal), "quantity")) == number
    assert Fraction(plain(decimal)) == Fraction(number, ONE)


@given(scaled_numbers)
def test_there_is_one_text_for_a_number(number: int) -> None:
    text = plain(unscaled(number))
    assert "e" not in text.lower()
    assert not text.startswith("-0") or text.startswith("-0.")
    assert "." not in text or not text.endswith(("0", "."))


@given(st.integers(-(10**60), 10**60))
def test_a_sum_past_38_digits_is_still_exact(total: int) -> None:
    assert Fraction(plain(unscaled(total))) == Fraction(total, ONE)


@given(st.integers(-(10**45), 10**45), st.integers(1, 10**6))
def test_an_average_is_rounded_half_to_even_at_18_places(total: int, count: int) -> None:
    # Python rounds a Fraction to the nearest integer, halves to even.
    assert scaled(average(total, count)) == round(Fraction(total, count))


@pytest.mark.parametrize(("total", "count", "mean"), [(1, 2, 0), (3, 2, 2), (-1, 2, 0), (-3, 2, -2), (5, 3, 2), (-5, 3, -2)])
def test_halves_of_the_last_place_go_to_the_even_neighbour(total: int, count: int, mean: int) -> None:
    assert scaled(average(total, count)) == mean
