"""From a sender's payload to the fields of an event, and from the ledger's refusal of a field back to the payload's own path."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain.errors import InvalidEvent
from app.ledger.exact_json import Unreadable, read_json
from app.ledger.formats.definition import Format, Mapped

_DATA = "additional_data"


def event_fields(format_: Format, payload: Any) -> dict[str, Any]:
    """The fields of the event that the payload means, as `app.ledger.commands.record` takes them.

    The format's own source is not among them, since it only stands where neither payload nor caller names one. Raises
    InvalidEvent naming the path in the payload and the reason.
    """
    if not isinstance(payload, Mapping):
        raise InvalidEvent("", "must be an object of keys and values")
    if format_.json_columns:
        payload = _with_json_read(format_, payload)
    said = payload.keys()
    if format_.own_words and format_.required <= said <= format_.known and None not in payload.values():
        return {field: payload[field] for field in format_.mapped if field in said}  # what the loop below makes of it too
    fields: dict[str, Any] = dict(format_.constants)
    for field, mapped in format_.mapped.items():
        path = mapped.path
        if path is None:
            value = _computed(mapped, payload)
        else:
            value = payload.get(path.key) if path.key is not None else path.find(payload)
        if value is None or (isinstance(value, str) and value in mapped.none):
            if mapped.default is not None:
                fields[field] = mapped.default
            elif mapped.required:
                raise InvalidEvent(mapped.place, "is missing")
        elif mapped.read is None:
            fields[field] = value
        else:
            fields[field] = _instant(mapped, value)
    if format_.refuse_unmapped:
        for key in payload:
            if key not in format_.known:
                raise InvalidEvent(str(key)[:64], f"is not known to the format {format_.name}")
    elif format_.rest or format_.additional:
        fields[_DATA] = _additional(format_, payload)
    return fields


def located(format_: Format, error: InvalidEvent) -> InvalidEvent:
    """The same refusal, naming the place in the payload instead of the event's field."""
    field, _, inner = error.field.partition(".")
    if field == _DATA and _DATA not in format_.mapped:
        return InvalidEvent(inner, error.reason)
    path = format_.path_of(field)
    return InvalidEvent(f"{path}.{inner}" if inner else path, error.reason)


def _additional(format_: Format, payload: Mapping[str, Any]) -> dict[str, Any]:
    none = format_.none
    if format_.rest:
        taken = format_.taken
        return {
            key: value
            for key, value in payload.items()
            if key not in taken and value is not None and (type(value) is not str or value not in none)
        }
    found = ((path.text, path.find(payload)) for path in format_.additional)
    return {name: value for name, value in found if value is not None and (type(value) is not str or value not in none)}


def _with_json_read(format_: Format, payload: Mapping[str, Any]) -> dict[str, Any]:
    read = dict(payload)
    for column in format_.json_columns:
        value = read.get(column)
        if isinstance(value, str) and value not in format_.none:
            try:
                read[column] = read_json(value)
            except Unreadable as error:
                raise InvalidEvent(column, f"is not JSON: {error.reason}") from None
    return read


def _computed(mapped: Mapped, payload: Mapping[str, Any]) -> Any:
    assert mapped.expression is not None
    try:
        return mapped.expression.value(payload, mapped.none)
    except InvalidEvent as error:
        raise InvalidEvent(error.field or mapped.place, error.reason) from None


def _instant(mapped: Mapped, value: Any) -> datetime:
    assert mapped.read is not None
    if not isinstance(value, (str, int, Decimal)):
        raise InvalidEvent(mapped.place, "must be a date and time, as a string or a number")
    try:
        return mapped.read(value)
    except InvalidEvent as error:
        raise InvalidEvent(mapped.place, error.reason) from None
