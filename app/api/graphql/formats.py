"""Formats over GraphQL: those that ship and the account's own, tried on samples, saved as versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from app.api.graphql.context import Info
from app.api.graphql.enums import ErrorCode
from app.api.graphql.nodes import Entry
from app.api.graphql.payloads import InputError, Payload, attempt
from app.api.graphql.scalars import JSONObject
from app.api.graphql.scopes import Needs
from app.domain.account import Permission
from app.domain.decimal import plain
from app.domain.errors import NotFound
from app.domain.format_version import FormatVersion
from app.domain.instant import format_instant
from app.ledger import own_formats
from app.ledger.formats import NAMES, document_of, load, named
from app.ledger.intake import Kind
from app.ledger.outcome import Status
from app.ledger.trial import LARGEST, MOST_SAMPLES, Tried, try_format

_NEEDED = Permission.USAGE_WRITE


@strawberry.type(description="A document that says where in a payload each field of an event stands.")
class Format:
    name: str = strawberry.field(description="By which senders name it; for an account's own this means the newest version.")
    ref: str = strawberry.field(description="By which this version is named for ever; of a format that ships, its name.")
    version: int | None = strawberry.field(description="Which version it is, from 1; null for a format that ships.")
    description: str = strawberry.field(description="What it reads, in a sentence.")
    document: JSONObject = strawberry.field(description="The document itself: the start of one of your own.")
    digest: str | None = strawberry.field(description="SHA-256 over the document as it is kept; null for a format that ships.")
    created_by: str | None = strawberry.field(description="Who saved it; null for a format that ships.")
    created_at: datetime | None = strawberry.field(description="When it was saved, UTC; null for a format that ships.")


@strawberry.type(description="What a sample would become if it were sent now.")
class TriedSample:
    index: int = strawberry.field(description="Place of the sample, from 0.")
    line: int = strawberry.field(description="The line of the text in which it begins, from 1.")
    status: Status = strawberry.field(description="What would become of it.")
    event: JSONObject | None = strawberry.field(
        description="What would stand in the ledger, decimals as texts; null where it would be rejected."
    )
    entry: Entry | None = strawberry.field(description="The entry that it repeats or contradicts; null where there is none.")
    errors: list[InputError] = strawberry.field(
        description="Where in the sample the trouble is, and why; empty where there is none."
    )


@strawberry.input(one_of=True, description="Which format to try.")
class FormatChoice:
    ref: str | None = strawberry.field(default=strawberry.UNSET, description="The name or the ref of one that there is.")
    document: JSONObject | None = strawberry.field(default=strawberry.UNSET, description="A document that is not saved yet.")


@strawberry.input(description="A format to save.")
class SaveFormatInput:
    document: JSONObject = strawberry.field(description="The document; the name in it is the format's.")


@strawberry.type(description="What became of a format that was to be saved.")
class SaveFormatPayload(Payload):
    format: Format | None = strawberry.field(
        description="The format: the next version, or the newest one where that says the same; null where it cannot be used."
    )


async def _all(info: Info) -> list[Format]:
    own = await own_formats.versions(info.context.services.store, info.context.principal)
    return [_shipped(name) for name in NAMES] + [_own(each) for each in own]


async def _one(
    info: Info, ref: Annotated[str, strawberry.argument(description="A name, or a ref such as `meter@3`.")]
) -> Format | None:
    if ref in NAMES:
        return _shipped(ref)
    try:
        kept = await own_formats.kept(info.context.services.store, info.context.principal.account.id, ref)
    except NotFound:
        return None
    return _own(kept)


async def _try(
    info: Info,
    format: Annotated[FormatChoice, strawberry.argument(description="Which format.")],
    samples: Annotated[
        str,
        strawberry.argument(description=f"The samples as they would be sent, at most {MOST_SAMPLES} and {LARGEST >> 20} MiB."),
    ],
    kind: Annotated[Kind | None, strawberry.argument(description="How they are written; else their beginning tells.")] = None,
    sender: Annotated[
        str | None, strawberry.argument(name="source", description="Name of the sender, where a sample names none.")
    ] = None,
) -> list[TriedSample]:
    services, principal = info.context.services, info.context.principal
    if isinstance(format.ref, str):
        chosen = await own_formats.find(services.store, principal.account.id, format.ref)
    else:
        chosen = load(format.document)
    tried = await try_format(
        services.store,
        principal,
        chosen,
        samples.encode(errors="replace"),
        rules=services.rules,
        kind=kind,
        source=sender,
    )
    return [_tried(each) for each in tried]


async def _save(
    info: Info, input: Annotated[SaveFormatInput, strawberry.argument(description="Which one.")]
) -> SaveFormatPayload | None:
    services, principal = info.context.services, info.context.principal
    saved, errors = await attempt(
        own_formats.save(services.store, principal, input.document, rules=services.rules), inside="document"
    )
    return SaveFormatPayload(format=None if saved is None else _own(saved), errors=errors)


def _shipped(name: str) -> Format:
    return Format(
        name=name,
        ref=name,
        version=None,
        description=named(name).description,
        document=JSONObject(document_of(name)),
        digest=None,
        created_by=None,
        created_at=None,
    )


def _own(kept: FormatVersion) -> Format:
    return Format(
        name=kept.name,
        ref=kept.ref,
        version=kept.version,
        description=own_formats.ready(kept.document, kept.ref).description,
        document=JSONObject(own_formats.read(kept)),
        digest=kept.digest,
        created_by=kept.created_by,
        created_at=kept.created_at,
    )


def _tried(each: Tried) -> TriedSample:
    return TriedSample(
        index=each.index,
        line=each.line,
        status=each.status,
        event=None if each.event is None else JSONObject(_told(each.event)),
        entry=each.entry,
        errors=[] if each.reason is None else [_trouble(each.status, each.field, each.reason)],
    )


def _trouble(status: Status, field: str | None, reason: str) -> InputError:
    """The place is told as the sample spells it, which need not be GraphQL's way."""
    code = ErrorCode.EVENT_CONFLICT if status is Status.CONFLICT else ErrorCode.VALIDATION_ERROR
    return InputError(code=code, message=f"{field} {reason}" if field else reason, field=field)


def _told(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _told(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_told(item) for item in value]
    if isinstance(value, datetime):
        return format_instant(value)
    return plain(value) if isinstance(value, Decimal) else value


formats: Any = strawberry.field(
    resolver=_all,
    description="The formats that ship and the account's own, each in its newest version.",
    extensions=[Needs(_NEEDED)],
)
format_named: Any = strawberry.field(
    resolver=_one, description="The format of that name or ref; null where there is none.", extensions=[Needs(_NEEDED)]
)
tried_format: Any = strawberry.field(
    resolver=_try,
    description="What samples would become if they were read by a format. Nothing is recorded or kept.",
    extensions=[Needs(_NEEDED)],
)
save_format: Any = strawberry.mutation(
    resolver=_save,
    description="Save a format of the account's own, as a version that never changes.",
    extensions=[Needs(Permission.ADMIN)],
)
