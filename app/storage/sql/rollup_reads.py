"""The statements that read totals from a rollup, and tell the head that these are as of."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    union_all,
)

from app.domain.entry import Entry
from app.domain.period import Granularity
from app.question.groups import Groups
from app.storage.sql.conditions import listed, repeated
from app.storage.sql.dialect import Cut, Dialect, Statement, compile_statement
from app.storage.sql.planner import Plan, columns, end_of, month_from, start_of
from app.storage.sql.rollups import COUNTS, EVER, EXTREMES, NAMED, NOTHING
from app.storage.sql.tables import Words, contract_customers, folded_customers, heads
from app.storage.sql.writes import width

_KEY_AT = 4
"""Where the key begins in a row of an answer, behind the head, how many entries, and the uses of the days told apart."""
_COUNTED = ("events", "measured", "charged", "quantities", "charges")
"""What is counted, in the order of a ledger's row."""


@dataclass(frozen=True, slots=True)
class Source:
    """A part of a rollup: its table, and the names of the parameters between which its days are; None is open."""

    rollup: str
    start: str | None
    end: str | None
    single: bool = False
    """Whether all of it is of one day (or month), the one at the start: its rows are then found by all of their key."""
    folded: bool = False
    """Whether the statement looks up to where days are folded: a part of months has those before, one of days the others."""
    folded_end: str | None = None
    """The parameter past which that day is not to be; None is open."""


@dataclass(frozen=True, slots=True)
class RollupShape:
    """What of a plan and a question decides the text of the statement."""

    sources: tuple[Source, ...]
    customers: int
    """Customers whose rows are read; none where their rows are not in one place."""
    terms: tuple[tuple[str, int], ...]
    by: tuple[str, ...]
    without: int
    """Days that are left out."""
    apart: int
    """Days whose first and last uses are told apart from those of the others."""
    by_bucket: bool
    bucket: Hashable
    step: timedelta
    """How long the time is that a row is of, or less: a day or an hour."""
    folds: bool
    """Whether it is told up to where days are folded, be it that this part of the question has no month."""
    apiece: bool
    """Whether no two rows are of the same group, unit and currency, so that nothing is left to add up."""


# Not frozen: there may be tens of thousands, and a frozen one takes three times as long to make.
@dataclass(slots=True)
class Row:
    """One row: the keys as the ledger's rows have them, how many entries, and what is added up of them.

    First and last are doubled microseconds, whose odd bit tells whether they are certain (see `app.storage.sql.rollups`): over
    the days that are not told apart, then over those that are.
    """

    key: tuple[Any, ...]
    entries: int
    counts: tuple[int, ...]
    """In the order of a ledger's row: signed events, measured, charged, then all quantities and charges."""
    first: int | None
    last: int | None
    first_apart: int | None
    last_apart: int | None
    sums: tuple[Any, ...]


class RollupReads:
    """The statements for one engine, each compiled when its shape is first asked."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._statement = lru_cache(maxsize=256)(self._compiled)
        self._links = lru_cache(maxsize=16)(self._linking)
        self._spans = lru_cache(maxsize=32)(self._spanning)

    def customers(self, question: Groups, plan: Plan, most: int) -> tuple[Statement, dict[str, Any]]:
        """The statement for the customers that the plan's link leads to, at most so many."""
        assert plan.link is not None
        values = dict(question.filters.terms())[plan.link]
        given = {"account_id": question.scope.account_id, "dimension": plan.link, "most": most}
        return self._links(width(len(values))), given | repeated("value", values)

    def days(self, question: Groups, plan: Plan, customers: Sequence[str]) -> tuple[Statement, dict[str, Any]]:
        """The statement for the first and the last day that a rollup has of a question about all times, and how many entries."""
        assert plan.rollup is not None
        shape, values = self._shape(question, plan, customers, (), None)
        return self._spans(shape, plan.rollup.name), values

    def parts(
        self, question: Groups, plan: Plan, customers: Sequence[str], apart: Sequence[int]
    ) -> Iterator[tuple[Statement, dict[str, Any]]]:
        """The statements that together read each of the plan's rows once. Each also tells the ledger's head, in the first column
        of a row that tells nothing else; all others have null there."""
        if question.buckets is None:
            yield self._part(question, plan, customers, apart, None)
            return
        for cut in self._dialect.cuts(question.buckets):
            yield self._part(question, plan, customers, apart, cut)

    def whole(self, question: Groups, plan: Plan) -> tuple[RollupShape, dict[str, Any]]:
        """What decides the text of a statement over all of the plan's rows, and the values of its parameters."""
        return self._shape(question, plan, (), (), None)

    def rows(self, shape: RollupShape) -> Subquery:
        """The rows of rollups that such a statement is about."""
        parts = [self._source(shape, source) for source in shape.sources]
        return (parts[0] if len(parts) == 1 else union_all(*parts)).subquery("rows")

    def row(self, row: Sequence[Any], question: Groups) -> Row:
        """What a row of the answer holds."""
        _, entries, first_apart, last_apart = row[:_KEY_AT]
        counts = _counts_at(question)
        events, measured, charged, quantities, charges, first, last = row[counts : counts + 7]
        key, sums = tuple(row[_KEY_AT:counts]), tuple(row[counts + 7 :])
        return Row(key, entries, (events, measured, charged, quantities, charges), first, last, first_apart, last_apart, sums)

    def entries(self, rows: Iterable[Sequence[Any]]) -> int:
        """How many entries the rows of an answer are of."""
        return sum(row[1] for row in rows)

    def certain(self, rows: Iterable[Sequence[Any]], question: Groups) -> Iterator[tuple[Any, ...] | None]:
        """Each row as the ledger's own statement would tell it; None where the first or the last use is not certain."""
        instant, uses = self._dialect.instant, _counts_at(question) + 5
        for row in rows:
            first, last = row[uses], row[uses + 1]
            if first is None or last is None or first & 1 or not last & 1:
                yield None
            else:
                yield (*row[_KEY_AT:uses], instant(first >> 1), instant(last >> 1), *row[uses + 2 :])

    def key(self, row: Row, question: Groups) -> tuple[Any, ...]:
        """What a row is of, the same as `key_of` tells of its entries."""
        if question.buckets is None:
            return row.key
        return (self._dialect.bucket_start(row.key[0], question.buckets), *row.key[1:])

    def key_of(self, entry: Entry, question: Groups) -> tuple[Any, ...]:
        """What the row of an entry is of."""
        own = (*(getattr(entry, each) for each in columns(question)), entry.unit, entry.currency)
        if question.buckets is None:
            return own
        edges = question.buckets.edges
        return (edges[bisect_right(edges, entry.occurred_at) - 1], *own)

    def less(self, row: Row, entry: Entry) -> Row:
        """A row without what an entry has added to it, but for first and last uses."""
        sign = entry.sign
        measured, charged = int(entry.quantity is not None), int(entry.charge is not None)
        taken = (sign, sign * measured, sign * charged, measured, charged)
        sums = self._dialect.less(row.sums, (entry.quantity, entry.charge))
        counts = tuple([one - other for one, other in zip(row.counts, taken, strict=True)])
        return replace(row, entries=row.entries - 1, counts=counts, sums=sums)

    def _part(
        self, question: Groups, plan: Plan, customers: Sequence[str], apart: Sequence[int], cut: Cut | None
    ) -> tuple[Statement, dict[str, Any]]:
        shape, values = self._shape(question, plan, customers, apart, cut)
        return self._statement(shape), values

    def _shape(
        self, question: Groups, plan: Plan, customers: Sequence[str], apart: Sequence[int], cut: Cut | None
    ) -> tuple[RollupShape, dict[str, Any]]:
        assert plan.rollup is not None
        first, end, folds = plan.first, plan.end, plan.folds
        if cut is not None and first is not None and end is not None:
            # A day that is not whole in this part is one that an edge cuts, and left out in any case.
            first, end = max(first, plan.number(start_of(cut.period))), min(end, plan.number(end_of(cut.period)))
            plan = plan.between(first, end)
        filters = question.filters
        values: dict[str, Any] = {"account_id": question.scope.account_id, "first": first, "end": end}
        values |= {"first_month": plan.first_month, "end_month": plan.end_month, "folded_end": plan.folded_end}
        if folds:
            [values["folded_customer"]] = customers or question.filters.customer_id or ()
        for name, terms in filters.terms():
            values |= repeated(name, terms)
        values |= repeated("without", plan.cut) | repeated("apart", apart) | repeated("customer", customers)
        if cut is not None:
            values |= cut.values
        sources = _sources(plan, first, end)
        shape = RollupShape(
            sources,
            width(len(customers)),
            tuple((name, width(len(terms))) for name, terms in filters.terms()),
            columns(question),
            width(len(plan.cut)),
            width(len(apart)),
            cut is not None,
            None if cut is None else cut.shape,
            plan.step,
            folds,
            _is_apiece(question, plan, sources),
        )
        return shape, values

    def _compiled(self, shape: RollupShape) -> Statement:
        dialect = self._dialect
        table = self.rows(shape)
        grouped: list[ColumnElement[Any]] = [table.c[name] for name in (*shape.by, "unit", "currency")]
        keys: list[ColumnElement[Any]] = [func.nullif(column, literal_column(f"'{NOTHING}'")) for column in grouped]
        if shape.by_bucket:
            keys.insert(0, dialect.bucket(dialect.step_start(table.c.time, shape.step), shape.bucket))
            grouped.insert(0, literal_column("bucket"))

        def of(function: Any, value: ColumnElement[Any]) -> ColumnElement[Any]:
            told: ColumnElement[Any] = value if shape.apiece else function(value)
            return told

        first, last = table.c.first_use, table.c.last_use
        apart: list[ColumnElement[Any]] = [null(), null()]
        uses = [of(func.min, first), of(func.max, last)]
        if shape.apart:
            is_apart = table.c.time.in_(listed("apart", shape.apart))
            apart = [of(func.min, case((is_apart, first))), of(func.max, case((is_apart, last)))]
            uses = [of(func.min, case((~is_apart, first))), of(func.max, case((~is_apart, last)))]
        entries, *counts = (cast(of(func.sum, table.c[name]), BigInteger) for name in ("entries", *_COUNTED))
        sums = [of(func.sum, table.c[name]) for decimal in ("quantity", "charge") for name in dialect.decimal_columns(decimal)]
        values = [entries, *apart, *keys, *counts, *uses, *sums]
        bucket_at = 3 if shape.by_bucket else None
        found = select(null(), *(each.label("bucket" if at == bucket_at else f"v{at}") for at, each in enumerate(values)))
        if not shape.apiece:
            found = found.group_by(*grouped)
        until = [_folded_until()] if shape.folds else [null()]
        end = select(heads.c.sequence, *until, *(null() for _ in values[1:]))
        head = end.where(heads.c.account_id == bindparam("account_id"))
        # One statement, so that the rows and the head are of one state.
        return compile_statement(union_all(head, found), dialect)

    def _source(self, shape: RollupShape, source: Source) -> Select[Any]:
        table = self._dialect.rollups[source.rollup]
        decimals = [name for decimal in ("quantity", "charge") for name in self._dialect.decimal_columns(decimal)]
        names = (*shape.by, "unit", "currency", *COUNTS, *EXTREMES, *decimals)
        time = table.c[NAMED[source.rollup].time].label("time")
        return select(time, *(table.c[name] for name in names)).where(*self._conditions(shape, source))

    def _linking(self, count: int) -> Statement:
        found = select(contract_customers.c.customer_id).distinct().limit(bindparam("most", type_=Integer))
        found = found.where(
            contract_customers.c.account_id == bindparam("account_id"),
            contract_customers.c.dimension == bindparam("dimension"),
            contract_customers.c.value.in_(listed("value", count)),
        )
        return compile_statement(found, self._dialect)

    def _spanning(self, shape: RollupShape, days: str) -> Statement:
        """Two walks through the days, each of which ends with the first row that fits, and a sum over months and days."""
        by_day = self._dialect.rollups[days].c.day
        within = list(self._conditions(shape, Source(days, None, None)))
        first, last = (select(end(by_day)).where(*within).correlate(None).scalar_subquery() for end in (func.min, func.max))
        entries: list[ColumnElement[Any]] = []
        for source in shape.sources:
            counted = select(func.sum(self._dialect.rollups[source.rollup].c.entries))
            its = counted.where(*self._conditions(shape, source)).correlate(None).scalar_subquery()
            entries.append(cast(func.coalesce(its, literal_column("0")), BigInteger))
        return compile_statement(select(first, last, sum(entries[1:], entries[0])), self._dialect)

    def _conditions(self, shape: RollupShape, source: Source) -> Iterator[ColumnElement[bool]]:
        own = self._dialect.rollups[source.rollup].c
        yield own.account_id == bindparam("account_id")
        if shape.customers:
            yield own.customer_id.in_(listed("customer", shape.customers))
        for name, count in shape.terms:
            values = listed(name, count)
            yield own[name] == values[0] if count == 1 else own[name].in_(values)
        time = own[NAMED[source.rollup].time]
        if source.single:
            yield time == bindparam(source.start, type_=Integer)
        elif source.start is not None:
            yield time >= bindparam(source.start, type_=Integer)
        if source.end is not None and not source.single:
            yield time < bindparam(source.end, type_=Integer)
        if source.folded:
            until = _folded_end(source)
            yield time < until if NAMED[source.rollup].months else time >= until
        if shape.without:
            yield self._dialect.unindexed(time).not_in(listed("without", shape.without))


def _counts_at(question: Groups) -> int:
    """Where the key of a row of an answer ends, and its counts begin."""
    return _KEY_AT + (question.buckets is not None) + len(question.by) + 2


def _folded_until() -> ColumnElement[Any]:
    """The day before which the customer's days are folded; null where none are."""
    own = folded_customers.c
    until = select(own.until).where(
        own.account_id == bindparam("account_id"), own.customer_id == bindparam("folded_customer", type_=Words)
    )
    return until.scalar_subquery()


def _folded_end(source: Source) -> ColumnElement[Any]:
    """The day before which months tell the days, see `Plan.folded`."""
    until = func.coalesce(_folded_until(), literal_column(str(EVER)))
    if source.folded_end is None:
        return until
    within = bindparam(source.folded_end, type_=Integer)
    told = case((until <= within, until), else_=bindparam("end_month", type_=Integer))
    return select(told).scalar_subquery()


def _is_apiece(question: Groups, plan: Plan, sources: Sequence[Source]) -> bool:
    """Whether each row is one of the answer: where all that rows are of is asked for, of one day or day by day."""
    buckets = question.buckets
    lasting = {"day": Granularity.DAY, "hour": Granularity.HOUR}[plan.word]
    one_by_one = buckets is not None and (buckets.granularity, buckets.zone) == (lasting, "UTC") and plan.months is None
    if len(sources) > 1 or not (one_by_one or sources[0].single):
        return False
    named = {name for name, terms in question.filters.terms() if len(terms) == 1}
    return named.union(columns(question)) >= set(NAMED[sources[0].rollup].dimensions)


def _sources(plan: Plan, first: int | None, end: int | None) -> tuple[Source, ...]:
    """The parts of rollups for the days from `first` to before `end`: days, whole months, and days again."""
    assert plan.rollup is not None
    days = plan.rollup.name
    start, stop = None if first is None else "first", None if end is None else "end"
    if plan.months is None:
        return (Source(days, start, stop, single=first is not None and end == first + 1),)
    first_month, end_month = plan.first_month, plan.end_month
    parts = []
    if first_month is not None and first != first_month:
        parts.append(Source(days, start, "first_month"))
    if plan.folds:
        begun, folded_end = None if first_month is None else "first_month", None if plan.folded_end is None else "folded_end"
        parts.append(Source(plan.months.name, begun, None, folded=True, folded_end=folded_end))
        parts.append(Source(days, begun, stop, folded=True, folded_end=folded_end))
        return tuple(parts)
    begun, ended = None if first_month is None else "first_month", None if end_month is None else "end_month"
    single = first_month is not None and end_month == month_from(first_month + 1)
    parts.append(Source(plan.months.name, begun, ended, single))
    if end_month is not None and end != end_month:
        parts.append(Source(days, "end_month", stop))
    return tuple(parts)
