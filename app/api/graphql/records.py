"""Catalogue records as types: what every kind has in an interface, what only some have in the kind's own type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from app.api.graphql.context import Context
from app.api.graphql.enums import DocumentType
from app.api.graphql.links import links_of
from app.api.graphql.node import Node, known_by
from app.api.graphql.rows import Told, node_id, told
from app.api.graphql.shapes import fields_of, interface_type, object_type
from app.domain.catalogue import LINKED_KINDS, LONGEST_ID, RecordKind
from app.domain.errors import InvalidQuery
from app.question.keys import check_characters
from app.reports.report import Column
from app.reports.subjects import COLUMNS, described, record_row

_LINKS = frozenset(f"{each}_id" for each in LINKED_KINDS)
_DOCUMENT_ONLY = frozenset({"type", "number", "parent_id"})


def columns_of_kind(kind: RecordKind) -> list[Column]:
    """The columns that mean something for records of that kind; the kind itself is told by the type."""
    left_out = {"kind", f"{kind}_id"} | (_DOCUMENT_ONLY if kind is not RecordKind.DOCUMENT else set())
    return [_own_id(each) for each in COLUMNS if each.name not in left_out]


def _own_id(column: Column) -> Column:
    return replace(column, name="record_id", attribute="record_id") if column.name == "id" else column


_SHARED = [each for each in columns_of_kind(RecordKind.CUSTOMER) if each.name not in _LINKS]
_DESCRIPTIONS = {
    RecordKind.CUSTOMER: "Who uses.",
    RecordKind.PRODUCT: "What is used.",
    RecordKind.LICENSE: "The right to use a product.",
    RecordKind.ORDER: "What was ordered.",
    RecordKind.SUBSCRIPTION: "What was subscribed to, for a time.",
    RecordKind.DOCUMENT: "An invoice, a credit note or a debit note, as its issuer describes it.",
}


def _type_of(kind: RecordKind) -> Any:
    own = [each for each in columns_of_kind(kind) if each not in _SHARED]
    made_of = fields_of(own)
    for each in made_of:
        if each.attribute == "type":
            made_of[made_of.index(each)] = replace(each, type=DocumentType | None)
    return object_type(
        kind.capitalize(),
        f"{_DESCRIPTIONS[kind]} Where nobody has described it, only its id is known, from events that name it.",
        made_of,
        bases=(CatalogueRecord,),
        also=known_by(lambda obj: isinstance(obj, Told) and obj.kind is kind) | links_of(own),
    )


if TYPE_CHECKING:
    CatalogueRecord: TypeAlias = Told
    Customer: TypeAlias = Told
    Product: TypeAlias = Told
    License: TypeAlias = Told
    Order: TypeAlias = Told
    Subscription: TypeAlias = Told
    Document: TypeAlias = Told
else:
    CatalogueRecord = interface_type(
        "CatalogueRecord", "Something that events are about, as its owner describes it.", fields_of(_SHARED), bases=(Node,)
    )
    Customer = _type_of(RecordKind.CUSTOMER)
    Product = _type_of(RecordKind.PRODUCT)
    License = _type_of(RecordKind.LICENSE)
    Order = _type_of(RecordKind.ORDER)
    Subscription = _type_of(RecordKind.SUBSCRIPTION)
    Document = _type_of(RecordKind.DOCUMENT)

TYPES: dict[RecordKind, Any] = {
    RecordKind.CUSTOMER: Customer,
    RecordKind.PRODUCT: Product,
    RecordKind.LICENSE: License,
    RecordKind.ORDER: Order,
    RecordKind.SUBSCRIPTION: Subscription,
    RecordKind.DOCUMENT: Document,
}


async def _load(kind: RecordKind, context: Context, ids: Iterable[str]) -> Mapping[str, Any]:
    """The records with these nodes' ids, as far as the account has them."""
    opened = await context.open()
    account_id = opened.scope.account_id
    prefix = node_id(kind, account_id, "")
    wanted = {each.removeprefix(prefix) for each in ids if each.startswith(prefix)}
    found = await described(context.services.store, opened.scope, kind, {each for each in wanted if _can_be(each)})
    rows = [told(record_row(each), account_id) for each in found]
    return {each.id: each for each in rows}


def _can_be(record_id: str) -> bool:
    """Whether a record can have that id: one that no engine can look for is just as unknown as any other."""
    try:
        check_characters("id", record_id)
    except InvalidQuery:
        return False
    return 0 < len(record_id) <= LONGEST_ID


LOADERS = {kind.value: partial(_load, kind) for kind in RecordKind}
"""By the prefix of the nodes' ids."""
