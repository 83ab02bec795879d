"""Moving tables between engines row by row: the same rows in the same order, told in values that belong to no engine.

The ledger itself is moved by appending its entries again, which also makes heads, reversals and the catalogue again. What is not
made from entries is moved by the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Table, bindparam, select, text, tuple_
from sqlalchemy.dialects.postgresql import TIMESTAMP

from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.tables import (
    Shared,
    accounts,
    catalogue,
    contract_customers,
    folded_customers,
    heads,
    reversals,
    tree_nodes,
)

TABLES: tuple[Table, ...] = tuple(Shared.metadata.sorted_tables)
"""Every table but `entries`, those that others refer to first."""
BY_ROW: tuple[Table, ...] = tuple(
    each
    for each in TABLES
    if each not in (accounts, heads, reversals, catalogue, contract_customers, folded_customers, tree_nodes)
)
"""The tables that appending entries does not fill."""
Row = tuple[Any, ...]


class Transfer:
    """The statements and the mapping for one engine."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._page = lru_cache(maxsize=None)(self._paged)
        self._put = lru_cache(maxsize=None)(self._putting)

    def page(self, table: Table, after: Row | None, limit: int) -> tuple[Statement, dict[str, Any]]:
        """At most so many rows of the table after that one, in order of its key."""
        values: dict[str, Any] = {"limit": limit}
        if after is not None:
            kept = self.kept(table, after)
            values |= {f"after_{name}": kept[name] for name in _key(table)}
        return self._page(table.name, after is not None), values

    def put(self, table: Table) -> Statement:
        """Adds a row, or takes the place of the one with its key. Parameters are those of `kept`."""
        return self._put(table.name)

    def told(self, table: Table, row: Sequence[Any]) -> Row:
        """A row as no engine keeps it: instants as datetimes."""
        moment = self._dialect.moment
        return tuple(
            [
                moment(value) if value is not None and isinstance(column.type, TIMESTAMP) else value
                for column, value in zip(table.columns, row, strict=True)
            ]
        )

    def kept(self, table: Table, row: Row) -> dict[str, Any]:
        """A told row as this engine keeps it, by column."""
        values: dict[str, Any] = {}
        for column, value in zip(table.columns, row, strict=True):
            if value is not None and isinstance(column.type, TIMESTAMP):
                value = self._dialect.bound(value)
            elif value is not None and isinstance(column.type, LargeBinary):
                value = self._dialect.blob(value)
            values[column.name] = value
        return values

    def _paged(self, name: str, continued: bool) -> Statement:
        table = Shared.metadata.tables[name]
        key = [table.c[column] for column in _key(table)]
        rows = select(*table.columns).order_by(*key).limit(bindparam("limit", type_=BigInteger))
        if continued:
            rows = rows.where(tuple_(*key) > tuple_(*(bindparam(f"after_{each.name}", type_=each.type) for each in key)))
        return compile_statement(rows, self._dialect)

    def _putting(self, name: str) -> Statement:
        table = Shared.metadata.tables[name]
        columns = [column.name for column in table.columns]
        others = [column for column in columns if column not in _key(table)]
        changed = ", ".join(f"{column} = excluded.{column}" for column in others)
        return compile_statement(
            text(
                f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join(f':{column}' for column in columns)})"
                f" ON CONFLICT ({', '.join(_key(table))}) DO UPDATE SET {changed}"
            ),
            self._dialect,
        )


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]
