"""The planner: which rollup answers a question for totals, for which days, and what is left for the ledger to say.

It looks at the question alone, not at the data: the same question takes the same way on a new and on a full database. What it
does not know it leaves to the ledger, which can answer everything.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from app.domain.instant import EPOCH
from app.domain.period import Granularity, Period
from app.question.filters import Filters
from app.question.groups import Groups
from app.question.keys import Dimension
from app.storage.sql.rollups import LINKED, ROLLUPS, Rollup

MOST_CUT = 64
"""Days, or hours, of which some bucket's edge makes two: each is asked in a question of its own."""
_DAY = timedelta(days=1)
_MONTHS = (Granularity.MONTH, Granularity.QUARTER, Granularity.YEAR)
_DIMENSIONS = frozenset(each.value for each in Dimension)
_BESIDE = {each.name: each.default for each in fields(Filters) if each.name not in {"period", *_DIMENSIONS}}
"""Filters that no rollup knows, and what each is where it asks nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question for totals is answered.

    The rollup tells the days from `first` to before `end` (whole days since 1970, None is open) but for those in `cut`; the
    periods in `finer` are told by one of hours, as its own plan says, the ledger tells those in `edges`. Of a rollup of hours,
    hours are meant wherever days are spoken of. Without a rollup the ledger tells everything.
    """

    reason: str
    """Why, for people: in their words and without any value of the question."""
    rollup: Rollup | None = None
    link: str | None = None
    """The dimension whose customers' rows are read; None where the customers are named, or the days come first."""
    first: int | None = None
    end: int | None = None
    months: Rollup | None = None
    """The rollup that tells the whole months among the days, where there is one: they begin with the day `first_month`, and end
    before `end_month`. One of folded days tells them up to the day before which they are folded, be it within a month, where
    that is not past `folded_end`; else up to `end_month`."""
    first_month: int | None = None
    end_month: int | None = None
    folded_end: int | None = None
    cut: tuple[int, ...] = ()
    finer: tuple[tuple[Period, Plan], ...] = ()
    edges: tuple[Period, ...] = ()

    @property
    def left(self) -> tuple[Period, ...]:
        """All that the ledger tells."""
        return (*self.edges, *(edge for _, each in self.finer for edge in each.edges))

    def number(self, moment: datetime) -> int:
        """The day that holds the instant."""
        return (moment - EPOCH) // self.step

    def start(self, day: int) -> datetime:
        """Its first instant."""
        return EPOCH + day * self.step

    def period(self, day: int) -> Period:
        """All of it."""
        return Period(self.start(day), self.start(day + 1))

    @property
    def step(self) -> timedelta:
        """How long a day is: an hour, of a rollup of hours."""
        assert self.rollup is not None
        return self.rollup.step

    @property
    def word(self) -> str:
        """What it is called."""
        assert self.rollup is not None
        return self.rollup.time

    def holds(self, day: int) -> bool:
        """Whether the rollup tells that day."""
        return (self.first is None or day >= self.first) and (self.end is None or day < self.end) and day not in self.cut

    def tells_month(self, day: int) -> bool:
        """Whether that day is within a month that is told as a whole."""
        if self.months is None:
            return False
        return (self.first_month is None or day >= self.first_month) and (self.end_month is None or day < self.end_month)

    def between(self, first: int, end: int) -> Plan:
        """The same for the days from the first to before the second of these."""
        if self.months is None:
            return replace(self, first=first, end=end)
        first_month = month_from(first) if self.first_month is None else max(month_from(first), self.first_month)
        end_month = month_of(end) if self.end_month is None else min(month_of(end), self.end_month)
        months = self.months if first_month < end_month else None
        folded_end = end if self.folded_end is None else min(end, self.folded_end)
        return replace(
            self,
            first=first,
            end=end,
            months=months,
            first_month=first_month,
            end_month=end_month,
            folded_end=folded_end,
        )

    def by_days(self) -> Plan:
        """The same without months."""
        return replace(self, months=None)

    @property
    def folds(self) -> bool:
        """Whether the months are folded days."""
        return self.months is not None and self.months.folds is not None

    def folded(self, until: int | None) -> Plan:
        """The same as it is where days are folded up to there; None where none are."""
        if not self.folds:
            return self
        if until is None:
            return self.by_days()
        end = until if self.folded_end is None or until <= self.folded_end else self.end_month
        return replace(self, end_month=end)

    def without_months(self, days: Iterable[int]) -> Plan:
        """The same, but with the months from the first of these days on told by their days."""
        first = min((month_of(day) for day in days), default=None)
        end = self.folded_end if self.folds else self.end_month
        if self.months is None or first is None or (end is not None and end <= first):
            return self
        if self.first_month is not None and first <= self.first_month:
            return replace(self, months=None)
        return replace(self, end_month=first, folded_end=first)


def day_of(moment: datetime) -> int:
    """The UTC day that holds the instant: whole days since 1970-01-01."""
    return (moment - EPOCH).days


def day_start(day: int) -> datetime:
    """Its first instant."""
    return EPOCH + day * _DAY


def day_period(day: int) -> Period:
    """All of it."""
    return Period(day_start(day), day_start(day + 1))


def month_of(day: int) -> int:
    """The first day of the month that holds a day."""
    return day - day_start(day).day + 1


def start_of(period: Period) -> datetime:
    """The start of a closed period."""
    assert period.start is not None
    return period.start


def end_of(period: Period) -> datetime:
    """The end of a closed period."""
    assert period.end is not None
    return period.end


def columns(question: Groups) -> tuple[str, ...]:
    """The columns that a question groups by, as far as it is columns."""
    return tuple(each.value for each in question.by if isinstance(each, Dimension))


def plan(question: Groups) -> Plan:
    """How to answer it."""
    named = {name for name, _ in question.filters.terms()}
    strange = sorted(_strange(question.filters) | (named - _DIMENSIONS))
    if strange:
        return Plan(f"what `{strange[0]}` filters by is in no rollup")
    by = set(columns(question))
    if len(by) != len(question.by):
        return Plan("a key of additional data is in no rollup")
    found = next(_fitting(by | named, named), None)
    if found is None:
        of = ", ".join(sorted(by | named))
        if any(by | named <= set(each.dimensions) for each in ROLLUPS):
            return Plan(f"no rollup has {of} in one place; name a license, an order, a subscription or a customer")
        return Plan(f"no rollup has {of} together")
    rollup, link = found
    reason = f"the smallest that has {', '.join(sorted(by | named)) or 'everything'}"
    hours = next((each for each in ROLLUPS if each.step < _DAY and by | named <= set(each.dimensions)), None)
    if question.buckets is not None and question.buckets.granularity is Granularity.HOUR:
        return Plan("hours are shorter than a rollup's days") if hours is None else _told(question, Plan(reason, hours))
    days = _told(question, Plan(reason, rollup, link))
    if hours is not None:
        days = _told(question, Plan(reason, hours)) if days.rollup is None else _with_hours(days, hours, question)
    return days if days.rollup is not rollup else _with_months(days, by | named, question)


def _told(question: Groups, planned: Plan) -> Plan:
    """The plan with what its rollup tells of the question, and what it does not; one without a rollup where that is little."""
    period = _asked(question)
    if period is None:
        return Plan("no bucket is in the period")
    first = None if period.start is None else -((EPOCH - period.start) // planned.step)
    end = None if period.end is None else planned.number(period.end)
    if first is not None and end is not None and first >= end:
        return Plan(f"the period holds no whole UTC {planned.word}")
    cut = _cut(question, planned, first, end)
    if len(cut) > MOST_CUT or (first is not None and end is not None and 2 * len(cut) >= end - first):
        return Plan(f"the buckets' edges make two of too many UTC {planned.word}s")
    edges = [planned.period(each) for each in cut]
    if period.start is not None and first is not None and period.start < planned.start(first):
        edges.append(Period(period.start, planned.start(first)))
    if period.end is not None and end is not None and planned.start(end) < period.end:
        edges.append(Period(planned.start(end), period.end))
    return replace(planned, first=first, end=end, cut=cut, edges=tuple(edges))


def _with_hours(days: Plan, hours: Rollup, question: Groups) -> Plan:
    """The plan with the hours among its edges told by a rollup of these."""
    finer, edges = [], []
    for edge in days.edges:
        found = _told(replace(question, filters=question.filters.within(edge)), Plan(days.reason, hours))
        if found.rollup is None:
            edges.append(edge)
        else:
            finer.append((edge, found))
    return replace(days, finer=tuple(finer), edges=tuple(edges))


def _with_months(days: Plan, needed: set[str], question: Groups) -> Plan:
    """The plan with the months among its days told as a whole, where no bucket is shorter."""
    assert days.rollup is not None
    own = days.rollup.name if days.rollup.by_customer else None
    months = next((each for each in ROLLUPS if each.months and each.folds == own and needed <= set(each.dimensions)), None)
    buckets = question.buckets
    whole = buckets is None or (buckets.zone == "UTC" and buckets.granularity in _MONTHS)
    if months is None or not whole:
        return days
    first = None if days.first is None else month_from(days.first)
    end = None if days.end is None else month_of(days.end)
    if first is not None and end is not None and first >= end:
        return days
    return replace(
        days,
        months=months,
        first_month=first,
        end_month=end,
        folded_end=days.end,
    )


def month_from(day: int) -> int:
    """The first day, that day or a later one, with which a month begins."""
    return day if month_of(day) == day else month_of(month_of(day) + 31)


def _strange(filters: Filters) -> set[str]:
    """Filters beside the dimensions and the period, whichever there are."""
    return {name for name, default in _BESIDE.items() if getattr(filters, name) != default}


def _fitting(needed: set[str], named: set[str]) -> Iterator[tuple[Rollup, str | None]]:
    """The rollups that have the dimensions, the smallest first, each with the dimension that leads to customers.

    One that holds customers by day would be read whole for one of them: others have a customer's days in one place.
    """
    for rollup in ROLLUPS:
        if rollup.months or rollup.step < _DAY or not needed <= set(rollup.dimensions):
            continue
        if not rollup.by_customer:
            if "customer_id" not in named:
                yield rollup, None
        elif "customer_id" in named:
            yield rollup, None
        elif link := next((each for each in LINKED if each in named), None):
            yield rollup, link


def _asked(question: Groups) -> Period | None:
    """The period that counts: that of the filters within that of the buckets. None where they have nothing in common."""
    period, buckets = question.filters.period, question.buckets
    if buckets is None:
        return period
    start = buckets.edges[0] if period.start is None else max(buckets.edges[0], period.start)
    end = buckets.edges[-1] if period.end is None else min(buckets.edges[-1], period.end)
    return Period(start, end) if start < end else None


def _cut(question: Groups, planned: Plan, first: int | None, end: int | None) -> tuple[int, ...]:
    """The days among these within which one bucket ends and the next begins."""
    buckets = question.buckets
    if buckets is None or first is None or end is None:
        return ()
    inner = buckets.edges[bisect_right(buckets.edges, planned.start(first)) : bisect_left(buckets.edges, planned.start(end))]
    return tuple(dict.fromkeys(planned.number(edge) for edge in inner if (edge - EPOCH) % planned.step))
