"""Keys that the gateway signs with: Ed25519 (RFC 8032), each named by the thumbprint of its public half (RFC 7638)."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.instant import format_instant


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key as it is kept: `number` counts from 1, `seed` is the secret half, plain or sealed (see `app.evidence.keys`)."""

    number: int
    seed: bytes
    public_key: bytes
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a key, and when the gateway signed with it: to `valid_until`, or to this day where that is None."""

    public_key: bytes
    valid_from: datetime
    valid_until: datetime | None

    @property
    def id(self) -> str:
        """The key's id."""
        return thumbprint(self.public_key)

    def jwk(self) -> dict[str, Any]:
        """The key as a JSON Web Key (RFC 8037), with what is ours to say beside it."""
        return {
            **_jwk(self.public_key),
            "kid": self.id,
            "alg": "EdDSA",
            "use": "sig",
            "valid_from": format_instant(self.valid_from),
            "valid_until": None if self.valid_until is None else format_instant(self.valid_until),
        }


def thumbprint(public_key: bytes) -> str:
    """The id of a key: SHA-256 over its JWK's required members, in base64url."""
    stated = json.dumps(_jwk(public_key), separators=(",", ":"), sort_keys=True)
    return base64url(hashlib.sha256(stated.encode()).digest())


def base64url(data: bytes) -> str:
    """Without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _jwk(public_key: bytes) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": base64url(public_key)}
