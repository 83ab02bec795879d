"""Whether the rollups say what the ledger says: each is made again from the entries, a month at a time, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import text

from app.domain.instant import EPOCH
from app.question.filters import Filters
from app.question.scope import Scope
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.planner import day_of, day_start, month_from, month_of
from app.storage.sql.reads import EVERYTHING
from app.storage.sql.rollup_writes import RollupWrites
from app.storage.sql.rollups import EXTREMES, LINKED, ROLLUPS, Rollup
from app.storage.sql.summaries import Ledger


class RollupChecks:
    """For one engine. Each comparison is one statement, which sees one state."""

    def __init__(self, dialect: Dialect, ledger: Ledger) -> None:
        self._dialect = dialect
        self._ledger = ledger
        self._writes = RollupWrites(dialect)

    async def difference(self, account_id: int) -> str | None:
        """What is wrong with the account's rollups, for people: the first that differs, and where. None where all agree.

        What is recorded while this runs is compared too, or was not yet there to be.
        """
        extent = await self._ledger.extent(Scope(account_id, EVERYTHING), Filters())
        for first, end in _spans(extent):
            values: dict[str, Any] = {"account_id": account_id, "above": 0, "upto": EVERYTHING, "reversed_upto": EVERYTHING}
            values |= {"first": first, "end": end}
            values |= {"start": self._dialect.bound(day_start(first)), "until": self._dialect.bound(day_start(end))}
            for rollup, statement in zip(ROLLUPS, self._compared, strict=True):
                [[made, kept, *differing]] = await self._ledger.ask(statement, values)
                if differing[0] is not None:
                    told = dict(zip(rollup.key, differing, strict=False))
                    of = ", ".join(f"{name} {value or 'none'}" for name, value in told.items() if name in rollup.dimensions)
                    return f"{rollup.name} differs on {(EPOCH + told[rollup.time] * rollup.step).date()} ({of})"
                if made != kept:
                    period = f"{day_start(first).date()} to {day_start(end - 1).date()}"
                    return f"{rollup.name} has {kept:,} rows from {period}, the ledger gives {made:,}"
        for rollup, statement in zip(ROLLUPS, self._outside, strict=True):
            ends = (0, 0) if extent is None else (month_of(day_of(extent[0])), month_from(day_of(extent[1]) + 1))
            [[count]] = await self._ledger.ask(statement, {"account_id": account_id, "first": ends[0], "end": ends[1]})
            if count:
                return f"{rollup.name} has {count:,} rows about days of which the ledger knows nothing"
        return await self._unlinked(account_id)

    async def _unlinked(self, account_id: int) -> str | None:
        """A license, an order or a subscription whose customer is not known; None where there is none."""
        for name, statement in zip(LINKED, self._linked, strict=True):
            rows = await self._ledger.ask(statement, {"account_id": account_id})
            if rows:
                return f"contract_customers lacks the customer {rows[0][1] or 'none'} of the {name} {rows[0][0]}"
        return None

    @cached_property
    def _compared(self) -> list[Statement]:
        return [self._compiled(self._comparing(each)) for each in ROLLUPS]

    @cached_property
    def _outside(self) -> list[Statement]:
        # Of hours, days and months alike: whole months are meant.
        own = "account_id = :account_id AND ({time} < {steps} * :first OR {time} >= {steps} * :end)"
        return [self._compiled(f"SELECT COUNT(*) FROM {each.name} WHERE {own.format(**_counted(each))}") for each in ROLLUPS]

    @cached_property
    def _linked(self) -> list[Statement]:
        return [self._compiled(self._linking(name)) for name in LINKED]

    def _comparing(self, rollup: Rollup) -> str:
        """The SQL that makes a rollup's rows of some days again: how many, how many are kept, and one that differs."""
        fresh = self._writes.fresh("entries.occurred_at >= :start", "entries.occurred_at < :until")
        same = " AND ".join(f"kept.{name} = made.{name}" for name in rollup.whole_key)
        values = [name for name in self._writes.values if name not in EXTREMES]
        differs = [f"kept.{name} <> made.{name}" for name in values]
        # What is certain is the same; what is not has nothing that stands beyond it.
        differs += [f"(kept.{name} IS NULL) <> (made.{name} IS NULL)" for name in EXTREMES]
        differs += ["kept.first_use % 2 = 0 AND kept.first_use <> made.first_use", "kept.first_use - 1 > made.first_use"]
        differs += ["kept.last_use % 2 = 1 AND kept.last_use <> made.last_use", "kept.last_use + 1 < made.last_use"]
        keys = ", ".join(f"made.{name}" for name in rollup.key)
        own = "{time} >= {steps} * :first AND {time} < {steps} * :end".format(**_counted(rollup))
        return (
            f"WITH fresh AS MATERIALIZED ({fresh}), made AS MATERIALIZED ({self._writes.totalled(rollup)}),"
            f" wrong AS (SELECT {keys} FROM made LEFT OUTER JOIN {rollup.name} AS kept ON {same}"
            f" WHERE kept.account_id IS NULL OR {' OR '.join(differs)} ORDER BY {keys} LIMIT 1)"
            f" SELECT counted.*, wrong.* FROM (SELECT (SELECT COUNT(*) FROM made) AS made, (SELECT COUNT(*) FROM {rollup.name}"
            f" WHERE account_id = :account_id AND {own}) AS kept) AS counted LEFT OUTER JOIN wrong ON 1 = 1"
        )

    def _linking(self, name: str) -> str:
        return (
            "SELECT DISTINCT made.value, made.customer_id"
            f" FROM (SELECT account_id, {name} AS value, customer_id FROM contract_days"
            f" WHERE account_id = :account_id AND {name} <> '') AS made LEFT OUTER JOIN contract_customers AS kept"
            f" ON kept.account_id = made.account_id AND kept.dimension = '{name}' AND kept.value = made.value"
            " AND kept.customer_id = made.customer_id WHERE kept.account_id IS NULL LIMIT 1"
        )

    def _compiled(self, sql: str) -> Statement:
        return compile_statement(text(sql), self._dialect)


def _counted(rollup: Rollup) -> dict[str, Any]:
    """The column that says when, and how many of its steps a day has."""
    return {"time": rollup.time, "steps": timedelta(days=1) // rollup.step}


def _spans(extent: tuple[datetime, datetime] | None) -> Iterator[tuple[int, int]]:
    """Whole months that together hold the extent, each as its first day and the one after its last."""
    if extent is None:
        return
    first, last = month_of(day_of(extent[0])), day_of(extent[1])
    while first <= last:
        end = month_from(first + 1)
        yield first, end
        first = end
