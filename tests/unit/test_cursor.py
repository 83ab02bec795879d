"""Cursors: they come back as they were made, and are refused when damaged or asked for another question."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.entry import EntryKind
from app.domain.errors import InvalidQuery
from app.domain.period import Period
from app.question.cursor import binding, decode, encode
from app.question.filters import Filters
from app.question.rows import Rows
from app.question.scope import Scope

BOUND = binding("rows", 1)
FOREIGN = "was given for another question; filters, order and asOf must stay the same on a walk"


@given(st.lists(st.none() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_cursor_gives_back_its_values_in_characters_that_urls_allow(values: list[Any]) -> None:
    text = encode(BOUND, values)
    assert decode(text, BOUND, "after") == values
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def raw(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a cursor of this version of the gateway"),
        ("!", "is not a cursor of this gateway"),
        ("é", "is not a cursor of this gateway"),
        ("AAAAA", "is not a cursor of this gateway"),
        (raw(b"\x01" + BOUND[:7]), "is not a cursor of this version of the gateway"),
        (raw(b"\x02" + BOUND + b"[1]"), "is not a cursor of this version of the gateway"),
        (raw(b"\x01" + b"x" * 8 + b"[1]"), FOREIGN),
        (raw(b"\x01" + BOUND), "is not a cursor of this gateway"),
        (raw(b"\x01" + BOUND + b"[1"), "is not a cursor of this gateway"),
        (raw(b"\x01" + BOUND + b'{"a":1}'), "is not a cursor of this gateway"),
        (raw(b"\x01" + BOUND + b"\xff"), "is not a cursor of this gateway"),
    ],
)
def test_a_damaged_cursor_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        decode(text, BOUND, "after")
    assert (refused.value.field, refused.value.reason) == ("after", reason)


QUESTION = Rows(Scope(1, 50), Filters(product_id=("api",)), kinds=frozenset(EntryKind))


@pytest.mark.parametrize(
    "other",
    [
        Rows(Scope(2, 50), QUESTION.filters, kinds=QUESTION.kinds),
        Rows(Scope(1, 51), QUESTION.filters, kinds=QUESTION.kinds),
        Rows(Scope(1, 50), Filters(customer_id=("api",)), kinds=QUESTION.kinds),
        Rows(Scope(1, 50), Filters(product_id=("api", "web")), kinds=QUESTION.kinds),
        Rows(Scope(1, 50), QUESTION.filters.within(Period(datetime(2026, 4, 1, tzinfo=UTC))), kinds=QUESTION.kinds),
        Rows(Scope(1, 50), QUESTION.filters, kinds=frozenset({EntryKind.USAGE})),
        Rows(Scope(1, 50), QUESTION.filters, kinds=QUESTION.kinds, descending=False),
    ],
)
def test_a_cursor_of_another_question_is_refused(other: Rows) -> None:
    text = encode(binding("rows", QUESTION), [7])
    assert decode(text, binding("rows", QUESTION), "after") == [7]
    with pytest.raises(InvalidQuery, match="after: was given for another question"):
        decode(text, binding("rows", other), "after")
    with pytest.raises(InvalidQuery, match="after: was given for another question"):
        decode(text, binding("groups", QUESTION), "after")


def test_what_a_cursor_is_bound_to_is_the_same_in_every_process() -> None:
    # A set of texts is told in another order by each process: a walk must survive a restart all the same.
    program = (
        "from app.domain.entry import EntryKind; from app.question.cursor import binding;"
        "from app.question.rows import Rows; from app.question.scope import Scope;"
        "print(binding(Rows(Scope(1, 50), kinds=frozenset(EntryKind)), {'a', 'b', 'c'}).hex())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert told == {binding(Rows(Scope(1, 50), kinds=frozenset(EntryKind)), {"a", "b", "c"}).hex() + "\n"}
