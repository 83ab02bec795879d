"""Exports in SQL: how one is kept in a row, and the statements that write and find them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import text

from app.domain.export import Export, ExportStatus
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.reads import EVERYTHING
from app.storage.sql.tables import UNFINISHED_ONLY, exports

MOST_UNFINISHED = 100
COLUMNS = tuple(column.name for column in exports.columns if column.name != "subtrees")
"""What a row has of an export. Its subtree hashes may be many, and are read only when they are asked for."""
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM exports"
_OWN = "account_id = :account_id AND id = :id"
_WINDOW = "account_id = :account_id AND sequence > :above AND sequence < :below"
_INSTANTS = ("recorded_at", "created_at", "updated_at")


def export_values(export: Export, subtrees: bytes, dialect: Dialect) -> dict[str, Any]:
    """The row that holds an export, by column."""
    stated = {name: getattr(export, name) for name in COLUMNS}
    stated["status"] = export.status.value
    stated["parameters"] = _json({name: list(texts) for name, texts in export.parameters.items()})
    stated["sections"] = _json(dict(export.sections))
    for name in _INSTANTS:
        stated[name] = None if stated[name] is None else dialect.bound(stated[name])
    return stated | {"subtrees": subtrees}


def export_of(row: Sequence[Any], dialect: Dialect) -> Export:
    """The export that a row of COLUMNS holds."""
    stated = dict(zip(COLUMNS, row, strict=True))
    stated["status"] = ExportStatus(stated["status"])
    stated["parameters"] = {name: tuple(texts) for name, texts in orjson.loads(stated["parameters"]).items()}
    stated["sections"] = orjson.loads(stated["sections"])
    for name in _INSTANTS:
        stated[name] = None if stated[name] is None else dialect.moment(stated[name])
    return Export(**stated)


class ExportStatements:
    """The statements for one engine, each compiled when first needed. Parameters are named as the columns except where told."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @cached_property
    def drop(self) -> Statement:
        return self._compiled(f"DELETE FROM exports WHERE {_OWN}")

    @cached_property
    def add(self) -> Statement:
        columns = (*COLUMNS, "subtrees")
        values = ", ".join(f":{column}" for column in columns)
        return self._compiled(f"INSERT INTO exports ({', '.join(columns)}) VALUES ({values})")

    @cached_property
    def one(self) -> Statement:
        return self._compiled(f"{_SELECT} WHERE {_OWN}")

    @cached_property
    def subtrees(self) -> Statement:
        return self._compiled(f"SELECT subtrees FROM exports WHERE {_OWN}")

    @cached_property
    def newest_first(self) -> Statement:
        """Parameters are those of `listing`."""
        return self._compiled(f"{_SELECT} WHERE {_WINDOW} ORDER BY sequence DESC LIMIT :limit")

    @cached_property
    def oldest_first(self) -> Statement:
        """Parameters are those of `listing`."""
        return self._compiled(f"{_SELECT} WHERE {_WINDOW} ORDER BY sequence LIMIT :limit")

    @cached_property
    def unfinished(self) -> Statement:
        """Across accounts."""
        return self._compiled(f"{_SELECT} WHERE {UNFINISHED_ONLY} ORDER BY created_at, id LIMIT {MOST_UNFINISHED}")

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)


def listing(account_id: int, limit: int, above: int | None, below: int | None) -> dict[str, Any]:
    """The parameters of a list of an account's exports."""
    return {
        "account_id": account_id,
        "limit": limit,
        "above": 0 if above is None else above,
        "below": EVERYTHING if below is None else below,
    }


def _json(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode()
