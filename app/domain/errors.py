"""Every error that a caller may meet, each with a stable code and a message that is safe to show.

    GatewayError
    ├── InvalidInput                  the caller's words break a rule; names the field and the reason
    │   ├── InvalidQuery              INVALID_QUERY        a question that cannot be asked so
    │   ├── InvalidEvent              VALIDATION_ERROR     something that cannot be recorded so
    │   └── InvalidSetting            INVALID_SETTING      the operator's configuration
    ├── InvalidBody                   INVALID_JSON         a body that is not what its content type says
    ├── PayloadTooLarge               PAYLOAD_TOO_LARGE
    ├── Unauthenticated               UNAUTHORIZED
    │   └── KeyEnded                  UNAUTHORIZED         of a key that was revoked or has expired
    ├── ScopeDenied                   TOKEN_SCOPE_DENIED
    ├── LinkRefused                   LINK_REFUSED         a signed link that was changed, or is for something else
    │   └── LinkExpired               LINK_EXPIRED
    ├── NotFound                      NOT_FOUND            also for what belongs to another account
    ├── Conflict
    │   ├── AlreadyCorrected          ALREADY_CORRECTED    not the standing version of its event
    │   ├── AlreadyExists             ALREADY_EXISTS
    │   ├── EventConflict             EVENT_CONFLICT       a sender's id seen before with other content
    │   ├── IdempotencyConflict       IDEMPOTENCY_CONFLICT
    │   └── ExportNotReady            EXPORT_NOT_READY     no file yet, or none to come
    ├── DocumentUnknown             PERSISTED_QUERY_NOT_FOUND  a hash that no GraphQL document is known for
    ├── DocumentRefused             UNTRUSTED_DOCUMENT   not one of the documents that alone are taken
    ├── RateLimited                   RATE_LIMITED
    ├── Unavailable                   UNAVAILABLE          the store is busy, closed, or of another version
    └── Corrupt                       LEDGER_CORRUPT       stored bytes do not give their digest

Doors translate these into their own envelopes; anything else is masked as INTERNAL_ERROR and logged with the request id.
"""

from __future__ import annotations


class GatewayError(Exception):
    """The root of the tree.

    `code` is stable and meant for programs, `message` for people, `detail` says more where there is more to say.
    """

    code: str = "INTERNAL_ERROR"

    def __init__(self, message: str, *, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class InvalidInput(GatewayError):
    """A value that breaks a rule: `field` is the caller's own name for it (dotted where nested), `reason` says why."""

    code = "VALIDATION_ERROR"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class InvalidQuery(InvalidInput):
    """A question that cannot be asked so."""

    code = "INVALID_QUERY"


class InvalidEvent(InvalidInput):
    """Something that cannot be recorded so."""

    code = "VALIDATION_ERROR"


class InvalidSetting(InvalidInput):
    """A setting of the operator's that cannot be used."""

    code = "INVALID_SETTING"


class InvalidBody(GatewayError):
    """A body that cannot be read as what its content type says it is."""

    code = "INVALID_JSON"


class PayloadTooLarge(GatewayError):
    """A body, an item or a batch over its bound."""

    code = "PAYLOAD_TOO_LARGE"


class Unauthenticated(GatewayError):
    """No token, or one that is malformed, unknown, expired, revoked, or used from outside its networks."""

    code = "UNAUTHORIZED"


class KeyEnded(Unauthenticated):
    """The right token, or the session, of a key that was revoked or has expired."""


class ScopeDenied(GatewayError):
    """A token without the scope that the call needs."""

    code = "TOKEN_SCOPE_DENIED"

    def __init__(self, scope: str) -> None:
        super().__init__("token scope denied", detail=f"requires {scope}")
        self.scope = scope


class LinkRefused(GatewayError):
    """A signed link that was changed on its way, was made for another purpose, or was not made by this gateway."""

    code = "LINK_REFUSED"


class LinkExpired(LinkRefused):
    """A signed link whose time is over."""

    code = "LINK_EXPIRED"


class NotFound(GatewayError):
    """No such thing in this account; whether another account has it is not told."""

    code = "NOT_FOUND"


class Conflict(GatewayError):
    """The call contradicts what is already recorded."""

    code = "CONFLICT"


class AlreadyCorrected(Conflict):
    """Only the standing version of an event can be amended or retracted."""

    code = "ALREADY_CORRECTED"


class AlreadyExists(Conflict):
    """The name is taken."""

    code = "ALREADY_EXISTS"


class EventConflict(Conflict):
    """A sender's id that was recorded before with other content."""

    code = "EVENT_CONFLICT"


class IdempotencyConflict(Conflict):
    """An idempotency key that was used before with another body."""

    code = "IDEMPOTENCY_CONFLICT"


class ExportNotReady(Conflict):
    """An export that has no file: it is still being made, or has failed."""

    code = "EXPORT_NOT_READY"


class DocumentUnknown(GatewayError):
    """A hash that no GraphQL document is known for: the caller sends the text along once, and is understood from then on."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")  # the word that clients of the protocol look for


class DocumentRefused(GatewayError):
    """A GraphQL document that is none of the trusted ones, where only these are taken."""

    code = "UNTRUSTED_DOCUMENT"


class RateLimited(GatewayError):
    """Too many calls; `retry_after` is in whole seconds."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(GatewayError):
    """The store cannot answer now; the same call may succeed later."""

    code = "UNAVAILABLE"


class Corrupt(GatewayError):
    """Stored bytes that do not give the digest stored for them; `sequence` is the first such entry."""

    code = "LEDGER_CORRUPT"

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(f"entry {sequence}: {reason}")
        self.sequence = sequence
        self.reason = reason
