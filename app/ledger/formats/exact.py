"""What an expression may do with numbers and texts: exact arithmetic on decimals, which the expression language does not have.

A decimal comes and goes as a text, a whole number also as one, so that none is ever a float. A call that cannot be answered is
noted as a fault and gives null: the library would print what a function raises, and the sender's values with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from app.domain.decimal import SCALE, plain

LONGEST_NUMBER = 128
"""Characters of a number: products of two that can be recorded fit well."""
MOST_PARTS = 256
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
# No operation on numbers of that length needs more digits, so nothing is ever rounded behind anybody's back.
_EXACT = Context(prec=4 * LONGEST_NUMBER, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999)


class _Fault(Exception):
    """Why a call cannot be answered."""


class Calls:
    """The functions of one evaluation. `fault` says what was wrong with the first call that could not be answered."""

    def __init__(self) -> None:
        self.fault: str | None = None

    def named(self, name: str) -> Callable[..., Any]:
        """The function of that name, one of FUNCTIONS; it raises nothing."""
        function, fewest, most = FUNCTIONS[name]

        def call(*given: Any) -> Any:
            try:
                if not fewest <= len(given) <= most:
                    raise _Fault(f"takes {fewest} values" if fewest == most else f"takes {fewest} or {most} values")
                return function(*given)
            except _Fault as fault:
                self.fault = self.fault or f"{name}: {fault}"
                return None

        return call


def _plus(one: Any, other: Any) -> str:
    return _told(_EXACT.add(_number(one), _number(other)))


def _minus(one: Any, other: Any) -> str:
    return _told(_EXACT.subtract(_number(one), _number(other)))


def _times(one: Any, other: Any) -> str:
    return _told(_EXACT.multiply(_number(one), _number(other)))


def _over(one: Any, other: Any, places: Any = None) -> str:
    """The quotient: exact to 18 places or refused, unless `places` says how far it is to be rounded, half to even."""
    dividend, divisor = _number(one), _number(other)
    if not divisor:
        raise _Fault("divides by zero")
    digits = SCALE if places is None else _places(places)
    # In whole numbers, so that no digit is lost before the rounding: numerator / denominator, scaled by the places.
    scaled = [int(each.scaleb(2 * LONGEST_NUMBER, _EXACT)) for each in (dividend, divisor)]
    numerator, denominator = scaled[0] * 10**digits, scaled[1]
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, remainder = divmod(numerator, denominator)
    if remainder and places is None:
        raise _Fault(f"is not exact to {SCALE} places; a third value says how many are to be kept")
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return _told(Decimal(quotient).scaleb(-digits, _EXACT))


def _rounded(number: Any, places: Any) -> str:
    return _over(number, 1, places)


def _compare(one: Any, other: Any) -> int:
    first, second = _number(one), _number(other)
    return (first > second) - (first < second)


def _lower(text: Any) -> str:
    return _text(text).lower()


def _part(text: Any, separator: Any, index: Any) -> str | None:
    """The piece with that index, from 0, of a text that is cut at each separator; null where there are fewer."""
    if not _text(separator):
        raise _Fault("cuts at nothing: the separator is empty")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < MOST_PARTS:
        raise _Fault(f"counts pieces from 0 to {MOST_PARTS - 1}")
    pieces = _text(text).split(separator, index + 1)
    return pieces[index] if index < len(pieces) else None


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "plus": (_plus, 2, 2),
    "minus": (_minus, 2, 2),
    "times": (_times, 2, 2),
    "over": (_over, 2, 3),
    "rounded": (_rounded, 2, 2),
    "compare": (_compare, 2, 2),
    "lower": (_lower, 1, 1),
    "part": (_part, 3, 3),
}
"""Each with the fewest and the most values that it takes."""


def _number(value: Any) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str):
        text = value.strip()
        if len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text):
            return Decimal(text)
        raise _Fault("is given a text that is no decimal number" if text else "is given an empty text")
    raise _Fault("is given nothing" if value is None else f"is given what is no number: a {type(value).__name__}")


def _told(number: Decimal) -> str:
    text = plain(number)
    if len(text) > LONGEST_NUMBER:
        raise _Fault(f"gives a number of more than {LONGEST_NUMBER} characters")
    return text


def _places(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= SCALE:
        raise _Fault(f"keeps 0 to {SCALE} places")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Fault("is given what is no text")
    return value
