"""The OpenAPI document: what FastAPI generates from the routes, and what every operation of this gateway has in common.

Routes state what only they know: `operation(...)` for scopes and parameters, `failures(...)` for the errors they can meet.
Examples are kept in `examples.json`, by operation; each is true, and the tests ask every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from app.api.errors import INTERNAL, RANGE_NOT_SATISFIABLE, STATUSES
from app.api.request_id import HEADER
from app.domain.account import Permission

PATH = "/api/v1/openapi.json"
BEARER = "bearer"
SESSION = "session"
_SCHEMES = {
    BEARER: "A key's token: `gwk_…`.",
    SESSION: "The token of a session: a JWT, which the contract's own route gives for a key's id and secret.",
}
_WORDS = {
    "INVALID_QUERY": "A parameter is unknown or malformed.",
    "INVALID_JSON": "The body is not JSON, or carries an unknown field.",
    "UNAUTHORIZED": "The token is missing, malformed, unknown, expired, revoked, or not accepted from this address.",
    "TOKEN_SCOPE_DENIED": "The token lacks the scope that `detail` names.",
    "NOT_FOUND": "The account has no such thing.",
    "ALREADY_CORRECTED": "The event was retracted, or another version of it stands.",
    "EVENT_CONFLICT": "The sender's id was recorded before with other content.",
    "IDEMPOTENCY_CONFLICT": "The `Idempotency-Key` was used before with another body.",
    "EXPORT_NOT_READY": "The export has no file, or none yet.",
    "PAYLOAD_TOO_LARGE": "The body is too large.",
    "UNSUPPORTED_MEDIA_TYPE": "The body is of a type that is not taken here.",
    RANGE_NOT_SATISFIABLE: "The file has none of the range that `Range` names.",
    "VALIDATION_ERROR": "The body breaks a rule, which `message` names.",
    "RATE_LIMITED": "Too many calls; `Retry-After` says when to come back.",
    INTERNAL: "The gateway failed; its log tells more under the request id.",
    "UNAVAILABLE": "The store cannot answer now; the same call may succeed later.",
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "How to authenticate (RFC 6750).", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}},
}
_MALFORMED = (400, 413, 415, 422)
_REQUEST_ID = {"description": "The id of the call: the caller's own where it sent a sane one.", "schema": {"type": "string"}}


class Meta(BaseModel):
    """About the answer itself."""

    request_id: str = Field(description="The id of the call, which is also in `X-Request-Id` and in the gateway's log.")
    timestamp: datetime = Field(description="When the call was answered, UTC.")


_FAILURE = {
    "type": "object",
    "description": "Every error of these routes.",
    "required": ["error", "meta"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "Stable, for programs."},
                "message": {"type": "string", "description": "For people."},
                "detail": {"type": "string", "description": "More, where there is more to say."},
            },
        },
        "meta": {"$ref": "#/components/schemas/Meta"},
    },
}


def failures(*codes: str) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for these error codes, and for those that every route with a store behind it can meet."""
    by_status: dict[int | str, list[str]] = {}
    for code in (*codes, INTERNAL, "UNAVAILABLE"):
        by_status.setdefault(STATUSES[code], []).append(code)
    return {status: _failure(status, found) for status, found in by_status.items()}


def _failure(status: int | str, codes: Sequence[str]) -> dict[str, Any]:
    told = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    return {
        "description": " ".join(_WORDS[code] for code in codes),
        "headers": dict(_HEADERS.get(int(status), {})),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure", **told}}},
    }


def operation(
    *scopes: Permission, parameters: Sequence[Mapping[str, Any]] = (), scheme: str | None = None, **more: Any
) -> dict[str, Any]:
    """FastAPI's `openapi_extra`: the scopes that the operation requires, its parameters, and what kind of token it takes.

    Without scopes it takes none, unless `scheme` says so.
    """
    stated: dict[str, Any] = {"x-required-scopes": [each.value for each in scopes], **more}
    if scopes or scheme:
        stated["security"] = [{scheme or BEARER: []}]
    if parameters:
        stated["parameters"] = list(parameters)
    return stated


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application, made once; what FastAPI's own `openapi` is replaced with."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        parts = made.setdefault("components", {})
        parts["securitySchemes"] = {
            name: {"type": "http", "scheme": "bearer", "description": told} for name, told in _SCHEMES.items()
        }
        parts.setdefault("schemas", {})["Failure"] = _FAILURE
        for path in made["paths"].values():
            for each in path.values():
                for response in each["responses"].values():
                    response.setdefault("headers", {})[HEADER] = _REQUEST_ID
                _exemplify(each, _examples().get(each["operationId"], {}))
        app.openapi_schema = made
    return app.openapi_schema


@cache
def _examples() -> dict[str, dict[str, Any]]:
    """By operation and name: what is sent (`query`, `path`, `body`, `headers`), and the `status` and `answer` that come back."""
    stated: dict[str, dict[str, Any]] = orjson.loads(files(__package__).joinpath("examples.json").read_bytes())
    return stated


def _exemplify(each: dict[str, Any], examples: Mapping[str, Any]) -> None:
    """Put examples where the specification wants them: request and answer under the same name."""
    for name, example in examples.items():
        status = example["status"]
        media = each["responses"][str(status)]["content"]["application/json"]
        media.setdefault("examples", {})[name] = {"summary": HTTPStatus(status).phrase, "value": example["answer"]}
        if status in _MALFORMED:
            continue  # an example of a parameter or a body is a good one
        for parameter in each.get("parameters", ()):
            sent = example.get(parameter["in"], {})
            if parameter["name"] in sent:
                parameter.setdefault("examples", {})[name] = {"value": sent[parameter["name"]]}
        if "form" in example:
            for media in each["requestBody"]["content"].values():
                media.setdefault("examples", {})[name] = {"value": example["form"]}
        if "body" in example:
            media = each["requestBody"]["content"]["application/json"]
            media.setdefault("examples", {})[name] = {"value": example["body"]}
