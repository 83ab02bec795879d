"""Erasing texts wherever the gateway keeps them: in the ledger, and in the files of exports that may tell them.

A file that was made before cannot be changed without its manifest losing its meaning. So exports whose rows may hold what was
erased *expire*: their files are deleted, and their records say why. Records, digests and manifests stay, so that a copy which
somebody downloaded before still verifies, and the report can be frozen again as of the same sequence, then without the texts.
What was downloaded, and what backups hold, is out of the gateway's reach.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.domain.account import Principal
from app.domain.entry import PRIVATE_FIELDS, Entry, EntryKind, sequence_in
from app.domain.errors import InvalidEvent
from app.domain.export import Export, ExportFilters, ExportStatus
from app.exports.disposal import expire
from app.exports.order import order_of
from app.ledger import erasure
from app.ledger.commands import Rules
from app.ports import Files, Ledger, Store, Transaction
from app.question.filters import Filters
from app.question.groups import Dimension
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.parameters import Parameters
from app.reports.report import Report
from app.reports.totals import Keys

REASON = "it held text that was erased on request; freeze the report again as of its asOf"
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed: the texts' names, in the entries with these sequences; and the exports whose files are gone with them."""

    names: tuple[str, ...]
    sequences: tuple[int, ...]
    exports: tuple[str, ...]


async def erase(
    store: Store,
    files: Files,
    principal: Principal,
    *,
    ref: str | None = None,
    customer_id: str | None = None,
    rules: Rules,
    names: tuple[str, ...] = PRIVATE_FIELDS,
) -> Erased:
    """Remove texts of an entry, an event with all its versions, or a customer with everything that names it. Needs `admin`.

    Asked for again it does what is left, so that one that was broken off can be ended. Raises InvalidEvent where not exactly one
    of `ref` and `customer_id` is given, or for what is no private text, and NotFound.
    """
    if (ref is None) == (customer_id is None):
        raise InvalidEvent("id", "or a customer's id has to be given, and not both")
    if ref is not None:
        done = await erasure.erase(store, principal, ref, rules=rules, names=names)
        entries = await _named(store, principal, ref)
    else:
        assert customer_id is not None
        done = await erasure.erase_customer(store, principal, customer_id, rules=rules, names=names)
        entries = await _with(store, principal, done.others)
    entries = [each for each in entries if not set(names).isdisjoint(each.erased)]
    if customer_id is not None and not await _erased_of(store, principal.account.id, customer_id, names):
        customer_id = None  # none of its entries ever had such a text
    expired = []
    for export in await _ready(store, principal.account.id):
        wanted, opened = order_of(export)
        asked = _Asked(wanted.report, wanted.parameters.filters, opened.scope)
        if _tells(wanted.report, wanted.parameters, names) and (
            any(asked.told_by(each) for each in entries)
            or (customer_id is not None and await asked.told_of_customer(store, customer_id))
        ):
            await expire(store, files, export, REASON, actor=principal.actor, rules=rules)
            expired.append(export.id)
    return Erased(done.names, done.sequences, tuple(expired))


async def _ready(store: Store, account_id: int) -> list[Export]:
    """The exports that have a file. What is made of a text after it was erased is begun anew (see `app.exports.making`)."""
    found: list[Export] = []
    below: int | None = None
    while page := await store.exports(account_id, limit=_PAGE, below=below, filters=ExportFilters(status=(ExportStatus.READY,))):
        found += page
        below = page[-1].sequence
    return found


async def _named(store: Store, principal: Principal, ref: str) -> list[Entry]:
    """The entry with that id, or all versions of the event."""
    sequence = sequence_in(ref, principal.account.id)
    assert sequence is not None

    async def body(tx: Transaction) -> list[Entry]:
        return await tx.versions(sequence) if ref.startswith("evt_") else list((await tx.entries([sequence])).values())

    return await store.transact(principal.account.id, body)


async def _with(store: Store, principal: Principal, sequences: tuple[int, ...]) -> list[Entry]:
    async def body(tx: Transaction) -> list[Entry]:
        return list((await tx.entries(sequences)).values())

    return await store.transact(principal.account.id, body) if sequences else []


async def _erased_of(ledger: Ledger, account_id: int, customer_id: str, names: tuple[str, ...]) -> bool:
    """Whether such a text was erased from any entry of the customer, now or before."""
    scope = Scope(account_id, (await ledger.head(account_id)).sequence)
    async for batch in ledger.stream(Rows(scope, Filters(customer_id=(customer_id,)))):
        if any(not set(names).isdisjoint(each.erased) for each in batch):
            return True
    return False


def _tells(report: Report, parameters: Parameters, names: tuple[str, ...]) -> bool:
    """Whether the report has a column of one of these texts. Groups tell values of additional data where grouped by them."""
    by_data = any(not isinstance(each, Dimension) for each in parameters.by)
    return any(
        each.attribute in names
        for section in report.sections
        if by_data or not issubclass(section.row, Keys)
        for each in section.columns
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an export asked for."""

    report: Report
    filters: Filters
    scope: Scope

    @property
    def tells_records(self) -> bool:
        """Whether it tells catalogue records, also some that its filters do not name."""
        return any(section.row is not Entry for section in self.report.sections)

    def told_by(self, entry: Entry) -> bool:
        """Whether its rows may hold a text of that entry."""
        if entry.sequence > self.scope.as_of:
            return False
        return self.tells_records if entry.kind is EntryKind.CATALOGUE else self.filters.accept(entry)

    async def told_of_customer(self, ledger: Ledger, customer_id: str) -> bool:
        """Whether its rows may hold a text of an entry that names the customer."""
        if self.tells_records:
            own = Rows(self.scope, Filters(customer_id=(customer_id,)), frozenset({EntryKind.CATALOGUE}), limit=1)
            if await ledger.rows(own):
                return True
        if self.filters.customer_id is not None and customer_id not in self.filters.customer_id:
            return False
        kinds = None if self.tells_records else frozenset({EntryKind.USAGE})
        return bool(await ledger.rows(Rows(self.scope, replace(self.filters, customer_id=(customer_id,)), kinds, limit=1)))
