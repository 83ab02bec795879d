"""Asking for catalogue records: each kind by its callers' ids, and in pages in binary order of id."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from inspect import Parameter, Signature
from typing import Annotated, Any

import strawberry

from app.api.graphql.arguments import AsOfArgument
from app.api.graphql.connections import After, Before, Connection, First, Last, connection
from app.api.graphql.context import Info
from app.api.graphql.inputs import point_of
from app.api.graphql.links import LINKED
from app.api.graphql.records import TYPES, columns_of_kind
from app.api.graphql.rows import Told, told
from app.api.graphql.scopes import Needs
from app.api.graphql.shapes import spoken
from app.domain.account import Permission
from app.domain.catalogue import RecordKind
from app.domain.errors import InvalidQuery
from app.ports import Ledger
from app.question import cursor
from app.question.records import Records
from app.reports.report import Opened, Page, PageRequest
from app.reports.subjects import record_row

_AT_ONCE = 1_000
"""Records that are read at once where all of them are counted."""
_PAGE: dict[str, Any] = {"first": First, "after": After, "last": Last, "before": Before}


def lookup(kind: RecordKind) -> Any:
    """The query for one record of that kind by the id that callers know."""

    async def ask(info: Info, id: str, as_of: Any = None) -> Told | None:
        opened = await info.context.open(point_of(as_of), info.path)
        found = await info.context.services.store.records(Records(opened.scope, kind, ids=(id,)))
        return told(record_row(found[0]), opened.scope.account_id) if found else None

    own_id = Annotated[strawberry.ID, strawberry.argument(description=f"The id of the {kind}, as its owner names it.")]
    ask.__signature__ = _signature({"id": own_id}, {"as_of": AsOfArgument}, TYPES[kind] | None)  # type: ignore[attr-defined]
    return strawberry.field(
        resolver=ask,
        description=f"The {kind} with this id; null where nobody has named one.",
        extensions=[Needs(Permission.REPORT_READ)],
    )


def listing(kind: RecordKind) -> Any:
    """The query for the records of that kind, page by page."""

    async def ask(info: Info, as_of: Any = None, name: str | None = None, **stated: str | None) -> Connection[Any]:
        request = PageRequest(**{each: stated.pop(each, None) for each in _PAGE})  # type: ignore[arg-type]
        opened = await info.context.open(point_of(as_of), info.path)
        question = Records(opened.scope, kind, name=name, **stated)  # type: ignore[arg-type]
        store = info.context.services.store
        return connection(await _page(store, opened, question, request), opened, partial(_count, store, question))

    terms = {each.name: each for each in columns_of_kind(kind) if each.name == "name" or each.name in Records.__slots__}
    optional: dict[str, Any] = {
        name: Annotated[
            (strawberry.ID if name in LINKED else str) | None,
            strawberry.argument(description=f"{spoken(column.description)} Only records with exactly this; all by default."),
        ]
        for name, column in terms.items()
    }
    row = TYPES[kind]
    signature = _signature({}, {**optional, "as_of": AsOfArgument, **_PAGE}, Connection[row])  # type: ignore[valid-type]
    ask.__signature__ = signature  # type: ignore[attr-defined]
    return strawberry.field(
        resolver=ask,
        description=f"Every {kind} that was described or that an event names, in binary order of id.",
        extensions=[Needs(Permission.REPORT_READ)],
    )


def _signature(required: dict[str, Any], optional: dict[str, Any], answer: Any) -> Signature:
    """What the schema is told of a query that is made for a kind."""
    parameters = [Parameter("info", Parameter.KEYWORD_ONLY, annotation=Info)]
    parameters += [Parameter(name, Parameter.KEYWORD_ONLY, annotation=each) for name, each in required.items()]
    parameters += [Parameter(name, Parameter.KEYWORD_ONLY, annotation=each, default=None) for name, each in optional.items()]
    return Signature(parameters, return_annotation=answer)


async def _page(ledger: Ledger, opened: Opened, question: Records, request: PageRequest) -> Page[Told]:
    """One page of records. Cursors hold the record's id, so that nothing that is described meanwhile disturbs a walk."""
    # Of the question all but the scope, which moves on in the live ledger while cursors stay good.
    asked = replace(question, scope=replace(question.scope, as_of=0))
    bound = cursor.binding("records", opened.bound_as_of, asked)
    size = request.size()
    after, before = (_id(getattr(request, name), bound, name) for name in ("after", "before"))
    records = await ledger.records(replace(question, after=after, before=before, descending=request.backward, limit=size + 1))
    more, records = len(records) > size, records[:size]
    if request.backward:
        records.reverse()
    return Page(
        [told(record_row(each), opened.scope.account_id) for each in records],
        [cursor.encode(bound, [each.id]) for each in records],
        has_next=more if not request.backward else before is not None,
        has_previous=more if request.backward else after is not None,
    )


def _id(text: str | None, bound: bytes, name: str) -> str | None:
    if text is None:
        return None
    match cursor.decode(text, bound, name):
        case [str(record_id)]:
            return record_id
    raise InvalidQuery(name, "is not a cursor of this gateway")


async def _count(ledger: Ledger, question: Records) -> int:
    """How many records there are in all: they are read for it, some at a time, and so only when somebody asks."""
    counted, last = 0, None
    while True:
        found = await ledger.records(replace(question, after=last, limit=_AT_ONCE))
        counted += len(found)
        if len(found) < _AT_ONCE:
            return counted
        last = found[-1].id
