"""A page of groups where a rollup has many: the engine chooses which, and only these are added up to the last digit here.

What is chosen is as of the head. Groups that newer entries have moved are left out of the choice, told apart as of the question's
sequence, and put among the others where they belong.
"""

from __future__ import annotations

from typing import Any

from app.question.groups import Group, Grouped, Groups
from app.question.keys import Dimension
from app.question.order import place, sort_key
from app.question.way import Way
from app.storage.sql.cells import CellReads, Found
from app.storage.sql.dialect import Dialect
from app.storage.sql.looks import Unfit
from app.storage.sql.planner import Plan, plan
from app.storage.sql.rollup_choices import ChoiceReads, Chosen, can_choose
from app.storage.sql.rollups import NOTHING
from app.storage.sql.summaries import TRIES, Ledger, Summaries

MOST_TOUCHED = 64
"""Customers that newer entries may name."""


class ChosenPages:
    """For one engine."""

    def __init__(self, dialect: Dialect, ledger: Ledger, summaries: Summaries, cells: CellReads) -> None:
        self._ledger = ledger
        self._summaries = summaries
        self._cells = cells
        self._choices = ChoiceReads(dialect, summaries.reads)

    async def page(self, question: Groups) -> Grouped | None:
        """The answer; None where all groups have to be added up for it."""
        if question.limit is None:
            return None
        planned = plan(question)
        if not can_choose(question, planned):
            return None
        at = question.by.index(Dimension.CUSTOMER)
        everything = Groups(question.scope, question.filters, question.by)
        try:
            chosen, touched = await self._choose(question, planned)
            customers = tuple(dict.fromkeys(key[at] or NOTHING for key in chosen.keys))
            near, way = await self._groups(everything, planned, customers)
            moved, _ = await self._groups(everything, planned, touched)
        except Unfit:
            return None
        whole = Groups(question.scope, question.filters)
        cells, _ = await self._summaries.cells(whole)
        total = (await self._cells.folded(Found(cells), whole, None)).total
        grouped = _merged(question, chosen, near, moved, total)
        grouped.way = way
        return grouped

    async def _choose(self, question: Groups, planned: Plan) -> tuple[Chosen, tuple[str, ...]]:
        """What is chosen of all but the customers that newer entries name, and these."""
        touched: tuple[str, ...] = ()
        for _ in range(TRIES):
            statement, values = self._choices.choose(question, planned, touched)
            chosen = self._choices.chosen(await self._ledger.ask(statement, values))
            newer = await self._summaries.newer(question, planned, (), chosen.head)
            named = {each.customer_id or NOTHING for each in newer}
            if named <= set(touched):
                return chosen, touched
            touched = tuple(sorted(named | set(touched)))
            if len(touched) > MOST_TOUCHED:
                raise Unfit(f"the entries after the sequence name more than {MOST_TOUCHED} customers")
        raise Unfit("the ledger was written to each time that the rollup was read")

    async def _groups(self, question: Groups, planned: Plan, customers: tuple[str, ...]) -> tuple[list[Group], Way]:
        """All groups of these customers."""
        if not customers:
            assert planned.rollup is not None
            return [], Way(planned.rollup.name, planned.reason)
        cells, way = await self._summaries.rolled(question, planned, customers)
        return (await self._cells.folded(Found(cells), question, None)).groups, way


def _merged(question: Groups, chosen: Chosen, near: list[Group], moved: list[Group], total: Group) -> Grouped:
    """The page: as `app.question.fold` cuts it from all groups."""
    assert question.limit is not None

    def key(group: Group) -> Any:
        return sort_key(place(group, question), question)

    first, last, count = chosen.first, chosen.last, chosen.count + len(moved)
    after = None if question.after is None else sort_key(question.after, question)
    before = None if question.before is None else sort_key(question.before, question)
    inside = list(near)
    for group in moved:
        its = key(group)
        is_after, is_before = after is None or its > after, before is None or its < before
        first, last = first + (not is_after), last + is_before
        if is_after and is_before:
            inside.append(group)
    inside.sort(key=key)
    if last - first > question.limit:
        inside = inside[-question.limit :] if question.from_end else inside[: question.limit]
        first, last = (last - question.limit, last) if question.from_end else (first, first + question.limit)
    return Grouped(inside, total, count, more_after=last < count, more_before=first > 0)
