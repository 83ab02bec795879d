"""Errors as GraphQL tells them: our codes in `extensions.code`, fields by the names callers know, nothing of what failed."""

from __future__ import annotations

import re

import structlog
from graphql import GraphQLError
from strawberry.utils.str_converters import to_camel_case

from app.api.errors import INTERNAL, INTERNAL_MESSAGE
from app.domain.errors import GatewayError, InvalidInput, RateLimited, ScopeDenied
from app.ledger import catalogue, events

_log = structlog.stdlib.get_logger("gateway.graphql")
_HEAD = re.compile(r"[^.\[]+")
_NAMES = sorted((name for name in events.FIELDS | catalogue.FIELDS if "_" in name), key=len, reverse=True)
_SPOKEN = re.compile(rf"\b(?:{'|'.join(_NAMES)})\b")


def field_name(name: str) -> str:
    """A field as GraphQL spells it: `additional_data.my_key` is the caller's own only past its first point."""
    return _HEAD.sub(lambda head: to_camel_case(head[0]), name, count=1)


def told(error: GatewayError) -> str:
    """The error's message, with names of fields as GraphQL spells them."""
    if isinstance(error, InvalidInput):
        reason = _SPOKEN.sub(lambda name: to_camel_case(name[0]), error.reason)
        return f"{field_name(error.field)} {reason}" if error.field else reason
    return error.message


def facts_of(error: GatewayError) -> dict[str, object]:
    """What stands in `extensions`, apart from the request id."""
    facts: dict[str, object] = {"code": error.code}
    if isinstance(error, InvalidInput) and error.field:
        facts["field"] = field_name(error.field)
    if isinstance(error, ScopeDenied):
        facts["requiredScope"] = error.scope
    if isinstance(error, RateLimited):
        facts["retryAfter"] = error.retry_after
    return facts


def presented(error: GraphQLError, request_id: str) -> GraphQLError:
    """The error as the caller sees it. What is not one of ours, nor the document's own fault, is logged and masked."""
    cause = _cause(error)
    if isinstance(cause, GatewayError):
        message, facts = told(cause), facts_of(cause)
    elif cause is None:
        # graphql-core's own: the document does not parse, is not valid, or its variables cannot be read.
        message, facts = error.message, {"code": "INVALID_QUERY"}
    else:
        _log.error("operation failed", path=error.path, exc_info=cause)
        message, facts = INTERNAL_MESSAGE, {"code": INTERNAL}
    return GraphQLError(
        message, error.nodes, error.source, error.positions, error.path, extensions={**facts, "requestId": request_id}
    )


def _cause(error: GraphQLError) -> BaseException | None:
    """What was raised, under however many layers of GraphQL errors; None where there is nothing else."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
