"""Formats of accounts in SQL: how a version is kept in a row, and the statements that write and find them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import text

from app.domain.format_version import FormatVersion
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.tables import formats

COLUMNS = tuple(column.name for column in formats.columns)
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM formats WHERE account_id = :account_id"


def format_values(version: FormatVersion, dialect: Dialect) -> dict[str, Any]:
    """The row that holds a version, by column."""
    stated = {name: getattr(version, name) for name in COLUMNS}
    return stated | {"created_at": dialect.bound(version.created_at)}


def format_of(row: Sequence[Any], dialect: Dialect) -> FormatVersion:
    """The version that a row of COLUMNS holds."""
    stated = dict(zip(COLUMNS, row, strict=True))
    return FormatVersion(**(stated | {"created_at": dialect.moment(stated["created_at"])}))


class FormatStatements:
    """The statements for one engine, each compiled when first needed. Parameters are named as the columns."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @cached_property
    def newest(self) -> Statement:
        """The newest version of a name."""
        return self._compiled(f"{_SELECT} AND name = :name ORDER BY version DESC LIMIT 1")

    @cached_property
    def one(self) -> Statement:
        return self._compiled(f"{_SELECT} AND name = :name AND version = :version")

    @cached_property
    def versions(self) -> Statement:
        """Every version of a name, the newest first."""
        return self._compiled(f"{_SELECT} AND name = :name ORDER BY version DESC")

    @cached_property
    def all_newest(self) -> Statement:
        """The newest version of each name, by name."""
        later = "SELECT 1 FROM formats later WHERE later.account_id = :account_id AND later.name = formats.name"
        return self._compiled(f"{_SELECT} AND NOT EXISTS ({later} AND later.version > formats.version) ORDER BY name")

    @cached_property
    def add(self) -> Statement:
        values = ", ".join(f":{column}" for column in COLUMNS)
        return self._compiled(f"INSERT INTO formats ({', '.join(COLUMNS)}) VALUES ({values})")

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)
