"""A transaction of the memory engine: all that a body does is done to a copy, which is kept or dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.domain.account import Key
from app.domain.catalogue import Record, RecordKind
from app.domain.entry import PRIVATE_FIELDS, Correction, Entry, Veil
from app.domain.errors import AlreadyCorrected, NotFound
from app.domain.export import Export, Mark
from app.domain.first_answer import FirstAnswer
from app.domain.format_version import FormatVersion
from app.domain.reject import Reject, numbered
from app.ports import Claim, Head
from app.storage.memory.catalogue import catalogue_of
from app.storage.memory.ledger import AccountLedger, newest_format, reversed_by


class MemoryTransaction:
    """See `app.ports.Transaction`. Works on a copy of the account's ledger, which takes the ledger's place at the end."""

    def __init__(self, ledgers: dict[int, AccountLedger], lock: asyncio.Lock, account_id: int) -> None:
        self._ledgers = ledgers
        self._lock = lock
        self._account_id = account_id
        self._draft: AccountLedger | None = None

    async def lock(self) -> Head:
        return (await self._locked()).head()

    async def claimed(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        claims = self._seen().claims
        return {key: claims[key] for key in keys if key in claims}

    async def entries(self, sequences: Sequence[int]) -> dict[int, Entry]:
        entries = self._seen().entries
        return {sequence: entries[sequence - 1] for sequence in sequences if 1 <= sequence <= len(entries)}

    async def versions(self, event: int) -> list[Entry]:
        return [each for each in self._seen().entries if each.event_sequence == event]

    async def append(self, entries: Sequence[Entry], claims: Sequence[Claim]) -> None:
        draft = await self._locked()
        for entry in entries:
            if entry.sequence != len(draft.entries) + 1 or entry.account_id != self._account_id:
                raise ValueError(
                    f"entry {entry.id} does not follow the head at {len(draft.entries)} of account {self._account_id}"
                )
            if entry.correction is Correction.REVERSAL and entry.corrects in reversed_by(draft.entries):
                raise AlreadyCorrected("the entry was reversed before")
            draft.entries.append(entry)
        for claim in claims:
            if claim.key in draft.claims:
                raise ValueError("the sender's id is claimed already")
            draft.claims[claim.key] = claim.sequence

    async def record(self, kind: str, record_id: str) -> Record | None:
        return catalogue_of(self._seen().entries).get((RecordKind(kind), record_id))

    async def erase(self, sequence: int, names: Sequence[str], veil: Veil) -> None:
        draft = await self._locked()
        if unknown := set(names) - set(PRIVATE_FIELDS):
            raise ValueError(f"not private: {sorted(unknown)}")
        if not 1 <= sequence <= len(draft.entries):
            raise NotFound(f"no entry {sequence}")
        # A new entry stands in place of the old one, which earlier answers may still hold.
        gone: dict[str, Any] = dict.fromkeys(names)
        draft.entries[sequence - 1] = replace(draft.entries[sequence - 1], veil=veil, **gone)

    async def total_anew(self) -> None:
        return None  # nothing is kept

    async def put_key(self, key: Key) -> None:
        if key.account_id != self._account_id:
            raise ValueError("a key of another account")
        (await self._locked()).keys[key.id] = key

    async def export(self, export_id: str) -> Export | None:
        found = self._seen().exports.get(export_id)
        return None if found is None else found[0]

    async def put_export(self, export: Export, subtrees: bytes | None = None) -> None:
        assert export.account_id == self._account_id
        exports = (await self._locked()).exports
        if subtrees is None:
            subtrees = exports[export.id][1] if export.id in exports else b""
        exports[export.id] = (export, subtrees)

    async def put_mark(self, export_id: str, mark: Mark | None) -> None:
        marks = (await self._locked()).marks
        marks.pop(export_id, None)
        if mark is not None:
            marks[export_id] = mark

    async def first_answer(self, key: str) -> FirstAnswer | None:
        return self._seen().answers.get(key)

    async def put_first_answer(self, answer: FirstAnswer) -> None:
        if answer.account_id != self._account_id:
            raise ValueError("an answer to another account")
        draft = await self._locked()
        kept = {key: each for key, each in draft.answers.items() if each.expires_at > answer.created_at}
        draft.answers = kept | {answer.key: answer}

    async def format_version(self, name: str) -> FormatVersion | None:
        return newest_format(self._seen().formats, name)

    async def add_format(self, version: FormatVersion) -> None:
        if version.account_id != self._account_id:
            raise ValueError("a format of another account")
        (await self._locked()).formats.append(version)

    async def rejects(self, first: int, last: int) -> list[Reject]:
        return [each for number, each in self._seen().rejects.items() if first <= number <= last]

    async def keep_rejects(self, arrived: Sequence[Reject]) -> dict[bytes, int]:
        rejects = (await self._locked()).rejects
        kept = {each.digest: number for number, each in rejects.items()}
        added, changed = numbered(arrived, kept, max(rejects, default=0))
        rejects |= {each.number: each for each in added}
        for each in changed:
            before = rejects[each.number]
            rejects[each.number] = replace(each, times=before.times + each.times, first_at=before.first_at)
        return {each.digest: each.number for each in (*added, *changed)}

    async def put_rejects(self, changed: Sequence[Reject]) -> None:
        rejects = (await self._locked()).rejects
        for each in changed:
            before = rejects[each.number]
            rejects[each.number] = replace(each, digest=before.digest, times=before.times, first_at=before.first_at)

    async def clear_rejects(self, dropped: Sequence[Reject]) -> None:
        await self.put_rejects(dropped)

    def commit(self) -> None:
        """Put the draft in the ledger's place."""
        if self._draft is not None:
            self._ledgers[self._account_id] = self._draft

    def release(self) -> None:
        """Let the next transaction of the account go on."""
        if self._draft is not None:
            self._lock.release()

    async def _locked(self) -> AccountLedger:
        if self._draft is None:
            await self._lock.acquire()
            self._draft = self._ledgers[self._account_id].copy()
        return self._draft

    def _seen(self) -> AccountLedger:
        return self._ledgers[self._account_id] if self._draft is None else self._draft
