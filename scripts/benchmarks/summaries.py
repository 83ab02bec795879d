"""Totals against the plain GROUP BY over the same ledger, and the reports about one subject against a page of 100 rows.

Both are asked in this process, of the store and of a connection of their own, and the answers are compared first. The plain
statement tells less: sums and counts of each unit and currency, and no first and last use.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg

from app.bootstrap import open_store
from app.domain.account import Permission, Principal
from app.domain.instant import to_micros
from app.domain.period import Granularity, Period, cut
from app.ports import Store
from app.question.filters import Filters
from app.question.groups import Grouped, GroupOrder, Groups
from app.question.keys import Dimension
from app.question.measures import Measure
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.answer import open_ledger
from app.reports.catalog import REPORTS
from app.reports.parameters import parse
from app.settings import Settings
from scripts.benchmarks.pairs import Result, paired
from scripts.benchmarks.places import LARGE, Place

T = TypeVar("T")
APRIL = Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
ODD = Period(datetime(2026, 4, 1, 7, tzinfo=UTC), datetime(2026, 5, 1, 9, tzinfo=UTC))
THIRTY = Period(datetime(2026, 3, 11, tzinfo=UTC), datetime(2026, 4, 10, tzinfo=UTC))
SUBJECTS = {
    "license-audit": {"license_id": ["license-0000-0"]},
    "customer-summary": {"customer_id": ["customer-0000"]},
    "subscription-settlement": {"subscription_id": ["subscription-0000-0"]},
}
SLOW_MILLISECONDS = 50
"""Plain statements that take longer are to be beaten."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what it is called."""

    name: str
    period: Period
    by: tuple[Dimension, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    days: bool = False
    best: int | None = None
    """So many of the groups with the most events; all of them if left out."""

    def question(self, scope: Scope) -> Groups:
        """As the gateway is asked it."""
        filters: dict[str, Any] = {name: (value,) for name, value in self.filters}
        order = GroupOrder() if self.best is None else GroupOrder(Measure.EVENTS, descending=True)
        buckets = cut(self.period, Granularity.DAY) if self.days else None
        return Groups(scope, Filters(self.period, **filters), self.by, buckets, order, limit=self.best)


QUESTIONS = (
    Asked("a month, by product", APRIL, (Dimension.PRODUCT,)),
    Asked("a month of one feature, by product", APRIL, (Dimension.PRODUCT,), (("feature_code", "feature-00"),)),
    Asked("30 days across months, by product", THIRTY, (Dimension.PRODUCT,)),
    Asked("30 days across months, by feature", THIRTY, (Dimension.FEATURE,)),
    Asked("a month, by day and product", APRIL, (Dimension.PRODUCT,), days=True),
    Asked("a month with ragged edges, by product", ODD, (Dimension.PRODUCT,)),
    Asked("a month, the 100 busiest customers", APRIL, (Dimension.CUSTOMER,), best=100),
    Asked("a month of the busiest customer, by product", APRIL, (Dimension.PRODUCT,), (("customer_id", "customer-0000"),)),
    Asked("a month of a small customer, by product", APRIL, (Dimension.PRODUCT,), (("customer_id", "customer-1500"),)),
    Asked("a month, by license", APRIL, (Dimension.LICENSE,), best=100),
)


class Plain:
    """The plain statements on a connection of their own."""

    def __init__(self, place: Place, account_id: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._account = account_id
        self._near = place.engine == "SQLite"
        if self._near:
            self._file = sqlite3.connect(place.url.removeprefix("sqlite:///"))
            self._file.execute("PRAGMA cache_size = -65536")
        else:
            self._server = loop.run_until_complete(asyncpg.connect(place.url, server_settings={"TimeZone": "UTC"}))

    def rows(self, asked: Asked) -> list[Any]:
        """All groups: their keys, unit, currency, signed events, and the sums."""
        keys = [*(["day"] if asked.days else []), *(each.value for each in asked.by), "unit", "currency"]
        sums = ("quantity", "charge")
        day = "occurred_at / 86400000000 AS day" if self._near else "date_trunc('day', occurred_at) AS day"
        if self._near:
            sums = tuple(f"{name}_{power}" for name in sums for power in (28, 18, 9, 0))
        told = ", ".join([day if key == "day" else key for key in keys] + [f"SUM({name})" for name in sums])
        values: list[Any] = [self._account, asked.period.start, asked.period.end, *(value for _, value in asked.filters)]
        marks = iter(["?"] * len(values) if self._near else [f"${at}" for at in range(1, len(values) + 1)])
        sql = (
            f"SELECT SUM(CASE WHEN correction = 'reversal' THEN -1 ELSE 1 END) AS events, {told} FROM entries"
            f" WHERE account_id = {next(marks)} AND kind = 'usage'"
            f" AND occurred_at >= {next(marks)} AND occurred_at < {next(marks)}"
            + "".join(f" AND {name} = {next(marks)}" for name, _ in asked.filters)
            + f" GROUP BY {', '.join(keys)}"
        )
        if self._near:
            values = [to_micros(each) if isinstance(each, datetime) else each for each in values]
            return self._file.execute(sql, values).fetchall()
        return self._loop.run_until_complete(self._server.fetch(sql, *values))

    def close(self) -> None:
        """Let go of the connection."""
        if self._near:
            self._file.close()
        else:
            self._loop.run_until_complete(self._server.close())


def run(place: Place, *, seconds: float, runs: int) -> Iterator[Result]:
    """Every pair, once the answers are seen to be equal."""
    loop = asyncio.new_event_loop()
    until: Callable[[Coroutine[Any, Any, T]], T] = loop.run_until_complete
    store: Store = until(open_store(Settings(database_url=place.url)))
    account = until(store.account_named(LARGE))
    assert account is not None
    scope = Scope(account.id, until(store.head(account.id)).sequence)
    plain = Plain(place, account.id, loop)
    try:
        for asked in QUESTIONS:
            question = asked.question(scope)
            answer: Grouped = until(store.groups(question))
            assert answer.total.events == sum(row[0] for row in plain.rows(asked)), f"{asked.name}: the answers differ"
            assert answer.way is not None
            theirs = milliseconds(lambda asked=asked: plain.rows(asked))
            slow = theirs() > SLOW_MILLISECONDS
            yield paired(
                f"totals: {asked.name}",
                theirs,
                milliseconds(lambda question=question: until(store.groups(question))),
                unit="ms, plain and ours",
                against=f"plain GROUP BY, by {answer.way.source}",
                wanted=30 if slow else None,
                runs=runs,
            )
        page = Rows(scope, Filters(customer_id=("customer-0003",)), limit=100)
        principal = Principal(account, "bench", frozenset({Permission.ADMIN.value}))
        for name, given in SUBJECTS.items():
            report = next(each for each in REPORTS if each.name == name.replace("-", "_"))
            parameters = parse(given, report.parameters, limit=100)

            async def answered(report: Any = report, parameters: Any = parameters) -> int:
                opened = await open_ledger(store, principal, None)
                return sum([len(batch) async for _, batch in report.answer(store, opened, parameters)])

            yield paired(
                f"report: {name} of the busiest",
                milliseconds(lambda answered=answered: until(answered())),
                milliseconds(lambda: until(store.rows(page))),
                unit="ms",
                against="a page of 100 ledger rows",
                wanted=10,
                most=True,
                runs=runs,
            )
    finally:
        plain.close()
        until(store.close())
        loop.close()


def milliseconds(work: Callable[[], object]) -> Callable[[], float]:
    """Times the work, once for each pair; work that takes no time is done ten times over."""

    def timed() -> float:
        began = time.perf_counter()
        work()
        once = time.perf_counter() - began
        if once > 0.05:
            return once * 1_000
        began = time.perf_counter()
        for _ in range(10):
            work()
        return (time.perf_counter() - began) * 100

    return timed
