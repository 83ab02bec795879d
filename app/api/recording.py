"""The batch door: many usage events in one call, recorded in one transaction or, where the body is broken, not at all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.api.body import query_items
from app.api.envelope import failure, success
from app.api.errors import STATUSES, UNSUPPORTED_MEDIA_TYPE
from app.api.identity import caller
from app.api.openapi import Meta, failures, operation
from app.api.services import services_of
from app.domain.account import Permission, Principal
from app.domain.canonical import check_text
from app.domain.catalogue import LONGEST_ID
from app.domain.errors import InvalidBody, InvalidEvent, InvalidQuery, NotFound, PayloadTooLarge
from app.ledger import own_formats
from app.ledger.chain import Prepared
from app.ledger.commands import MOST_ITEMS, Rules, record_prepared
from app.ledger.events import FIELDS
from app.ledger.formats import DEFAULT, NAMES, Format
from app.ledger.intake import Inflater, Item, Kind, reader_for
from app.ledger.outcome import Outcome, Status, tally
from app.ledger.refusals import Arrival
from app.ledger.translation import place_of, prepare_items
from app.observability.counters import count_items
from app.question.keys import check_characters

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a body, inflated."""
LONGEST_REF = 80
"""Characters of a format's name with its version."""
_SLICE = 500
"""Items prepared at a time: a thread that is done with them lets others have their turn."""
_GATHERED = 65_536
"""Bytes that are gathered before a thread is given them: handing over costs more than reading a small packet."""
_KINDS = {
    "application/json": Kind.JSON,
    "application/x-ndjson": Kind.JSONL,
    "application/cloudevents+json": Kind.JSON,
    "application/cloudevents-batch+json": Kind.JSON,
    "text/csv": Kind.CSV,
    "text/plain": Kind.ACCESS_LOG,
}
_FORMATS = {
    "application/cloudevents+json": "cloudevents",
    "application/cloudevents-batch+json": "cloudevents",
    "text/plain": "access-log",
}
"""How a body of that type is read where nobody says so."""
_ENCODINGS: dict[str, bool | None] = {"": None, "identity": None, "gzip": True, "x-gzip": True}

router = APIRouter(prefix="/api/v1", tags=["Recording"])


class Result(BaseModel):
    """What became of one item."""

    index: int = Field(description="Place of the item in the body, from 0.")
    status: Literal["inserted", "duplicate", "conflict", "rejected"] = Field(
        description="Recorded now; recorded before with the same, or with other content; or not to be recorded as it is."
    )
    id: str | None = Field(description="Id of the entry that stands for the item: the first one, where it was recorded before.")
    event_ref: str | None = Field(description="Ref of the event, the same for all its versions.")
    sequence: int | None = Field(description="Sequence of that entry.")
    field: str | None = Field(description="Where in the item the trouble is; null for the item as a whole, or without trouble.")
    reason: str | None = Field(description="What the trouble is, for people.")
    reject_id: str | None = Field(
        description="Under which id it is kept that the item was not recorded, to be asked and replayed."
    )


class Recorded(BaseModel):
    """What became of a batch: how many items ended how, and each of them in order."""

    inserted: int
    duplicate: int
    conflict: int
    rejected: int
    results: list[Result]


class RecordedAnswer(BaseModel):
    """Everything that is inserted is on disk."""

    data: Recorded
    meta: Meta


# Of an item nothing is required: one that cannot be recorded is told apart in the answer, and keeps no other from being.
_EVENT: dict[str, Any] = {
    "description": f"In the format `{DEFAULT}`, one or more of: {', '.join(sorted(FIELDS))}. Numbers may be strings.",
}


def _one_or_more(item: dict[str, Any]) -> dict[str, Any]:
    """The schema of a list of such items, or of one."""
    return {"oneOf": [{"type": "array", "items": item, "maxItems": MOST_ITEMS}, {**item, "type": "object"}]}


_CLOUD_EVENT: dict[str, Any] = {
    "description": "A CloudEvent 1.0 in JSON; in the format `cloudevents` its data says what was used, in the event's own words."
}
_OPERATION = operation(
    Permission.USAGE_WRITE,
    parameters=(
        {
            "name": "format",
            "in": "query",
            "description": f"How the items are to be read: {', '.join(NAMES)}, or a format of the account's own, in its newest"
            " version or, as `name@3`, in the one that is named.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST_REF,
                "pattern": r"^[^\u0000]*$",
                "default": DEFAULT,
            },
        },
        {
            "name": "source",
            "in": "query",
            "description": "Name of the sender, where an item names none. The sender's ids are counted once for ever per source.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": r"^[^\u0000]*$"},
        },
    ),
    requestBody={
        "required": True,
        "description": f"At most {MOST_ITEMS:,} items and {LARGEST_BODY >> 20} MiB inflated; `Content-Encoding: gzip` is taken,"
        " and so is `text/csv` with a header row.",
        "content": {
            "application/json": {"schema": _one_or_more(_EVENT)},
            "application/x-ndjson": {"schema": {"type": "string", "description": "One item a line."}},
            "application/cloudevents+json": {"schema": _one_or_more(_CLOUD_EVENT)},
            "application/cloudevents-batch+json": {"schema": _one_or_more(_CLOUD_EVENT)},
            "text/plain": {"schema": {"type": "string", "description": "A web server's log in the combined format."}},
        },
    },
)
_FAILURES = failures(
    "INVALID_QUERY", "INVALID_JSON", "UNAUTHORIZED", "TOKEN_SCOPE_DENIED", "PAYLOAD_TOO_LARGE", UNSUPPORTED_MEDIA_TYPE
)


@router.post(
    "/usage-events",
    operation_id="recordUsageEvents",
    response_model=RecordedAnswer,
    responses=_FAILURES,
    openapi_extra=_OPERATION,
)
async def record_usage_events(request: Request, principal: Annotated[Principal, Depends(caller)]) -> Response:
    """Record a batch of usage events in one transaction, and tell of each what became of it.

    An item that cannot be recorded does not keep the others from being recorded. A body that cannot be read to its end, or is
    too large, leaves nothing behind. Items with an `id` of their sender's can be sent again without harm.
    """
    principal.require(Permission.USAGE_WRITE)
    media = _media_type(request)
    format_ref, source = _asked(request, _FORMATS.get(media, DEFAULT))
    kind = _KINDS.get(media)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if kind is None or encoding not in _ENCODINGS:
        told = f"the body must be {', '.join(_KINDS)}, in UTF-8, plain or gzip"
        return failure(request.scope, STATUSES[UNSUPPORTED_MEDIA_TYPE], UNSUPPORTED_MEDIA_TYPE, told)
    services = services_of(request.scope)
    try:
        format_ = await own_formats.find(services.store, principal.account.id, format_ref)
    except NotFound as error:
        raise InvalidQuery("format", error.message) from None
    batch = _Batch(kind, format_, gzip=_ENCODINGS[encoding], rules=services.rules, source=source)
    await _read(request, batch)
    outcomes = await record_prepared(services.store, principal, batch.prepared, rules=services.rules, arrival=batch.arrival)
    count_items(tally(outcomes))
    return success(request, await run_in_threadpool(_told, format_, outcomes))


async def _read(request: Request, batch: _Batch) -> None:
    gathered = bytearray()
    try:
        async for chunk in request.stream():
            gathered += chunk
            if len(gathered) >= _GATHERED:
                await _prepare(batch, batch.feed(bytes(gathered)))
                gathered.clear()
    except ClientDisconnect:
        raise InvalidBody("the connection ended before the body did") from None
    await _prepare(batch, batch.feed(bytes(gathered)))
    await _prepare(batch, batch.finish())


async def _prepare(batch: _Batch, items: Iterator[Item]) -> None:
    while await run_in_threadpool(batch.prepare_some, items):
        pass


class _Batch:
    """A body's items on their way to being recorded. Each method that works is called from a worker thread, one at a time."""

    def __init__(self, kind: Kind, format_: Format, *, gzip: bool | None, rules: Rules, source: str | None) -> None:
        self._inflater = Inflater(gzip=gzip, largest=LARGEST_BODY)
        self._reader = reader_for(kind)
        self._format = format_
        self._rules = rules
        self._source = source
        self.prepared: list[Prepared | InvalidEvent] = []
        self.arrival = Arrival(format_, source, written=kind)

    def feed(self, data: bytes) -> Iterator[Item]:
        """The items that are complete now, read as they are asked for."""
        for piece in self._inflater.feed(data):
            yield from self._reader.feed(piece)

    def finish(self) -> Iterator[Item]:
        """The items that the body's end completes."""
        for piece in self._inflater.finish():
            yield from self._reader.feed(piece)
        yield from self._reader.finish()

    def prepare_some(self, items: Iterator[Item]) -> bool:
        """Prepare the next few; whether there were any. Raises PayloadTooLarge, and InvalidBody where reading cannot go on."""
        some = list(islice(items, _SLICE))
        if len(self.prepared) + len(some) > MOST_ITEMS:
            raise PayloadTooLarge(f"the body has more than {MOST_ITEMS:,} items")
        prepared = prepare_items(self._format, some, rules=self._rules, source=self._source)
        for item, made in zip(some, prepared, strict=True):
            if item.raw and isinstance(made, Prepared):
                item.value = None  # its text is enough, should it turn out that it cannot be recorded
        self.prepared += prepared
        self.arrival.items += some
        return len(some) == _SLICE


def _told(format_: Format, outcomes: list[Outcome]) -> orjson.Fragment:
    results = [
        {
            "index": index,
            "status": each.status.value,
            "id": None if each.entry is None else each.entry.id,
            "event_ref": None if each.entry is None else each.entry.event_ref,
            "sequence": None if each.entry is None else each.entry.sequence,
            "field": None if each.status is Status.INSERTED else place_of(format_, each),
            "reason": each.reason,
            "reject_id": each.reject,
        }
        for index, each in enumerate(outcomes)
    ]
    return orjson.Fragment(orjson.dumps(tally(outcomes) | {"results": results}))


def _asked(request: Request, usual: str) -> tuple[str, str | None]:
    given: dict[str, str] = {}
    for name, value in query_items(request.scope):
        if name not in ("format", "source"):
            raise InvalidQuery(name[:64], "is not known here; known are format, source")
        if name in given:
            raise InvalidQuery(name, "is given more than once")
        if not value:
            raise InvalidQuery(name, "is empty; leave it out instead")
        given[name] = value
    ref = given.get("format", usual)
    if len(ref) > LONGEST_REF:
        raise InvalidQuery("format", f"must have 1 to {LONGEST_REF} characters")
    check_characters("format", ref)
    source = given.get("source")
    if source is not None:
        try:
            check_text(source, "source", longest=LONGEST_ID)
        except InvalidEvent as error:
            raise InvalidQuery(error.field, error.reason) from None
    return ref, source


def _media_type(request: Request) -> str:
    """The type of the body; empty where it is in another charset than UTF-8."""
    media, _, parameters = request.headers.get("content-type", "").partition(";")
    for parameter in parameters.lower().split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
            return ""
    return media.strip().lower()
