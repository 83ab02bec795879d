"""Workbooks for contracts that hand one out by a link, for an hour: written in passing, recorded, kept, and cleared away.

A workbook is no export: it has a legacy contract's own columns, and nothing is asked of it but its file. Making one and handing
it out are acts in the ledger all the same, since rows leave the gateway. Its name says until when it is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.errors import NotFound
from app.exports.sheet import Sheet, Value
from app.ledger.acts import append_act
from app.ledger.commands import Rules
from app.ports import Draft, Files, Store, Transaction

LIFETIME = timedelta(hours=1)
_PREFIX = "workbook-"
_NAME = re.compile(r"workbook-(\d{1,11})-\d{1,10}-[0-9a-f]{24}\.xlsx", re.ASCII)


class Workbook:
    """A workbook while it is being written. Made by `begin`; in the end it is kept or dropped."""

    def __init__(self, account_id: int, name: str, sheet: Sheet, draft: Draft) -> None:
        self.name = name
        self._account_id = account_id
        self._sheet = sheet
        self._draft = draft
        self._rows = 0

    async def add(self, rows: Sequence[Sequence[Value]]) -> None:
        """Add rows at the end."""
        await asyncio.to_thread(self._sheet.add, rows)
        self._rows += len(rows)

    async def keep(self, store: Store, facts: Mapping[str, Any], *, actor: str, rules: Rules) -> None:
        """Make the file appear, once `workbook.created` is recorded with its digest. `facts` hold no personal text."""
        digest = hashlib.sha256()
        chunks = self._sheet.finish()
        while chunk := await asyncio.to_thread(next, chunks, b""):
            digest.update(chunk)
            await self._draft.write(chunk)
        stated = {"kind": "workbook", "id": self.name, "rows": self._rows, **facts}
        stated["artifact_digest"] = f"sha256:{digest.hexdigest()}"
        await _record(store, self._account_id, "workbook.created", stated, actor, rules)
        await self._draft.keep(self.name)

    async def close(self) -> None:
        """Leave nothing behind but what was kept."""
        self._draft.drop()
        await asyncio.to_thread(self._sheet.close)


async def begin(files: Files, account_id: int, title: str, heading: Sequence[str], *, at: datetime) -> Workbook:
    """An empty workbook, kept for an hour from `at` once it is. Raises Unavailable."""
    name = f"{_PREFIX}{int((at + LIFETIME).timestamp())}-{account_id}-{secrets.token_hex(12)}.xlsx"
    return Workbook(account_id, name, Sheet(title, heading), await files.create())


async def opened(
    store: Store, files: Files, account_id: int, name: str, *, actor: str, rules: Rules
) -> tuple[int, AsyncIterator[bytes]]:
    """The size and the bytes of a workbook, once `workbook.downloaded` is recorded. Raises NotFound where it is gone."""
    size = await size_of(files, name)
    await _record(store, account_id, "workbook.downloaded", {"kind": "workbook", "id": name}, actor, rules)
    return size, files.read(name)


async def size_of(files: Files, name: str) -> int:
    """Bytes of a workbook. Raises NotFound where it is gone, or was never kept."""
    size = await files.size(name) if _NAME.fullmatch(name) else None
    if size is None:
        raise NotFound("the workbook is not there, or no longer")
    return size


async def clear_away(files: Files, *, at: datetime) -> None:
    """Delete the workbooks whose time is over; to be done every now and then."""
    for name in await files.names(_PREFIX):
        match = _NAME.fullmatch(name)
        if match is not None and datetime.fromtimestamp(int(match[1]), UTC) <= at:
            await files.delete(name)


async def _record(store: Store, account_id: int, action: str, facts: Mapping[str, Any], actor: str, rules: Rules) -> None:
    async def body(tx: Transaction) -> None:
        await append_act(tx, account_id, action, facts, actor=actor, rules=rules)

    await store.transact(account_id, body)
