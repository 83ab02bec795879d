"""From the fields that a sender gives to an entry's content: every rule of what can be recorded, in one place.

Fields are the entry's own names in snake case; a door or a format has translated its own words into them before. Raises
InvalidEvent with the field and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.domain.canonical import additional_data, check_text, sha256
from app.domain.catalogue import LONGEST_ID, RecordKind
from app.domain.decimal import parse_decimal
from app.domain.entry import Content, Entry, EntryKind
from app.domain.errors import InvalidEvent
from app.domain.instant import EPOCH, as_utc, parse_instant

DEFAULT_SOURCE = "default"
DEFAULT_ACTION = "usage.consumed"
LONGEST_TEXT = 4_096
_ACTION = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_WORD = re.compile(r"[a-z][a-z0-9_.-]*", re.ASCII)

IDS = (
    "product_id",
    "customer_id",
    "license_id",
    "order_id",
    "subscription_id",
    "feature_code",
    "request_id",
    "transaction_id",
)
FIELDS = frozenset(
    (
        *IDS,
        "id",
        "source",
        "action",
        "occurred_at",
        "quantity",
        "unit",
        "charge",
        "currency",
        "result_class",
        "status_code",
        "message",
        "actor",
        "additional_data",
    )
)
"""What a sender may say of an event."""

_LONGEST: dict[str, int] = {
    **dict.fromkeys(IDS, LONGEST_ID),
    "id": 512,
    "source": LONGEST_ID,
    "action": 64,
    "unit": 64,
    "currency": 3,
    "result_class": 64,
    "message": LONGEST_TEXT,
    "actor": LONGEST_TEXT,
}
"""Characters that each text may have."""

RESERVED_PREFIXES = ("usage.", "export.", "key.", "entry.", "account.", "format.", "reject.", "checkpoint.", "workbook.")
_CATALOGUE_ACTIONS = frozenset(f"{kind}.updated" for kind in RecordKind)


def usage(fields: Mapping[str, Any], *, now: datetime, max_future: timedelta, source: str = DEFAULT_SOURCE) -> Content:
    """The content of a usage event. Needs `occurred_at`, and a quantity or a charge; the action is `usage.…`.

    `source` stands where the sender names none; an event dated more than `max_future` after `now` is refused.
    """
    content = _content(EntryKind.USAGE, fields, now, max_future, source, DEFAULT_ACTION)
    if not content.action.startswith("usage."):
        raise InvalidEvent("action", "of a usage event begins with `usage.`")
    if content.quantity is None and content.charge is None:
        raise InvalidEvent("quantity", "is missing, and so is charge: a usage event has one of them or both")
    return content


def activity(fields: Mapping[str, Any], *, now: datetime, max_future: timedelta, source: str = DEFAULT_SOURCE) -> Content:
    """The content of a lifecycle activity, such as `license.issued`. Needs `action` and `occurred_at`."""
    if fields.get("action") is None:
        raise InvalidEvent("action", "is missing")
    content = _content(EntryKind.ACTIVITY, fields, now, max_future, source, "")
    if content.action.startswith(RESERVED_PREFIXES) or content.action in _CATALOGUE_ACTIONS:
        raise InvalidEvent("action", f"{content.action} is an action that the gateway itself records")
    return content


def claim_key(content: Content) -> bytes | None:
    """The 16 bytes that stand for ever for this sender's id; None for an event without one."""
    return None if content.sender_id is None else claim_of(content.source, content.sender_id)


def claim_of(source: str, sender_id: str) -> bytes:
    """The 16 bytes that stand for ever for that id of that source."""
    said = source.encode()
    return sha256(len(said).to_bytes(4, "big") + said + sender_id.encode())[:16]


_COMPARED = (
    *("kind", "action", "source", "occurred_at", "quantity", "unit", "charge", "currency", "result_class"),
    *("status_code", "sender_id", "message", "actor", "additional_data"),
    *IDS,
)


def differing_field(first: Content, content: Content) -> str | None:
    """The first field in which `content` says something else than the first version of its event; None if they agree.

    An erased text agrees with anything: what it said is no longer known.
    """
    for name in _COMPARED:
        if getattr(first, name) != getattr(content, name) and name not in first.veil.erased:
            return name
    return None


def fields_of(entry: Entry) -> dict[str, Any]:
    """What a sender would have said to get this entry: the start of an amendment."""
    stated: dict[str, Any] = {name: getattr(entry, name) for name in FIELDS - {"id", "additional_data", "message", "actor"}}
    stated["id"] = entry.sender_id
    stated["message"] = entry.message
    if stated["result_class"] == result_class_of(entry.status_code):
        stated["result_class"] = None  # derived, and derived again should the status be amended
    return stated


def result_class_of(status_code: int | None) -> str | None:
    """How a call ended, read from its HTTP status code: success below 400, client_error below 500, else server_error."""
    if status_code is None:
        return None
    return "success" if status_code < 400 else "client_error" if status_code < 500 else "server_error"


def _content(
    kind: EntryKind, fields: Mapping[str, Any], now: datetime, max_future: timedelta, source: str, action: str
) -> Content:
    texts: dict[str, Any] = {}
    for name, value in fields.items():
        longest = _LONGEST.get(name)
        if longest is None:
            if name not in FIELDS:
                raise InvalidEvent(str(name)[:64], "is not a field of an event")
        elif type(value) is str and 0 < len(value) <= longest and value.isascii() and "\0" not in value:
            texts[name] = value  # as nearly all are: an event has a dozen
        elif value is not None and value != "":  # both mean that nothing was said
            texts[name] = _text(value, name, longest)
    texts.setdefault("action", action)
    if not _ACTION.fullmatch(texts["action"]):
        raise InvalidEvent("action", "must be lower-case words joined by points, such as usage.consumed")
    quantity = _number(fields, "quantity")
    charge = _number(fields, "charge")
    currency = texts.get("currency")
    if currency is not None and not _CURRENCY.fullmatch(currency):
        raise InvalidEvent("currency", "must be an ISO 4217 code of three capital letters, such as EUR")
    if charge is not None and currency is None:
        raise InvalidEvent("currency", "is missing: a charge has a currency")
    status_code = _status_code(fields.get("status_code"))
    result_class = texts.setdefault("result_class", result_class_of(status_code))
    if result_class is not None and not _WORD.fullmatch(result_class):
        raise InvalidEvent("result_class", "must be a lower-case word, such as success or client_error")
    texts.setdefault("source", source)
    return Content(
        kind=kind,
        occurred_at=_occurred_at(fields.get("occurred_at"), now, max_future),
        quantity=quantity,
        charge=charge,
        status_code=status_code,
        sender_id=texts.pop("id", None),
        additional_data=additional_data(fields.get("additional_data"), "additional_data"),
        **texts,
    )


def _occurred_at(value: Any, now: datetime, max_future: timedelta) -> datetime:
    if value is None:
        raise InvalidEvent("occurred_at", "is missing: when did it happen?")
    moment = as_utc(value, "occurred_at") if isinstance(value, datetime) else parse_instant(value, "occurred_at")
    if moment < EPOCH:
        raise InvalidEvent("occurred_at", "lies before 1970")
    if moment > now + max_future:
        raise InvalidEvent("occurred_at", f"lies more than {_spoken(max_future)} in the future")
    return moment


def _text(value: Any, name: str, longest: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # ids are the callers' own, and many of them are numbers
    if not isinstance(value, str):
        raise InvalidEvent(name, "must be a string")
    return check_text(value, name, longest=longest)


def _number(fields: Mapping[str, Any], name: str) -> Decimal | None:
    value = fields.get(name)
    return None if value is None or value == "" else parse_decimal(value, name)


def _status_code(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:8])
    if not isinstance(value, int) or isinstance(value, bool) or not 100 <= value <= 599:
        raise InvalidEvent("status_code", "must be a whole number from 100 to 599")
    return value


def _spoken(span: timedelta) -> str:
    hours, seconds = divmod(int(span.total_seconds()), 3600)
    if hours and not seconds:
        return f"{hours // 24} days" if hours % 24 == 0 and hours > 24 else f"{hours} hours"
    return f"{int(span.total_seconds())} seconds"
