"""Saying where the totals of a report were found: a ledger that is asked as usual, and tells of each question for totals."""

from __future__ import annotations

from typing import Any, cast

import typer

from app.ports import Store
from app.question.groups import Grouped, Groups
from app.question.way import Way


def told_of(store: Store) -> Store:
    """The store, which says on standard error how it answers each question for totals."""
    return cast(Store, _Telling(store))


class _Telling:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def groups(self, question: Groups) -> Grouped:
        grouped = await self._store.groups(question)
        if grouped.way is not None:
            by = ", ".join(str(getattr(each, "value", None) or each.name) for each in question.by) or "nothing"
            typer.echo(f"totals by {by}: {told(grouped.way)}", err=True)
        return grouped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def told(way: Way) -> str:
    """A way in words."""
    parts = [f"{way.source}: {way.reason}"]
    if way.days is not None:
        parts.append(f"whole days: {way.days}")
    if way.parts:
        parts.append(f"edges from the ledger: {way.parts}")
    if way.newer:
        parts.append(f"newer entries taken off: {way.newer}")
    if way.looked_up:
        parts.append(f"uses looked up: {way.looked_up}")
    return "; ".join(parts)
