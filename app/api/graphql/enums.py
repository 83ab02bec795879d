"""Closed sets of words as enums, every value with its description."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import cast

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from app.domain import errors
from app.domain.account import Permission
from app.domain.entry import PRIVATE_FIELDS, Correction, EntryKind
from app.domain.export import ExportStatus
from app.domain.period import Granularity
from app.domain.reject import RejectStatus
from app.evidence.drift import ChangeKind
from app.explanation.why import Verdict
from app.exports.formats import FORMATS
from app.ledger.intake import Kind
from app.ledger.outcome import Status
from app.question.groups import Dimension, Measure
from app.reports.catalog import REPORTS

PrivateText = StrEnum("PrivateText", {name.upper(): name for name in PRIVATE_FIELDS})  # type: ignore[misc]
ReportKind = StrEnum("ReportKind", {each.name.upper(): each.name for each in REPORTS if each.exported})  # type: ignore[misc]
ExportFormat = StrEnum("ExportFormat", {each.name.upper(): each.name for each in FORMATS})  # type: ignore[misc]


class ErrorCode(StrEnum):
    """The codes of errors that lie in what a caller wants to record."""

    VALIDATION_ERROR = errors.InvalidEvent.code
    NOT_FOUND = errors.NotFound.code
    CONFLICT = errors.Conflict.code
    ALREADY_CORRECTED = errors.AlreadyCorrected.code
    ALREADY_EXISTS = errors.AlreadyExists.code
    EVENT_CONFLICT = errors.EventConflict.code
    IDEMPOTENCY_CONFLICT = errors.IdempotencyConflict.code
    EXPORT_NOT_READY = errors.ExportNotReady.code
    PAYLOAD_TOO_LARGE = errors.PayloadTooLarge.code


class DecimalMark(StrEnum):
    """What stands before the places of a decimal in a file."""

    POINT = "point"
    COMMA = "comma"


class Compression(StrEnum):
    """How a file is compressed."""

    GZIP = "gzip"


class DriftMeasure(StrEnum):
    """What is totalled where an export is compared with the present."""

    EVENTS = "events"
    QUANTITY = "quantity"
    CHARGE = "charge"


class FeedOrder(Enum):
    """Which end of the ledger comes first."""

    NEWEST_FIRST = True
    OLDEST_FIRST = False


class Direction(Enum):
    """Which end of an order comes first."""

    ASCENDING = False
    DESCENDING = True


class DocumentType(StrEnum):
    """What kind of document it is."""

    INVOICE = "invoice"
    CREDIT = "credit"
    DEBIT = "debit"


def _describe(enum: type[Enum], name: str, description: str, values: Mapping[str, str]) -> None:
    """Make the enum known to the schema. Every member must be described, so a new one cannot be forgotten."""
    strawberry.enum(enum, name=name, description=description)
    definition = cast(StrawberryEnumDefinition, enum.__dict__["__strawberry_definition__"])
    for each in definition.values:
        each.description = values[each.name]


_describe(
    EntryKind,
    "EntryKind",
    "What an entry is about.",
    {
        "USAGE": "Something was used: it has a quantity, a charge, or both.",
        "ACTIVITY": "Something happened in the life of a license, an order, a subscription.",
        "CATALOGUE": "A catalogue record was made or changed; the entry carries the whole record.",
        "GATEWAY": "An act of the gateway itself that an auditor asks about.",
    },
)
_describe(
    Correction,
    "Correction",
    "What an entry does to an earlier one.",
    {
        "REVERSAL": "Takes the corrected entry back: the same dimensions, quantity and charge negated.",
        "REPLACEMENT": "Stands in its place.",
    },
)
_describe(
    Status,
    "RecordStatus",
    "What became of something that was to be recorded.",
    {
        "INSERTED": "Recorded now.",
        "DUPLICATE": "The same content was recorded before under the same sender's id; that entry is given back.",
        "CONFLICT": "Other content was recorded before under the same sender's id; nothing was recorded now.",
        "REJECTED": "It cannot be recorded; the errors say why.",
    },
)
_describe(
    RejectStatus,
    "RejectStatus",
    "What became of something that was not recorded when it was sent.",
    {
        "REJECTED": "It cannot be recorded as it is; it is open, and can be replayed.",
        "CONFLICT": "Other content was recorded under the same sender's id; it is open, and can be replayed.",
        "DUPLICATE": "The same was recorded under the same sender's id: that it came again is noted.",
        "RECORDED": "It was rejected first, and recorded when it was replayed.",
        "DROPPED": "It was taken away for good, or its time was over.",
    },
)
_describe(
    Verdict,
    "Verdict",
    "What became of something that was sent.",
    {
        "ACCEPTED": "It stands in the ledger.",
        "RETRACTED": "It was accepted, and taken back later: it is counted, and its reversal is too.",
        "DUPLICATE": "It came again: the same stood in the ledger already.",
        "CONFLICT": "Something else stands in the ledger under its id.",
        "REJECTED": "It cannot be recorded as it is.",
        "DROPPED": "It was rejected, and taken away for good.",
    },
)
_describe(
    Kind,
    "InputKind",
    "How what senders send is written.",
    {
        "CSV": "CSV (RFC 4180) with a header row.",
        "JSONL": "JSON Lines: an object in each line.",
        "JSON": "One JSON text: an array of objects, or one object.",
        "ACCESS_LOG": "A web server's log in the combined format.",
    },
)
_describe(
    Dimension,
    "Dimension",
    "What usage can be grouped by.",
    {
        "PRODUCT": "By product.",
        "CUSTOMER": "By customer.",
        "LICENSE": "By license.",
        "ORDER": "By order.",
        "SUBSCRIPTION": "By subscription.",
        "FEATURE": "By feature.",
    },
)
_describe(
    Measure,
    "Measure",
    "What groups can be ordered by and chosen by. Nulls come last in either direction.",
    {
        "KEY": "The grouping keys themselves: the bucket of time first, then the dimensions as they were named.",
        "EVENTS": "How many events.",
        "QUANTITY": "The quantity in one unit: the one that is named, else the group's only one.",
        "CHARGE": "The charge in one currency: the one that is named, else the group's only one.",
        "FIRST_USE": "When the earliest standing event happened.",
        "LAST_USE": "When the latest standing event happened.",
        "CUSTOMERS": "How many different customers the standing events name.",
        "QUANTITY_AVERAGE": "The mean quantity of an event in one unit.",
        "QUANTITY_MINIMUM": "The least quantity that stands in one unit.",
        "QUANTITY_MAXIMUM": "The greatest quantity that stands in one unit.",
        "QUANTITY_PERCENTILE": "The quantity in one unit that so many percent of those that stand do not exceed.",
        "CHARGE_AVERAGE": "The mean charge of an event in one currency.",
        "CHARGE_MINIMUM": "The least charge that stands in one currency.",
        "CHARGE_MAXIMUM": "The greatest charge that stands in one currency.",
    },
)
_describe(
    Granularity,
    "Granularity",
    "How long a bucket of time is, on the calendar of a time zone.",
    {
        "HOUR": "An hour of the clock.",
        "DAY": "A calendar day, from midnight to midnight: 23 or 25 hours where clocks change.",
        "WEEK": "Seven days from Monday (ISO 8601).",
        "MONTH": "A calendar month.",
        "QUARTER": "Three calendar months from January, April, July or October.",
        "YEAR": "A calendar year.",
    },
)
_describe(
    FeedOrder,
    "FeedOrder",
    "In which order entries come. It is the order of recording, not of occurrence.",
    {"NEWEST_FIRST": "What was recorded last comes first.", "OLDEST_FIRST": "What was recorded first comes first."},
)
_describe(
    Direction,
    "Direction",
    "Which end of an order comes first.",
    {"ASCENDING": "Least first.", "DESCENDING": "Greatest first."},
)
_describe(
    DocumentType,
    "DocumentType",
    "What kind of document it is.",
    {"INVOICE": "An invoice.", "CREDIT": "A credit note.", "DEBIT": "A debit note."},
)
_describe(
    PrivateText,
    "PrivateText",
    "The personal or free texts of an entry, which can be erased without breaking what was proven over it.",
    {
        "MESSAGE": "What was said of the outcome.",
        "ACTOR": "Who did it.",
        "REASON": "Why it was corrected or changed.",
        "NAME": "The name that a catalogue record is given.",
        "ADDITIONAL_DATA": "The sender's own keys and values.",
    },
)
_describe(
    Permission,
    "Scope",
    "What a key may do. `admin` includes every other scope.",
    {each.name: f"The scope `{each.value}`." for each in Permission},
)
_describe(
    ErrorCode,
    "ErrorCode",
    "What is wrong with what was to be recorded, for programs.",
    {
        "VALIDATION_ERROR": "It cannot be recorded so; `field` names what is wrong.",
        "NOT_FOUND": "No such thing in this account.",
        "CONFLICT": "It contradicts what is already recorded.",
        "ALREADY_CORRECTED": "Not the standing version of its event; only that one can be amended or retracted.",
        "ALREADY_EXISTS": "The name is taken.",
        "EVENT_CONFLICT": "A sender's id that was recorded before with other content.",
        "IDEMPOTENCY_CONFLICT": "An idempotency key that was used before with another body.",
        "EXPORT_NOT_READY": "An export without a file: one that is not made yet, or that has ended without one.",
        "PAYLOAD_TOO_LARGE": "An item or a batch over its bound.",
    },
)
_describe(
    ReportKind,
    "ReportKind",
    "A report that can be frozen.",
    {each.name.upper(): each.description for each in REPORTS if each.exported},
)
_describe(
    ExportFormat,
    "ExportFormat",
    "What kind of file an export is.",
    {each.name.upper(): f"A file of type `{each.content_type}`." for each in FORMATS},
)
_describe(
    DecimalMark,
    "DecimalMark",
    "What stands before the places of a decimal in a CSV file.",
    {
        "POINT": "A point; commas stand between the cells, as RFC 4180 has it.",
        "COMMA": "A comma; semicolons stand between the cells, as many spreadsheets expect.",
    },
)
_describe(
    Compression,
    "Compression",
    "How a file is compressed.",
    {"GZIP": "With gzip (RFC 1952): the file's name ends in `.gz`."},
)
_describe(
    ExportStatus,
    "ExportStatus",
    "How far an export is.",
    {
        "PENDING": "Frozen, and waiting to be made.",
        "RUNNING": "Being made.",
        "READY": "Made: its digests, its size and its file are final.",
        "FAILED": "It cannot be made; `reason` says why.",
        "CANCELLED": "Called off before it was made; `reason` says by whom.",
        "EXPIRED": "Made, and its file deleted since; `reason` says why. The record and its digests stay.",
    },
)
_describe(
    ChangeKind,
    "DriftKind",
    "What became of a row since an export was frozen.",
    {
        "ADDED": "It was recorded after the freeze, whenever it happened.",
        "AMENDED": "Its event was given another version.",
        "RETRACTED": "Its event was taken back.",
    },
)
_describe(
    DriftMeasure,
    "DriftMeasure",
    "What is totalled.",
    {
        "EVENTS": "How many events; a reversal counts -1.",
        "QUANTITY": "The quantity in a unit.",
        "CHARGE": "The charge in a currency.",
    },
)
