"""The statement that chooses a page of groups where a rollup has many: counted, ordered and cut by the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from app.question.groups import Groups, Place
from app.question.measures import Measure
from app.storage.sql.conditions import listed, repeated
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.planner import Plan
from app.storage.sql.rollup_reads import RollupReads, RollupShape
from app.storage.sql.rollups import NOTHING
from app.storage.sql.tables import heads
from app.storage.sql.writes import width

MOST_LIMIT = 1_000
"""Groups of a page; more are as well added up all together."""
_MOST = 2**63 - 1
"""The greatest number that an engine can be asked to compare with."""


@dataclass(frozen=True, slots=True)
class ChoiceShape:
    """What of a question decides the text of the statement."""

    rollup: RollupShape
    events: bool
    """Whether by events, and not by key."""
    descending: bool
    leads: int | None
    """Which key leads, by key."""
    after: bool
    before: bool
    from_end: bool
    touched: int
    """Customers that are left out."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A page of the groups of all but the customers left out, in no order, and where it stands among them."""

    head: int
    count: int
    """How many groups there are."""
    first: int
    """How many of them stand at or before the place that the page is after."""
    last: int
    """How many stand before the one that it is before."""
    keys: list[tuple[str | None, ...]]


def can_choose(question: Groups, plan: Plan) -> bool:
    """Whether the question is for a page of many groups, in an order that a rollup knows without its units and currencies."""
    if plan.rollup is None or plan.rollup.by_customer or "customer_id" not in plan.rollup.dimensions or plan.edges:
        return False
    if (
        question.limit is None
        or not 1 <= question.limit <= MOST_LIMIT
        or question.buckets is not None
        or question.wanted
        or question.having
    ):
        return False
    if question.top is not None or question.comparison is not None:
        return False
    bounds = [each for each in (question.after, question.before) if each is not None]
    if question.order.measure is Measure.EVENTS:
        # A cursor is no secret: one that nobody was given may hold anything.
        return all(isinstance(each.value, int) and abs(each.value) <= _MOST for each in bounds)
    return question.order.measure is Measure.KEY


class ChoiceReads:
    """The statements for one engine, each compiled when its shape is first asked."""

    def __init__(self, dialect: Dialect, reads: RollupReads) -> None:
        self._dialect = dialect
        self._reads = reads
        self._statement = lru_cache(maxsize=64)(self._compiled)

    def choose(self, question: Groups, plan: Plan, touched: Sequence[str]) -> tuple[Statement, dict[str, Any]]:
        """The statement, for all customers but these."""
        rollup, values = self._reads.whole(question, plan)
        order = question.order
        shape = ChoiceShape(
            rollup,
            order.measure is Measure.EVENTS,
            order.descending,
            None if order.key is None else question.by.index(order.key),
            question.after is not None,
            question.before is not None,
            question.from_end,
            width(len(touched)),
        )
        values = values | {"limit": question.limit} | repeated("touched", touched)
        return self._statement(shape), values | _bound("after", question.after) | _bound("before", question.before)

    @staticmethod
    def chosen(rows: Sequence[Sequence[Any]]) -> Chosen:
        """What the rows of the answer hold: at least one, which has no keys where the page is empty."""
        head, count, after, before = rows[0][:4]
        keys = [tuple(each or None for each in row[5:]) for row in rows if row[4] is not None]
        return Chosen(head, count, count - after, before, keys)

    def _compiled(self, shape: ChoiceShape) -> Statement:
        table = self._reads.rows(shape.rollup)
        keys = [table.c[name] for name in shape.rollup.by]
        events = cast(func.sum(table.c.events), BigInteger).label("value")
        left_out = table.c.customer_id.not_in(listed("touched", shape.touched)) if shape.touched else true()
        found = select(events, *keys).where(left_out).group_by(*keys).cte("found")
        beyond = _past(shape, found.c, "after", turned=False) if shape.after else true()
        nearer = _past(shape, found.c, "before", turned=True) if shape.before else true()
        counts = [select(func.count()).select_from(found).where(each).scalar_subquery() for each in (true(), beyond, nearer)]
        order = [column.desc() if turned != shape.from_end else column for column, turned, _ in _order(shape, found.c)]
        page = (
            select(found.c.value, *(found.c[name] for name in shape.rollup.by))
            .where(beyond, nearer)
            .order_by(*order)
            .limit(bindparam("limit", type_=BigInteger))
            .subquery("page")
        )
        end = select(heads.c.sequence).where(heads.c.account_id == bindparam("account_id")).subquery("head")
        told = select(end.c.sequence, *counts, *page.c).select_from(end.outerjoin(page, true()))
        return compile_statement(told, self._dialect)


def _order(shape: ChoiceShape, columns: Any) -> list[tuple[ColumnElement[Any], bool, str]]:
    """What groups are ordered by: expressions, whether greatest first, and the names of a place's values for them. As in
    `app.question.order`: nulls come last whichever way."""
    keys = list(range(len(shape.rollup.by)))
    if shape.leads is not None:
        keys.insert(0, shape.leads)
    ordered: list[tuple[ColumnElement[Any], bool, str]] = []
    if shape.events:
        ordered.append((columns.value, shape.descending, "value"))
    for at in keys:
        column = columns[shape.rollup.by[at]]
        absent = case((column == literal_column(f"'{NOTHING}'"), literal_column("1")), else_=literal_column("0"))
        ordered += [(absent, False, f"absent_{at}"), (column, shape.descending and not shape.events, f"key_{at}")]
    return ordered


def _past(shape: ChoiceShape, columns: Any, name: str, *, turned: bool) -> ColumnElement[bool]:
    """That a group stands after the place of that name; `turned`, before it."""
    same: list[ColumnElement[bool]] = []
    past: list[ColumnElement[bool]] = []
    for column, descending, of in _order(shape, columns):
        value: ColumnElement[Any] = bindparam(f"{name}_{of}", type_=Text if of.startswith("key") else BigInteger)
        past.append(and_(true(), *same, column < value if descending != turned else column > value))
        same.append(column == value)
    return or_(false(), *past)


def _bound(name: str, place: Place | None) -> dict[str, Any]:
    if place is None:
        return {}
    values: dict[str, Any] = {f"{name}_value": place.value}
    for at, key in enumerate(place.dimensions):
        values |= {f"{name}_absent_{at}": int(key is None), f"{name}_key_{at}": key or NOTHING}
    return values
