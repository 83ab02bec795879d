"""What senders write: their words for the fields of an event, and the values in them that may be written in several ways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.api.body import exact_json
from app.api.vendors.usage_event.manners import text
from app.domain.account import Principal
from app.domain.catalogue import RecordKind
from app.domain.errors import InvalidBody, InvalidEvent
from app.domain.instant import as_utc, parse_instant
from app.ledger.catalogue import id_of_name
from app.ledger.related import NO_VALIDATIONS, Validations
from app.ports import Ledger

EVENT_FIELDS = (
    "timestamp",
    "customer_ref",
    "customer_name",
    "usage_product_ref",
    "usage_product_name",
    "quantity",
    "additional_report_data",
    "validations",
)
_WORDS = {
    "occurred_at": "timestamp",
    "customer_id": "customer_ref",
    "product_id": "usage_product_ref",
    "quantity": "quantity",
    "additional_data": "additional_report_data",
}
"""The event's fields, and what this contract calls them."""
_VALIDATED = ("currency", "entity_ref")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_NAMED = (
    ("customer_id", RecordKind.CUSTOMER, "customer_ref", "customer_name"),
    ("product_id", RecordKind.PRODUCT, "usage_product_ref", "usage_product_name"),
)


async def event_fields(ledger: Ledger, principal: Principal, body: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """The fields of an event that a body states, customer and product found by name where the ref is left out.

    With `whole` all that an event needs must be there; otherwise what is left out is left as it is. Raises InvalidEvent.
    """
    fields: dict[str, Any] = {}
    for field, kind, ref, name in _NAMED:
        stated, called = _ref(body, ref), text(body, name)
        if stated is not None:
            fields[field] = stated
        elif called is not None:
            fields[field] = await id_of_name(ledger, principal.account.id, kind, called, field=name)
        elif whole:
            raise InvalidEvent(ref, f"is missing, and so is {name}")
    for field in ("occurred_at", "quantity"):
        word = _WORDS[field]
        value = body.get(word)
        if value is not None and value != "":
            fields[field] = _instant(value, word) if field == "occurred_at" else value
        elif whole:
            raise InvalidEvent(word, "is missing")
    if "additional_report_data" in body:
        fields["additional_data"] = _object(body["additional_report_data"], "additional_report_data")
    return fields


def validations(body: Mapping[str, Any]) -> Validations:
    """What the related document must say: an object, or as the contract's table shows it a currency and a ref in one text."""
    stated = body.get("validations")
    if stated is None or stated == "":
        return NO_VALIDATIONS
    if isinstance(stated, str) and not stated.lstrip().startswith("{"):
        words = stated.split()
        currency = next((word for word in words if _CURRENCY.fullmatch(word)), None)
        refs = [word for word in words if word != currency]
        if len(refs) > 1:
            raise InvalidEvent("validations", "must be a currency and an entity's ref")
        return Validations(currency, refs[0] if refs else None)
    stated = _object(stated, "validations") or {}
    for name, value in stated.items():
        if name not in _VALIDATED:
            raise InvalidEvent(f"validations.{name[:64]}", f"is not known; known are {', '.join(_VALIDATED)}")
        if value is not None and not isinstance(value, str):
            raise InvalidEvent(f"validations.{name}", "must be a string")
    return Validations(*(stated.get(name) or None for name in _VALIDATED))


def told_otherwise(error: InvalidEvent) -> InvalidEvent:
    """The ledger's refusal in this contract's words."""
    field, point, inner = error.field.partition(".")
    return InvalidEvent(_WORDS.get(field, field) + point + inner, error.reason)


def _ref(body: Mapping[str, Any], name: str) -> str | int | None:
    value = body.get(name)
    if isinstance(value, bool) or not (value is None or isinstance(value, (str, int))):
        raise InvalidEvent(name, "must be a string")
    return None if value == "" else value


def _instant(value: Any, name: str) -> datetime:
    """An ISO 8601 date and time, which is UTC where no offset is written: RFC 3339, or another of that standard's spellings."""
    try:
        return parse_instant(value, name, zone_required=False)
    except InvalidEvent:
        if not isinstance(value, str) or len(value) > 64:
            raise
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise InvalidEvent(name, "is not an ISO 8601 date and time, such as 2024-02-05T19:03:39.784Z") from None
        return as_utc(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC), name)


def _object(value: Any, name: str) -> dict[str, Any] | None:
    """An object, or the text of one: the contract's table calls both of these fields strings."""
    if isinstance(value, str) and value:
        try:
            value = exact_json(value)
        except InvalidBody:
            raise InvalidEvent(name, "must be an object, or the JSON text of one") from None
    if value is None or value == "":
        return None
    if not isinstance(value, dict):
        raise InvalidEvent(name, "must be an object, or the JSON text of one")
    return value
