"""Reading entries in part: only the columns behind the fields that a question reads, taken right into the entry's slots.

A page passes here, row by row, and each column that is neither read nor turned into a value is a part of its time. So for each
set of fields one function is compiled, whose text holds nothing but names of columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.domain.entry import NO_VEIL, Correction, Entry, EntryKind, Veil
from app.storage.sql.dialect import Dialect

_ALWAYS = frozenset({"account_id", "sequence"})
_TURNED = {
    "kind": "kinds[kind]",
    "correction": "corrections[correction]",
    "occurred_at": "moment(occurred_at)",
    "recorded_at": "moment(recorded_at)",
    "veil": "unveiled(veil) if veil else no_veil",
}
"""How what is not kept as it is told becomes a value."""
_DECIMALS = ("quantity", "charge")


@dataclass(frozen=True, slots=True)
class Part:
    """The columns to select, and what makes an entry of a row of them; the fields that were not asked for are unset."""

    columns: tuple[str, ...]
    entry: Callable[[Sequence[Any]], Entry]


def part(dialect: Dialect, fields: frozenset[str], decimal: Callable[[Sequence[Any]], Decimal | None] | None = None) -> Part:
    """What is read for these fields of an entry; `decimal` makes a number where its columns are not read as they are kept."""
    columns: list[str] = []
    taken: list[str] = []
    lines: list[str] = []
    for name in sorted(fields | _ALWAYS):
        if name in _DECIMALS:
            held = dialect.decimal_columns(name)
            columns += held
            taken += held
            lines.append(f"entry.{name} = decimal(({', '.join(held)},))")
        elif name in _TURNED:
            columns.append(name)
            taken.append(name)
            lines.append(f"entry.{name} = {_TURNED[name]}")
        else:
            assert name in Entry.__dataclass_fields__, name
            columns.append(name)
            taken.append(f"entry.{name}")
    source = "\n    ".join(
        ("def read(row):", "entry = new(Entry)", f"{', '.join(taken)}, = row", *lines, "return entry"),
    )
    names: dict[str, Any] = {
        "new": object.__new__,
        "Entry": Entry,
        "kinds": {kind.value: kind for kind in EntryKind},
        "corrections": {None: None, **{each.value: each for each in Correction}},
        "moment": dialect.moment,
        "decimal": decimal or dialect.decimal,
        "unveiled": Veil.from_bytes,
        "no_veil": NO_VEIL,
    }
    exec(compile(source, "<entries in part>", "exec"), names)
    return Part(tuple(columns), names["read"])
