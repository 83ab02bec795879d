"""Links from rows to the catalogue records that they name.

What the rows of a list name is loaded together: one read for each link in the selection, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.utils.str_converters import to_camel_case

from app.api.graphql.context import Context, Info
from app.api.graphql.rows import Told, told
from app.domain.catalogue import LINKED_KINDS, RecordKind
from app.question.scope import Scope
from app.reports.report import Column
from app.reports.subjects import described, record_row

LINKED: dict[str, RecordKind] = {f"{each}_id": each for each in LINKED_KINDS} | {"parent_id": RecordKind.DOCUMENT}
"""By the column that names a record: the kind of record."""


def links_of(columns: Iterable[Column]) -> dict[str, Any]:
    """A field for each column that names a record: `customer` beside `customer_id`."""
    return {
        each.name.removesuffix("_id"): strawberry.field(
            resolver=_link(each.attribute, LINKED[each.name]),
            description=f"What `{to_camel_case(each.name)}` names, as it was at the point that the answer is as of.",
        )
        for each in columns
        if each.name in LINKED
    }


def _link(attribute: str, kind: RecordKind) -> Callable[..., Any]:
    def link(root: Any, info: Info) -> Awaitable[Told | None] | None:
        record_id = getattr(root, attribute)
        return None if record_id is None else _linked(info, kind, record_id)

    # The types link to each other in circles, so the other one is looked up by its name once all of them are there.
    link.__annotations__ = {
        "root": Any,
        "info": Info,
        "return": Annotated[kind.capitalize(), strawberry.lazy("app.api.graphql.records")] | None,
    }
    return link


async def _linked(info: Info, kind: RecordKind, record_id: str) -> Told | None:
    context: Context = info.context
    opened = await context.opened_at(info.path)
    found: Told | None = await context.once((opened.scope, kind), lambda: _loader(context, opened.scope, kind)).load(record_id)
    return found


def _loader(context: Context, scope: Scope, kind: RecordKind) -> DataLoader[str, Any]:
    async def load(ids: list[str]) -> list[Told | None]:
        records = await described(context.services.store, scope, kind, set(ids))
        found = {each.id: told(record_row(each), scope.account_id) for each in records}
        return [found.get(each) for each in ids]

    return DataLoader(load_fn=load)
