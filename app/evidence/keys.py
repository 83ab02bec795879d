"""The keys that the gateway signs with: made when first needed, sealed where the operator has a secret, and rotated.

Every key that was ever used stays published, so that what it signed can be checked for ever. A seed is kept as one byte that says
how, then the seed itself (0), or a nonce of 12 bytes and the seed sealed with ChaCha20-Poly1305 (RFC 8439) under a key that
HKDF-SHA-256 (RFC 5869) derives from the operator's secret, bound to the key's number and public half (1).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.domain.canonical import canonical_bytes
from app.domain.errors import Conflict, InvalidSetting
from app.domain.instant import now
from app.domain.signing import KeptKey, PublicKey, base64url, thumbprint
from app.ports import Accounts

_SEED_BYTES = 32
_NONCE_BYTES = 12
_PLAIN, _SEALED = b"\0", b"\1"


class Signer:
    """Signs with the newest key. `secret` is the operator's own, if there is one; without it seeds are kept as they are."""

    def __init__(self, store: Accounts, secret: str | None = None, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._secret = secret
        self._clock = clock
        self._opened: dict[int, Ed25519PrivateKey] = {}

    async def published(self) -> list[PublicKey]:
        """Every key there is or was, the newest last; the first is made where there is none."""
        kept = await self._kept()
        ends = [each.valid_from for each in kept[1:]]
        return [PublicKey(each.public_key, each.valid_from, end) for each, end in zip(kept, [*ends, None], strict=True)]

    async def jwks(self) -> dict[str, Any]:
        """The keys as a JWK set (RFC 7517), the newest first."""
        return {"keys": [each.jwk() for each in reversed(await self.published())]}

    async def rotate(self) -> PublicKey:
        """Make another key, which signs from now on. Raises Conflict where another process did so at the same moment."""
        kept = await self._kept()
        made = self._made(kept[-1].number + 1)
        await self._store.keep_signing_key(made)
        newest = (await self._store.signing_keys())[-1]
        if newest.public_key != made.public_key:
            raise Conflict("the key was rotated by somebody else just now; look at the keys again")
        return PublicKey(made.public_key, made.valid_from, None)

    async def sign(self, statement: dict[str, Any]) -> dict[str, Any]:
        """A signed document: the statement, and the signature over its canonical bytes.

        Raises InvalidSetting where the key was sealed with another secret than the present one.
        """
        newest = (await self._kept())[-1]
        signature = self._key(newest).sign(canonical_bytes(statement))
        told = {"alg": "EdDSA", "kid": thumbprint(newest.public_key), "value": base64url(signature)}
        return {"statement": statement, "signature": told}

    async def _kept(self) -> list[KeptKey]:
        kept = await self._store.signing_keys()
        if not kept:
            await self._store.keep_signing_key(self._made(1))
            kept = await self._store.signing_keys()
        return kept

    def _made(self, number: int) -> KeptKey:
        seed = secrets.token_bytes(_SEED_BYTES)
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        kept = _PLAIN + seed
        if self._secret is not None:
            nonce = secrets.token_bytes(_NONCE_BYTES)
            kept = _SEALED + nonce + self._seal().encrypt(nonce, seed, _bound(number, public))
        return KeptKey(number, kept, public, self._clock())

    def _key(self, kept: KeptKey) -> Ed25519PrivateKey:
        found = self._opened.get(kept.number)
        if found is None:
            found = self._opened[kept.number] = Ed25519PrivateKey.from_private_bytes(self._seed(kept))
            if found.public_key().public_bytes_raw() != kept.public_key:
                del self._opened[kept.number]
                raise InvalidSetting("GATEWAY_SECRET", "the signing key's halves do not belong together; rotate it")
        return found

    def _seed(self, kept: KeptKey) -> bytes:
        how, rest = kept.seed[:1], kept.seed[1:]
        if how == _PLAIN:
            return rest
        if self._secret is None:
            raise InvalidSetting("GATEWAY_SECRET", "is missing: the signing key was sealed with it")
        try:
            return self._seal().decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(kept.number, kept.public_key))
        except InvalidTag:
            raise InvalidSetting(
                "GATEWAY_SECRET", "is not the one that the signing key was sealed with; set that one, or rotate the key"
            ) from None

    def _seal(self) -> ChaCha20Poly1305:
        assert self._secret is not None
        derived = HKDF(SHA256(), 32, None, b"usage-gateway/signing-key/v1").derive(self._secret.encode())
        return ChaCha20Poly1305(derived)


def _bound(number: int, public_key: bytes) -> bytes:
    return number.to_bytes(8, "big") + public_key
