"""The mutations: each hands what the caller stated to one command of the ledger, and tells what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from app.api.graphql.context import Info
from app.api.graphql.ending import cancel_export, delete_export
from app.api.graphql.enums import ErrorCode, PrivateText
from app.api.graphql.formats import save_format
from app.api.graphql.freezing import create_export
from app.api.graphql.mending import drop_rejects, replay_rejects
from app.api.graphql.payloads import (
    AmendUsageEventPayload,
    EraseTextsPayload,
    InputError,
    RecordOutcome,
    RecordUsageEventsPayload,
    RetractUsageEventPayload,
    UpsertPayload,
    attempt,
    outcome_of,
)
from app.api.graphql.scalars import SafeInt
from app.api.graphql.scopes import Needs
from app.api.graphql.shapes import resolver
from app.api.graphql.sharing import create_export_link
from app.api.graphql.statements import (
    RECORD_INPUTS,
    ActivityInput,
    AmendUsageEventInput,
    EraseTextsInput,
    RetractUsageEventInput,
    UsageEventInput,
    UsageEventsInput,
    stated,
)
from app.domain.account import Permission
from app.domain.catalogue import RecordKind
from app.domain.entry import PRIVATE_FIELDS, EntryKind
from app.evidence.erasure import erase
from app.ledger import catalogue, refusals
from app.ledger.commands import amend, record, retract
from app.ledger.outcome import Outcome, tally
from app.observability.counters import count_items

MOST_EVENTS = 100
"""Events that one mutation may bring."""
_BATCH_DOOR = "POST /api/v1/usage-events"
_OF_A_CORRECTION = frozenset({"id", "reason", "actor", "expected_version"})


async def _record(info: Info, items: Sequence[Any], kind: EntryKind) -> list[Outcome]:
    context = info.context
    events = [stated(each) for each in items]
    outcomes = await record(
        context.services.store,
        context.principal,
        events,
        rules=context.services.rules,
        kind=kind,
        arrival=refusals.stated(events, kind),
    )
    count_items(tally(outcomes))
    return outcomes


def _upserting(kind: RecordKind) -> Any:
    """The mutation that makes or changes records of one kind: all of them are this one."""

    async def upsert(info: Info, input: Any) -> UpsertPayload | None:
        context = info.context
        changes = stated(input)
        record_id = changes.pop("id")
        command = catalogue.upsert(
            context.services.store, context.principal, kind, record_id, changes, rules=context.services.rules
        )
        upserted, errors = await attempt(command)
        return UpsertPayload(entry=upserted[1] if upserted else None, errors=errors)

    described = strawberry.argument(description=f"What is said of the {kind}.")
    upsert.__annotations__["input"] = Annotated[RECORD_INPUTS[kind], described]
    needed = Permission.PRODUCT_WRITE if kind is RecordKind.PRODUCT else Permission.LICENSE_WRITE
    return strawberry.mutation(
        resolver=upsert, description=f"Make or change a record of kind {kind}.", extensions=[Needs(needed)]
    )


@strawberry.type(description="Everything that can be recorded. Nothing recorded is ever changed: corrections are entries too.")
class Mutation:
    @resolver("Record that something was used. Sent again with the same id, it is counted once.", needs=Permission.USAGE_WRITE)
    async def record_usage_event(
        self, info: Info, input: Annotated[UsageEventInput, strawberry.argument(description="What was used.")]
    ) -> RecordOutcome | None:
        (outcome,) = await _record(info, [input], EntryKind.USAGE)
        return outcome_of(outcome)

    @resolver(
        f"Record up to {MOST_EVENTS} usage events in one transaction; {_BATCH_DOOR} takes larger batches.",
        needs=Permission.USAGE_WRITE,
    )
    async def record_usage_events(
        self, info: Info, input: Annotated[UsageEventsInput, strawberry.argument(description="The events.")]
    ) -> RecordUsageEventsPayload | None:
        outcomes: list[Outcome] = []
        errors: list[InputError] = []
        if len(input.events) > MOST_EVENTS:
            message = f"events has more than {MOST_EVENTS} items; send larger batches to {_BATCH_DOOR}"
            errors.append(InputError(code=ErrorCode.PAYLOAD_TOO_LARGE, message=message, field="events"))
        else:
            outcomes = await _record(info, input.events, EntryKind.USAGE)
        return RecordUsageEventsPayload(outcomes=[outcome_of(each) for each in outcomes], errors=errors, **tally(outcomes))

    @resolver("Record something that happened in the life of a license, an order, a subscription.", needs=Permission.USAGE_WRITE)
    async def record_activity(
        self, info: Info, input: Annotated[ActivityInput, strawberry.argument(description="What happened.")]
    ) -> RecordOutcome | None:
        (outcome,) = await _record(info, [input], EntryKind.ACTIVITY)
        return outcome_of(outcome)

    @resolver("Put another version in place of an event's standing one.", needs=Permission.USAGE_WRITE)
    async def amend_usage_event(
        self, info: Info, input: Annotated[AmendUsageEventInput, strawberry.argument(description="The correction.")]
    ) -> AmendUsageEventPayload | None:
        context = info.context
        command = amend(
            context.services.store,
            context.principal,
            input.id,
            stated(input.changes),
            rules=context.services.rules,
            reason=input.reason,
            actor=input.actor,
            expected_version=input.expected_version,
        )
        amended, errors = await attempt(command, inside="changes", outside=_OF_A_CORRECTION)
        if amended is None:
            return AmendUsageEventPayload(reversal=None, replacement=None, errors=errors)
        return AmendUsageEventPayload(reversal=amended.reversal, replacement=amended.replacement, errors=[])

    @resolver("Take an event back.", needs=Permission.USAGE_WRITE)
    async def retract_usage_event(
        self, info: Info, input: Annotated[RetractUsageEventInput, strawberry.argument(description="The correction.")]
    ) -> RetractUsageEventPayload | None:
        context = info.context
        command = retract(
            context.services.store,
            context.principal,
            input.id,
            rules=context.services.rules,
            reason=input.reason,
            actor=input.actor,
            expected_version=input.expected_version,
        )
        retracted, errors = await attempt(command)
        return RetractUsageEventPayload(reversal=retracted.reversal if retracted else None, errors=errors)

    @resolver("Remove personal or free texts for ever, and record that it was done.", needs=Permission.ADMIN)
    async def erase_texts(
        self, info: Info, input: Annotated[EraseTextsInput, strawberry.argument(description="Which texts, of what.")]
    ) -> EraseTextsPayload | None:
        context = info.context
        names = PRIVATE_FIELDS if input.texts is None else tuple(each.value for each in input.texts)
        services = context.services
        command = erase(
            services.store,
            services.files,
            context.principal,
            ref=input.id,
            customer_id=input.customer_id,
            rules=services.rules,
            names=names,
        )
        erased, errors = await attempt(command)
        if erased is None:
            return EraseTextsPayload(texts=[], sequences=[], expired_exports=[], errors=errors)
        return EraseTextsPayload(
            texts=[PrivateText(each) for each in erased.names],
            sequences=[SafeInt(each) for each in erased.sequences],
            expired_exports=[strawberry.ID(each) for each in erased.exports],
            errors=[],
        )

    save_format = save_format
    replay_rejects = replay_rejects
    drop_rejects = drop_rejects

    create_export = create_export
    cancel_export = cancel_export
    delete_export = delete_export
    create_export_link = create_export_link

    upsert_customer = _upserting(RecordKind.CUSTOMER)
    upsert_product = _upserting(RecordKind.PRODUCT)
    upsert_license = _upserting(RecordKind.LICENSE)
    upsert_order = _upserting(RecordKind.ORDER)
    upsert_subscription = _upserting(RecordKind.SUBSCRIPTION)
    upsert_document = _upserting(RecordKind.DOCUMENT)
