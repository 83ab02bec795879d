"""Issuing, rotating and revoking keys: acts that stand in the account's ledger, committed together with the key itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.domain.account import Key
from app.domain.errors import Conflict, NotFound
from app.domain.instant import format_instant
from app.ledger.acts import append_act
from app.ledger.commands import Rules
from app.ports import Store, Transaction


async def issue(store: Store, key: Key, *, actor: str, rules: Rules) -> None:
    """Make the key usable."""

    async def body(tx: Transaction) -> None:
        await tx.put_key(key)
        await append_act(tx, key.account_id, "key.created", _facts(key), actor=actor, rules=rules)

    await store.transact(key.account_id, body)


async def revoke(store: Store, account_id: int, key_id: str, *, actor: str, rules: Rules) -> Key:
    """Refuse the key from now on. Raises NotFound for another account's, Conflict for one that is revoked already."""
    key = await owned(store, account_id, key_id)
    if key.revoked_at is not None:
        raise Conflict(f"key {key_id} was revoked at {format_instant(key.revoked_at)}")

    async def body(tx: Transaction) -> Key:
        revoked = replace(key, revoked_at=rules.clock())
        await tx.put_key(revoked)
        await append_act(tx, account_id, "key.revoked", {"kind": "key", "id": key_id}, actor=actor, rules=rules)
        return revoked

    return await store.transact(account_id, body)


async def rotate(store: Store, old: Key, successor: Key, *, grace: timedelta, actor: str, rules: Rules) -> Key:
    """Put `successor` in the place of `old`, which is refused once `grace` is over. Gives the old key as it is now."""

    async def body(tx: Transaction) -> Key:
        end = rules.clock() + grace
        ending = replace(old, expires_at=end if old.expires_at is None else min(old.expires_at, end))
        await tx.put_key(successor)
        await tx.put_key(ending)
        await append_act(tx, old.account_id, "key.created", _facts(successor), actor=actor, rules=rules)
        facts = {"kind": "key", "id": old.id, "replaced_by": successor.id, "expires_at": _text(ending.expires_at)}
        await append_act(tx, old.account_id, "key.rotated", facts, actor=actor, rules=rules)
        return ending

    return await store.transact(old.account_id, body)


async def owned(store: Store, account_id: int, key_id: str) -> Key:
    """The account's key with that id; raises NotFound."""
    key = await store.key(key_id)
    if key is None or key.account_id != account_id:
        raise NotFound(f"no key {key_id[:64]}")
    return key


def _facts(key: Key) -> dict[str, Any]:
    return {
        "kind": "key",
        "id": key.id,
        "scopes": list(key.scopes),
        "cidrs": list(key.cidrs),
        "expires_at": _text(key.expires_at),
        "replaces": key.replaces,
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_instant(moment)
