"""The quick ways that most instants and most additional data take say the same as the careful ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import canonical
from app.domain.errors import InvalidEvent
from app.domain.instant import format_instant, parse_instant

_TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=6) | st.sampled_from(
    ("\0", "\\u0000", "\ud800", "$decimal", "😀", "")
)
_VALUES = st.recursive(
    st.none() | st.booleans() | _TEXTS | st.integers() | st.decimals(),
    lambda inner: st.dictionaries(_TEXTS, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)


def outcome(value: Any) -> tuple[str, str] | str | None:
    try:
        return canonical.additional_data(value, "d")
    except InvalidEvent as refused:
        return refused.field, refused.reason


@given(st.dictionaries(_TEXTS, _VALUES, max_size=4))
def test_additional_data_is_the_same_by_the_quick_way_and_the_careful_one(value: dict[str, Any]) -> None:
    quick = outcome(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "_plain", lambda value, depth: False)
        assert quick == outcome(value)


@pytest.mark.parametrize("over", [0, 1])
def test_the_bound_on_additional_data_holds_on_the_quick_way_too(over: int) -> None:
    value = {"k": "x" * (canonical.LARGEST - len('{"k":""}') + over)}
    expected = ("d", "is larger than 65,536 bytes") if over else '{"k":"' + value["k"] + '"}'
    assert outcome(value) == expected


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from((0, 3, 6)))
def test_an_instant_is_the_same_in_its_usual_writing_and_in_a_longer_one(moment: datetime, digits: int) -> None:
    text = format_instant(moment)
    usual = (text[:-1] if digits == 6 else text[:23] if digits == 3 else text[:19]) + "Z"
    longer = usual.replace("T", " ").replace("Z", "+00:00")
    assert parse_instant(usual, "at") == parse_instant(longer, "at")
    assert parse_instant(usual, "at").tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["2026-02-30T00:00:00Z", "2026-04-01T24:00:00Z", "2026-04-01T00:60:00.000Z", "0000-01-01T00:00:00Z"]
)
def test_an_instant_that_does_not_exist_is_refused_in_its_usual_writing(text: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse_instant(text, "at")
    assert refused.value.reason == "names a date or time that does not exist"
