"""Exact numbers: decimals of up to 38 digits, 18 of them after the point; more is refused, never rounded.

No float is ever taken or made. Sums are made over integers scaled by 10**18, since the interpreter's default
decimal context would round them to 28 digits.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from app.domain.errors import InvalidEvent

SCALE = 18
"""Digits after the point."""
INTEGER_DIGITS = 20
"""Digits before the point."""
ONE = 10**SCALE

_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999)
# Looked up once: with the context named in each call these take twice as long.
_multiply, _normalize = _EXACT.multiply, _EXACT.normalize
_SCALED, _UNIT, _ZERO = Decimal(ONE), Decimal(1).scaleb(-SCALE), Decimal(0)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LONGEST = 128


def parse_decimal(value: str | int | Decimal, field: str) -> Decimal:
    """The exact decimal that `value` says.

    Raises InvalidEvent, naming `field`, for what is no finite number, or has more than 20 digits before or 18 after the point.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise InvalidEvent(field, "must be a decimal number, as a string or as a number without rounding")
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _LONGEST or not _NUMBER.fullmatch(value):
            raise InvalidEvent(field, "is not a decimal number")
    elif isinstance(value, int) and value.bit_length() > 128:
        raise InvalidEvent(field, f"has more than {INTEGER_DIGITS} digits before the point")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidEvent(field, "is not a decimal number") from None
    if not number.is_finite():
        raise InvalidEvent(field, "is not a finite number")
    if not number:
        return Decimal(0)
    if number.adjusted() >= INTEGER_DIGITS:
        raise InvalidEvent(field, f"has more than {INTEGER_DIGITS} digits before the point")
    digits, exponent = number.as_tuple()[1:]
    if isinstance(exponent, int) and exponent < -SCALE:
        # Trailing zeros say nothing: 0.0000000000000000010 has eighteen digits after the point that count.
        surplus = -SCALE - exponent
        if any(digits[-surplus:]):
            raise InvalidEvent(field, f"has more than {SCALE} digits after the point")
    return number.normalize(_EXACT)


def plain(number: Decimal) -> str:
    """`number` without exponent, trailing zeros or a negative zero: the one text that a decimal has here."""
    text = str(number)
    if "E" in text:  # what is very small, and thousands without their zeros
        text = format(number, "f")
    if "." in text and text[-1] == "0":
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def scaled(number: Decimal) -> int:
    """`number` times 10**18, exactly."""
    return int(_multiply(number, _SCALED))


def unscaled(value: int) -> Decimal:
    """The decimal whose `scaled` is `value`."""
    return _normalize(_multiply(Decimal(value), _UNIT)) if value else _ZERO


def average(total: int, count: int) -> Decimal:
    """The mean of `count` numbers whose scaled sum is `total`, to 18 places, half to even."""
    quotient, remainder = divmod(total, count)
    twice = 2 * remainder
    if twice > count or (twice == count and quotient & 1):
        quotient += 1
    return unscaled(quotient)
