"""Evidence over REST, on routes of our own: public keys, checkpoints, proofs, and what there is to say of an export."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.body import query_items
from app.api.envelope import success
from app.api.identity import caller
from app.api.openapi import Meta, failures, operation
from app.api.services import services_of
from app.domain.account import Permission, Principal
from app.domain.errors import InvalidQuery
from app.evidence import checkpoints, drift, proofs
from app.evidence.manifests import EXTENSION, manifest
from app.evidence.telling import change_values, difference_values, erasure_values
from app.reports.answer import AsOf
from app.reports.parameters import parse_as_of
from app.reports.report import DEFAULT_ROWS, MOST_ROWS, PageRequest

router = APIRouter(tags=["Evidence"])
_Caller = Annotated[Principal, Depends(caller)]
_MEDIA_TYPE = "application/json"


class Signature(BaseModel):
    """Over the RFC 8785 bytes of the statement."""

    alg: str = Field(description="`EdDSA`: Ed25519 (RFC 8032).")
    kid: str = Field(description="The key's thumbprint (RFC 7638).")
    value: str = Field(description="The signature, base64url.")


class Signed(BaseModel):
    """A signed document, to be kept as it is: `gateway verify` checks it offline with a pinned key."""

    statement: dict[str, Any] = Field(description="What is stated; `type` says of what kind it is.")
    signature: Signature


class SignedAnswer(BaseModel):
    """A signed document."""

    data: Signed
    meta: Meta


class Inclusion(BaseModel):
    """That entries are in a checkpoint."""

    type: str
    checkpoint: Signed
    entries: list[dict[str, Any]] = Field(description="Each with its canonical content and its audit path (RFC 9162, 2.1.3).")


class InclusionAnswer(BaseModel):
    """The proof, whole: the checkpoint in it is signed."""

    data: Inclusion
    meta: Meta


class Consistency(BaseModel):
    """That a checkpoint goes on from an older one."""

    type: str
    older: Signed
    newer: Signed
    path: list[str] = Field(description="The consistency proof (RFC 9162, 2.1.4).")


class ConsistencyAnswer(BaseModel):
    """The proof, whole: the checkpoints in it are signed."""

    data: Consistency
    meta: Meta


class Drift(BaseModel):
    """What has changed since an export was frozen."""

    export: str = Field(description="The export's id.")
    frozen_at: int = Field(description="The sequence that the export covers.")
    as_of: int = Field(description="The sequence that it is compared with.")
    counts: dict[str, int] = Field(description="How many changes there are of each kind: added, amended, retracted.")
    differences: list[dict[str, Any]] = Field(description="The difference in each total, then in each group that differs.")
    erasures: list[dict[str, Any]] = Field(description="What was erased since from entries that the export covers.")
    changes: list[dict[str, Any]] = Field(description="The changes, oldest first: who, when, why, and the entries.")
    next: str | None = Field(description="What `after` is to be for the changes that follow; null at the end.")


class DriftAnswer(BaseModel):
    """What has changed since an export was frozen."""

    data: Drift
    meta: Meta


class Jwks(BaseModel):
    """A JWK set (RFC 7517)."""

    keys: list[dict[str, Any]]


def _parameter(name: str, description: str, *, place: str = "query", required: bool = False, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "description": description, "schema": {"type": "string"} | schema}


_POINT = "a sequence, an instant of recording, or a checkpoint's name (sequence, colon, root)"
_ID = _parameter("id", "The export's id.", place="path", required=True)
_AS_OF = _parameter("as_of", f"As of which point: {_POINT}; the ledger's end by default.")
_REFUSED = ("INVALID_QUERY", "UNAUTHORIZED", "TOKEN_SCOPE_DENIED")


@router.get(
    "/.well-known/jwks.json",
    operation_id="listSigningKeys",
    summary="Public keys",
    response_model=Jwks,
    responses=failures(),
    openapi_extra=operation(),
)
async def list_signing_keys(request: Request) -> Response:
    """The public keys that checkpoints and manifests are, or were, signed with, the newest first. Takes no token."""
    return Response(orjson.dumps(await services_of(request.scope).signer.jwks()), media_type=_MEDIA_TYPE)


@router.get(
    "/api/v1/evidence/checkpoint",
    operation_id="getCheckpoint",
    summary="Checkpoint",
    response_model=SignedAnswer,
    responses=failures(*_REFUSED),
    openapi_extra=operation(Permission.REPORT_READ, parameters=(_AS_OF,)),
)
async def get_checkpoint(request: Request, principal: _Caller) -> Response:
    """The ledger in one signed hash, as of any point."""
    principal.require(Permission.REPORT_READ)
    services, given = services_of(request.scope), _given(request, "as_of")
    made = await checkpoints.checkpoint(services.store, services.signer, principal, _point(given, "as_of"))
    return success(request, made)


@router.get(
    "/api/v1/evidence/inclusion",
    operation_id="proveInclusion",
    summary="Inclusion proof",
    response_model=InclusionAnswer,
    responses=failures(*_REFUSED, "NOT_FOUND"),
    openapi_extra=operation(
        Permission.REPORT_READ,
        parameters=(
            {
                **_parameter("entry_id", f"Ids of entries, 1 to {proofs.MOST_ENTRIES}; repeat the parameter.", required=True),
                "schema": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": proofs.MOST_ENTRIES},
            },
            _AS_OF,
        ),
    ),
)
async def prove_inclusion(request: Request, principal: _Caller) -> Response:
    """The proof that entries are in the ledger as of a point."""
    principal.require(Permission.REPORT_READ)
    services, given = services_of(request.scope), _given(request, "entry_id", "as_of")
    ids = given.get("entry_id", [])
    if not 1 <= len(ids) <= proofs.MOST_ENTRIES:
        raise InvalidQuery("entry_id", f"must be given 1 to {proofs.MOST_ENTRIES} times")
    found = await proofs.inclusion(services.store, services.signer, principal, ids, _point(given, "as_of"))
    return success(request, found.document())


@router.get(
    "/api/v1/evidence/consistency",
    operation_id="proveConsistency",
    summary="Consistency proof",
    response_model=ConsistencyAnswer,
    responses=failures(*_REFUSED),
    openapi_extra=operation(
        Permission.REPORT_READ, parameters=(_parameter("older", f"The older point: {_POINT}.", required=True), _AS_OF)
    ),
)
async def prove_consistency(request: Request, principal: _Caller) -> Response:
    """The proof that the ledger as of one point goes on from what it was at an older one."""
    principal.require(Permission.REPORT_READ)
    services, given = services_of(request.scope), _given(request, "older", "as_of")
    older = _point(given, "older")
    if older is None:
        raise InvalidQuery("older", "is missing")
    found = await proofs.consistency(services.store, services.signer, principal, older, _point(given, "as_of"))
    return success(request, found.document())


@router.get(
    "/api/v1/evidence/exports/{id}/manifest",
    operation_id="getExportManifest",
    summary="Signed manifest of an export",
    response_model=Signed,
    responses=failures(*_REFUSED, "NOT_FOUND", "EXPORT_NOT_READY"),
    openapi_extra=operation(Permission.REPORT_EXPORT, parameters=(_ID,)),
)
async def get_export_manifest(request: Request, principal: _Caller) -> Response:
    """The manifest by itself, to be kept beside the export's file: always the same bytes."""
    principal.require(Permission.REPORT_EXPORT)
    _given(request)
    services, export_id = services_of(request.scope), request.path_params["id"]
    made = await manifest(services.store, services.signer, principal, export_id)
    headers = {"Content-Disposition": f'attachment; filename="{made["statement"]["file_name"]}{EXTENSION}"'}
    return Response(orjson.dumps(made), headers=headers, media_type=_MEDIA_TYPE)


@router.get(
    "/api/v1/evidence/exports/{id}/drift",
    operation_id="getExportDrift",
    summary="Drift of an export",
    response_model=DriftAnswer,
    responses=failures(*_REFUSED, "NOT_FOUND"),
    openapi_extra=operation(
        Permission.REPORT_EXPORT,
        parameters=(
            _ID,
            _AS_OF,
            _parameter("limit", "How many changes at most.", type="integer", minimum=1, maximum=200, default=50),
            _parameter("after", "Only changes that follow: `next` of the answer before."),
        ),
    ),
)
async def get_export_drift(request: Request, principal: _Caller) -> Response:
    """What has changed since the export was frozen: rows added, amended and retracted, and the difference in each total."""
    principal.require(Permission.REPORT_EXPORT)
    store, given = services_of(request.scope).store, _given(request, "as_of", "limit", "after")
    found = await drift.drift(store, principal, request.path_params["id"], _point(given, "as_of"))
    page = await drift.page(store, found, PageRequest(first=_limit(given), after=_single(given, "after")))
    data = {
        "export": found.export.id,
        "frozen_at": found.export.as_of,
        "as_of": found.opened.scope.as_of,
        "counts": {kind.value: count for kind, count in (await drift.counted(store, found)).items()},
        "differences": [
            _numbers(difference_values(each), "then", "now", "change") for each in await drift.differences(store, found)
        ],
        "erasures": [erasure_values(each) for each in await drift.erasures(store, found)],
        "changes": [_change(each) for each in page.rows],
        "next": page.cursors[-1] if page.has_next else None,
    }
    return success(request, data)


def _given(request: Request, *known: str) -> dict[str, list[str]]:
    """What the query string says, by name. Raises InvalidQuery for a name that means nothing here, and for an empty value."""
    given: dict[str, list[str]] = {}
    for name, value in query_items(request.scope):
        if name not in known:
            raise InvalidQuery(name[:64], f"is not a parameter here; there are {', '.join(known) or 'none'}")
        if not value:
            raise InvalidQuery(name, "is empty; leave it out instead")
        given.setdefault(name, []).append(value)
    return given


def _single(given: dict[str, list[str]], name: str) -> str | None:
    values = given.get(name, [])
    if len(values) > 1:
        raise InvalidQuery(name, "is given more than once")
    return values[0] if values else None


def _point(given: dict[str, list[str]], name: str) -> AsOf:
    text = _single(given, name)
    return None if text is None else parse_as_of(text, name)


def _limit(given: dict[str, list[str]]) -> int:
    text = _single(given, "limit") or str(DEFAULT_ROWS)
    if not (text.isascii() and text.isdigit()) or len(text) > 4 or not 1 <= int(text) <= MOST_ROWS:
        raise InvalidQuery("limit", f"must be a whole number from 1 to {MOST_ROWS}")
    return int(text)


def _numbers(values: dict[str, Any], *names: str) -> dict[str, Any]:
    """The values with the decimals under these names as numbers with all their digits."""
    return values | {name: orjson.Fragment(values[name]) for name in names if values[name] is not None}


def _change(change: drift.Change) -> dict[str, Any]:
    told = change_values(change)
    return told | {"entries": [_numbers(each, "quantity", "charge") for each in told["entries"]]}


def _difference(difference: drift.Difference) -> dict[str, Any]:
    return _numbers(difference_values(difference), "then", "now", "change")
