"""The memory engine, and the referee: every question is answered by going through every entry, so that anyone can see why.

Nothing here is clever on purpose. The other engines are right where they answer as this one does. It keeps nothing past the
process's end.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import orjson

from app.domain.account import Account, Key, genesis
from app.domain.catalogue import LINKED_KINDS, Record, RecordKind
from app.domain.decimal import scaled
from app.domain.entry import PRIVATE_FIELDS, Correction, Entry, EntryKind, Veil
from app.domain.errors import AlreadyCorrected, AlreadyExists, NotFound
from app.domain.export import UNFINISHED, Export
from app.domain.first_answer import FirstAnswer
from app.domain.instant import parse_instant
from app.ports import Claim, Head, Store, Transaction
from app.question.filters import Filters
from app.question.fold import Cell, fold
from app.question.groups import Grouped, Groups
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope

T = TypeVar("T")

_BATCH = 1_000
_STATED = ("status", "type", "number", "parent_id", "currency", "entity_ref")
_STATED_INSTANTS = ("starts_at", "ends_at")


def open_memory() -> Store:
    """An empty store that lives as long as the process."""
    return MemoryStore()


@dataclass(slots=True)
class _Ledger:
    """All that one account has. Entry n stands at index n - 1, and is never changed in place."""

    account: Account
    entries: list[Entry] = field(default_factory=list)
    claims: dict[bytes, int] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    exports: dict[str, tuple[Export, bytes]] = field(default_factory=dict)
    answers: dict[str, FirstAnswer] = field(default_factory=dict)
    """Each with the subtree hashes behind its digest."""

    def copy(self) -> _Ledger:
        return _Ledger(
            self.account, list(self.entries), dict(self.claims), dict(self.keys), dict(self.exports), dict(self.answers)
        )

    def head(self) -> Head:
        if not self.entries:
            return Head(0, None, genesis(self.account.name))
        last = self.entries[-1]
        return Head(last.sequence, last.recorded_at, last.chain)


class MemoryStore:
    """Lists and dicts behind `app.ports.Store`."""

    def __init__(self) -> None:
        self.ledgers: dict[int, _Ledger] = {}
        self.locks: dict[int, asyncio.Lock] = {}

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
        reversed_ = _reversed(self._visible(question.scope))
        cells = []
        for entry in self._asked(Rows(question.scope, question.filters, frozenset({EntryKind.USAGE}))):
            bucket = None
            if question.buckets is not None:
                at = bisect_right(question.buckets.edges, entry.occurred_at)
                if at == 0 or at == len(question.buckets.edges):
                    continue
                bucket = question.buckets.edges[at - 1]
            standing = entry.correction is not Correction.REVERSAL and entry.sequence not in reversed_
            dimensions = tuple(getattr(entry, dimension.value) for dimension in question.by)
            cells.append(_cell(entry, bucket, dimensions, standing=standing))
        return fold(cells, question)

    async def records(self, question: Records) -> list[Record]:
        found = sorted(
            (record for record in _catalogue(self._visible(question.scope)).values() if _wanted(record, question)),
            key=lambda record: record.id.encode(),
            reverse=question.descending,
        )
        return found if question.limit is None else found[: question.limit]

    async def create_account(self, name: str, created_at: datetime) -> Account:
        if await self.account_named(name) is not None:
            raise AlreadyExists(f"an account named {name} exists")
        account = Account(len(self.ledgers) + 1, name, created_at)
        self.ledgers[account.id] = _Ledger(account)
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

    async def export(self, account_id: int, export_id: str) -> Export | None:
        found = self.ledger(account_id).exports.get(export_id)
        return None if found is None else found[0]

    async def exports(
        self, account_id: int, *, limit: int, above: int | None = None, below: int | None = None, descending: bool = True
    ) -> list[Export]:
        found = [
            export
            for export, _ in self.ledger(account_id).exports.values()
            if (above is None or export.sequence > above) and (below is None or export.sequence < below)
        ]
        return sorted(found, key=lambda export: export.sequence, reverse=descending)[:limit]

    async def subtrees(self, account_id: int, export_id: str) -> bytes:
        found = self.ledger(account_id).exports.get(export_id)
        return b"" if found is None else found[1]

    async def unfinished(self) -> list[Export]:
        found = [export for each in self.ledgers.values() for export, _ in each.exports.values() if export.status in UNFINISHED]
        return sorted(found, key=lambda export: (export.created_at, export.id))[:100]

    async def transact(self, account_id: int, body: Callable[[Transaction], Awaitable[T]]) -> T:
        self.ledger(account_id)
        transaction = _MemoryTransaction(self, account_id)
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

    def ledger(self, account_id: int) -> _Ledger:
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

    def _asked(self, question: Rows) -> list[Entry]:
        return [
            entry
            for entry in self._visible(question.scope)
            if question.filters.accept(entry)
            and (question.kinds is None or entry.kind in question.kinds)
            and (entry.correction is not None or not question.corrections_only)
        ]


class _MemoryTransaction:
    """Works on a copy of the account's ledger that takes the ledger's place at the end, or is dropped."""

    def __init__(self, store: MemoryStore, account_id: int) -> None:
        self._store = store
        self._account_id = account_id
        self._draft: _Ledger | None = None

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
            if entry.correction is Correction.REVERSAL and entry.corrects in _reversed(draft.entries):
                raise AlreadyCorrected("the entry was reversed before")
            draft.entries.append(entry)
        for claim in claims:
            if claim.key in draft.claims:
                raise ValueError("the sender's id is claimed already")
            draft.claims[claim.key] = claim.sequence

    async def record(self, kind: str, record_id: str) -> Record | None:
        return _catalogue(self._seen().entries).get((RecordKind(kind), record_id))

    async def erase(self, sequence: int, names: Sequence[str], veil: Veil) -> None:
        draft = await self._locked()
        if unknown := set(names) - set(PRIVATE_FIELDS):
            raise ValueError(f"not private: {sorted(unknown)}")
        if not 1 <= sequence <= len(draft.entries):
            raise NotFound(f"no entry {sequence}")
        # A new entry stands in place of the old one, which earlier answers may still hold.
        gone: dict[str, Any] = dict.fromkeys(names)
        draft.entries[sequence - 1] = replace(draft.entries[sequence - 1], veil=veil, **gone)

    async def put_key(self, key: Key) -> None:
        if key.account_id != self._account_id:
            raise ValueError("a key of another account")
        (await self._locked()).keys[key.id] = key

    async def export(self, export_id: str) -> Export | None:
        found = self._seen().exports.get(export_id)
        return None if found is None else found[0]

    async def put_export(self, export: Export, subtrees: bytes = b"") -> None:
        assert export.account_id == self._account_id
        (await self._locked()).exports[export.id] = (export, subtrees)

    async def first_answer(self, key: str) -> FirstAnswer | None:
        return self._seen().answers.get(key)

    async def put_first_answer(self, answer: FirstAnswer) -> None:
        if answer.account_id != self._account_id:
            raise ValueError("an answer to another account")
        draft = await self._locked()
        kept = {key: each for key, each in draft.answers.items() if each.expires_at > answer.created_at}
        draft.answers = kept | {answer.key: answer}

    def commit(self) -> None:
        """Put the draft in the ledger's place."""
        if self._draft is not None:
            self._store.ledgers[self._account_id] = self._draft

    def release(self) -> None:
        """Let the next transaction of the account go on."""
        if self._draft is not None:
            self._store.locks[self._account_id].release()

    async def _locked(self) -> _Ledger:
        if self._draft is None:
            await self._store.locks[self._account_id].acquire()
            self._draft = self._store.ledger(self._account_id).copy()
        return self._draft

    def _seen(self) -> _Ledger:
        return self._store.ledger(self._account_id) if self._draft is None else self._draft


def _reversed(entries: Iterable[Entry]) -> set[int | None]:
    """The sequences that these entries take back."""
    return {each.corrects for each in entries if each.correction is Correction.REVERSAL}


def _cell(entry: Entry, bucket: datetime | None, dimensions: tuple[str | None, ...], *, standing: bool) -> Cell:
    """A cell of one entry."""
    return Cell(
        bucket=bucket,
        dimensions=dimensions,
        unit=entry.unit,
        currency=entry.currency,
        events=entry.sign,
        measured=entry.sign if entry.quantity is not None else 0,
        charged=entry.sign if entry.charge is not None else 0,
        has_quantity=entry.quantity is not None,
        has_charge=entry.charge is not None,
        quantity=0 if entry.quantity is None else scaled(entry.quantity),
        charge=0 if entry.charge is None else scaled(entry.charge),
        first_use=entry.occurred_at if standing else None,
        last_use=entry.occurred_at if standing else None,
    )


def _catalogue(entries: Iterable[Entry]) -> dict[tuple[RecordKind, str], Record]:
    """Every record that the entries carry or name, in its last version."""
    known: dict[tuple[RecordKind, str], Record] = {}
    for entry in entries:
        if entry.kind is EntryKind.CATALOGUE:
            carried = _carried(entry)
            before = known.get((carried.kind, carried.id))
            if before is not None:
                carried.first_sequence = before.first_sequence
            known[carried.kind, carried.id] = carried
        for kind in LINKED_KINDS:
            named = getattr(entry, f"{kind}_id")
            if named is not None and (kind, named) not in known:
                known[kind, named] = Record(
                    kind=kind,
                    id=named,
                    sequence=entry.sequence,
                    first_sequence=entry.sequence,
                    stub=True,
                    recorded_at=entry.recorded_at,
                )
    return known


def _carried(entry: Entry) -> Record:
    """The record that a catalogue entry carries. Its own id in the column of its kind is there to be found by, and no link."""
    assert entry.record is not None
    facts = orjson.loads(entry.record)
    own = RecordKind(facts["kind"])
    links: dict[str, Any] = {f"{kind}_id": getattr(entry, f"{kind}_id") for kind in LINKED_KINDS if kind is not own}
    instants: dict[str, Any] = {name: parse_instant(facts[name], name) for name in _STATED_INSTANTS if name in facts}
    return Record(
        kind=own,
        id=facts["id"],
        sequence=entry.sequence,
        first_sequence=entry.sequence,
        name=entry.name,
        additional_data=entry.additional_data,
        recorded_at=entry.recorded_at,
        **{name: facts.get(name) for name in _STATED},
        **links,
        **instants,
    )


def _wanted(record: Record, question: Records) -> bool:
    """Whether the question asks for the record. Ids are compared as bytes, which is the order of every engine."""
    links = ("name", *(f"{kind}_id" for kind in LINKED_KINDS))
    return (
        record.kind is question.kind
        and (question.ids is None or record.id in question.ids)
        and all(getattr(question, name) in (None, getattr(record, name)) for name in links)
        and (question.after is None or record.id.encode() > question.after.encode())
        and (question.before is None or record.id.encode() < question.before.encode())
    )
