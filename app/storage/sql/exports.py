"""Exports in SQL: how one is kept in a row, and the statements that write and find them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import orjson
from sqlalchemy import text

from app.domain.export import Export, ExportFilters, ExportStatus, Mark
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.reads import EVERYTHING
from app.storage.sql.tables import UNFINISHED_ONLY, WITH_FILE, export_marks, exports

MOST_POLLED = 100
COLUMNS = tuple(column.name for column in exports.columns if column.name != "subtrees")
"""What a row has of an export. Its subtree hashes may be many, and are read only when they are asked for."""
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM exports"
_OWN = "account_id = :account_id AND id = :id"
_WINDOW = "account_id = :account_id AND sequence > :above AND sequence < :below"
_MARK = tuple(column.name for column in export_marks.columns)
_OWN_MARK = "account_id = :account_id AND export_id = :export_id"
_INSTANTS = ("recorded_at", "created_at", "updated_at", "leased_until")


def export_values(export: Export, subtrees: bytes | None, dialect: Dialect) -> dict[str, Any]:
    """The row that holds an export, by column."""
    stated = {name: getattr(export, name) for name in COLUMNS}
    stated["status"] = export.status.value
    stated["parameters"] = _json({name: list(texts) for name, texts in export.parameters.items()})
    stated["sections"] = _json(dict(export.sections))
    for name in _INSTANTS:
        stated[name] = None if stated[name] is None else dialect.bound(stated[name])
    return stated | {"subtrees": subtrees or b""}


def export_of(row: Sequence[Any], dialect: Dialect) -> Export:
    """The export that a row of COLUMNS holds."""
    stated = dict(zip(COLUMNS, row, strict=True))
    stated["status"] = ExportStatus(stated["status"])
    stated["parameters"] = {name: tuple(texts) for name, texts in orjson.loads(stated["parameters"]).items()}
    stated["sections"] = orjson.loads(stated["sections"])
    stated["lease"] = stated["lease"] or 0
    for name in _INSTANTS:
        stated[name] = None if stated[name] is None else dialect.moment(stated[name])
    return Export(**stated)


def mark_values(account_id: int, export_id: str, mark: Mark) -> dict[str, Any]:
    """The row that holds a mark, by column."""
    stated = {name: getattr(mark, name) for name in _MARK if name not in ("account_id", "export_id")}
    stated["sections"], stated["keys"] = _json(list(mark.sections.items())), _json(mark.keys)
    return stated | {"account_id": account_id, "export_id": export_id}


def mark_of(row: Sequence[Any]) -> Mark:
    """The mark that a row of the statement `mark` holds."""
    stated = dict(zip(_MARK, row, strict=True))
    for name in ("account_id", "export_id"):
        del stated[name]
    for name in ("digest", "subtrees"):
        stated[name] = bytes(stated[name])
    stated["sections"] = dict(orjson.loads(stated["sections"]))
    stated["keys"] = tuple(orjson.loads(stated["keys"]))
    return Mark(**stated)


class ExportStatements:
    """The statements for one engine, each compiled when first needed. Parameters are named as the columns except where told."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._pages = lru_cache(maxsize=256)(self._paged)

    @cached_property
    def put(self) -> Statement:
        """Adds an export or takes the place of the one with its id, subtree hashes included."""
        return self._put((*COLUMNS, "subtrees"))

    @cached_property
    def change(self) -> Statement:
        """The same, but the subtree hashes that are kept stay."""
        return self._put(COLUMNS)

    @cached_property
    def put_mark(self) -> Statement:
        changed = ", ".join(f"{name} = excluded.{name}" for name in _MARK if name not in ("account_id", "export_id"))
        return self._compiled(
            f"INSERT INTO export_marks ({', '.join(_MARK)}) VALUES ({', '.join(f':{name}' for name in _MARK)})"
            f" ON CONFLICT (account_id, export_id) DO UPDATE SET {changed}"
        )

    @cached_property
    def drop_mark(self) -> Statement:
        return self._compiled(f"DELETE FROM export_marks WHERE {_OWN_MARK}")

    @cached_property
    def mark(self) -> Statement:
        return self._compiled(f"SELECT {', '.join(_MARK)} FROM export_marks WHERE {_OWN_MARK}")

    @cached_property
    def one(self) -> Statement:
        return self._compiled(f"{_SELECT} WHERE {_OWN}")

    @cached_property
    def subtrees(self) -> Statement:
        return self._compiled(f"SELECT subtrees FROM exports WHERE {_OWN}")

    def page(self, filters: ExportFilters, *, descending: bool) -> Statement:
        """Parameters are those of `listing`."""
        shape = tuple((name, len(values)) for name, values in filters.given().items())
        return self._pages(shape, descending)

    @cached_property
    def unfinished(self) -> Statement:
        """Across accounts."""
        return self._compiled(f"{_SELECT} WHERE {UNFINISHED_ONLY} ORDER BY created_at, id LIMIT {MOST_POLLED}")

    @cached_property
    def expired(self) -> Statement:
        """Across accounts: what has expired and has its file still."""
        return self._compiled(f"{_SELECT} WHERE {WITH_FILE} AND status = 'expired' ORDER BY updated_at, id LIMIT {MOST_POLLED}")

    @cached_property
    def outdated(self) -> Statement:
        """Across accounts: the same, and what became ready at or before the instant `before`."""
        return self._compiled(
            f"{_SELECT} WHERE {WITH_FILE} AND (status = 'expired' OR updated_at <= :before)"
            f" ORDER BY updated_at, id LIMIT {MOST_POLLED}"
        )

    def _paged(self, shape: tuple[tuple[str, int], ...], descending: bool) -> Statement:
        bounds = "".join(f" AND {name} IN ({', '.join(f':{name}_{at}' for at in range(count))})" for name, count in shape)
        order = " DESC" if descending else ""
        return self._compiled(f"{_SELECT} WHERE {_WINDOW}{bounds} ORDER BY sequence{order} LIMIT :limit")

    def _put(self, changed: Sequence[str]) -> Statement:
        columns = (*COLUMNS, "subtrees")
        others = ", ".join(f"{name} = excluded.{name}" for name in changed if name not in ("account_id", "id"))
        return self._compiled(
            f"INSERT INTO exports ({', '.join(columns)}) VALUES ({', '.join(f':{column}' for column in columns)})"
            f" ON CONFLICT (account_id, id) DO UPDATE SET {others}"
        )

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)


def listing(account_id: int, limit: int, above: int | None, below: int | None, filters: ExportFilters) -> dict[str, Any]:
    """The parameters of a list of an account's exports."""
    wanted = {f"{name}_{at}": value for name, values in filters.given().items() for at, value in enumerate(values)}
    return wanted | {
        "account_id": account_id,
        "limit": limit,
        "above": 0 if above is None else above,
        "below": EVERYTHING if below is None else below,
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
