"""Which kind an input is, by its name and by how it begins."""

from __future__ import annotations

from pathlib import PurePath

from app.ledger.exact_json import Unreadable, read_json
from app.ledger.intake.access_log import AccessLogReader
from app.ledger.intake.csv_rows import CsvReader
from app.ledger.intake.item import Kind, Reader
from app.ledger.intake.json_lines import JsonLinesReader
from app.ledger.intake.json_text import JsonReader

_SUFFIXES = {".csv": Kind.CSV, ".jsonl": Kind.JSONL, ".ndjson": Kind.JSONL, ".log": Kind.ACCESS_LOG}


def kind_of(name: str, beginning: bytes, usual: Kind | None = None) -> Kind:
    """The kind of an input: what a name's ending says (also before `.gz`), else what its plain bytes begin with.

    `.json` says too little, since JSON Lines are often kept under it. What begins as no JSON is of the `usual` kind, or CSV.
    """
    path = PurePath(name.lower())
    suffix = PurePath(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    text = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return Kind.JSON
    if not text.startswith(b"{"):
        return usual or Kind.CSV
    first, _, rest = text.partition(b"\n")
    if suffix == ".json" and (not rest.strip() or not _is_json(first)):
        return Kind.JSON
    return Kind.JSONL


def reader_for(kind: Kind) -> Reader:
    """A new reader of that kind."""
    if kind is Kind.CSV:
        return CsvReader()
    if kind is Kind.ACCESS_LOG:
        return AccessLogReader()
    return JsonLinesReader() if kind is Kind.JSONL else JsonReader()


def _is_json(line: bytes) -> bool:
    try:
        read_json(line.decode(errors="replace"))
    except Unreadable:
        return False
    return True
