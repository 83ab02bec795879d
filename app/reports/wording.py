"""Keys, measures and conditions as callers write them in a line of text, and back: `data.region`, `quantity_p95[GB]>=10`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import orjson

from app.domain.decimal import parse_decimal, plain
from app.domain.errors import InvalidEvent, InvalidQuery
from app.domain.instant import format_instant, parse_bound
from app.domain.period import Period
from app.question.groups import Compare, GroupOrder
from app.question.keys import DataKey, Dimension, GroupKey
from app.question.measures import INSTANTS, Condition, Measure, Relation, Term

DATA = "data."
"""What the name of a key of additional data begins with, where a dimension might stand in its place."""
PREVIOUS = Compare.PREVIOUS.value
MEASURES = (*(each.value for each in Measure if each is not Measure.KEY), "quantity_p95 and other percentiles")
STATISTICS = (
    *(Measure.CUSTOMERS, Measure.QUANTITY_AVERAGE, Measure.QUANTITY_MINIMUM, Measure.QUANTITY_MAXIMUM),
    *(Measure.CHARGE_AVERAGE, Measure.CHARGE_MINIMUM, Measure.CHARGE_MAXIMUM),
)
"""Measures that are no sums."""
_PERCENTILE = re.compile(r"quantity_p(\d{1,3}(?:\.\d{1,3})?)", re.ASCII)
_TERM = re.compile(r"([a-z0-9_.]+)(?:\[(.*)\])?", re.ASCII | re.DOTALL)
_CONDITION = re.compile(r"(.+?)\s*(>=|<=|>|<|=)\s*([^><=]+)", re.DOTALL)
_QUOTED = re.compile(r'data\."(?:[^"\\]|\\.)*"', re.DOTALL)


def keys_in(texts: Sequence[str], field: str) -> tuple[GroupKey, ...]:
    """The keys that the texts name, several of them separated by commas. Raises InvalidQuery naming `field`.

    A key of additional data that has a comma or a quote in it is written as a JSON string: `data."a,b"`.
    """
    found: list[GroupKey] = []
    for text in texts:
        rest = text.strip()
        while rest:
            quoted = _QUOTED.match(rest)
            name, _, left = (quoted[0], "", rest[quoted.end() :].lstrip().removeprefix(",")) if quoted else rest.partition(",")
            if name.strip():
                found.append(key_in(name.strip(), field))
            rest = left.strip()
    if len(set(found)) != len(found):
        raise InvalidQuery(field, "names a dimension twice")
    return tuple(found)


def key_in(text: str, field: str) -> GroupKey:
    """The key that a text names. Raises InvalidQuery naming `field`."""
    if text.startswith(DATA):
        name = text.removeprefix(DATA)
        try:
            stated = orjson.loads(name) if name.startswith('"') else name
            return DataKey(str(stated))
        except orjson.JSONDecodeError:
            raise InvalidQuery(field, f"{text[:64]} is no JSON string after `{DATA}`") from None
        except InvalidQuery as error:
            raise InvalidQuery(field, f"{text[:64]}: a key {error.reason}") from None
    try:
        return Dimension(text)
    except ValueError:
        words = ", ".join(each.value for each in Dimension)
        raise InvalidQuery(
            field, f"{text[:64]} is not one of {words}, nor a key of additional data, such as data.region"
        ) from None


def key_text(key: GroupKey) -> str:
    """The text that names the key."""
    if isinstance(key, Dimension):
        return key.value
    plainly = not set(key.name) & set(',"') and key.name == key.name.strip()
    return DATA + (key.name if plainly else orjson.dumps(key.name).decode())


def term_in(text: str, field: str) -> Term:
    """The measure that a text names, with a unit or a currency in brackets. Raises InvalidQuery naming `field`."""
    match = _TERM.fullmatch(text)
    if match is None:
        raise InvalidQuery(field, f"{text[:64]} is not a measure; these are: {', '.join(MEASURES)}")
    word, of = match.groups()
    percentile = _PERCENTILE.fullmatch(word)
    try:
        measure = Measure.QUANTITY_PERCENTILE if percentile else Measure(word)
        number = Decimal(percentile[1]) if percentile else None
        if measure is Measure.QUANTITY_PERCENTILE and number is None:
            raise ValueError(word)
        term = Term(measure, percentile=number)
        if of is None:
            return term
        if not of or not (term.of_quantity or term.of_charge):
            raise InvalidQuery(field, f"{text[:64]}: a unit or a currency stands in brackets behind a quantity or a charge only")
        return Term(measure, of if term.of_quantity else None, of if term.of_charge else None, number)
    except ValueError:
        raise InvalidQuery(field, f"{word[:64]} is not one of {', '.join(MEASURES)}") from None
    except InvalidQuery as error:
        raise InvalidQuery(field, error.reason) from None


def term_text(term: Term) -> str:
    """The text that names the measure."""
    of = term.unit if term.of_quantity else term.currency if term.of_charge else None
    return term.word if of is None else f"{term.word}[{of}]"


def statistic_in(text: str, field: str) -> Term:
    """A measure that is no sum, without a unit: it is told of each. Raises InvalidQuery naming `field`."""
    term = term_in(text, field)
    if term.percentile is None and term.measure not in STATISTICS:
        raise InvalidQuery(
            field, f"{text[:64]} is told anyhow, or is no measure; these are: {', '.join(STATISTICS)}, quantity_p95"
        )
    if term.unit or term.currency:
        raise InvalidQuery(field, f"{text[:64]}: it is told of each unit and currency")
    return term


def order_in(text: str | None, *, descending: bool, unit: str | None, currency: str | None) -> GroupOrder:
    """The order that `order_by` says: a measure, or a key. Raises InvalidQuery."""
    field = "order_by"
    if text is None or text == Measure.KEY.value:
        return GroupOrder(Measure.KEY, descending, unit, currency)
    if text.startswith(DATA) or text in set(Dimension):
        return GroupOrder(Measure.KEY, descending, unit, currency, key=key_in(text, field))
    term = term_in(text, field)
    return GroupOrder(term.measure, descending, term.unit or unit, term.currency or currency, term.percentile)


def condition_in(text: str, field: str) -> Condition:
    """The condition that a text says, such as `events>=10` or `last_use<2026-04-01`. Raises InvalidQuery naming `field`."""
    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        raise InvalidQuery(field, f"{text[:64]} is no condition, such as events>=10 or quantity[GB]<2.5")
    left, relation, right = match.groups()
    term = term_in(left.strip(), field)
    try:
        if term.measure in INSTANTS:
            return Condition(term, Relation(relation), parse_bound(right.strip(), field, error=InvalidQuery))
        return Condition(term, Relation(relation), parse_decimal(right, field))
    except InvalidEvent as error:
        raise InvalidQuery(field, f"{text[:64]}: {right[:64]} {error.reason}") from None


def condition_text(condition: Condition) -> str:
    """The text that says the condition."""
    value = condition.value
    told = format_instant(value) if isinstance(value, datetime) else plain(value)
    return f"{term_text(condition.term)}{condition.relation.value}{told}"


def compare_in(text: str, field: str) -> Compare | Period:
    """What `compare_with` says: `previous`, or a period as `from/to`. Raises InvalidQuery naming `field`."""
    if text == PREVIOUS:
        return Compare.PREVIOUS
    start, slash, end = text.partition("/")
    if not slash:
        raise InvalidQuery(field, f"must be {PREVIOUS}, or a period such as 2026-03-01/2026-04-01")
    try:
        return Period(parse_bound(start, field, error=InvalidQuery), parse_bound(end, field, error=InvalidQuery))
    except InvalidQuery as error:
        raise InvalidQuery(field, error.reason) from None


def compare_text(compare: Compare | Period) -> str:
    """The text that says it; a period's ends are both closed."""
    if isinstance(compare, Compare):
        return compare.value
    assert compare.start is not None
    assert compare.end is not None
    return f"{format_instant(compare.start)}/{format_instant(compare.end)}"
