"""What callers record: the input types of the mutations, made from the columns that tell the same things afterwards."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

import strawberry

from app.api.graphql.enums import DocumentType, PrivateText
from app.api.graphql.shapes import Field, given, graphql_type, input_type, spoken
from app.domain.catalogue import RecordKind
from app.ledger import catalogue, events
from app.reports import feed, subjects

_REF = "The event's ref, or the id of its standing entry."


def _event_fields(*, without: frozenset[str] = frozenset(), required: frozenset[str] = frozenset()) -> list[Field]:
    """The fields that a sender may state of an event; `id` is told afterwards as the sender's id."""
    own_id = next(each for each in feed.COLUMNS if each.name == "sender_id")
    columns = [("id", own_id), *((each.name, each) for each in feed.COLUMNS if each.name != "id")]
    return [
        Field(
            attribute=name,
            type=graphql_type(column),
            description=spoken(column.description),
            required=name in required,
        )
        for name, column in columns
        if name in events.FIELDS - without
    ]


# Fields that are an event's own only as a document: the catalogue refuses them of every other kind.
_DOCUMENT_ONLY = {"type", "number", "parent_id", "entity_ref"}
_ENTITY_REF = Field(
    attribute="entity_ref",
    type=strawberry.ID,
    description="Of a document: the entity that issued it; senders may ask that their events match it.",
    required=False,
)


def _record_fields(kind: RecordKind) -> list[Field]:
    """What can be said of a record of that kind."""
    left_out = {f"{kind}_id"} | (_DOCUMENT_ONLY if kind is not RecordKind.DOCUMENT else set())
    made = [Field(attribute="id", type=strawberry.ID, description="Its id, as you name it.")]
    made += [
        Field(
            attribute=each.name,
            type=DocumentType if each.name == "type" else graphql_type(each),
            description=spoken(each.description),
            required=False,
        )
        for each in subjects.COLUMNS
        if each.name in catalogue.FIELDS - left_out
    ]
    return made + ([_ENTITY_REF] if kind is RecordKind.DOCUMENT else [])


RECORD_INPUTS: dict[RecordKind, Any] = {
    kind: input_type(
        f"Upsert{kind.value.capitalize()}Input",
        f"What is said of a record of kind {kind}: fields that are left out stay as they are, null takes a value away.",
        _record_fields(kind),
    )
    for kind in RecordKind
}

if TYPE_CHECKING:
    UsageEventInput: TypeAlias = Any
    UsageEventChanges: TypeAlias = Any
    ActivityInput: TypeAlias = Any
else:
    UsageEventInput = input_type(
        "UsageEventInput",
        "Something that was used. It has a quantity, a charge, or both; with an id of the sender's it is counted once for ever.",
        _event_fields(required=frozenset({"occurred_at"})),
    )
    UsageEventChanges = input_type(
        "UsageEventChanges",
        "What the event should say instead: fields that are left out stay as they are, null takes a value away.",
        _event_fields(without=frozenset({"id", "source", "actor"})),
    )
    ActivityInput = input_type(
        "ActivityInput",
        "Something that happened in the life of a license, an order, a subscription.",
        _event_fields(required=frozenset({"action", "occurred_at"})),
    )


@strawberry.input(description="A batch of usage events.")
class UsageEventsInput:
    events: list[UsageEventInput] = strawberry.field(description="The events, each of which is recorded or refused by itself.")


@strawberry.input(description="A correction: another version in place of the standing one.")
class AmendUsageEventInput:
    id: strawberry.ID = strawberry.field(description=_REF)
    changes: UsageEventChanges = strawberry.field(description="What it should say instead.")
    reason: str = strawberry.field(description="Why.")
    actor: str | None = strawberry.field(default=None, description="Who corrects it; the key where nobody is named.")
    expected_version: int | None = strawberry.field(default=None, description="Refuse unless the event stands at this version.")


@strawberry.input(description="A correction: the event is taken back.")
class RetractUsageEventInput:
    id: strawberry.ID = strawberry.field(description=_REF)
    reason: str = strawberry.field(description="Why.")
    actor: str | None = strawberry.field(default=None, description="Who takes it back; the key where nobody is named.")
    expected_version: int | None = strawberry.field(default=None, description="Refuse unless the event stands at this version.")


@strawberry.input(description="Which personal or free texts to remove.")
class EraseTextsInput:
    id: strawberry.ID | None = strawberry.field(
        default=None, description="An entry's id, or an event's ref, which means all its versions."
    )
    customer_id: strawberry.ID | None = strawberry.field(
        default=None, description="Or a customer: every entry that names it, and the catalogue records that belong to it."
    )
    texts: list[PrivateText] | None = strawberry.field(default=None, description="Which texts; all of them by default.")


def stated(value: Any) -> dict[str, Any]:
    """What an input says, as the ledger's commands take it."""
    return {name: item.value if isinstance(item, Enum) else item for name, item in given(value).items()}
