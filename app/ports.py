"""All that the inside asks of the outside, on one page.

`Store` is what an engine is: it appends under the account's lock, and answers questions. Every engine (memory, SQLite,
PostgreSQL) passes the same tests; the memory engine is the referee. `Files` is where exports keep their files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from app.domain.account import Account, Key
from app.domain.attestation import Attestation, AttestationKind
from app.domain.catalogue import Record
from app.domain.entry import Entry, Veil
from app.domain.export import Export, ExportFilters, Mark
from app.domain.first_answer import FirstAnswer
from app.domain.format_version import FormatVersion
from app.domain.merkle import Span
from app.domain.reject import OPEN_ONLY, Reject, RejectFilters
from app.domain.signing import KeptKey
from app.question.filters import Filters
from app.question.groups import Grouped, Groups
from app.question.occurrences import Occurrences
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope

T = TypeVar("T")
EVERY_EXPORT = ExportFilters()


@dataclass(frozen=True, slots=True)
class Head:
    """The end of an account's ledger: the last sequence (0 when empty), its recorded_at, and the chain digest there."""

    sequence: int
    recorded_at: datetime | None
    chain: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """Some entries, and the ledger's end, at the same moment."""

    head: int
    """The last sequence."""
    recorded_at: datetime | None
    """When the last entry was recorded up to which was asked."""
    rows: list[Entry]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sender's id, taken for ever: 16 bytes of SHA-256 over source and id, and the sequence that holds it."""

    key: bytes
    sequence: int


class Transaction(Protocol):
    """One account's ledger while something is being appended: all of it is committed, or nothing.

    A body (see `Store.transact`) awaits nothing but its transaction, so that an engine may run it on a thread of its own and
    commit many bodies at once.
    """

    async def lock(self) -> Head:
        """Take the account's lock, if it is not yet taken, and tell the ledger's end. To be done last before appending."""
        ...

    async def claimed(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Which of the keys are claimed, and by which sequence. Final only after `lock`."""
        ...

    async def entries(self, sequences: Sequence[int]) -> dict[int, Entry]:
        """The entries with these sequences, as far as they exist."""
        ...

    async def versions(self, event: int) -> list[Entry]:
        """The event's first version and every correction of it, ascending; empty if there is no such entry."""
        ...

    async def append(self, entries: Sequence[Entry], claims: Sequence[Claim]) -> None:
        """Add entries that follow the locked head without a gap, with the claims, and bring every projection up to date."""
        ...

    async def record(self, kind: str, record_id: str) -> Record | None:
        """The newest version of a catalogue record."""
        ...

    async def erase(self, sequence: int, names: Sequence[str], veil: Veil) -> None:
        """Remove the named private texts of an entry and put `veil` in place of its own."""
        ...

    async def total_anew(self) -> None:
        """Make the totals that the engine keeps beside the ledger again from its entries."""
        ...

    async def put_key(self, key: Key) -> None:
        """Make a key, or replace the one with its id."""
        ...

    async def export(self, export_id: str) -> Export | None:
        """The account's export with that id. Final only after `lock`."""
        ...

    async def put_export(self, export: Export, subtrees: bytes | None = None) -> None:
        """Make an export, or replace the one with its id. `subtrees`: the subtree hashes behind its digest, one after another;
        those that are kept stay where none are given."""
        ...

    async def put_mark(self, export_id: str, mark: Mark | None) -> None:
        """Keep how far an unfinished export is, in the place of what was kept; None forgets it."""
        ...

    async def first_answer(self, key: str) -> FirstAnswer | None:
        """What the account's call with that idempotency key was answered, expired or not. Final only after `lock`."""
        ...

    async def put_first_answer(self, answer: FirstAnswer) -> None:
        """Keep an answer, or replace the one to its key. The account's answers that have expired when it is made are dropped."""
        ...

    async def format_version(self, name: str) -> FormatVersion | None:
        """The newest version of the account's own format of that name. Final only after `lock`."""
        ...

    async def add_format(self, version: FormatVersion) -> None:
        """Keep a version of a format of the account's own, whose number follows the newest one's."""
        ...

    async def rejects(self, first: int, last: int) -> list[Reject]:
        """The rejects with these numbers and those between, ascending. Final only after `lock`."""
        ...

    async def keep_rejects(self, arrived: Sequence[Reject]) -> dict[bytes, int]:
        """Keep what was not recorded; of what is known by its digest, that it came again. Gives the numbers by digest."""
        ...

    async def put_rejects(self, changed: Sequence[Reject]) -> None:
        """Put rejects in the place of those with their numbers: when they first came and how often stays as it was."""
        ...

    async def clear_rejects(self, dropped: Sequence[Reject]) -> None:
        """The same for those whose texts are taken away for good, so that nothing of these is left behind."""
        ...


class Ledger(Protocol):
    """What can be asked of entries. Every answer is about the question's scope alone."""

    remote: bool
    """Whether a server answers, so that what several questions asked at once take is waited for once."""

    async def head(self, account_id: int) -> Head:
        """The end of the account's ledger as last committed."""
        ...

    async def sequence_at(self, account_id: int, moment: datetime) -> int:
        """The last sequence recorded at or before `moment`; 0 if there is none."""
        ...

    async def rows(self, question: Rows) -> list[Entry]:
        """The entries asked for."""
        ...

    async def look(self, question: Rows) -> Look | None:
        """The same together with the ledger's end, in a single question to the store, where the engine gains by it; None where
        `head` and `rows` take no longer, or have to be asked one after the other. The scope may end at `NEWEST`."""
        ...

    def stream(self, question: Rows) -> AsyncIterator[list[Entry]]:
        """The rows in batches of up to about 1,000, in constant memory, all as of the question's scope."""
        ...

    async def count(self, question: Rows) -> int:
        """How many entries there are, whatever `limit`, `above` and `below` say."""
        ...

    async def extent(self, scope: Scope, filters: Filters) -> tuple[datetime, datetime] | None:
        """The first and the last occurred_at of the usage entries asked for; None if there are none."""
        ...

    async def groups(self, question: Groups) -> Grouped:
        """The totals asked for."""
        ...

    async def false_total(self, account_id: int) -> str | None:
        """What is wrong, for people, with the totals that the engine keeps beside the account's ledger; None if nothing is."""
        ...

    async def records(self, question: Records) -> list[Record]:
        """The catalogue records asked for."""
        ...

    async def occurrences(self, question: Occurrences) -> list[Entry]:
        """The API transactions asked for."""
        ...

    async def nodes(self, account_id: int, span: Span) -> list[bytes]:
        """The nodes of the ledger's tree in that span, as far as they are there; see `app.domain.merkle`."""
        ...


class Accounts(Protocol):
    """Accounts and their keys. Looking a key up by its id is how a caller's account is found: the one question without one."""

    async def create_account(self, name: str, created_at: datetime) -> Account:
        """A new account; raises AlreadyExists."""
        ...

    async def account_named(self, name: str) -> Account | None:
        """The account of that name."""
        ...

    async def account(self, account_id: int) -> Account | None:
        """The account with that id."""
        ...

    async def accounts(self) -> list[Account]:
        """All accounts by name."""
        ...

    async def key(self, key_id: str) -> Key | None:
        """The key with that id, of whichever account."""
        ...

    async def keys(self, account_id: int) -> list[Key]:
        """The account's keys, oldest first, revoked ones included."""
        ...

    async def touch_keys(self, used: dict[str, datetime]) -> None:
        """Note when keys were last used; an earlier instant than the one noted changes nothing."""
        ...

    async def secret(self, account_id: int, name: str) -> bytes | None:
        """The account's secret of that name; None where none is kept."""
        ...

    async def keep_secret(self, account_id: int, name: str, value: bytes) -> bytes:
        """Keep a secret, unless one of that name is kept: gives the one that is, the same to every process."""
        ...

    async def end_session(self, account_id: int, session_id: str, expires_at: datetime) -> None:
        """Note that the account's session was ended before it expires; one that was noted stays as it was."""
        ...

    async def session_ended(self, account_id: int, session_id: str) -> bool:
        """Whether that is noted of the session."""
        ...

    async def forget_sessions(self, account_id: int, moment: datetime) -> None:
        """Drop what is noted of the account's sessions that expire at or before `moment`."""
        ...

    async def signing_keys(self) -> list[KeptKey]:
        """The gateway's own signing keys, the first one first."""
        ...

    async def keep_signing_key(self, key: KeptKey) -> None:
        """Keep a key, unless one of that number is kept: so of several processes that make one, all find the same."""
        ...


class Exports(Protocol):
    """Reports that were frozen. What workers have to do is asked across accounts: the one other kind of question without one."""

    async def export(self, account_id: int, export_id: str) -> Export | None:
        """The account's export with that id."""
        ...

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
        """At most `limit` of the account's exports with `above` < sequence < `below`, newest first, or oldest first."""
        ...

    async def subtrees(self, account_id: int, export_id: str) -> bytes:
        """The subtree hashes behind the export's digest, 32 bytes each; empty until it is ready."""
        ...

    async def mark(self, account_id: int, export_id: str) -> Mark | None:
        """How far an unfinished export is known to be made; None if nothing is."""
        ...

    async def unfinished(self) -> list[Export]:
        """The exports of every account that are still to be made, oldest first; at most 100."""
        ...

    async def disposable(self, before: datetime | None) -> list[Export]:
        """The exports of every account whose files are to be deleted, at most 100: those that expired, and, where `before` is
        given, those that became ready at or before it. The oldest first."""
        ...


class Formats(Protocol):
    """The accounts' own formats. Those that come with the gateway are not kept."""

    async def format_version(self, account_id: int, name: str, version: int | None = None) -> FormatVersion | None:
        """That version of the account's own format of that name; the newest one by default."""
        ...

    async def format_versions(self, account_id: int, name: str | None = None) -> list[FormatVersion]:
        """Every version of the format of that name, the newest first; without a name the newest of each, in binary order."""
        ...


class Attestations(Protocol):
    """What was signed and is kept."""

    async def keep_attestation(self, attestation: Attestation) -> Attestation:
        """Keep it, unless one of its kind is kept at its sequence: gives the one that is, the same to every process."""
        ...

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
        """At most `limit` of the account's with `above` < sequence < `below`, newest first, or oldest first."""
        ...


class Rejects(Protocol):
    """What was sent and not recorded."""

    async def reject(self, account_id: int, number: int) -> Reject | None:
        """The account's reject with that number."""
        ...

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
        """At most `limit` of the account's rejects with `above` < number < `below`, newest first, or oldest first."""
        ...

    async def count_rejects(self, account_id: int, filters: RejectFilters = OPEN_ONLY) -> int:
        """How many rejects there are."""
        ...

    async def forget_rejects(self, before: datetime) -> int:
        """Take away the rejects of every account that came last before that instant, and tell how many they were."""
        ...


class Store(Ledger, Accounts, Exports, Formats, Rejects, Attestations, Protocol):
    """An engine."""

    async def transact(self, account_id: int, body: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `body` over a transaction of that account and commit; whatever it raises leaves nothing behind.

        The body may be run again after a conflict with another writer, so it changes nothing outside. When this returns, what was
        appended survives a crash. Raises Unavailable when the store stays busy.
        """
        ...

    async def ready(self) -> None:
        """Return if the store can answer and is of this version; raises Unavailable otherwise."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of everything."""
        ...


class Draft(Protocol):
    """A file while it is being written: nobody sees it until it is kept."""

    @property
    def name(self) -> str:
        """By which `Files.drafted` finds it again, should whoever writes it be gone."""
        ...

    async def write(self, data: bytes) -> None:
        """Add bytes at the end. Raises Unavailable when there is no room or no way to write."""
        ...

    async def sync(self) -> None:
        """Make durable what was written so far. Raises Unavailable."""
        ...

    async def keep(self, name: str) -> None:
        """Make it appear under `name`, whole and durable, in the place of what may be there."""
        ...

    def drop(self) -> None:
        """Leave nothing behind; does nothing once it is kept or left."""
        ...

    def leave(self) -> None:
        """Write no more, and leave it for another to go on from; does nothing once it is kept."""
        ...


class Files(Protocol):
    """Where exports keep their files. Each is written once; `name` has letters, digits, points, dashes and underscores only."""

    async def create(self) -> Draft:
        """A new, empty draft. Raises Unavailable."""
        ...

    async def size(self, name: str) -> int | None:
        """Bytes of the file; None if there is none."""
        ...

    def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The file's bytes in chunks, from `start` and up to and without `end`. Raises Unavailable where it cannot be read."""
        ...

    async def delete(self, name: str) -> None:
        """Remove the file; does nothing where there is none."""
        ...

    async def names(self, prefix: str) -> list[str]:
        """The names of the files that begin so, in binary order. Raises Unavailable."""
        ...

    def drafted(self, name: str, size: int) -> AsyncIterator[bytes]:
        """The first `size` bytes of a draft that was left, in chunks: fewer where it has fewer, none where there is none."""
        ...

    async def discard(self, name: str) -> None:
        """Remove a draft that was left; does nothing where there is none."""
        ...
