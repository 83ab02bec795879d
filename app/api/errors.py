"""The one mapping from our stable error codes to HTTP statuses and headers."""

from __future__ import annotations

from http import HTTPStatus

from app.access.budget import Overspent
from app.domain.errors import GatewayError, RateLimited, Unauthenticated

INTERNAL = "INTERNAL_ERROR"
INTERNAL_MESSAGE = "the gateway failed to answer; the request id finds the reason in its log"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
NOT_FOUND = "NOT_FOUND"
RANGE_NOT_SATISFIABLE = "RANGE_NOT_SATISFIABLE"
UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"

STATUSES: dict[str, int] = {
    "INVALID_QUERY": 400,
    "INVALID_JSON": 400,
    "UNAUTHORIZED": 401,
    "TOKEN_SCOPE_DENIED": 403,
    "LINK_REFUSED": 403,
    "UNTRUSTED_DOCUMENT": 403,
    NOT_FOUND: 404,
    METHOD_NOT_ALLOWED: 405,
    "CONFLICT": 409,
    "ALREADY_CORRECTED": 409,
    "ALREADY_EXISTS": 409,
    "EVENT_CONFLICT": 409,
    "IDEMPOTENCY_CONFLICT": 409,
    "EXPORT_NOT_READY": 409,
    "LINK_EXPIRED": 410,
    "PAYLOAD_TOO_LARGE": 413,
    UNSUPPORTED_MEDIA_TYPE: 415,
    RANGE_NOT_SATISFIABLE: 416,
    "VALIDATION_ERROR": 422,
    "RATE_LIMITED": 429,
    # An ordinary answer: the client sends the text and goes on.
    "PERSISTED_QUERY_NOT_FOUND": 200,
    "INVALID_SETTING": 500,
    "LEDGER_CORRUPT": 500,
    INTERNAL: 500,
    "UNAVAILABLE": 503,
}
"""By code. A test holds this against the error tree, so that no error is without a status."""


def status_of(error: GatewayError) -> int:
    """The HTTP status that says the same as the error's code."""
    return STATUSES[error.code]


def headers_of(error: GatewayError) -> dict[str, str]:
    """The headers that go with the error: how to authenticate (RFC 6750), or when to come back."""
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, RateLimited):
        balance = error.balance.headers if isinstance(error, Overspent) else {}
        return {"Retry-After": str(error.retry_after), **balance}
    return {}


def code_for_status(status: int) -> str:
    """Our code for a status that the web framework decided on by itself: no such route, no such method."""
    if status >= 500:
        return INTERNAL
    known = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: "PAYLOAD_TOO_LARGE", 415: UNSUPPORTED_MEDIA_TYPE}
    return known.get(status, "INVALID_QUERY")


def phrase_for_status(status: int) -> str:
    """What to say of such a status, for people."""
    if status >= 500:
        return INTERNAL_MESSAGE
    return HTTPStatus(status).phrase.lower()
