"""The memory engine's answers: every question is put to every entry in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from app.domain.account import Account, Key
from app.domain.attestation import Attestation, AttestationKind
from app.domain.catalogue import Record
from app.domain.entry import Entry, EntryKind
from app.domain.errors import AlreadyExists, NotFound
from app.domain.export import UNFINISHED, Export, ExportFilters, ExportStatus, Mark
from app.domain.format_version import FormatVersion
from app.domain.merkle import WIDTH, Span, perfect
from app.domain.reject import OPEN_ONLY, Reject, RejectFilters, RejectStatus
from app.domain.signing import KeptKey
from app.ports import EVERY_EXPORT, Head, Transaction
from app.question.filters import Filters
from app.question.fold import fold
from app.question.groups import Grouped, Groups
from app.question.occurrences import PAGE, Occurrences, is_api_transaction
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from app.question.tally import Counted
from app.storage.memory.catalogue import catalogue_of, wanted
from app.storage.memory.counting import counted
from app.storage.memory.ledger import AccountLedger, newest_format, reversed_by
from app.storage.memory.transaction import MemoryTransaction

T = TypeVar("T")

_BATCH = 1_000


class MemoryStore:
    """Lists and dicts behind `app.ports.Store`."""

    remote = False

    def __init__(self) -> None:
        self.ledgers: dict[int, AccountLedger] = {}
        self.locks: dict[int, asyncio.Lock] = {}
        self.secrets: dict[tuple[int, str], bytes] = {}
        self.kept_keys: dict[int, KeptKey] = {}
        self.sessions: dict[tuple[int, str], datetime] = {}
        """Of each ended session, when it expires."""
        self.kept_attestations: dict[tuple[int, AttestationKind, int], Attestation] = {}

    async def head(self, account_id: int) -> Head:
        return self.ledger(account_id).head()

    async def sequence_at(self, account_id: int, moment: datetime) -> int:
        return max((each.sequence for each in self._recorded(account_id) if each.recorded_at <= moment), default=0)

    async def rows(self, question: Rows) -> list[Entry]:
        found = [
            entry
            for entry in self._asked(question)
            if (question.above is None or entry.sequence > question.above)
            and (question.below is None or entry.sequence < question.below)
        ]
        if question.descending:
            found.reverse()
        return found if question.limit is None else found[: question.limit]

    async def look(self, question: Rows) -> None:
        return None

    async def stream(self, question: Rows) -> AsyncIterator[list[Entry]]:
        found = await self.rows(question)
        for at in range(0, len(found), _BATCH):
            yield found[at : at + _BATCH]

    async def count(self, question: Rows) -> int:
        return len(self._asked(question))

    async def extent(self, scope: Scope, filters: Filters) -> tuple[datetime, datetime] | None:
        moments = [entry.occurred_at for entry in self._asked(Rows(scope, filters, frozenset({EntryKind.USAGE})))]
        return (min(moments), max(moments)) if moments else None

    async def groups(self, question: Groups) -> Grouped:
        earlier = question.earlier
        return fold(self._counted(question), question, () if earlier is None else self._counted(earlier))

    async def false_total(self, account_id: int) -> None:
        return None  # it keeps none

    async def records(self, question: Records) -> list[Record]:
        found = sorted(
            (record for record in catalogue_of(self._visible(question.scope)).values() if wanted(record, question)),
            key=lambda record: record.id.encode(),
            reverse=question.descending,
        )
        return found if question.limit is None else found[: question.limit]

    async def occurrences(self, question: Occurrences) -> list[Entry]:
        reversed_ = reversed_by(self._visible(question.scope))
        found = [
            entry
            for entry in self._asked(Rows(question.scope, question.filters))
            if is_api_transaction(entry)
            and entry.sequence not in reversed_
            and (entry.occurred_at, entry.sequence) < question.bound
        ]
        return sorted(found, key=lambda entry: (entry.occurred_at, entry.sequence), reverse=True)[:PAGE]

    async def nodes(self, account_id: int, span: Span) -> list[bytes]:
        level, first, end = span
        leaves = [each.leaf for each in self._recorded(account_id)]
        width = WIDTH**level
        return [perfect(leaves[at * width : (at + 1) * width]) for at in range(first, min(end, len(leaves) // width))]

    async def create_account(self, name: str, created_at: datetime) -> Account:
        if await self.account_named(name) is not None:
            raise AlreadyExists(f"an account named {name} exists")
        account = Account(len(self.ledgers) + 1, name, created_at)
        self.ledgers[account.id] = AccountLedger(account)
        self.locks[account.id] = asyncio.Lock()
        return account

    async def account_named(self, name: str) -> Account | None:
        return next((each.account for each in self.ledgers.values() if each.account.name == name), None)

    async def account(self, account_id: int) -> Account | None:
        ledger = self.ledgers.get(account_id)
        return None if ledger is None else ledger.account

    async def accounts(self) -> list[Account]:
        return sorted((each.account for each in self.ledgers.values()), key=lambda account: account.name.encode())

    async def key(self, key_id: str) -> Key | None:
        return next((each.keys[key_id] for each in self.ledgers.values() if key_id in each.keys), None)

    async def keys(self, account_id: int) -> list[Key]:
        found = [key for each in self.ledgers.values() for key in each.keys.values() if key.account_id == account_id]
        return sorted(found, key=lambda key: (key.created_at, key.id.encode()))

    async def touch_keys(self, used: dict[str, datetime]) -> None:
        for account_id in list(self.ledgers):
            # A transaction that holds the lock has a copy of the keys, and would put the older instants back.
            async with self.locks[account_id]:
                keys = self.ledgers[account_id].keys
                for key_id, moment in used.items():
                    key = keys.get(key_id)
                    if key is not None and (key.last_used_at is None or key.last_used_at < moment):
                        keys[key_id] = replace(key, last_used_at=moment)

    async def secret(self, account_id: int, name: str) -> bytes | None:
        return self.secrets.get((account_id, name))

    async def end_session(self, account_id: int, session_id: str, expires_at: datetime) -> None:
        self.sessions.setdefault((account_id, session_id), expires_at)

    async def session_ended(self, account_id: int, session_id: str) -> bool:
        return (account_id, session_id) in self.sessions

    async def forget_sessions(self, account_id: int, moment: datetime) -> None:
        self.sessions = {key: end for key, end in self.sessions.items() if key[0] != account_id or end > moment}

    async def signing_keys(self) -> list[KeptKey]:
        return [self.kept_keys[number] for number in sorted(self.kept_keys)]

    async def keep_signing_key(self, key: KeptKey) -> None:
        self.kept_keys.setdefault(key.number, key)

    async def keep_secret(self, account_id: int, name: str, value: bytes) -> bytes:
        return self.secrets.setdefault((account_id, name), value)

    async def keep_attestation(self, attestation: Attestation) -> Attestation:
        key = (attestation.account_id, attestation.kind, attestation.sequence)
        return self.kept_attestations.setdefault(key, attestation)

    async def attestations(
        self,
        account_id: int,
        kind: AttestationKind,
        *,
        limit: int,
        above: int | None = None,
        below: int | None = None,
        descending: bool = True,
    ) -> list[Attestation]:
        found = [
            each
            for each in self.kept_attestations.values()
            if (each.account_id, each.kind) == (account_id, kind)
            and (above is None or each.sequence > above)
            and (below is None or each.sequence < below)
        ]
        return sorted(found, key=lambda each: each.sequence, reverse=descending)[:limit]

    async def export(self, account_id: int, export_id: str) -> Export | None:
        found = self.ledger(account_id).exports.get(export_id)
        return None if found is None else found[0]

    async def exports(
        self,
        account_id: int,
        *,
        limit: int,
        above: int | None = None,
        below: int | None = None,
        descending: bool = True,
        filters: ExportFilters = EVERY_EXPORT,
    ) -> list[Export]:
        found = [
            export
            for export, _ in self.ledger(account_id).exports.values()
            if (above is None or export.sequence > above)
            and (below is None or export.sequence < below)
            and filters.accept(export)
        ]
        return sorted(found, key=lambda export: export.sequence, reverse=descending)[:limit]

    async def subtrees(self, account_id: int, export_id: str) -> bytes:
        found = self.ledger(account_id).exports.get(export_id)
        return b"" if found is None else found[1]

    async def mark(self, account_id: int, export_id: str) -> Mark | None:
        return self.ledger(account_id).marks.get(export_id)

    async def unfinished(self) -> list[Export]:
        found = [export for each in self.ledgers.values() for export, _ in each.exports.values() if export.status in UNFINISHED]
        return sorted(found, key=lambda export: (export.created_at, export.id))[:100]

    async def disposable(self, before: datetime | None) -> list[Export]:
        found = [
            export
            for each in self.ledgers.values()
            for export, _ in each.exports.values()
            if export.file is not None
            and (export.status is ExportStatus.EXPIRED or (before is not None and export.updated_at <= before))
        ]
        return sorted(found, key=lambda export: (export.updated_at, export.id))[:100]

    async def format_version(self, account_id: int, name: str, version: int | None = None) -> FormatVersion | None:
        return newest_format(self.ledger(account_id).formats, name, version)

    async def format_versions(self, account_id: int, name: str | None = None) -> list[FormatVersion]:
        kept = self.ledger(account_id).formats
        if name is not None:
            return [each for each in reversed(kept) if each.name == name]
        newest = {each.name: each for each in kept}
        return [newest[each] for each in sorted(newest, key=str.encode)]

    async def reject(self, account_id: int, number: int) -> Reject | None:
        return self.ledger(account_id).rejects.get(number)

    async def rejects(
        self,
        account_id: int,
        *,
        limit: int,
        above: int | None = None,
        below: int | None = None,
        descending: bool = True,
        filters: RejectFilters = OPEN_ONLY,
    ) -> list[Reject]:
        found = [
            reject
            for number, reject in self.ledger(account_id).rejects.items()
            if (above is None or number > above) and (below is None or number < below) and filters.accept(reject)
        ]
        return sorted(found, key=lambda reject: reject.number, reverse=descending)[:limit]

    async def count_rejects(self, account_id: int, filters: RejectFilters = OPEN_ONLY) -> int:
        return sum(filters.accept(reject) for reject in self.ledger(account_id).rejects.values())

    async def forget_rejects(self, before: datetime) -> int:
        forgotten = 0
        for account_id in list(self.ledgers):
            async with self.locks[account_id]:
                rejects = self.ledgers[account_id].rejects
                for number in [number for number, each in rejects.items() if each.last_at < before]:
                    forgotten += rejects[number].status is not RejectStatus.DROPPED
                    if number < max(rejects):
                        del rejects[number]
                    else:
                        rejects[number] = rejects[number].emptied()
        return forgotten

    async def transact(self, account_id: int, body: Callable[[Transaction], Awaitable[T]]) -> T:
        self.ledger(account_id)
        transaction = MemoryTransaction(self.ledgers, self.locks[account_id], account_id)
        try:
            result = await body(transaction)
            transaction.commit()
        finally:
            transaction.release()
        return result

    async def ready(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def ledger(self, account_id: int) -> AccountLedger:
        """The account's ledger as last committed; raises NotFound."""
        try:
            return self.ledgers[account_id]
        except KeyError:
            raise NotFound(f"no account {account_id}") from None

    def _recorded(self, account_id: int) -> list[Entry]:
        ledger = self.ledgers.get(account_id)
        return [] if ledger is None else ledger.entries

    def _visible(self, scope: Scope) -> list[Entry]:
        return [entry for entry in self._recorded(scope.account_id) if entry.sequence <= scope.as_of]

    def _counted(self, question: Groups) -> Counted:
        usage = self._asked(Rows(question.scope, question.filters, frozenset({EntryKind.USAGE})))
        return counted(usage, reversed_by(self._visible(question.scope)), question)

    def _asked(self, question: Rows) -> list[Entry]:
        return [
            entry
            for entry in self._visible(question.scope)
            if question.filters.accept(entry)
            and (question.kinds is None or entry.kind in question.kinds)
            and (entry.correction is not None or not question.corrections_only)
        ]
