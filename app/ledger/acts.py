"""The gateway's own acts that an auditor asks about: entries of their own in the account's ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.canonical import canonical_bytes
from app.domain.entry import Content, Entry, EntryKind
from app.ledger.chain import prepare, seal
from app.ledger.commands import Rules
from app.ports import Transaction

SOURCE = "gateway"


async def append_act(
    tx: Transaction, account_id: int, action: str, facts: Mapping[str, Any], *, actor: str, rules: Rules
) -> Entry:
    """Append the act within a transaction that does it, so that neither is without the other. `facts` hold no personal text."""
    head = await tx.lock()
    moment = rules.clock()
    content = Content(
        kind=EntryKind.GATEWAY,
        action=action,
        source=SOURCE,
        occurred_at=moment,
        actor=actor,
        record=canonical_bytes(dict(facts)).decode(),
    )
    entries = seal(account_id, [prepare(content)], head, moment)
    await tx.append(entries, [])
    return entries[0]
