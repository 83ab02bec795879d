"""What a format can compute: conditions and exact arithmetic, and what is refused before it could do harm."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidEvent
from app.ledger.formats import event_fields, load
from app.ledger.formats.expression import DEEPEST, LONGEST, LONGEST_VALUE, MOST_SUMS, MOST_VARIABLES


def computing(text: Any, **rule: Any) -> Any:
    """A format that computes the field `message`."""
    return load({"version": 1, "name": "own", "none": ["-"], "fields": {"message": {"compute": text} | rule}})


def value(text: str, payload: dict[str, Any] | None = None, **rule: Any) -> Any:
    return event_fields(computing(text, **rule), payload or {}).get("message")


def refused(text: Any, **rule: Any) -> tuple[str, str]:
    with pytest.raises(InvalidEvent) as error:
        computing(text, **rule)
    return error.value.field, error.value.reason


def failed(text: str, payload: dict[str, Any], **rule: Any) -> tuple[str, str]:
    with pytest.raises(InvalidEvent) as error:
        value(text, payload, **rule)
    return error.value.field, error.value.reason


@pytest.mark.parametrize(
    ("text", "payload", "expected"),
    [
        ("plus(a, '0.1')", {"a": Decimal("0.2")}, "0.3"),
        ("minus('1', a)", {"a": Decimal("0.9")}, "0.1"),
        ("times(calls, '0.002')", {"calls": 3}, "0.006"),
        ("times(a, a)", {"a": Decimal("11111111111111111111.111111111111111111")},
         "123456790123456790123456790123456790120.987654320987654320987654320987654321"),
        ("over(a, 8)", {"a": 1}, "0.125"),
        ("over(a, 3, 4)", {"a": 2}, "0.6667"),
        ("over(a, 3, 0)", {"a": -2}, "-1"),
        ("rounded(a, 1)", {"a": Decimal("0.25")}, "0.2"),
        ("rounded(a, 1)", {"a": Decimal("0.35")}, "0.4"),
        ("over(a, '-8')", {"a": "1"}, "-0.125"),
        ("compare(a, '0.30') == 0 ? 'same' : 'other'", {"a": Decimal("0.3")}, "same"),
        ("compare(a, '10') < 0 ? 'less' : 'more'", {"a": "9"}, "less"),
        ("int(status) < 400 ? 'ok' : 'failed'", {"status": "404"}, "failed"),
        ("status == 200 && kind in ['a', 'b'] ? 'x' : null", {"status": 200, "kind": "b"}, "x"),
        ("kind == null ? 'none' : kind", {"kind": "-"}, "none"),
        ("flag ? 'yes' : 'no'", {"flag": True}, "yes"),
        ("a * 2 + 1", {"a": 3}, 7),
        ("part(path, '/', 1)", {"path": "/maps/tiles"}, "maps"),
        ("part(path, '/', 9)", {"path": "/maps/tiles"}, None),
        ("lower(a) + '-' + string(n)", {"a": "ÄB", "n": 2}, "äb-2"),
        ("a.startsWith('/v1') || a.endsWith('x') || a.contains('q') ? 'in' : 'out'", {"a": "/v1/x"}, "in"),
        ("a", {"a": Decimal("1E+3")}, "1000"),
        ("a", {"a": 2**60}, str(2**60)),
    ],
)  # fmt: skip
def test_a_value_is_computed_exactly(text: str, payload: dict[str, Any], expected: Any) -> None:
    assert value(text, payload) == expected


@given(
    st.decimals(min_value=-(10**18), max_value=10**18, places=9),
    st.decimals(min_value=-(10**18), max_value=10**18, places=9),
)
def test_sums_differences_and_products_are_those_of_whole_numbers(one: Decimal, other: Decimal) -> None:
    scaled = [int(each.scaleb(9)) for each in (one, other)]
    found = [Decimal(str(value(f"{name}(a, b)", {"a": one, "b": other}))) for name in ("plus", "minus", "times")]
    assert [found[0] * 10**9 == scaled[0] + scaled[1], found[1] * 10**9 == scaled[0] - scaled[1]] == [True, True]
    whole, _, rest = str(value("times(a, b)", {"a": one, "b": other})).partition(".")
    assert int(whole + rest.ljust(18, "0")) == scaled[0] * scaled[1]


def test_values_stand_at_the_paths_that_are_named_and_else_under_their_own_keys() -> None:
    rule = {"with": {"n": "lines[0].qty", "price": "price.amount"}}
    payload = {"lines": [{"qty": 4}], "price": {"amount": Decimal("0.25")}, "unit": "GB"}
    assert value("times(n, price) + ' ' + unit", payload, **rule) == "1 GB"


def test_a_computed_instant_is_read_by_its_layout() -> None:
    rule = {"compute": "day + ' ' + hour", "layout": "%Y-%m-%d %H", "zone": "UTC"}
    made = load({"version": 1, "name": "own", "fields": {"occurred_at": rule}})
    assert event_fields(made, {"day": "2026-03-01", "hour": "07"})["occurred_at"].isoformat() == "2026-03-01T07:00:00+00:00"


def test_what_is_computed_with_stays_in_the_rest() -> None:
    made = load({"version": 1, "name": "own", "fields": {"quantity": {"compute": "over(bytes, 1000)"}}, "additional": "rest"})
    assert event_fields(made, {"bytes": 1500}) == {"quantity": "1.5", "additional_data": {"bytes": 1500}}


@pytest.mark.parametrize(
    ("text", "payload", "field", "reason"),
    [
        ("over(a, 3)", {"a": 1}, "a",
         "cannot be computed: over: is not exact to 18 places; a third value says how many are to be kept"),
        ("over(a, 0)", {"a": 1}, "a", "cannot be computed: over: divides by zero"),
        ("times(a, 2)", {"a": "two"}, "a", "cannot be computed: times: is given a text that is no decimal number"),
        ("times(a, 2)", {}, "a", "cannot be computed: times: is given nothing"),
        ("times(a, b)", {"a": 1, "b": "NaN"}, "message", "cannot be computed: times: is given a text that is no decimal number"),
        ("times(a, true)", {"a": 1}, "a", "cannot be computed: times: is given what is no number: a bool"),
        ("times(a)", {"a": 1}, "a", "cannot be computed: times: takes 2 values"),
        ("rounded(a, 19)", {"a": 1}, "a", "cannot be computed: over: keeps 0 to 18 places".replace("over", "rounded")),
        ("times(times(a, a), times(a, a))", {"a": "9" * 40}, "a",
         "cannot be computed: times: gives a number of more than 128 characters"),
        ("a + 1", {"a": "x"}, "a", "cannot be computed: Unsupported operation: string + int"),
        ("a < 1", {"a": None}, "a",
         "cannot be computed: No such overload: the operation is not defined for the given operand types"),
        ("int(a)", {"a": "x"}, "a",
         "cannot be computed: Function 'int' error: string parse error: invalid digit found in string"),
        ("a * 4096", {"a": 2**53 - 1}, "a",
         "cannot be computed: Arithmetic overflow in 'mul' on 9007199254740991 and 4096"),
        ("a > 1", {"a": 2}, "a", "is computed to a bool; it must give a text, a whole number or null"),
        ("[a]", {"a": 2}, "a", "is computed to a list; it must give a text, a whole number or null"),
        ("part(a, '', 0)", {"a": "x"}, "a", "cannot be computed: part: cuts at nothing: the separator is empty"),
        ("a", {"a": [1]}, "a", "is a list; only single values can be computed with"),
        ("a", {"a": {"b": 1}}, "a", "is an object; only single values can be computed with"),
        ("a", {"a": "x" * (LONGEST_VALUE + 1)}, "a", "is longer than the 1,024 characters that can be computed with"),
        ("a", {"a": Decimal("1E+500000")}, "a", "is a number of more than 128 characters"),
        ("a", {"a": Decimal("1E-500000")}, "a", "is a number of more than 128 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_told_with_its_path(
    text: str, payload: dict[str, Any], field: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert failed(text, payload) == (field, reason)
    assert capfd.readouterr() == ("", "")  # the library would print a failing call with the sender's values


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", f"must be an expression of 1 to {LONGEST} characters"),
        (7, f"must be an expression of 1 to {LONGEST} characters"),
        ("a" * (LONGEST + 1), f"must be an expression of 1 to {LONGEST} characters"),
        ("a.map(x, x)", "calls map, which is not known here; known are"),
        ("[a].map (x, x)", "calls map, which is not known here; known are"),
        ("[1].all(x, x > 0)", "calls all, which is not known here; known are"),
        ("[1].exists(x, true)", "calls exists, which is not known here"),
        ("a.matches('(a+)+$')", "calls matches, which is not known here"),
        ("timestamp(a)", "calls timestamp, which is not known here"),
        ("double(a)", "calls double, which is not known here"),
        ("has(a.b)", "calls has, which is not known here"),
        ("in(a)", "is no expression: "),
        ("a * 0.5", "holds 0.5: write a number with a point as a text, such as '0.5'"),
        ("1e3", "holds 1e3: write"),
        ("1u", "holds 1u: write"),
        ("a / 2", "holds /, which cuts off what is left over: write over(a, b), or over(a, b, places)"),
        ("a % 2", "holds %, which is not taken here"),
        ("-a", "holds - before a value, which is not taken here: write 0 - a, or minus('0', a)"),
        ("{'a': 1}", "holds '{' at character 1, which is not taken here"),
        ("b'abc'", "holds a text with a letter or a text before it, which is not taken here"),
        ("'''a'''", "holds a text with a letter or a text before it"),
        ("'''a'b''' + [1].map(x, x) + '''c'd'''", "holds a text with a letter or a text before it"),
        ("size(a)", "calls size, which is not known here"),
        ("a // b", "holds /, which cuts off what is left over"),
        ("a.?b", "is no expression: "),
        ("`a`", "holds '`' at character 1"),
        ("(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1), f"is nested deeper than {DEEPEST} parentheses"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), f"is nested deeper than {DEEPEST} parentheses"),
        ("a" + "+a" * (MOST_SUMS + 1), f"has more than {MOST_SUMS} signs +"),
        (" && ".join(f"a{at}" for at in range(MOST_VARIABLES + 1)), f"has more than {MOST_VARIABLES} names of values"),
        ("a ==", "is no expression: mismatched input"),
        ("99999999999999999999", "is no expression: invalid int literal at line 1, column 1"),
        ("a\0", "contains the character NUL"),
    ],
)
def test_an_expression_that_could_run_long_or_lose_a_digit_is_refused_when_it_is_written(text: Any, reason: str) -> None:
    place, told = refused(text)
    assert place == "fields.message.compute"
    assert told.startswith(reason)


@pytest.mark.parametrize(
    ("rule", "place", "reason"),
    [
        ({"with": {"b": "x"}}, "fields.message.with.b", "is not used in the expression"),
        ({"with": ["a"]}, "fields.message.with", "must be an object of names and paths"),
        ({"with": {"a": "sum(x)"}}, "fields.message.with.a", "holds a function expression; a path is made of names"),
        ({"path": "a"}, "fields.message", "needs one of a path, a constant and an expression to compute"),
        ({"default": ""}, "fields.message.default", "must be a text or a whole number; write other numbers as text"),
    ],
)
def test_what_stands_beside_an_expression_is_checked_too(rule: dict[str, Any], place: str, reason: str) -> None:
    field, told = refused("a == null ? 'x' : a", **rule)
    assert field == place
    assert told.startswith(reason)


def test_paths_for_values_say_nothing_without_an_expression() -> None:
    with pytest.raises(InvalidEvent) as error:
        load({"version": 1, "name": "own", "fields": {"message": {"path": "a", "with": {"b": "c"}}}})
    assert (error.value.field, error.value.reason) == ("fields.message.with", "says nothing without an expression to compute")


@pytest.mark.parametrize("form", ["!", "true ? 1 : ", "a.", "(", "[", "a[", "'a' + ", "1 - ", "true && ", "string("])
def test_an_expression_of_the_allowed_length_is_read_or_refused_however_it_nests(form: str) -> None:
    text = (form * LONGEST)[:LONGEST]
    with pytest.raises(InvalidEvent):
        computing(text)
