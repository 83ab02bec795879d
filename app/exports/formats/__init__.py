"""The kinds of files that an export can be: each in a module of its own that knows of no other."""

from __future__ import annotations

from app.exports.document import Format
from app.exports.formats import csv, json, jsonl, pdf, xlsx

FORMATS: tuple[Format, ...] = (json.FORMAT, jsonl.FORMAT, csv.FORMAT, xlsx.FORMAT, pdf.FORMAT)
DEFAULT = json.FORMAT


def format_named(name: str) -> Format | None:
    """The format of that name."""
    return next((each for each in FORMATS if each.name == name), None)
