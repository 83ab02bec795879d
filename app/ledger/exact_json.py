"""JSON as the ledger needs it: numbers exact, nothing that JSON readers do not agree on, and nothing that is slow to read.

Text that is no JSON breaks the reading. What is JSON and still cannot be taken (a key twice, NaN, a number of thousands of
digits, half of a surrogate pair) is a *fault* of the one value that holds it: reading goes on behind it.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

LONGEST_NUMBER = 128
"""Characters of a number: far more than can be recorded, far less than what is slow to convert."""
DEEPEST = 64
"""Levels of nesting that are read at all; how deep what is recorded may be is the ledger's own rule."""
_DEEP, _NOT_PLAIN = 4, -(2**40)
"""Levels of an object that is plain, and what stands for the quotes of one that is not."""
_ALIKE = 15
"""Texts that are taken to be no plainer than one before them that was not plain: what comes in one input mostly looks alike."""
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]", re.ASCII)


class Unreadable(Exception):
    """No JSON, or none that can be taken. `position` is the offset in the text where reading stopped, None for a fault."""

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


class Decoder:
    """Reads one JSON value after another from a text. Not for two threads at once: `fault` tells of the value read last."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self._not_plain = 0
        self._decoder = json.JSONDecoder(
            parse_float=self._decimal,
            parse_int=self._integer,
            parse_constant=self._constant,
            object_pairs_hook=self._object,
        )

    def value_at(self, text: str, start: int) -> tuple[Any, int]:
        """The value that begins at `start`, and the offset after it; `fault` is None or says why it cannot be taken.

        Raises Unreadable for what is not JSON.
        """
        self.fault = None
        try:
            value, end = self._decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise Unreadable(error.msg[:1].lower() + error.msg[1:], error.pos) from None
        except RecursionError:
            raise Unreadable("is nested too deeply", start) from None
        if text.count("{", start, end) + text.count("[", start, end) > DEEPEST and _depth(value) > DEEPEST:
            self.fault = f"is nested deeper than {DEEPEST} levels"
        elif text.find("\\u", start, end) >= 0 and _SURROGATE.search(text, start, end):
            self._refuse_half_pairs(value)
        return value, end

    def read(self, text: str) -> Any:
        """The one value that `text` is; raises Unreadable for a fault too."""
        if self._not_plain:
            self._not_plain -= 1
        elif (plain := plain_object(text)) is not None:
            self.fault = None
            return plain
        else:
            self._not_plain = _ALIKE
        value, end = self.value_at(text, after_space(text, 0))
        end = after_space(text, end)
        if end != len(text):
            raise Unreadable("has something after its end", end)
        if self.fault is not None:
            raise Unreadable(self.fault)
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            # Counted once over: looking each name up among all the others would take the square of their number.
            [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
            self.fault = f"has the key {shown(twice)} twice"
        return made

    def _decimal(self, text: str) -> Decimal:
        if len(text) <= LONGEST_NUMBER:
            try:
                return Decimal(text)
            except InvalidOperation:
                pass
        self.fault = "has a number that is far too long to be recorded"
        return Decimal(0)

    def _integer(self, text: str) -> int:
        if len(text) <= LONGEST_NUMBER:
            return int(text)
        self.fault = "has a number that is far too long to be recorded"
        return 0

    def _constant(self, text: str) -> None:
        self.fault = f"has {text}, which is no number in JSON"

    def _refuse_half_pairs(self, value: Any) -> None:
        # Written anew without escapes, each half that found no other is a surrogate, which UTF-8 does not have.
        try:
            json.dumps(value, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            self.fault = "contains half of a surrogate pair"


def plain_object(text: str) -> dict[str, Any] | None:
    """The object of texts, whole numbers and objects that `text` is, read in half the time; None where a Decoder has to look.

    What reads it here rounds numbers and tells of no key that comes twice. Numbers with a fraction are left to the Decoder, and a
    key that came twice left quotes behind that no key and no text of the object has.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if type(value) is dict and text.count('"') == 2 * _quoted(value, 1) else None


def _quoted(value: dict[str, Any], depth: int) -> int:
    """How many keys and texts there are; below 0 for an object that is not plain."""
    found = len(value)
    for item in value.values():
        kind = type(item)
        if kind is str:
            found += 1
        elif kind is dict and depth < _DEEP:
            found += _quoted(item, depth + 1)
        elif kind is not int and kind is not bool and item is not None:
            return _NOT_PLAIN
    return found


class _OfThread(threading.local):
    """A decoder for each thread: making one takes longer than reading a short text."""

    def __init__(self) -> None:
        self.decoder = Decoder()


_own = _OfThread()


def read_json(text: str) -> Any:
    """The value of a JSON text; raises Unreadable."""
    return _own.decoder.read(text)


def write_json(value: Any) -> str:
    """The JSON text of what a Decoder read, numbers with the digits that they came with."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {write_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(write_json(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def after_space(text: str, start: int) -> int:
    """The offset of the first character from `start` on that is no white space."""
    match = _SPACE.match(text, start)
    assert match is not None
    return match.end()


def shown(text: str) -> str:
    """A piece of a sender's text as part of a message: quoted, short, and always encodable."""
    return json.dumps(text[:64])


def _depth(value: Any) -> int:
    """How deep a value is nested, counted level by level, since recursion would end before the deepest of them."""
    depth, level = 0, [value]
    while nested := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        level = [item for each in nested for item in (each.values() if isinstance(each, dict) else each)]
    return depth
