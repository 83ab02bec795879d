"""The shapes of this contract's bodies, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from app.domain.catalogue import LONGEST_ID

_TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": r"^[^\u0000]*$"}
_REF = {**_TEXT, "description": "The event's ref, as it was answered."}
_EVENT: dict[str, Any] = {
    "timestamp": {"type": "string", "format": "date-time", "description": "When it happened: ISO 8601, UTC without an offset."},
    "customer_ref": {**_TEXT, "description": "The customer's id."},
    "customer_name": {**_TEXT, "description": "The customer's name, where the ref is left out."},
    "usage_product_ref": {**_TEXT, "description": "The product's id."},
    "usage_product_name": {**_TEXT, "description": "The product's name, where the ref is left out."},
    "quantity": {"type": ["string", "number"], "description": "How much was used, with up to 18 digits after the point."},
    "additional_report_data": {"type": "object", "description": "Keys and values of the sender's own: columns of reports."},
    "validations": {
        "type": ["object", "string"],
        "description": "What the related document must say; an object, or both in one text: `USD 27db2a0c`.",
        "additionalProperties": False,
        "properties": {
            "currency": {**_TEXT, "description": "The document's currency."},
            "entity_ref": {**_TEXT, "description": "The document's entity."},
        },
    },
}
_FORMATTED: dict[str, Any] = {
    "format_name": {**_TEXT, "description": "Name of the format."},
    "event": {"type": "object", "description": "Any keys and values, as the format reads them."},
}


def event_body() -> dict[str, Any]:
    """An event in the default format."""
    return _body(
        _EVENT,
        ["timestamp", "quantity"],
        allOf=[_either("customer_ref", "customer_name"), _either("usage_product_ref", "usage_product_name")],
    )


def event_update() -> dict[str, Any]:
    """A change to one; what is left out stays as it is."""
    return _body({"event_ref": _REF, **_EVENT}, ["event_ref"], minProperties=2)


def formatted_body() -> dict[str, Any]:
    """An event in a format."""
    return _body(_FORMATTED, list(_FORMATTED))


def formatted_update() -> dict[str, Any]:
    """A change through a format."""
    return _body({"event_ref": _REF, **_FORMATTED}, ["event_ref", *_FORMATTED])


def _either(one: str, other: str) -> dict[str, Any]:
    return {"anyOf": [{"required": [one]}, {"required": [other]}]}


def _body(properties: dict[str, Any], required: list[str], **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "additionalProperties": False, "properties": properties, **more}
    return {"required": True, "content": {"application/json": {"schema": schema}}}
