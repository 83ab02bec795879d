"""Errors as GraphQL tells them: our codes in `extensions.code`, fields by the names callers know, nothing of what failed."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog
from graphql import GraphQLError
from strawberry.utils.str_converters import to_camel_case

from app.api.errors import INTERNAL, INTERNAL_MESSAGE
from app.api.graphql.bounds import MOST_TOKENS, TOO_COMPLEX
from app.domain.errors import GatewayError, InvalidInput, RateLimited, ScopeDenied
from app.ledger import catalogue, events

_log = structlog.stdlib.get_logger("gateway.graphql")
Arguments = Callable[[GraphQLError, str | None], str | None]
INVALID_QUERY = "INVALID_QUERY"
_TOKENS = re.compile(r"Document contains more than \d+ tokens")
_SUGGESTED = re.compile(r" Did you mean .*\?$", re.DOTALL)
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


def presented(error: GraphQLError, request_id: str, arguments: Arguments, *, suggestions: bool = True) -> GraphQLError:
    """The error as the caller sees it. What is not one of ours, nor the document's own fault, is logged and masked.

    `arguments` finds the path of the argument that a field of an input stands in, or that the error itself is about; without
    `suggestions` nothing of the schema is told that the caller did not name.
    """
    cause = _cause(error)
    facts: dict[str, object]
    if isinstance(cause, GatewayError):
        message, facts = told(cause), facts_of(cause)
        argument = arguments(error, str(facts["field"])) if "field" in facts else None
        facts |= {} if argument is None else {"argument": argument}
    elif cause is None:
        # graphql-core's own: the document does not parse, is not valid, or its variables cannot be read.
        message, facts = _worded(error, suggestions), {"code": INVALID_QUERY, **(error.extensions or {})}
        facts |= {} if (argument := arguments(error, None)) is None else {"argument": argument}
    else:
        _log.error("operation failed", path=error.path, exc_info=cause)
        message, facts = INTERNAL_MESSAGE, {"code": INTERNAL}
    return GraphQLError(
        message, error.nodes, error.source, error.positions, error.path, extensions={**facts, "requestId": request_id}
    )


def _worded(error: GraphQLError, suggestions: bool) -> str:
    """What graphql-core says, with what to cut where it says only that there is too much."""
    if _TOKENS.search(error.message):
        error.extensions = {"code": TOO_COMPLEX}
        return (
            f"The document has more than {MOST_TOKENS:,} tokens: put values into variables, or ask for some of it in another one."
        )
    return error.message if suggestions else _SUGGESTED.sub("", error.message)


def _cause(error: GraphQLError) -> BaseException | None:
    """What was raised, under however many layers of GraphQL errors; None where there is nothing else."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
