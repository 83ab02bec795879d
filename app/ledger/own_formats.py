"""Formats of an account's own: saved as versions, found by name or ref. Each saving stands in the account's ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from app.domain.account import Permission, Principal
from app.domain.canonical import canonical_bytes, sha256
from app.domain.errors import InvalidEvent, NotFound
from app.domain.format_version import FormatVersion
from app.ledger.acts import append_act
from app.ledger.commands import Rules
from app.ledger.formats import NAMES, Format, document_of, is_name, load, named
from app.ports import Store, Transaction

LARGEST = 65_536
"""Bytes of a document in its canonical encoding."""
MOST = 200
"""Formats that one account may have."""
_REMEMBERED = 512
_LONGEST_VERSION = 9


async def save(store: Store, principal: Principal, document: Any, *, rules: Rules) -> FormatVersion:
    """Save a document under the name in it: as the next version, unless the newest says the same. Needs `admin`.

    Raises InvalidEvent naming the place in the document and the reason; nothing is saved then.
    """
    principal.require(Permission.ADMIN)
    format_ = load(document)
    if format_.name in NAMES:
        raise InvalidEvent("name", f"{format_.name} comes with the gateway; choose another")
    text = _canonical(document)
    digest = sha256(text.encode()).hex()
    account_id = principal.account.id
    # Looked at before the lock: of several at once a few more may pass, which does no harm.
    names = {each.name for each in await store.format_versions(account_id)}
    if format_.name not in names and len(names) >= MOST:
        raise InvalidEvent("name", f"would be one more than the {MOST} formats that an account may have")

    async def body(tx: Transaction) -> FormatVersion:
        await tx.lock()
        newest = await tx.format_version(format_.name)
        if newest is not None and newest.digest == digest:
            return newest
        made = FormatVersion(
            account_id=account_id,
            name=format_.name,
            version=1 if newest is None else newest.version + 1,
            document=text,
            digest=digest,
            created_by=principal.actor,
            created_at=rules.clock(),
        )
        await tx.add_format(made)
        facts = {"kind": "format", "id": made.ref, "name": made.name, "version": made.version, "digest": digest}
        await append_act(tx, account_id, "format.saved", facts, actor=principal.actor, rules=rules)
        return made

    return await store.transact(account_id, body)


async def find(store: Store, account_id: int, ref: str) -> Format:
    """The format that a name or a ref (`name@3`) means for that account, ready to be used. Raises NotFound."""
    if ref in NAMES:
        return named(ref)
    found = await kept(store, account_id, ref)
    return ready(found.document, found.ref)


async def document(store: Store, account_id: int, ref: str) -> dict[str, Any]:
    """The document behind a name or a ref. Raises NotFound."""
    if ref in NAMES:
        return document_of(ref)
    return read(await kept(store, account_id, ref))


def read(version: FormatVersion) -> dict[str, Any]:
    """The document of a version."""
    document: dict[str, Any] = json.loads(version.document)
    return document


async def versions(store: Store, principal: Principal, name: str | None = None) -> list[FormatVersion]:
    """The account's own formats, each in its newest version; of one name every version, the newest first. Needs `usage:write`."""
    principal.require(Permission.USAGE_WRITE)
    return await store.format_versions(principal.account.id, name)


@lru_cache(maxsize=_REMEMBERED)
def ready(document: str, ref: str) -> Format:
    """The format that a kept document defines. It was checked when it was saved, and is remembered: a version never changes."""
    return load(json.loads(document), ref=ref)


async def kept(store: Store, account_id: int, ref: str) -> FormatVersion:
    """The version that a name (its newest) or a ref means for that account. Raises NotFound."""
    name, at, number = ref.partition("@")
    found = None
    if is_name(name):
        if not at:
            found = await store.format_version(account_id, name)
        elif number.isascii() and number.isdigit() and len(number) <= _LONGEST_VERSION:
            found = await store.format_version(account_id, name, int(number))
    if found is None:
        raise NotFound(f"no format {ref[:80]}; beside the account's own there are {', '.join(NAMES)}")
    return found


def _canonical(document: Mapping[str, Any]) -> str:
    """The one text of a document that `load` accepts: it holds texts, whole numbers, truths, lists and objects only."""
    encoded = canonical_bytes(document)
    if len(encoded) > LARGEST:
        raise InvalidEvent("", f"is larger than {LARGEST:,} bytes")
    return encoded.decode()
