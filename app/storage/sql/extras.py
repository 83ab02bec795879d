"""The statements for what cells cannot tell: how many customers a group has, and what stands at certain ranks in it.

An engine sorts and counts; only the ranks that were asked for leave it, however many entries a group has.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, func, literal_column, or_, select

from app.question.groups import Groups
from app.question.measures import milli
from app.storage.sql.cells import CellShape, is_standing, keys_of, shapes, with_reversals
from app.storage.sql.conditions import conditions, gathering_lead
from app.storage.sql.dialect import Dialect, Statement, compile_statement
from app.storage.sql.writes import width

Asked = tuple[Statement, dict[str, Any]]


class ExtraReads:
    """The statements for one engine, each compiled when its shape is first asked.

    A group lies within one statement: none of these can be added up from two. Rows begin with the group's bucket and keys.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._customers = lru_cache(maxsize=64)(self._counting)
        self._ranks = lru_cache(maxsize=128)(self._ranking)

    def customers(self, question: Groups) -> Iterator[Asked]:
        """Rows end with how many customers there are."""
        if question.wanted.customers:
            for shape, values in shapes(self._dialect, question):
                yield self._customers(shape), values

    def quantities(self, question: Groups) -> Iterator[Asked]:
        """Rows go on with the unit, a rank, and the columns of the quantity that stands there."""
        wanted = question.wanted
        if wanted.quantities or wanted.percentiles:
            asked = [milli(each) for each in wanted.percentiles]
            asked += asked[-1:] * (width(len(asked)) - len(asked))
            percentiles = {f"percentile_{at}": each for at, each in enumerate(asked)}
            for shape, values in shapes(self._dialect, question):
                yield self._ranks(shape, "quantity", "unit", len(asked)), values | percentiles

    def charges(self, question: Groups) -> Iterator[Asked]:
        """Rows go on with the currency, a rank, and the columns of the charge that stands there."""
        if question.wanted.charges:
            for shape, values in shapes(self._dialect, question):
                yield self._ranks(shape, "charge", "currency", 0), values

    def _counting(self, shape: CellShape) -> Statement:
        dialect, entries = self._dialect, self._dialect.entries
        keys, names = keys_of(dialect, shape)
        found = (
            select(*keys, func.count(entries.c.customer_id.distinct()))
            .select_from(with_reversals(entries))
            .where(*conditions(dialect, shape.filters, gathering_lead(shape.filters)), is_standing(entries))
            .group_by(*names)
        )
        return compile_statement(found, dialect)

    def _ranking(self, shape: CellShape, amount: str, of: str, percentiles: int) -> Statement:
        dialect, entries = self._dialect, self._dialect.entries
        keys, _ = keys_of(dialect, shape)
        parts = dialect.decimal_columns(amount)
        standing = (
            select(*keys, entries.c[of], *(entries.c[each] for each in parts))
            .select_from(with_reversals(entries))
            .where(*conditions(dialect, shape.filters, gathering_lead(shape.filters)), is_standing(entries))
            .where(entries.c[parts[0]].is_not(None))
            .subquery("standing")
        )
        group = list(standing.c)[: len(keys) + 1]
        ranked = select(
            *group,
            func.row_number().over(partition_by=group, order_by=[standing.c[each] for each in parts]).label("rank"),
            func.count().over(partition_by=group).label("many"),
            *(standing.c[each] for each in parts),
        ).subquery("ranked")
        rank, many = ranked.c.rank, ranked.c.many
        ranks: list[ColumnElement[bool]] = [rank == literal_column("1"), rank == many]
        whole: ColumnElement[int] = literal_column("100000")
        for at in range(percentiles):
            # The rank is that share of them, rounded up.
            share = many * bindparam(f"percentile_{at}", type_=BigInteger)
            ranks.append(and_(rank * whole >= share, (rank - literal_column("1")) * whole < share))
        told = [ranked.c[each.name] for each in group]
        return compile_statement(select(*told, rank, *(ranked.c[each] for each in parts)).where(or_(*ranks)), dialect)
