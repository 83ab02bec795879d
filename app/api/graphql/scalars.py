"""Scalars that lose nothing: decimals as text, instants with their microseconds, integers up to 2^53 - 1, JSON without floats.

A scalar says what can be read as such a value; what can be recorded or asked is decided inside. Literals are read from the
document's own text, and request bodies are decoded with decimals (see `view`), so no number ever passes through a float.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NewType, TypeVar

import orjson
import strawberry
from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    GraphQLError,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)
from strawberry.types.scalar import ScalarDefinition

from app.domain.canonical import SAFE_INTEGER
from app.domain.decimal import plain
from app.domain.errors import InvalidInput, InvalidQuery
from app.domain.instant import format_instant, parse_instant
from app.domain.period import zone_named

T = TypeVar("T")
SafeInt = NewType("SafeInt", int)
JSONObject = NewType("JSONObject", object)
TimeZone = NewType("TimeZone", str)
URL = NewType("URL", str)

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_LONGEST_NUMBER = 128
_DECIMAL_KEY = "$decimal"


def _decimal(value: Any) -> Decimal:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise GraphQLError("Decimal must be a number, or a string that holds one.")
    text = value.strip()
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise GraphQLError("Decimal must hold a plain decimal number, such as 12.50.")
    return Decimal(text)


def _decimal_literal(node: ValueNode, _variables: Mapping[str, Any] | None = None) -> Decimal:
    if isinstance(node, (IntValueNode, FloatValueNode, StringValueNode)):
        return _at(node, _decimal, node.value)
    raise GraphQLError("Decimal must be a number, or a string that holds one.", node)


def _text_literal(parse: Callable[[Any], T]) -> Callable[..., T]:
    """Reads a literal as it reads a variable's value, so that an error tells where it is."""

    def read(node: ValueNode, _variables: Mapping[str, Any] | None = None) -> T:
        return _at(node, parse, node.value if isinstance(node, StringValueNode) else None)

    return read


def _at(node: ValueNode, parse: Callable[[Any], T], value: Any) -> T:
    try:
        return parse(value)
    except GraphQLError as error:
        raise GraphQLError(error.message, node) from None


def _instant(value: Any) -> datetime:
    try:
        return parse_instant(value, "DateTime", error=InvalidQuery)
    except InvalidInput as error:
        raise GraphQLError(f"DateTime {error.reason}.") from None


def _safe_int(value: Any) -> int:
    if isinstance(value, Decimal) and value == value.to_integral_value() and abs(value) <= SAFE_INTEGER:
        value = int(value)  # 1e3 and 7.0 are whole numbers too
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > SAFE_INTEGER:
        raise GraphQLError("SafeInt must be a whole number between -(2^53 - 1) and 2^53 - 1.")
    return value


def _safe_int_literal(node: ValueNode, _variables: Mapping[str, Any] | None = None) -> int:
    if not isinstance(node, IntValueNode) or len(node.value) > 17:
        raise GraphQLError("SafeInt must be a whole number between -(2^53 - 1) and 2^53 - 1.", node)
    return _at(node, _safe_int, int(node.value))


def _zone(value: Any) -> str:
    try:
        return zone_named(value if isinstance(value, str) else "", "TimeZone").key
    except InvalidInput as error:
        raise GraphQLError(f"TimeZone {error.reason}.") from None


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise GraphQLError("JSONObject must be an object of keys and values.")
    return _with_decimals(value)


def _with_decimals(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(value.get(_DECIMAL_KEY), str):
            return _decimal(value[_DECIMAL_KEY])
        return {key: _with_decimals(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_decimals(item) for item in value]
    return value


def _object_literal(node: ValueNode, variables: Mapping[str, Any] | None = None) -> Any:
    if not isinstance(node, ObjectValueNode):
        raise GraphQLError("JSONObject must be an object of keys and values.", node)
    return _at(node, _with_decimals, _json_literal(node, variables or {}))


def _json_literal(node: ValueNode, variables: Mapping[str, Any]) -> Any:
    match node:
        case ObjectValueNode():
            return {each.name.value: _json_literal(each.value, variables) for each in node.fields}
        case ListValueNode():
            return [_json_literal(each, variables) for each in node.values]
        case IntValueNode():
            return _decimal(node.value) if len(node.value) > 17 else int(node.value)
        case FloatValueNode():
            return _decimal(node.value)
        case StringValueNode() | BooleanValueNode():
            return node.value
        case NullValueNode():
            return None
        case VariableNode():
            return variables.get(node.name.value)
        case EnumValueNode():
            raise GraphQLError(f"JSONObject cannot hold the bare word {node.value}; put it in quotes.", node)
    raise GraphQLError("JSONObject must be an object of keys and values.", node)


def _shown_object(value: Any) -> Any:
    # Entries keep the canonical text, in which numbers that JSON readers would round are {"$decimal": "…"} already.
    return orjson.loads(value) if isinstance(value, str) else value


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description=(
            "An exact decimal number of up to 20 digits before and 18 after the point. It is sent as a string without exponent or"
            " trailing zeros; it is taken as a string or as a number, whose digits are read exactly as they are written."
        ),
        # The numeric strings of General Decimal Arithmetic; ours are those without an exponent.
        specified_by_url="https://speleotrove.com/decimal/daconvs.html",
        serialize=plain,
        parse_value=_decimal,
        parse_literal=_decimal_literal,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description=(
            "An instant. It is sent in UTC with six digits of microseconds, as in `2026-04-01T00:00:00.000000Z`; it is taken with"
            " any offset, which must be there."
        ),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=format_instant,
        parse_value=_instant,
        parse_literal=_text_literal(_instant),
    ),
    SafeInt: strawberry.scalar(
        name="SafeInt",
        description="A whole number between -(2^53 - 1) and 2^53 - 1, which every JSON reader keeps exactly.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-6",
        serialize=int,
        parse_value=_safe_int,
        parse_literal=_safe_int_literal,
    ),
    JSONObject: strawberry.scalar(
        name="JSONObject",
        description=(
            "An object of keys and values. Nothing in it is rounded: a number that is not whole, or is past 2^53 - 1, is sent as"
            ' `{"$decimal": "12.5"}`, and is taken as that or as a number.'
        ),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259#section-4",
        serialize=_shown_object,
        parse_value=_object,
        parse_literal=_object_literal,
    ),
    TimeZone: strawberry.scalar(
        name="TimeZone",
        description="The name of an IANA time zone, such as `Europe/Berlin`; `UTC` where none is named.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc6557",
        serialize=str,
        parse_value=_zone,
        parse_literal=_text_literal(_zone),
    ),
    URL: strawberry.scalar(
        name="URL",
        description="An absolute URL.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3986",
        serialize=str,
        parse_value=str,
    ),
}
"""By the Python type that stands for each."""
