"""What mutations answer: what was recorded, and errors that lie in what the caller stated, as data."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import strawberry

from app.api.graphql.enums import ErrorCode, PrivateText
from app.api.graphql.errors import field_name, told
from app.api.graphql.nodes import Entry
from app.api.graphql.scalars import SafeInt
from app.domain.errors import Conflict, EventConflict, GatewayError, InvalidEvent, InvalidInput, NotFound, PayloadTooLarge
from app.ledger.outcome import Outcome, Status

T = TypeVar("T")


@strawberry.type(description="One thing that is wrong with what was to be recorded.")
class InputError:
    code: ErrorCode = strawberry.field(description="What is wrong, for programs.")
    message: str = strawberry.field(description="What is wrong, for people.")
    field: str | None = strawberry.field(description="Which field of the input, by its path; null where it is no single one.")


@strawberry.interface(description="What every mutation answers. What is wrong with its input is data, not an error.")
class Payload:
    errors: list[InputError] = strawberry.field(description="What is wrong with the input; empty where nothing is.")


@strawberry.type(description="What became of an event or an activity.")
class RecordOutcome(Payload):
    status: Status = strawberry.field(description="What became of it.")
    entry: Entry | None = strawberry.field(
        description="The entry that stands for it: the new one, or the one recorded before; null where it was rejected."
    )
    reject_id: strawberry.ID | None = strawberry.field(
        description="Under which id it is kept that it was not recorded, to be asked and replayed; null where it was."
    )


@strawberry.type(description="What became of a batch. What can be recorded is recorded, whatever becomes of the rest.")
class RecordUsageEventsPayload(Payload):
    outcomes: list[RecordOutcome] = strawberry.field(description="What became of each event, in the order of the input.")
    inserted: int = strawberry.field(description="How many were recorded now.")
    duplicate: int = strawberry.field(description="How many had been recorded before with the same content.")
    conflict: int = strawberry.field(description="How many had been recorded before with other content.")
    rejected: int = strawberry.field(description="How many cannot be recorded.")


@strawberry.type(description="What an amendment appended.")
class AmendUsageEventPayload(Payload):
    reversal: Entry | None = strawberry.field(description="The entry that takes the standing version back.")
    replacement: Entry | None = strawberry.field(description="The entry that stands in its place.")


@strawberry.type(description="What a retraction appended.")
class RetractUsageEventPayload(Payload):
    reversal: Entry | None = strawberry.field(description="The entry that takes the event back.")


@strawberry.type(description="What was erased. Digests stay, so that everything that was proven still is.")
class EraseTextsPayload(Payload):
    texts: list[PrivateText] = strawberry.field(description="Which texts were removed; empty if none was left.")
    sequences: list[SafeInt] = strawberry.field(description="Sequences of the entries that they were removed from.")
    expired_exports: list[strawberry.ID] = strawberry.field(
        description="Exports that may have told these texts: their files are deleted too; they can be frozen again."
    )


@strawberry.type(description="What became of a catalogue record.")
class UpsertPayload(Payload):
    entry: Entry | None = strawberry.field(description="The entry that carries the record now; null where nothing changed.")


async def attempt(
    command: Awaitable[T], *, inside: str = "", outside: frozenset[str] = frozenset()
) -> tuple[T | None, list[InputError]]:
    """What a command gives, or the errors that lie in what the caller stated. Every other error is raised.

    Fields are told by their path in the input: below `inside`, unless they are among the `outside` ones.
    """
    try:
        return await command, []
    except (InvalidInput, NotFound, Conflict, PayloadTooLarge) as error:
        return None, [_input_error(error, inside, outside)]


def outcome_of(outcome: Outcome) -> RecordOutcome:
    """What became of one item."""
    errors = []
    if outcome.status in (Status.CONFLICT, Status.REJECTED):
        reason = told(InvalidEvent(outcome.field or "", outcome.reason or ""))
        code = EventConflict.code if outcome.status is Status.CONFLICT else InvalidEvent.code
        errors.append(InputError(code=ErrorCode(code), message=reason, field=field_name(outcome.field or "") or None))
    reject_id = None if outcome.reject is None else strawberry.ID(outcome.reject)
    return RecordOutcome(status=outcome.status, entry=outcome.entry, reject_id=reject_id, errors=errors)


def _input_error(error: GatewayError, inside: str, outside: frozenset[str]) -> InputError:
    field = None
    if isinstance(error, InvalidInput) and error.field:
        field = field_name(error.field)
        if inside and error.field not in outside:
            field = f"{inside}.{field}"
    return InputError(code=ErrorCode(error.code), message=told(error), field=field)
