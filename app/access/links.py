"""Signed links: leave, for a time and for one thing, to whoever holds the link, without a token.

A link's text is `<account>.<expiry>.<issuer>.<subject>.<signature>`, each part in base64url where it is not a number, so that it
can stand in a URL as it is. The signature is HMAC-SHA-256 (RFC 2104) over the link's purpose and everything before it, with a key
of the account's own, and the text itself is compared: one changed character is refused. What cannot be read is refused in
the same words as what is signed otherwise, so that a refusal tells nothing.

A link cannot be taken back before it expires, but what it leads to can be.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from app.access.secrets import AccountSecrets
from app.domain.errors import LinkExpired, LinkRefused
from app.domain.instant import format_instant
from app.ports import Accounts

_NAME = "links"
LONGEST = 2_048
"""Characters that a link's text may have."""
_TEXT = re.compile(r"[1-9][0-9]{0,9}\.[1-9][0-9]{0,10}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says. `subject` is what it leads to, `issuer` who made it, as an actor of the ledger."""

    purpose: str
    account_id: int
    subject: str
    issuer: str
    expires_at: datetime


class Links:
    """Signs and checks. `secret` is the operator's own, if there is one. One for each process: keys are remembered."""

    def __init__(self, store: Accounts, secret: str | None = None) -> None:
        self._secrets = AccountSecrets(store, _NAME, secret)

    async def sign(
        self, purpose: str, account_id: int, subject: str, *, issuer: str, at: datetime, lifetime: timedelta
    ) -> tuple[str, Link]:
        """The text of a link that holds from `at` for `lifetime`, to the whole second, and what it says.

        `purpose` is the door's own word: a link for one door opens no other. `subject` names the very thing, with its digest
        where it has one, so that the link leads to nothing that may later stand in its place.
        """
        expires = int((at + lifetime).timestamp())
        said = f"{account_id}.{expires}.{_spelled(issuer.encode())}.{_spelled(subject.encode())}"
        key = await self._secrets.key(account_id)
        link = Link(purpose, account_id, subject, issuer, datetime.fromtimestamp(expires, UTC))
        return f"{said}.{_signature(key, purpose, said)}", link

    async def check(self, text: str, purpose: str, *, at: datetime) -> Link:
        """What the link says. Raises LinkRefused, and LinkExpired for one that was right and is no longer."""
        if len(text) > LONGEST or not _TEXT.fullmatch(text):
            raise _refused()
        said, _, signature = text.rpartition(".")
        account, expires, issuer, subject = said.split(".")
        key = await self._secrets.find(int(account))
        if key is None or not hmac.compare_digest(_signature(key, purpose, said), signature):
            raise _refused()
        try:
            expires_at = datetime.fromtimestamp(int(expires), UTC)
            link = Link(purpose, int(account), _read(subject), _read(issuer), expires_at)
        except (ValueError, OverflowError, OSError):
            raise _refused() from None
        if at >= link.expires_at:
            raise LinkExpired(f"this link expired at {format_instant(link.expires_at)}; ask whoever sent it for a new one")
        return link


def _signature(key: bytes, purpose: str, said: str) -> str:
    return _spelled(hmac.digest(key, f"usage-gateway/link/v1\n{purpose}\n{said}".encode(), sha256))


def _spelled(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(text: str) -> str:
    """Raises ValueError."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def _refused() -> LinkRefused:
    return LinkRefused("this link is not valid: it was changed on its way, or is for something else")
