"""That a text which is read the quick way is what the Decoder reads, and that whatever else there is goes to the Decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ledger.exact_json import Decoder, Unreadable, after_space, plain_object, read_json

_SPACES = st.sampled_from(["", " ", "\n", "\t "])
_TEXTS = st.one_of(
    st.text(max_size=6).map(json.dumps),
    st.text(max_size=6).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(['"a"', '"b"', '"\\u0061"', '"\\""', '":"', '"\\ud800"', '"\\u0000"', '"\\\\"', '"\\/"', '"\x01"']),
)
_PLAIN = st.one_of(
    _TEXTS,
    st.integers().map(str),
    st.sampled_from(["-0", "0", "01", "1e2", "1.0", "0.1", "-", "true", "false", "null", "NaN", "Infinity", "9" * 200, "[]"]),
    st.sampled_from([str(2**63), str(2**64 - 1), str(2**64), str(-(2**63) - 1)]),
)


@st.composite
def _objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    pairs = draw(st.lists(st.tuples(_SPACES, _TEXTS, _SPACES, _SPACES, values), max_size=4))
    return "{" + ",".join(f"{a}{key}{b}:{c}{value}" for a, key, b, c, value in pairs) + "}"


def _slowly(text: str) -> Any:
    decoder = Decoder()
    value, end = decoder.value_at(text, after_space(text, 0))
    if decoder.fault is not None or after_space(text, end) != len(text):
        raise Unreadable("cannot be taken")
    return value


@given(st.recursive(_PLAIN, _objects, max_leaves=8))
def test_what_is_read_quickly_is_what_the_decoder_reads(text: str) -> None:
    quickly = plain_object(text)
    if quickly is not None:
        slowly = _slowly(text)
        assert repr(quickly) == repr(slowly)  # so that 1, 1.0 and True are told apart


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a" : 1 ,"\\u0061":2}',
        '{"a": {"b": "x", "b": "x"}}',
        '{"a": "x", "b": "y", "a": "\\""}',
        '{"a": 0.1}',
        '{"a": 18446744073709551616}',
        '{"a": [1]}',
        '{"a": NaN}',
        '{"a": "\\ud800"}',
        '{"a": {"a": {"a": {"a": {"a": 1}}}}}',
        '["a"]',
        '{"a": 1} {}',
    ],
)
def test_what_has_to_be_looked_at_is_left_to_the_decoder(text: str) -> None:
    assert plain_object(text) is None


def test_an_event_as_most_are_is_read_quickly() -> None:
    text = '{"id": "1", "quantity": 12, "unit": null, "ok": true, "additional_data": {"region": "eu", "tier": {"of": 2}}}'
    assert plain_object(text) == json.loads(text)


def test_a_fault_is_told_of_the_text_that_has_it_and_of_none_after_it() -> None:
    decoder = Decoder()
    for _ in range(40):
        with pytest.raises(Unreadable, match="has the key"):
            decoder.read('{"a": 1, "a": 2}')
        assert decoder.read('{"a": 1}') == {"a": 1}
        assert decoder.fault is None
    assert read_json('{"a": 1}') == {"a": 1}
