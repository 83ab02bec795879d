"""The statements that keep the rollups: what entries add to them, what a reversal takes from them, and making them anew.

The engine adds up the entries where they are, in the transaction that has just written them; the same statements make a rollup
from a whole ledger. Entries are read once, as the rows of `fresh`, which is all that any rollup needs of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import text

from app.domain.entry import Entry
from app.domain.instant import EPOCH, to_micros
from app.ports import Head
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.rollups import COUNTS, EVER, EXTREMES, FOLDED, LINKED, NOTHING, ROLLUPS, Rollup, value_columns

WINDOW = 50_000
"""Entries that are added at once where a rollup is made anew."""
EVERY = 64
"""Of so many entries one has it looked up whether its customer's days are to be folded."""
MANY = 500
"""Rows of days with which a customer begins to have them folded: half a millisecond's reading."""
RECENT = 1
"""Days before the present one that are not folded yet, since most of what comes late is about them."""
_SIGN = "CASE WHEN entries.correction = 'reversal' THEN -1 ELSE 1 END"
_STANDING = "(entries.correction IS NULL OR entries.correction <> 'reversal') AND reversals.corrects IS NULL"
_ALREADY = (
    "EXISTS (SELECT 1 FROM folded_customers AS folded WHERE folded.account_id = fresh.account_id"
    " AND folded.customer_id = fresh.customer_id AND folded.until > fresh.day)"
)
"""Of fresh entries: that their day is folded."""
_FOLDED = (
    "INSERT INTO folded_customers (account_id, customer_id, until)"
    " SELECT due.account_id, due.customer_id, CAST(:until AS integer) FROM due WHERE 1 = 1"
    " ON CONFLICT (account_id, customer_id) DO UPDATE SET until = excluded.until"
)
_WORDS = (*dict.fromkeys(name for rollup in ROLLUPS for name in rollup.dimensions), "unit", "currency")


class RollupWrites:
    """The statements for one engine, each compiled when it is first needed.

    Entries are those of `account_id` with `above` < sequence <= `upto`; their reversals up to `reversed_upto` are there.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._decimals = {name: dialect.decimal_columns(name) for name in ("quantity", "charge")}
        self.values = value_columns(tuple(name for names in self._decimals.values() for name in names))
        """The columns of a rollup behind its key."""

    @cached_property
    def stage(self) -> list[Statement]:
        """Makes a temporary table of the fresh entries, for an engine that is near."""
        columns = ", ".join(self._fresh())
        return [
            self._compiled(f"CREATE TEMPORARY TABLE IF NOT EXISTS fresh ({columns})"),
            self._compiled("CREATE TEMPORARY TABLE IF NOT EXISTS due (account_id, customer_id, since)"),
            self._compiled("DELETE FROM fresh"),
            self._compiled("DELETE FROM due"),
            # In order: what takes an entry back comes after it.
            self._compiled(f"INSERT INTO fresh {self.fresh()} ORDER BY entries.sequence"),
        ]

    @cached_property
    def add(self) -> list[Statement]:
        """Adds the fresh entries that were staged to everything kept here, one after the other: to sort and group them first
        takes longer than to change a row once more."""
        return [self._compiled(each) for each in self._all(self.single)]

    @cached_property
    def add_all(self) -> Statement:
        """All in one statement, for an engine that is far away. It tells the customers whose days are to be folded now."""
        parts = ", ".join(f"part_{at} AS ({sql})" for at, sql in enumerate(self._all(self.totalled)))
        due = f"SELECT due.customer_id FROM ({self._due()}) AS due"
        return self._compiled(f"WITH fresh AS MATERIALIZED ({self.fresh()}), {parts} {due}")

    @cached_property
    def due(self) -> Statement:
        """Stages the customers of fresh entries whose days are to be folded now, for an engine that is near."""
        return self._compiled(f"INSERT INTO due {self._due()}")

    @cached_property
    def due_of_all(self) -> Statement:
        """The same of all entries, for a rollup that was made anew: nothing is folded yet."""
        return self._compiled(f"INSERT INTO due SELECT :account_id, busy.customer_id, {EVER} FROM ({_busy()}) AS busy")

    @cached_property
    def busy(self) -> Statement:
        """Tells these customers."""
        return self._compiled(_busy())

    @cached_property
    def fold(self) -> list[Statement]:
        """Folds the days of the customers that were staged."""
        return [self._compiled(each) for each in (*map(self._folding, FOLDED), _FOLDED)]

    @cached_property
    def fold_all(self) -> Statement:
        """The same, for `customers` in one statement."""
        due = (
            "SELECT CAST(:account_id AS integer) AS account_id, named.customer_id,"
            f" COALESCE(folded.until, {EVER}) AS since FROM unnest(CAST(:customers AS text[])) AS named(customer_id)"
            " LEFT OUTER JOIN folded_customers AS folded ON folded.account_id = :account_id"
            " AND folded.customer_id = named.customer_id"
        )
        parts = ", ".join(f"part_{at} AS ({self._folding(each)})" for at, each in enumerate(FOLDED))
        return self._compiled(f"WITH due AS MATERIALIZED ({due}), {parts} {_FOLDED}")

    @cached_property
    def take(self) -> list[Statement]:
        """For each rollup, notes that the entry that bore a row's first or last use may be gone. Parameters: `taken`."""
        return [self._compiled(_taking(each)) for each in ROLLUPS]

    @cached_property
    def drop(self) -> list[Statement]:
        """Empties everything kept here for `account_id`."""
        names = (*(each.name for each in ROLLUPS), "contract_customers", "folded_customers")
        return [self._compiled(f"DELETE FROM {name} WHERE account_id = :account_id") for name in names]

    def fresh(self, *more: str) -> str:
        """The SQL that reads entries; `more` conditions may be named."""
        told = ", ".join(f"{value} AS {name}" for name, value in self._fresh().items())
        own = ("entries.account_id = :account_id", "entries.sequence > :above", "entries.sequence <= :upto")
        conditions = " AND ".join((*own, *self._dialect.bounds_text, "entries.kind = 'usage'", *more))
        return (
            f"SELECT {told} FROM entries LEFT OUTER JOIN reversals ON reversals.account_id = entries.account_id"
            " AND reversals.corrects = entries.sequence AND reversals.sequence <= :reversed_upto"
            f" WHERE {conditions}"
        )

    def totalled(self, rollup: Rollup) -> str:
        """The SQL that makes a rollup's rows from those of `fresh`, its columns in order."""
        sums = [f"SUM({each})" for each in self._counted]
        return f"{self._told(rollup, sums, 'MIN(used)', 'MAX(used)')} GROUP BY {', '.join(_keys(rollup))}"

    def single(self, rollup: Rollup) -> str:
        """The SQL that makes a row of each of `fresh`."""
        return self._told(rollup, self._counted, "used", "used")

    def taken(self, entry: Entry) -> dict[str, Any]:
        """The parameters of `take` for a reversal: it has the dimensions and the instant of the entry that it takes back."""
        values: dict[str, Any] = {name: getattr(entry, name) or NOTHING for name in _WORDS}
        day = (entry.occurred_at - EPOCH).days
        times = {"day": day, "month": day - entry.occurred_at.day + 1, "hour": (entry.occurred_at - EPOCH) // timedelta(hours=1)}
        twice = 2 * to_micros(entry.occurred_at)
        uses = {"first_use": twice, "last_use": twice + 1}
        return values | uses | times | {"account_id": entry.account_id}

    def _fresh(self) -> dict[str, str]:
        """The columns of `fresh`, and what they hold. The first column of a decimal is null where there is no number."""
        dialect = self._dialect
        quantity, charge = (f"entries.{columns[0]}" for columns in self._decimals.values())
        return {
            "account_id": "entries.account_id",
            "sequence": "entries.sequence",
            "day": dialect.day("entries.occurred_at"),
            "month": dialect.month("entries.occurred_at"),
            "hour": dialect.hour("entries.occurred_at"),
            **{name: f"COALESCE(entries.{name}, '{NOTHING}')" for name in _WORDS},
            "sign": _SIGN,
            "quantities": f"CASE WHEN {quantity} IS NULL THEN 0 ELSE 1 END",
            "charges": f"CASE WHEN {charge} IS NULL THEN 0 ELSE 1 END",
            "used": f"CASE WHEN {_STANDING} THEN entries.occurred_at END",
            **{name: f"COALESCE(entries.{name}, 0)" for names in self._decimals.values() for name in names},
        }

    @property
    def _counted(self) -> list[str]:
        """What an entry adds to a row: to its counts, then to its decimals."""
        counts = ["1", "sign", *(each for name in ("quantities", "charges") for each in (f"sign * {name}", name))]
        return [*counts, *(name for names in self._decimals.values() for name in names)]

    def _told(self, rollup: Rollup, counted: Sequence[str], first: str, last: str) -> str:
        micros = self._dialect.micros
        uses = (f"2 * {micros(first)}", f"2 * {micros(last)} + 1")
        values = (*_keys(rollup), *counted[: len(COUNTS)], *uses, *counted[len(COUNTS) :])
        told = ", ".join(f"{value} AS {name}" for value, name in zip(values, (*rollup.whole_key, *self.values), strict=True))
        return f"SELECT {told} FROM fresh WHERE {_ALREADY if rollup.folds else '1 = 1'}"

    def _due(self) -> str:
        """The SQL that finds the customers of some fresh entries whose days are to be folded up to the day `until`."""
        some = [
            f"(SELECT COUNT(*) FROM (SELECT 1 AS one FROM {each.folds} AS days WHERE days.account_id = fresh.account_id"
            f" AND days.customer_id = fresh.customer_id LIMIT {MANY}) AS few)"
            for each in FOLDED
        ]
        return (
            f"SELECT DISTINCT fresh.account_id, fresh.customer_id, COALESCE(folded.until, {EVER}) AS since FROM fresh"
            " LEFT OUTER JOIN folded_customers AS folded ON folded.account_id = fresh.account_id"
            " AND folded.customer_id = fresh.customer_id"
            # Not always the same place among so many, where customers may take turns.
            f" WHERE fresh.sequence % {EVERY} = (fresh.sequence / {EVERY}) % {EVERY} AND (folded.until < CAST(:until AS integer)"
            f" OR (folded.until IS NULL AND {' + '.join(some)} >= {MANY}))"
        )

    def _folding(self, rollup: Rollup) -> str:
        """The SQL that adds days that are due to a rollup."""
        month = self._dialect.month_of_day("days.day")
        keys = [month if each == "day" else f"days.{each}" for each in rollup.whole_key]
        farthest = {"first_use": "MIN", "last_use": "MAX"}
        values = [f"{farthest.get(each, 'SUM')}(days.{each})" for each in self.values]
        names = (*rollup.whole_key, *self.values)
        told = ", ".join(f"{value} AS {name}" for value, name in zip((*keys, *values), names, strict=True))
        its = "days.account_id = due.account_id AND days.customer_id = due.customer_id"
        return self._adding(
            rollup,
            # In that order on SQLite too, which takes a CROSS JOIN at its word.
            f"SELECT {told} FROM due CROSS JOIN {rollup.folds} AS days WHERE {its}"
            f" AND days.day >= due.since AND days.day < CAST(:until AS integer) GROUP BY {', '.join(keys)}",
        )

    def _all(self, rows: Callable[[Rollup], str]) -> list[str]:
        return [*(self._adding(each, rows(each)) for each in ROLLUPS), *map(linking, LINKED)]

    def _adding(self, rollup: Rollup, rows: str) -> str:
        columns = (*rollup.whole_key, *self.values)
        changes = [f"{name} = {rollup.name}.{name} + excluded.{name}" for name in self.values if name not in EXTREMES]
        changes += [self._farther(rollup, name) for name in EXTREMES]
        return (
            f"INSERT INTO {rollup.name} ({', '.join(columns)}) {rows}"
            f" ON CONFLICT ({', '.join(rollup.whole_key)}) DO UPDATE SET {', '.join(changes)}"
        )

    def _farther(self, rollup: Rollup, name: str) -> str:
        own, other = f"{rollup.name}.{name}", f"excluded.{name}"
        farther = f"{self._dialect.farther[name]}(COALESCE({own}, {other}), COALESCE({other}, {own}))"
        # Where nothing is left that stands there is no use, and a later entry begins anew.
        return f"{name} = CASE WHEN {rollup.name}.events + excluded.events = 0 THEN NULL ELSE {farther} END"

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)


def windows(account_id: int, head: Head) -> Iterator[dict[str, Any]]:
    """The parameters for all entries up to the head, some at a time; what was reversed since is known to be."""
    last = head.sequence
    until = EVER if head.recorded_at is None else folded_until(head.recorded_at)
    for above in range(0, last, WINDOW):
        window = {"above": above, "upto": min(above + WINDOW, last), "reversed_upto": last}
        yield {"account_id": account_id, "until": until} | window


def _busy() -> str:
    """The SQL that finds the customers with so many rows of days that these are to be folded."""
    each = "SELECT customer_id, COUNT(*) AS found FROM {} WHERE account_id = :account_id GROUP BY customer_id"
    every = " UNION ALL ".join(each.format(rollup.folds) for rollup in FOLDED)
    return f"SELECT days.customer_id FROM ({every}) AS days GROUP BY days.customer_id HAVING SUM(days.found) >= {MANY}"


def folded_until(moment: datetime) -> int:
    """The day before which days are folded, where an entry is recorded at that instant: whole days since 1970."""
    return (moment - EPOCH).days - RECENT


def _keys(rollup: Rollup) -> list[str]:
    """What of `fresh` a rollup's key is."""
    return ["month" if name == "day" and rollup.months else name for name in rollup.whole_key]


def linking(name: str) -> str:
    """The SQL that notes which customers are named together with a license, an order or a subscription."""
    return (
        f"INSERT INTO contract_customers (account_id, dimension, value, customer_id)"
        f" SELECT DISTINCT account_id, '{name}', {name}, customer_id FROM fresh WHERE {name} <> '{NOTHING}'"
        " ON CONFLICT (account_id, dimension, value, customer_id) DO NOTHING"
    )


def _taking(rollup: Rollup) -> str:
    own = " AND ".join(f"{name} = :{value}" for name, value in zip(rollup.whole_key, _keys(rollup), strict=True))
    return (
        f"UPDATE {rollup.name} SET first_use = CASE WHEN first_use = :first_use THEN first_use + 1 ELSE first_use END,"
        " last_use = CASE WHEN last_use = :last_use THEN last_use - 1 ELSE last_use END"
        f" WHERE {own}"
    )
