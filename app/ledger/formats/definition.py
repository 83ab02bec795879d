"""What a format is, and the checks that its document passes before it is used.

A document (version 1) is an object with these keys; any other is refused:

    version       1
    name          lower-case word by which senders name it
    description   one sentence
    fields        event field -> {path | constant | compute, with, default, layout, zone, none, required}
    none          texts that mean "no value", in every field and in additional data
    additional    "rest" (every key that no plain path maps), or a list of paths: what becomes additional data
    unmapped      "ignore" (the default) or "refuse": what to do with keys that nothing maps
    json_columns  keys whose text is JSON, as in a CSV cell
    input         how files and bodies are written where nobody says so: csv, json, jsonl or access-log

`compute` is an expression (see `app.ledger.formats.expression`), `with` says at which paths its values stand, `default` what
stands where there is no value. A `layout` may be a list of them, of which the first that fits counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.canonical import SAFE_INTEGER, check_text
from app.domain.errors import InvalidEvent
from app.ledger.events import FIELDS
from app.ledger.formats.expression import Expression, parse_expression
from app.ledger.formats.layout import Reader, layout_reader
from app.ledger.formats.path import Path, parse_path
from app.ledger.intake.item import Kind

VERSION = 1
REST = "rest"
INPUTS = tuple(each.value for each in Kind)
MOST_PATHS = 200
"""Paths that may be named as additional data, and keys of JSON text: what a table of additional data has columns for."""
LONGEST_NONE = 256
"""Characters of a text that means no value, or of a key."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
_KEYS = ("version", "name", "description", "fields", "none", "additional", "unmapped", "json_columns", "input")
_FIELD_KEYS = ("path", "constant", "compute", "with", "default", "layout", "zone", "none", "required")
_WAYS = ("path", "constant", "compute")
_INSTANTS = ("occurred_at",)


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where a field's value stands, or how it is computed."""

    path: Path | None
    """None for a value that is computed."""
    expression: Expression | None
    place: str
    """What a refusal names: the path, or the field where the value is computed from several."""
    default: str | int | None
    none: frozenset[str]
    required: bool
    read: Reader | None
    """Turns what stands for an instant into one, where the format says how it is written."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths that it looks at."""
        if self.path is not None:
            return (self.path,)
        assert self.expression is not None
        return tuple(path for _, path in self.expression.variables)


@dataclass(frozen=True, slots=True)
class Format:
    """A format that was checked. Made by `load`, never changed."""

    name: str
    ref: str
    """What means this format and no later version of it; of one that comes with the gateway its name."""
    description: str
    source: str | None
    """The source that it names for every payload; a caller's own choice goes before it."""
    mapped: Mapping[str, Mapped]
    constants: Mapping[str, str | int]
    none: frozenset[str]
    rest: bool
    """Whether every key that no plain path maps becomes additional data."""
    additional: tuple[Path, ...]
    refuse_unmapped: bool
    json_columns: frozenset[str]
    taken: frozenset[str]
    """The payload's own keys that are mapped as a whole. One that a path only reaches into, or that is computed with, stays in
    the rest, so that nothing that was said is lost."""
    known: frozenset[str]
    """The payload's own keys that some path names or begins with."""
    input: str | None
    """How its files and bodies are written where nobody says so."""
    own_words: bool
    """Whether a payload that says what is required, and nothing but what is known, has the event's fields as they are."""
    required: frozenset[str]
    """The fields without which there is no event."""

    def path_of(self, field: str) -> str:
        """Where in the payload that field of an event stands; the field itself if the payload does not give it."""
        mapped = self.mapped.get(field)
        return field if mapped is None else mapped.place


def load(document: Any, *, ref: str | None = None) -> Format:
    """The format that a document defines, under the ref it is kept by. Raises InvalidEvent naming the place and the reason."""
    stated = _object(document, "", _KEYS)
    if stated.get("version") != VERSION or isinstance(stated["version"], bool):
        raise InvalidEvent("version", f"must be {VERSION}")
    name = stated.get("name")
    if not isinstance(name, str) or not is_name(name):
        raise InvalidEvent("name", "must be a lower-case word of at most 63 letters, digits, dashes and underscores")
    none = _texts(stated.get("none", []), "none")
    mapped: dict[str, Mapped] = {}
    constants: dict[str, str | int] = {}
    for field, said in _object(stated.get("fields"), "fields", FIELDS).items():
        where = f"fields.{field}"
        rule = _object(said, where, _FIELD_KEYS)
        if sum(way in rule for way in _WAYS) != 1:
            raise InvalidEvent(where, "needs one of a path, a constant and an expression to compute")
        if "constant" in rule:
            constants[field] = _constant(rule, where)
        else:
            mapped[field] = _mapped(field, rule, none, where)
    source = constants.pop("source", None)
    rest, additional = _additional(stated.get("additional", []), mapped)
    looked_at = [path for each in mapped.values() for path in each.paths] + list(additional)
    taken = [each.path for each in mapped.values() if each.path is not None] + list(additional)
    return Format(
        name=name,
        ref=ref or name,
        description=_description(stated.get("description", "")),
        source=None if source is None else str(source),
        mapped=mapped,
        constants=constants,
        none=none,
        rest=rest,
        additional=additional,
        refuse_unmapped=_refuse_unmapped(stated.get("unmapped", "ignore"), rest),
        json_columns=_texts(stated.get("json_columns", []), "json_columns"),
        taken=frozenset(path.key for path in taken if path.key is not None),
        known=frozenset(key for path in looked_at for key in path.roots),
        input=_input(stated.get("input")),
        own_words=not constants and not rest and not additional and all(_as_it_is(*each) for each in mapped.items()),
        required=frozenset(field for field, each in mapped.items() if each.required),
    )


def _as_it_is(field: str, mapped: Mapped) -> bool:
    plain = mapped.path is not None and mapped.path.key == field
    return plain and mapped.read is None and mapped.default is None and not mapped.none


def is_name(text: str) -> bool:
    """Whether a format may be called so."""
    return _NAME.fullmatch(text) is not None


def _mapped(field: str, rule: Mapping[str, Any], none: frozenset[str], where: str) -> Mapped:
    layout, zone = rule.get("layout"), rule.get("zone")
    if (layout is not None or zone is not None) and field not in _INSTANTS:
        raise InvalidEvent(f"{where}.{'layout' if layout is not None else 'zone'}", f"{field} is no instant")
    if zone is not None and layout is None:
        raise InvalidEvent(f"{where}.zone", "needs a layout beside it")
    required = rule.get("required", False)
    if not isinstance(required, bool):
        raise InvalidEvent(f"{where}.required", "must be true or false")
    if "with" in rule and "compute" not in rule:
        raise InvalidEvent(f"{where}.with", "says nothing without an expression to compute")
    path = parse_path(rule["path"], f"{where}.path") if "path" in rule else None
    expression = None if path is not None else parse_expression(rule["compute"], rule.get("with"), where)
    return Mapped(
        path=path,
        expression=expression,
        place=path.text if path is not None else (expression and expression.place) or field,
        default=_value(rule["default"], f"{where}.default") if "default" in rule else None,
        none=none | _texts(rule.get("none", []), f"{where}.none"),
        required=required,
        read=None if layout is None else layout_reader(layout, zone, where),
    )


def _constant(rule: Mapping[str, Any], where: str) -> str | int:
    if len(rule) > 1:
        other = next(key for key in rule if key != "constant")
        raise InvalidEvent(f"{where}.{other}", "says nothing beside a constant")
    return _value(rule["constant"], f"{where}.constant")


def _value(value: Any, where: str) -> str | int:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise InvalidEvent(where, "must be a text or a whole number; write other numbers as text")
    if isinstance(value, int) and abs(value) > SAFE_INTEGER:
        raise InvalidEvent(where, "is too large a number to be written as one; write it as text")
    return check_text(value, where, longest=256) if isinstance(value, str) else value


def _input(value: Any) -> str | None:
    if value is not None and value not in INPUTS:
        raise InvalidEvent("input", f"must be one of {', '.join(INPUTS)}")
    return None if value is None else str(value)


def _additional(value: Any, mapped: Mapping[str, Mapped]) -> tuple[bool, tuple[Path, ...]]:
    if value and "additional_data" in mapped:
        raise InvalidEvent("additional", "cannot stand beside fields.additional_data: say one of the two")
    if value == REST:
        return True, ()
    if not isinstance(value, list) or len(value) > MOST_PATHS:
        raise InvalidEvent("additional", f'must be "{REST}" or a list of at most {MOST_PATHS} paths')
    if len({str(each) for each in value}) != len(value):
        raise InvalidEvent("additional", "names a path twice")
    return False, tuple(parse_path(each, f"additional[{at}]") for at, each in enumerate(value))


def _refuse_unmapped(value: Any, rest: bool) -> bool:
    if value not in ("ignore", "refuse"):
        raise InvalidEvent("unmapped", "must be ignore or refuse")
    if rest and value == "refuse":
        raise InvalidEvent("unmapped", "cannot refuse what `additional` takes as the rest")
    return bool(value == "refuse")


def _description(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidEvent("description", "must be a text")
    return check_text(value, "description", longest=1_024)


def _object(value: Any, where: str, keys: Collection[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidEvent(where, "must be an object of keys and values")
    for key in value:
        if key not in keys:
            inner = f"{where}.{str(key)[:64]}" if where else str(key)[:64]
            raise InvalidEvent(inner, f"is not known; known are {', '.join(sorted(keys))}")
    return value


def _texts(value: Any, where: str) -> frozenset[str]:
    if not isinstance(value, list) or len(value) > MOST_PATHS or not all(isinstance(each, str) for each in value):
        raise InvalidEvent(where, f"must be a list of at most {MOST_PATHS} texts")
    return frozenset(check_text(each, where, longest=LONGEST_NONE) for each in value)
