"""The statements that keep the rollups: what entries add to them, what a reversal takes from them, and making them anew.

The engine adds up the entries where they are, in the transaction that has just written them; the same statement makes a rollup
from a whole ledger.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sqlalchemy import text

from app.domain.entry import Entry
from app.domain.instant import EPOCH, to_micros
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.rollups import EXTREMES, LINKED, NOTHING, ROLLUPS, Rollup, value_columns

_SIGN = "CASE WHEN entries.correction = 'reversal' THEN -1 ELSE 1 END"
_STANDING = "(entries.correction IS NULL OR entries.correction <> 'reversal') AND reversals.corrects IS NULL"


class RollupWrites:
    """The statements for one engine, each compiled when it is first needed."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._decimals = {name: dialect.decimal_columns(name) for name in ("quantity", "charge")}
        self._values = value_columns(tuple(name for names in self._decimals.values() for name in names))

    @cached_property
    def add(self) -> list[Statement]:
        """Adds the entries of `account_id` with `above` < sequence <= `upto`, whose reversals are there, to all of it."""
        return [self._compiled(each) for each in self._all()]

    @cached_property
    def add_all(self) -> Statement:
        """The same in one statement, for an engine that is far away."""
        *others, last = self._all()
        first = ", ".join(f"part_{at} AS ({sql})" for at, sql in enumerate(others))
        return self._compiled(f"WITH {first} {last}")

    @cached_property
    def take(self) -> list[Statement]:
        """For each rollup, notes that the entry that bore a row's first or last use may be gone. Parameters: `taken`."""
        return [self._compiled(_taking(each)) for each in ROLLUPS]

    @cached_property
    def drop(self) -> list[Statement]:
        """For each rollup, empties it for `account_id`."""
        names = (*(each.name for each in ROLLUPS), "contract_customers")
        return [self._compiled(f"DELETE FROM {name} WHERE account_id = :account_id") for name in names]

    def adding(self, rollup: Rollup) -> str:
        """The SQL that adds entries to a rollup; see `add`."""
        columns = (*rollup.whole_key, *self._values)
        changes = [f"{name} = {rollup.name}.{name} + excluded.{name}" for name in self._values if name not in EXTREMES]
        changes += [self._farther(rollup, name) for name in EXTREMES]
        return (
            f"INSERT INTO {rollup.name} ({', '.join(columns)}) {self.counted(rollup)}"
            f" ON CONFLICT ({', '.join(rollup.whole_key)}) DO UPDATE SET {', '.join(changes)}"
        )

    def counted(self, rollup: Rollup, *more: str) -> str:
        """The SQL that makes a rollup's rows from entries, its columns in order; `more` conditions may be named."""
        dialect = self._dialect
        keys = [self._key(name) for name in rollup.whole_key]
        first = f"MIN(entries.occurred_at) FILTER (WHERE {_STANDING})"
        last = f"MAX(entries.occurred_at) FILTER (WHERE {_STANDING})"
        values = [
            *self._counts(),
            f"2 * {dialect.micros(first)}",
            f"2 * {dialect.micros(last)} + 1",
            *(f"COALESCE(SUM(entries.{name}), 0)" for names in self._decimals.values() for name in names),
        ]
        columns = zip((*keys, *values), (*rollup.whole_key, *self._values), strict=True)
        told = ", ".join(f"{value} AS {name}" for value, name in columns)
        return (
            f"SELECT {told} FROM entries LEFT OUTER JOIN reversals ON reversals.account_id = entries.account_id"
            " AND reversals.corrects = entries.sequence AND reversals.sequence <= :upto"
            f" WHERE {self._conditions(*more)} GROUP BY {', '.join(keys)}"
        )

    def taken(self, entry: Entry) -> dict[str, Any]:
        """The parameters of `take` for a reversal: it has the dimensions and the instant of the entry that it takes back."""
        names = {name for rollup in ROLLUPS for name in (*rollup.dimensions, "unit", "currency")}
        values: dict[str, Any] = {name: getattr(entry, name) or NOTHING for name in names}
        twice = 2 * to_micros(entry.occurred_at)
        return values | {
            "account_id": entry.account_id,
            "day": (entry.occurred_at - EPOCH).days,
            "first_use": twice,
            "last_use": twice + 1,
        }

    def _all(self) -> list[str]:
        return [*(self.adding(each) for each in ROLLUPS), *(self._linking(name) for name in LINKED)]

    def _linking(self, name: str) -> str:
        """The SQL that notes which customers are named together with a license, an order or a subscription."""
        return (
            "INSERT INTO contract_customers (account_id, dimension, value, customer_id)"
            f" SELECT DISTINCT entries.account_id, '{name}', entries.{name}, {self._key('customer_id')} FROM entries"
            f" WHERE {self._conditions(f'entries.{name} IS NOT NULL')}"
            " ON CONFLICT (account_id, dimension, value, customer_id) DO NOTHING"
        )

    def _conditions(self, *more: str) -> str:
        """Which entries are meant."""
        own = ("entries.account_id = :account_id", "entries.sequence > :above", "entries.sequence <= :upto")
        return " AND ".join((*own, *self._dialect.bounds_text, "entries.kind = 'usage'", *more))

    def _key(self, name: str) -> str:
        if name == "account_id":
            return "entries.account_id"
        if name == "day":
            return self._dialect.day("entries.occurred_at")
        return f"COALESCE(entries.{name}, '{NOTHING}')"

    def _counts(self) -> list[str]:
        """The expressions for COUNTS. The first column of a decimal is null where there is no number."""
        told = ["COUNT(*)", f"SUM({_SIGN})"]
        for columns in self._decimals.values():
            number = f"entries.{columns[0]}"
            told += [f"SUM(CASE WHEN {number} IS NULL THEN 0 ELSE {_SIGN} END)", f"COUNT({number})"]
        return told

    def _farther(self, rollup: Rollup, name: str) -> str:
        own, other = f"{rollup.name}.{name}", f"excluded.{name}"
        farther = f"{self._dialect.farther[name]}(COALESCE({own}, {other}), COALESCE({other}, {own}))"
        # Where nothing is left that stands there is no use, and a later entry begins anew.
        return f"{name} = CASE WHEN {rollup.name}.events + excluded.events = 0 THEN NULL ELSE {farther} END"

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)


def _taking(rollup: Rollup) -> str:
    own = " AND ".join(f"{name} = :{name}" for name in rollup.whole_key)
    return (
        f"UPDATE {rollup.name} SET first_use = CASE WHEN first_use = :first_use THEN first_use + 1 ELSE first_use END,"
        " last_use = CASE WHEN last_use = :last_use THEN last_use - 1 ELSE last_use END"
        f" WHERE {own}"
    )
