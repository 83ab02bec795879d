"""What senders are answered: three fields for an event in the default format, twelve for one in a format and after an update."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field, WithJsonSchema
from starlette.responses import Response

from app.api.envelope import MEDIA_TYPE
from app.domain.canonical import additional_value
from app.domain.catalogue import RecordKind
from app.domain.decimal import plain
from app.domain.entry import Entry
from app.domain.instant import format_instant
from app.ledger.related import Related, related_to
from app.ports import Ledger
from app.question.records import Records
from app.question.scope import Scope

_Number = Annotated[Decimal, WithJsonSchema({"type": "number"})]
_NOTHING = Related("")


class EventAnswer(BaseModel):
    """An event that was recorded in the default format."""

    event_ref: str = Field(description="The event's ref, the same for all its versions.")
    related_document_ref: str | None = Field(description="The invoice, credit or debit that the event belongs to, if any.")
    related_document_numbers: str | None = Field(description="The number that people call it by.")


class FormattedAnswer(EventAnswer):
    """An event that was recorded through a format, or updated."""

    related_parent_document_ref: str | None = Field(description="Where that document is due upon usage: the one it is due under.")
    related_parent_document_numbers: str | None = Field(description="The parent's number.")
    timestamp: datetime = Field(description="When it happened, UTC.")
    customer_ref: str | None = Field(description="The customer's id.")
    customer_name: str | None = Field(description="The customer's name, as the catalogue has it.")
    usage_product_ref: str | None = Field(description="The product's id.")
    usage_product_name: str | None = Field(description="The product's name, as the catalogue has it.")
    quantity: _Number | None = Field(description="How much was used.")
    additional_report_data: dict[str, Any] = Field(description="The sender's own keys and values.")


class DeletedAnswer(BaseModel):
    """An event that was deleted: it counts no longer, and what was recorded stays in the ledger beside its reversal."""

    event_ref: str = Field(description="The event's ref.")


def told(entry: Entry) -> Response:
    """The answer to an event in the default format."""
    related = related_to(entry) or _NOTHING
    return answer(
        {
            "event_ref": entry.event_ref,
            "related_document_ref": related.id or None,
            "related_document_numbers": related.number,
        }
    )


async def told_in_full(ledger: Ledger, entry: Entry) -> Response:
    """The answer to an event in a format, and to an update. Names are those of now."""
    related = related_to(entry) or _NOTHING
    return answer(
        {
            "event_ref": entry.event_ref,
            "related_document_ref": related.id or None,
            "related_document_numbers": related.number,
            "related_parent_document_ref": related.parent_id,
            "related_parent_document_numbers": related.parent_number,
            "timestamp": format_instant(entry.occurred_at),
            "customer_ref": entry.customer_id,
            "customer_name": await _name(ledger, entry, RecordKind.CUSTOMER, entry.customer_id),
            "usage_product_ref": entry.product_id,
            "usage_product_name": await _name(ledger, entry, RecordKind.PRODUCT, entry.product_id),
            "quantity": _exact(entry.quantity),
            "additional_report_data": _exact(additional_value(entry.additional_data) or {}),
        }
    )


def answer(body: Any) -> Response:
    """A body as it is, with no envelope around it."""
    return Response(orjson.dumps(body), media_type=MEDIA_TYPE)


async def _name(ledger: Ledger, entry: Entry, kind: RecordKind, record_id: str | None) -> str | None:
    if record_id is None:
        return None
    scope = Scope(entry.account_id, (await ledger.head(entry.account_id)).sequence)
    found = await ledger.records(Records(scope, kind, ids=(record_id,)))
    return found[0].name if found else None


def _exact(value: Any) -> Any:
    """The value for orjson, decimals as numbers with all their digits."""
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return value
