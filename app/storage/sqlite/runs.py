"""Buckets as SQLite counts them: the calendar's edges as runs of equal steps, which plain arithmetic can use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, case

from app.domain.instant import from_micros
from app.domain.period import Buckets, Period
from app.storage.sql.dialect import Cut

MOST_RUNS = 256
"""Runs of buckets in one statement; a question with more is asked in parts."""


def cuts(buckets: Buckets) -> Iterator[Cut]:
    """The parts of a question by these buckets; a part's shape tells of each run whether it has more than one bucket."""
    runs = buckets.runs()
    for start in range(0, len(runs), MOST_RUNS):
        part = runs[start : start + MOST_RUNS]
        values: dict[str, Any] = {}
        for at, (first, step, _) in enumerate(part):
            values |= {f"first_{at}": first, f"step_{at}": step}
        first, step, count = part[-1]
        period = Period(from_micros(part[0][0]), from_micros(first + step * count))
        yield Cut(tuple(count > 1 for _, _, count in part), values, period)


def bucket(moment: ColumnElement[int], runs: Sequence[bool]) -> ColumnElement[int]:
    """The first instant of the bucket that holds `moment`, both in microseconds since 1970."""
    return _within(moment, runs, 0, len(runs))


def _within(moment: ColumnElement[int], runs: Sequence[bool], low: int, high: int) -> ColumnElement[int]:
    """The bucket, by halving the runs and then by arithmetic."""
    if high - low == 1:
        first = bindparam(f"first_{low}", type_=BigInteger)
        if not runs[low]:
            return first
        return moment - (moment - first) % bindparam(f"step_{low}", type_=BigInteger)
    middle = (low + high) // 2
    upper = bindparam(f"first_{middle}", type_=BigInteger)
    return case((moment < upper, _within(moment, runs, low, middle)), else_=_within(moment, runs, middle, high))
