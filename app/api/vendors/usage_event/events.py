"""The routes for events: record one in the default format or through another, update it, delete it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.api import openapi
from app.api.services import Services, services_of
from app.api.vendors.usage_event import requests
from app.api.vendors.usage_event.answers import DeletedAnswer, EventAnswer, FormattedAnswer, answer, told, told_in_full
from app.api.vendors.usage_event.bodies import EVENT_FIELDS, event_fields, told_otherwise, validations
from app.api.vendors.usage_event.manners import VERSION_PARAMETER, caller, needed, read_object, text
from app.domain.account import Permission, Principal
from app.domain.entry import Entry
from app.domain.errors import EventConflict, InvalidEvent, NotFound
from app.ledger.commands import retract
from app.ledger.formats import Format, located
from app.ledger.formats import event_fields as fields_in
from app.ledger.intake import Item
from app.ledger.outcome import Status
from app.ledger.own_formats import find
from app.ledger.refusals import Arrival, stated
from app.ledger.related import NO_VALIDATIONS, Validations, amend_related, record_related
from app.observability.counters import count_items

_FORMATTED = ("format_name", "format_ref", "event")
_UPDATED = "updated by its sender"
_DELETED = "deleted by its sender"
_SENT = ("INVALID_QUERY", "INVALID_JSON", "UNAUTHORIZED", "TOKEN_SCOPE_DENIED", "PAYLOAD_TOO_LARGE", "VALIDATION_ERROR")
_REF = {"name": "event_ref", "in": "path", "required": True, "description": "The event's ref.", "schema": {"type": "string"}}

router = APIRouter(prefix="/api/usage/event", tags=["Usage events"])
_Caller = Annotated[Principal, Depends(caller)]


def _operation(body: dict[str, Any] | None = None, *parameters: dict[str, Any]) -> dict[str, Any]:
    more = {} if body is None else {"requestBody": body}
    return openapi.operation(Permission.USAGE_WRITE, scheme=openapi.SESSION, parameters=(VERSION_PARAMETER, *parameters), **more)


@router.post(
    "",
    operation_id="reportUsageEvent",
    response_model=EventAnswer,
    responses=openapi.failures(*_SENT),
    openapi_extra=_operation(requests.event_body()),
)
async def report_event(request: Request, principal: _Caller) -> Response:
    """Record an event in the default format, with the document that it belongs to."""
    principal.require(Permission.USAGE_WRITE)
    services = services_of(request.scope)
    body = await read_object(request, EVENT_FIELDS)
    fields = await event_fields(services.store, principal, body, whole=True)
    checked = validations(body)
    arrival = stated([fields])
    return told(await _recorded(services, principal, arrival, told_otherwise, validations=checked))


@router.post(
    "/formatted",
    operation_id="reportFormattedUsageEvent",
    response_model=FormattedAnswer,
    responses=openapi.failures(*_SENT, "NOT_FOUND", "EVENT_CONFLICT"),
    openapi_extra=_operation(requests.formatted_body()),
)
async def report_formatted_event(request: Request, principal: _Caller) -> Response:
    """Record an event of any shape, as a format of the account's or of the gateway's reads it."""
    principal.require(Permission.USAGE_WRITE)
    services = services_of(request.scope)
    body = await read_object(request, _FORMATTED)
    format_ = await _format(services, principal, body)
    arrival = Arrival(format_, None, items=[Item(0, 1, _payload(body))])
    entry = await _recorded(services, principal, arrival, lambda error: error)
    return await told_in_full(services.store, entry)


@router.post(
    "/update",
    operation_id="updateUsageEvent",
    response_model=FormattedAnswer,
    responses=openapi.failures(*_SENT, "NOT_FOUND", "ALREADY_CORRECTED"),
    openapi_extra=_operation(requests.event_update()),
)
async def update_event(request: Request, principal: _Caller) -> Response:
    """Change an event; what is left out stays as it is."""
    principal.require(Permission.USAGE_WRITE)
    services = services_of(request.scope)
    body = await read_object(request, ("event_ref", *EVENT_FIELDS))
    ref = needed(body, "event_ref")
    changes = await event_fields(services.store, principal, body, whole=False)
    checked = validations(body)
    entry = await _amended(services, principal, ref, changes, told_otherwise, validations=checked)
    return await told_in_full(services.store, entry)


@router.post(
    "/formatted/update",
    operation_id="updateFormattedUsageEvent",
    response_model=FormattedAnswer,
    responses=openapi.failures(*_SENT, "NOT_FOUND", "ALREADY_CORRECTED"),
    openapi_extra=_operation(requests.formatted_update()),
)
async def update_formatted_event(request: Request, principal: _Caller) -> Response:
    """Change an event to what a format reads in the payload; fields that the format finds nothing for stay as they are."""
    principal.require(Permission.USAGE_WRITE)
    services = services_of(request.scope)
    body = await read_object(request, ("event_ref", *_FORMATTED))
    ref = needed(body, "event_ref")
    format_ = await _format(services, principal, body)
    changes = fields_in(format_, _payload(body))
    entry = await _amended(services, principal, ref, changes, lambda error: located(format_, error))
    return await told_in_full(services.store, entry)


@router.delete(
    "/{event_ref}",
    operation_id="deleteUsageEvent",
    response_model=DeletedAnswer,
    responses=openapi.failures("INVALID_QUERY", "UNAUTHORIZED", "TOKEN_SCOPE_DENIED", "NOT_FOUND", "ALREADY_CORRECTED"),
    openapi_extra=_operation(None, _REF),
)
async def delete_event(request: Request, principal: _Caller) -> Response:
    """Take an event back: it counts no longer."""
    services = services_of(request.scope)
    taken = await retract(services.store, principal, request.path_params["event_ref"], rules=services.rules, reason=_DELETED)
    return answer({"event_ref": taken.reversal.event_ref})


async def _recorded(
    services: Services,
    principal: Principal,
    arrival: Arrival,
    in_their_words: Callable[[InvalidEvent], InvalidEvent],
    validations: Validations = NO_VALIDATIONS,
) -> Entry:
    """The entry that stands for the event: the first one, where a sender's own id says that it was recorded before.

    Raises InvalidEvent and EventConflict, which tell under which id the payload is kept.
    """
    outcome = await record_related(services.store, principal, arrival, rules=services.rules, validations=validations)
    count_items({outcome.status.value: 1})
    kept = None if outcome.reject is None else f"kept as {outcome.reject}"
    if outcome.status is Status.REJECTED:
        refused = in_their_words(InvalidEvent(outcome.field or "", outcome.reason or ""))
        refused.detail = kept
        raise refused
    assert outcome.entry is not None
    if outcome.status is Status.CONFLICT:
        raise EventConflict(f"the event {outcome.reason}", detail=kept)
    return outcome.entry


async def _amended(
    services: Services,
    principal: Principal,
    ref: str,
    changes: dict[str, Any],
    in_their_words: Callable[[InvalidEvent], InvalidEvent],
    **how: Any,
) -> Entry:
    # Who sends and the sender's own id are what make the event this one: no update can change them.
    changes = {name: value for name, value in changes.items() if name not in ("id", "source")}
    actor = changes.pop("actor", None)
    amending = amend_related(services.store, principal, ref, changes, rules=services.rules, reason=_UPDATED, actor=actor, **how)
    try:
        return await amending
    except InvalidEvent as error:
        raise in_their_words(error) from None


async def _format(services: Services, principal: Principal, body: dict[str, Any]) -> Format:
    """The format that the body means, by ref or else by name; a name as people write it too: `My Format` is `my-format`."""
    ref = text(body, "format_ref")
    name = ref or needed(body, "format_name")
    try:
        return await find(services.store, principal.account.id, name)
    except NotFound:
        word = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
        if ref is not None or not word or word == name:
            raise
        return await find(services.store, principal.account.id, word)


def _payload(body: dict[str, Any]) -> dict[str, Any]:
    if "event" not in body:
        raise InvalidEvent("event", "is missing")
    if not isinstance(body["event"], dict):
        raise InvalidEvent("event", "must be an object of keys and values")
    return body["event"]
