"""The canonical encoding: the bytes of RFC 8785, with the rfc8785 package as referee, and what may stand in additional data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.canonical import LARGEST, SAFE_INTEGER, additional_data, additional_value, canonical_bytes, check_text
from app.domain.errors import InvalidEvent

# Keys on both sides of the surrogates, where the order of UTF-8 and that of UTF-16 part.
letters = st.one_of(st.sampled_from('ab\uffff\ue000\U00010000\U0010ffff"\\\n\x1f\x7fé'), st.characters(exclude_categories=["Cs"]))
texts = st.text(letters, max_size=8)
scalars = st.none() | st.booleans() | st.integers(-SAFE_INTEGER, SAFE_INTEGER) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


@given(values)
@example({"\U00010000": 1, "\uffff": 2})
@example([{"\U0010ffff": {"\U00010000": 1, "\ue000": 2}, "\uffff": None}])
@example({"\U00010000": [{"\ufb33": 1, "\U00010000": 2}]})
def test_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


@given(st.dictionaries(texts, scalars, min_size=2, max_size=6))
def test_the_order_in_which_keys_were_said_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical_bytes(value) == canonical_bytes(dict(reversed(value.items())))


def test_nothing_said_is_no_additional_data() -> None:
    assert additional_data(None, "additional_data") is None
    assert additional_data({}, "additional_data") is None
    assert additional_value(None) is None


def test_numbers_that_are_no_safe_integers_keep_their_digits() -> None:
    said = {
        "safe": SAFE_INTEGER,
        "past": SAFE_INTEGER + 1,
        "exact": Decimal("0.10"),
        "whole": Decimal("3.00"),
        "deep": [{"n": Decimal("-1.5")}],
    }
    text = additional_data(said, "additional_data")

    assert text == (
        '{"deep":[{"n":{"$decimal":"-1.5"}}],"exact":{"$decimal":"0.1"},'
        '"past":{"$decimal":"9007199254740992"},"safe":9007199254740991,"whole":3}'
    )
    assert additional_value(text) == {
        "safe": SAFE_INTEGER,
        "past": Decimal("9007199254740992"),
        "exact": Decimal("0.1"),
        "whole": 3,
        "deep": [{"n": Decimal("-1.5")}],
    }


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5), scalars))
def test_additional_data_comes_back_as_it_was_said(value: dict[str, Any]) -> None:
    if any(isinstance(each, str) and "\0" in each for each in value.values()):
        with pytest.raises(InvalidEvent, match="contains the character NUL"):
            additional_data(value, "additional_data")
    else:
        assert additional_value(additional_data(value, "additional_data")) == (value or None)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"leaf": 1}
    for _ in range(depth - 1):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        ([1], "d", "must be an object of keys and values"),
        ("{}", "d", "must be an object of keys and values"),
        ({"$decimal": "1"}, "d.$decimal", "is a reserved key"),
        ({"a": [{"$decimal": "1"}]}, "d.a[0].$decimal", "is a reserved key"),
        ({"a": "x\0y"}, "d.a", "contains the character NUL"),
        ({"x\0y": 1}, "d", "contains the character NUL"),
        ({"a": "\ud800"}, "d.a", "contains half of a surrogate pair"),
        ({"a": ["\udfff"]}, "d.a[0]", "contains half of a surrogate pair"),
        ({"a": 0.5}, "d.a", "holds a float, which JSON does not have exactly"),
        ({"a": {1, 2}}, "d.a", "holds a set, which JSON does not have exactly"),
        ({"a": b"x"}, "d.a", "holds a bytes, which JSON does not have exactly"),
        ({1: 2}, "d", "has a key that is not a string"),
        ({"k" * 257: 1}, "d", "is longer than 256 characters"),
        ({"a": Decimal("NaN")}, "d.a", "is not a finite number"),
        ({"a": 10**20}, "d.a", "has more than 20 digits before the point"),
        ({"a": Decimal("1E-19")}, "d.a", "has more than 18 digits after the point"),
        (nested(17), "d" + ".in" * 16, "is nested deeper than 16 levels"),
        ({"a": "x" * LARGEST}, "d", "is larger than 65,536 bytes"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused_with_its_path(value: Any, field: str, reason: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        additional_data(value, "d")
    assert (refused.value.field, refused.value.reason) == (field, reason)


def test_the_bounds_themselves_are_allowed() -> None:
    filled = {"a": "x" * (LARGEST - len('{"a":""}'))}
    assert len(additional_data(filled, "d") or "") == LARGEST
    assert additional_value(additional_data(nested(16), "d")) == nested(16)


def test_a_text_is_measured_in_characters() -> None:
    assert check_text("é" * 5, "name", longest=5) == "é" * 5
    with pytest.raises(InvalidEvent, match="name: is longer than 5 characters"):
        check_text("é" * 6, "name", longest=5)


def test_the_bytes_are_json_that_any_reader_reads() -> None:
    value = {"b": [None, True, -1], "a": {"\U0001f600": "\ud7ff"}}
    assert orjson.loads(canonical_bytes(value)) == value
