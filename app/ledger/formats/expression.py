"""Values that a format computes: conditions and arithmetic in CEL, the Common Expression Language, without what could run long.

An expression sees single values only, never lists or objects of the payload, and neither loops nor reads anything. CEL has
no decimals: numbers with a point, and those too large, come as texts, and `app.ledger.formats.exact` calculates with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.domain.canonical import SAFE_INTEGER, check_text
from app.domain.decimal import plain
from app.domain.errors import InvalidEvent
from app.ledger.formats.exact import FUNCTIONS, LONGEST_NUMBER, Calls
from app.ledger.formats.path import Path, parse_path

if TYPE_CHECKING:
    import cel

LONGEST = 512
"""Characters of an expression."""
LONGEST_VALUE = 1_024
"""Characters of a text that an expression is given."""
DEEPEST = 16
"""Parentheses within parentheses."""
MOST_SUMS = 16
"""How often `+` may stand: each may make a text twice as long as those before."""
MOST_VARIABLES = 16
_OWN = frozenset({"contains", "startsWith", "endsWith", "string", "int"})
"""What of CEL's own functions may be called: no regular expressions, no dates, no floats, and no `size`, which counts bytes."""
_OPERATORS = frozenset(
    {"_+_", "_-_", "_*_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "_?_:_", "@in", "_in_"}
)
_INSTEAD = {
    "/": "holds /, which cuts off what is left over: write over(a, b), or over(a, b, places)",
    "%": "holds %, which is not taken here",
    "-_": "holds - before a value, which is not taken here: write 0 - a, or minus('0', a)",
}
_TOKEN = re.compile(
    r"""(?P<space>[ \t\n]+)
    |(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    |(?P<number>\d[\w.]*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:(),.]|\[|\])""",
    re.ASCII | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was checked, and where in the payload its values stand."""

    text: str
    program: cel.Program
    variables: tuple[tuple[str, Path], ...]
    functions: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where in the payload the trouble is, if it depends on one value alone; empty otherwise."""
        return self.variables[0][1].text if len(self.variables) == 1 else ""

    def value(self, payload: Mapping[str, Any], none: frozenset[str]) -> Any:
        """What it gives for the payload: a text, a whole number, or None; `none` are the texts that mean no value.

        Raises InvalidEvent naming the path in the payload, or nothing where it is about several values.
        """
        import cel

        calls = Calls()
        context = cel.Context(
            {name: _given(path, payload, none) for name, path in self.variables},
            {name: calls.named(name) for name in self.functions},
        )
        try:
            found = self.program.execute(context)
        except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            raise InvalidEvent(self.place, f"cannot be computed: {calls.fault or _first(error)}") from None
        if calls.fault is not None:
            raise InvalidEvent(self.place, f"cannot be computed: {calls.fault}")
        if found is None or isinstance(found, str) or (isinstance(found, int) and not isinstance(found, bool)):
            return found
        raise InvalidEvent(self.place, f"is computed to a {type(found).__name__}; it must give a text, a whole number or null")


def parse_expression(text: Any, given: Any, where: str) -> Expression:
    """The expression that `text` writes; `given` maps its names to paths, others are keys of the payload.

    Raises InvalidEvent naming `where` in the format it stands.
    """
    here = f"{where}.compute"
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise InvalidEvent(here, f"must be an expression of 1 to {LONGEST} characters")
    check_text(text, here, longest=LONGEST)
    _refuse_other_tokens(text, here)
    import cel  # it loads a toolkit of prompts with it, which only those who compute anything wait for

    try:
        program = cel.compile(text)
    except ValueError as error:
        raise InvalidEvent(here, f"is no expression: {_parse_error(error)}") from None
    called = set(program.functions())
    for name in sorted(called - _OPERATORS - _OWN - FUNCTIONS.keys()):
        raise InvalidEvent(here, _INSTEAD.get(name, f"uses {name}, which is not known here"))
    names = program.variables()
    if len(names) > MOST_VARIABLES:
        raise InvalidEvent(here, f"has more than {MOST_VARIABLES} names of values")
    paths = given if given is not None else {}
    if not isinstance(paths, Mapping):
        raise InvalidEvent(f"{where}.with", "must be an object of names and paths")
    for name in paths:
        if name not in names:
            raise InvalidEvent(f"{where}.with.{str(name)[:64]}", "is not used in the expression")
    variables = tuple((name, parse_path(paths.get(name, name), f"{where}.with.{name}")) for name in names)
    return Expression(text, program, variables, tuple(sorted(called & FUNCTIONS.keys())))


def _refuse_other_tokens(text: str, where: str) -> None:
    """Whatever could be a loop, a float or a deep nest is refused by how it is written, before the library reads it."""
    depth, sums, at, last = 0, 0, 0, ""
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidEvent(where, f"holds {text[at]!r} at character {at + 1}, which is not taken here")
        kind, token = match.lastgroup, match.group()
        at = match.end()
        if kind == "space":
            continue
        if kind == "number" and not token.isdigit():
            raise InvalidEvent(where, f"holds {token[:32]}: write a number with a point as a text, such as '0.5'")
        if token in _INSTEAD:
            raise InvalidEvent(where, _INSTEAD[token])
        if kind == "text" and last and last != "in" and (last[-1].isalnum() or last[-1] in "_'\""):
            # Raw texts, bytes, and texts in three quotes, which end elsewhere than is seen here.
            raise InvalidEvent(where, "holds a text with a letter or a text before it, which is not taken here")
        if token == "(" and last and re.fullmatch(r"[A-Za-z_]\w*", last) and last not in _OWN | FUNCTIONS.keys() | {"in"}:
            known = ", ".join(sorted(_OWN | FUNCTIONS.keys()))
            raise InvalidEvent(where, f"calls {last[:64]}, which is not known here; known are {known}")
        if token in ("(", "["):
            depth += 1
            if depth > DEEPEST:
                raise InvalidEvent(where, f"is nested deeper than {DEEPEST} parentheses")
        elif token in (")", "]"):
            depth -= 1
        elif token == "+":
            sums += 1
            if sums > MOST_SUMS:
                raise InvalidEvent(where, f"has more than {MOST_SUMS} signs +")
        last = token


def _given(path: Path, payload: Mapping[str, Any], none: frozenset[str]) -> str | int | bool | None:
    """What stands at the path, as an expression may see it."""
    value = path.find(payload)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value in none:
            return None
        if len(value) > LONGEST_VALUE:
            raise InvalidEvent(path.text, f"is longer than the {LONGEST_VALUE:,} characters that can be computed with")
        return value
    if isinstance(value, int):
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else _as_text(path, Decimal(value))
    if isinstance(value, Decimal):
        return _as_text(path, value)
    kind = "a list" if isinstance(value, list) else "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"
    raise InvalidEvent(path.text, f"is {kind}; only single values can be computed with")


def _as_text(path: Path, number: Decimal) -> str:
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and abs(number.adjusted()) < LONGEST_NUMBER and abs(exponent) < LONGEST_NUMBER:
        text = plain(number)
        if len(text) <= LONGEST_NUMBER:
            return text
    raise InvalidEvent(path.text, f"is a number of more than {LONGEST_NUMBER} characters")


def _first(error: BaseException) -> str:
    """The first sentence of what the library says."""
    said = str(error).partition("\n")[0].split(". ")[0].rstrip(".")
    return said[:200]


def _parse_error(error: ValueError) -> str:
    match = re.search(r"ERROR: <input>:(\d+):(\d+): ([^\n]+)", str(error))
    if match is None:
        return "it cannot be read"
    return f"{match[3].removeprefix('Syntax error: ')[:160]} at line {match[1]}, column {match[2]}"
