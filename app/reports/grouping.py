"""Asking for totals: what a summary asks, the period that it is compared with, and its groups page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import index
from typing import Any

from app.domain.decimal import plain
from app.domain.errors import InvalidQuery
from app.domain.instant import from_micros, to_micros
from app.domain.period import Buckets, Granularity, Period, buckets_before, cut, zone_named
from app.ports import Ledger
from app.question import cursor, fold
from app.question.filters import Filters, Slice
from app.question.groups import Compare, Comparison, Group, Grouped, GroupOrder, Groups, Place
from app.question.keys import GroupKey
from app.question.measures import INSTANTS, NO_EXTRAS, Condition, Extras, Measure
from app.question.order import place
from app.reports.report import Opened, PageRequest


@dataclass(frozen=True, slots=True)
class SummaryQuestion:
    """What to total, and how to group it. Buckets are cut on the calendar of `zone`; with `fill`, empty ones are told too."""

    filters: Filters = Filters()
    by: tuple[GroupKey, ...] = ()
    granularity: Granularity | None = None
    zone: str = "UTC"
    order: GroupOrder = GroupOrder()
    fill: bool = False
    having: tuple[Condition, ...] = ()
    top: int | None = None
    compare: Compare | Period | None = None

    def __post_init__(self) -> None:
        zone_named(self.zone)
        if len(set(self.by)) != len(self.by):
            raise InvalidQuery("groupBy", "names a key twice")
        if self.fill and self.granularity is None:
            raise InvalidQuery("fill", "needs a bucket of time to fill")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which extras are told: of each group, of everything, and of what `top` leaves over."""

    groups: Extras = NO_EXTRAS
    total: Extras = NO_EXTRAS
    other: Extras = NO_EXTRAS

    @classmethod
    def everywhere(cls, extras: Extras) -> Wanted:
        """The same of all."""
        return cls(extras, extras, extras)


NOTHING_MORE = Wanted()


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer: groups in order, with a cursor each where they are a page, and the totals over all of them."""

    question: Groups
    grouped: Grouped
    cursors: tuple[str, ...]

    def entries_of(self, group: Group) -> Filters:
        """Which entries a group adds up, or the total, or the other."""
        filters = self.question.filters
        if group is self.grouped.total:
            return filters
        if group is self.grouped.other:
            left_out = tuple(_slice(self.question, each) for each in self.grouped.top)
            return replace(filters, outside=filters.outside + left_out)
        return filters.opened(_slice(self.question, group))

    def earlier(self) -> Summary | None:
        """The same about the period that is compared with; None without a comparison."""
        question, now = self.question.earlier, self.grouped
        if question is None or now.total.previous is None:
            return None
        other = None if now.other is None else now.other.previous
        top = [each.previous for each in now.top if each.previous is not None]
        return Summary(question, Grouped([], now.total.previous, 0, False, False, other, top), ())


async def read(
    ledger: Ledger,
    opened: Opened,
    question: SummaryQuestion,
    request: PageRequest | None = None,
    *,
    limit: int | None = None,
    wanted: Wanted = NOTHING_MORE,
) -> Summary:
    """The summary, with the groups of one page, or the first `limit` of all groups where no page is asked for."""
    buckets = await _buckets(ledger, opened, question)
    bound = b"" if request is None else cursor.binding("groups", opened.scope.account_id, opened.bound_as_of, question)
    if question.granularity is not None and buckets is None:
        nothing = Summary(Groups(opened.scope, question.filters, question.by), Grouped([], Group(None, ()), 0, False, False), ())
        return replace(nothing, grouped=replace(nothing.grouped, total=await whole(ledger, nothing, wanted.total)))
    asked = Groups(
        opened.scope,
        question.filters,
        question.by,
        buckets,
        question.order,
        limit=limit if request is None else request.size(),
        after=None if request is None else _place(request.after, bound, question, "after"),
        before=None if request is None else _place(request.before, bound, question, "before"),
        from_end=request is not None and request.backward,
        fill=question.fill,
        extras=wanted.groups,
        having=question.having,
        top=question.top,
        comparison=_comparison(question, buckets),
    )
    grouped = await ledger.groups(asked)
    summary = Summary(asked, grouped, () if request is None else _cursors(bound, asked, grouped.groups))
    if wanted.total:
        grouped.total = await whole(ledger, summary, wanted.total)
    if wanted.other and grouped.other is not None:
        grouped.other = await rest(ledger, summary, wanted.other)
    return summary


def added_up(summary: Summary, question: Groups) -> Summary:
    """The answer to a question for fewer keys, of groups by more of them: all of these, without buckets and extras."""
    at = [summary.question.by.index(each) for each in question.by]
    groups = ((tuple([each.dimensions[key] for key in at]), each) for each in summary.grouped.groups)
    return Summary(question, fold.added_up(groups, question), ())


async def whole(ledger: Ledger, summary: Summary, extras: Extras) -> Group:
    """The total with extras, which no groups can be added up to."""
    asked = summary.question
    comparison = asked.comparison and Comparison(asked.comparison.period)
    return (await ledger.groups(Groups(asked.scope, asked.filters, extras=extras, comparison=comparison))).total


async def rest(ledger: Ledger, summary: Summary, extras: Extras) -> Group:
    """What the top groups leave, with extras. There must be something left."""
    other, before = summary.grouped.other, summary.earlier()
    assert other is not None
    scope = summary.question.scope
    told = (await ledger.groups(Groups(scope, summary.entries_of(other), extras=extras))).total
    if before is not None and before.grouped.other is not None:
        told.previous = (await ledger.groups(Groups(scope, before.entries_of(before.grouped.other), extras=extras))).total
    return told


def _slice(question: Groups, group: Group) -> Slice:
    period = Period()
    if group.bucket is not None and question.buckets is not None:
        period = Period(group.bucket, question.buckets.end_of(group.bucket))
    return Slice(question.by, group.dimensions, period)


async def _buckets(ledger: Ledger, opened: Opened, question: SummaryQuestion) -> Buckets | None:
    if question.granularity is None:
        return None
    period = question.filters.period
    if period.start is None or period.end is None:
        extent = await ledger.extent(opened.scope, question.filters)
        if extent is None:
            return None
        period = Period(period.start or extent[0], period.end or extent[1] + timedelta(microseconds=1))
    return cut(period, question.granularity, question.zone)


def _comparison(question: SummaryQuestion, buckets: Buckets | None) -> Comparison | None:
    """What is compared with. Raises InvalidQuery where there is no such period, or it is not cut into as many buckets."""
    named = question.compare
    if named is None:
        return None
    if isinstance(named, Compare):
        named = _before(question.filters.period, buckets)
    if buckets is None or question.granularity is None:
        return Comparison(named)
    if named.start is None or named.end is None:
        raise InvalidQuery("compareWith", "needs both ends of the period, since there are buckets")
    its = cut(named, question.granularity, question.zone, field="compareWith")
    here, there = len(buckets.edges) - 1, len(its.edges) - 1
    if here != there:
        raise InvalidQuery(
            "compareWith", f"is cut into {there:,} buckets and the period into {here:,}; name one that is cut alike"
        )
    return Comparison(named, its)


def _before(period: Period, buckets: Buckets | None) -> Period:
    """The period before that one."""
    start, end = period.start, period.end
    if start is None or end is None:
        raise InvalidQuery("compareWith", "needs both ends of the period: which one lies before it?")
    if buckets is not None and (buckets.edges[0], buckets.edges[-1]) == (start, end):
        return buckets_before(buckets)
    if start - datetime.min.replace(tzinfo=UTC) < end - start:
        raise InvalidQuery("compareWith", "would begin before the calendar does")
    return Period(start - (end - start), start)


def _cursors(bound: bytes, asked: Groups, groups: Iterable[Group]) -> tuple[str, ...]:
    return tuple(cursor.encode_all(bound, [_said(place(each, asked)) for each in groups]))


def _said(at: Place) -> list[Any]:
    value: Any = at.value
    if isinstance(value, datetime):
        value = to_micros(value)
    elif isinstance(value, Decimal):
        value = plain(value)
    bucket = None if at.bucket is None else to_micros(at.bucket)
    return [value, bucket, *at.dimensions]


def _place(text: str | None, bound: bytes, question: SummaryQuestion, name: str) -> Place | None:
    if text is None:
        return None
    values = cursor.decode(text, bound, name)
    try:
        value, bucket, *dimensions = values
        if value is not None:
            value = _ORDERED[question.order.measure](value)
        if len(dimensions) != len(question.by) or not all(each is None or isinstance(each, str) for each in dimensions):
            raise ValueError(text)
        return Place(value, None if bucket is None else from_micros(bucket), tuple(dimensions))
    except (ValueError, TypeError, ArithmeticError, KeyError):
        # Bound to the question, yet not made here: a cursor is no secret, so anyone can make one.
        raise InvalidQuery(name, "is not a cursor of this gateway") from None


def _finite(value: Any) -> Decimal:
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(value)
    return number


_ORDERED: dict[Measure, Callable[[Any], int | Decimal | datetime]] = {
    **dict.fromkeys((each for each in Measure if each is not Measure.KEY), _finite),
    **dict.fromkeys((Measure.EVENTS, Measure.CUSTOMERS), index),
    **dict.fromkeys(INSTANTS, from_micros),
}
"""From a cursor's value to what groups are ordered by."""
