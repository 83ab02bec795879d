"""First answers in SQL: how one is kept in a row, and the statements that write and find them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import text

from app.domain.first_answer import FirstAnswer
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.tables import first_answers

COLUMNS = tuple(column.name for column in first_answers.columns)
_INSTANTS = ("created_at", "expires_at")


def first_answer_values(answer: FirstAnswer, dialect: Dialect) -> dict[str, Any]:
    """The row that holds an answer, by column."""
    stated = {name: getattr(answer, name) for name in COLUMNS}
    return stated | {name: dialect.bound(stated[name]) for name in _INSTANTS}


def first_answer_of(row: Sequence[Any], dialect: Dialect) -> FirstAnswer:
    """The answer that a row of COLUMNS holds."""
    stated = dict(zip(COLUMNS, row, strict=True))
    return FirstAnswer(**(stated | {name: dialect.moment(stated[name]) for name in _INSTANTS}))


class FirstAnswerStatements:
    """The statements for one engine, each compiled when first needed. Parameters are named as the columns."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @cached_property
    def one(self) -> Statement:
        return self._compiled(f"SELECT {', '.join(COLUMNS)} FROM first_answers WHERE account_id = :account_id AND key = :key")

    @cached_property
    def drop(self) -> Statement:
        """Also drops what has expired when this one is made, so that the table does not grow for ever."""
        return self._compiled(
            "DELETE FROM first_answers WHERE account_id = :account_id AND (key = :key OR expires_at <= :created_at)"
        )

    @cached_property
    def add(self) -> Statement:
        values = ", ".join(f":{column}" for column in COLUMNS)
        return self._compiled(f"INSERT INTO first_answers ({', '.join(COLUMNS)}) VALUES ({values})")

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)
