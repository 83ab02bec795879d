"""Why: what became of something that was sent, and in which reports it counts. Asked by whatever id its sender has of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.account import Permission, Principal
from app.domain.entry import Content, Entry, EntryKind, sequence_in
from app.domain.errors import InvalidQuery, NotFound
from app.domain.export import Export, ExportFilters, ExportStatus
from app.domain.instant import format_instant
from app.domain.reject import Reject, RejectFilters, RejectStatus, number_in
from app.ledger.commands import standing_version
from app.ledger.events import DEFAULT_SOURCE, claim_of
from app.ledger.formats import NAMES, named
from app.ledger.own_formats import ready
from app.ports import Store, Transaction
from app.reports.catalog import REPORTS, report_named
from app.reports.parameters import parse

MOST_REJECTS = 100
"""Rejects that one answer tells of, the newest ones."""
MOST_EXPORTS = 200
"""Exports that are looked through, the newest ones."""
_LONGEST = 512


class Verdict(StrEnum):
    """What became of it."""

    ACCEPTED = "accepted"
    """It stands in the ledger."""
    RETRACTED = "retracted"
    """It was accepted, and taken back later: it is counted, and its reversal is too."""
    DUPLICATE = "duplicate"
    """It came again: the same stood in the ledger already."""
    CONFLICT = "conflict"
    """Something else stands in the ledger under its id."""
    REJECTED = "rejected"
    """It cannot be recorded as it is."""
    DROPPED = "dropped"
    """It was rejected, and taken away for good."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A report in which the event counts: `subject` and `value` say of whom, where the report is about one."""

    report: str
    subject: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What became of one thing that was sent."""

    verdict: Verdict
    told: str
    """The same in a sentence, for people."""
    entry: Entry | None = None
    """The first version of the event that it is, repeats or contradicts."""
    standing: Entry | None = None
    """The version of that event that stands now; None once it is retracted."""
    reject: Reject | None = None
    counted_in: tuple[Counted, ...] = ()
    exports: tuple[str, ...] = ()
    """Ids of the newest exports, ready ones, that the event is in."""


async def why(store: Store, principal: Principal, asked: str, *, source: str | None = None) -> list[Explanation]:
    """What became of what `asked` names: a sender's own id, an event's ref, an entry's id or a reject's. Needs `usage:write`.

    A sender's id can be of several sources: of `source`, or else of each that the account's formats and rejects name. What
    is accepted comes first, then what was refused, the newest first. Raises NotFound where nothing is known.
    """
    principal.require(Permission.USAGE_WRITE)
    account_id = principal.account.id
    found: list[Explanation] = []
    number, sequence = number_in(asked, account_id), sequence_in(asked, account_id)
    if number is not None:
        reject = await store.reject(account_id, number)
        found = [] if reject is None else [await _of_reject(store, account_id, reject)]
    elif sequence is not None:
        found = await _of_entry(store, account_id, sequence)
    if not found and 0 < len(asked) <= _LONGEST and "\0" not in asked and _encodable(asked):
        found = await _of_sender_id(store, account_id, asked, source)
    if not found:
        raise NotFound(f"nothing is known of {asked[:80]}")
    return found


async def _of_entry(store: Store, account_id: int, sequence: int) -> list[Explanation]:
    accepted = await _accepted(store, account_id, sequence)
    if accepted is None:
        return []
    assert accepted.entry is not None
    wanted = RejectFilters(status=(), sequence=(accepted.entry.sequence,))
    rejects = await store.rejects(account_id, limit=MOST_REJECTS, filters=wanted)
    return [accepted, *await _refused(store, account_id, rejects, [accepted])]


async def _of_sender_id(store: Store, account_id: int, asked: str, source: str | None) -> list[Explanation]:
    rejects = await store.rejects(account_id, limit=MOST_REJECTS, filters=RejectFilters(status=(), sender_id=(asked,)))
    if source is not None:
        sources = [source]
        rejects = [each for each in rejects if each.sender == source]
    else:
        own = [ready(each.document, each.ref).source for each in await store.format_versions(account_id)]
        shipped = [named(name).source for name in NAMES]
        known = (DEFAULT_SOURCE, *shipped, *own, *(each.sender for each in rejects))
        sources = list(dict.fromkeys(each for each in known if each is not None))
    keys = [claim_of(each, asked) for each in sources]

    async def body(tx: Transaction) -> dict[bytes, int]:
        return await tx.claimed(keys)

    claimed = await store.transact(account_id, body)
    accepted = [await _accepted(store, account_id, claimed[key]) for key in keys if key in claimed]
    told = [each for each in accepted if each is not None]
    return told + await _refused(store, account_id, rejects, told)


async def _refused(
    store: Store, account_id: int, rejects: Sequence[Reject], accepted: Sequence[Explanation]
) -> list[Explanation]:
    """What the rejects tell beside what is accepted, which tells itself that it was recorded when it was replayed."""
    known = {each.entry.sequence for each in accepted if each.entry is not None}
    others = (each for each in rejects if each.status is not RejectStatus.RECORDED or each.sequence not in known)
    return [await _of_reject(store, account_id, each) for each in others]


async def _accepted(store: Store, account_id: int, sequence: int) -> Explanation | None:
    """The event whose first or later version has that sequence; an entry of another kind is told as it stands."""

    async def body(tx: Transaction) -> tuple[Entry | None, list[Entry]]:
        entry = (await tx.entries([sequence])).get(sequence)
        return entry, [] if entry is None else await tx.versions(entry.event_sequence)

    entry, versions = await store.transact(account_id, body)
    if entry is None:
        return None
    if entry.kind is not EntryKind.USAGE:
        told = f"accepted as {entry.id} on {format_instant(entry.recorded_at)}"
        counted = tuple(_counted(entry)) if entry.kind is EntryKind.ACTIVITY else (Counted("activities"),)
        return Explanation(verdict=Verdict.ACCEPTED, told=told, entry=entry, standing=entry, counted_in=counted)
    first, standing = versions[0], standing_version(versions)
    told = f"accepted as {first.event_ref} on {format_instant(first.recorded_at)}"
    if standing is None:
        told += f"; retracted by {versions[-1].id} on {format_instant(versions[-1].recorded_at)}"
    elif standing.version > 1:
        told += f"; amended since, version {standing.version} stands"
    replayed = await store.rejects(
        account_id, limit=1, filters=RejectFilters(status=(RejectStatus.RECORDED,), sequence=(first.sequence,))
    )
    if replayed:
        told += f"; it was rejected at first: {_because(replayed[0])}"
    return Explanation(
        verdict=Verdict.ACCEPTED if standing is not None else Verdict.RETRACTED,
        told=told,
        entry=first,
        standing=standing,
        reject=replayed[0] if replayed else None,
        counted_in=tuple(_counted(standing or first)),
        exports=await _exports(store, account_id, versions),
    )


async def _of_reject(store: Store, account_id: int, reject: Reject) -> Explanation:
    other = None if reject.sequence is None else await _accepted(store, account_id, reject.sequence)
    entry, standing = (None, None) if other is None else (other.entry, other.standing)
    ref = "" if entry is None else entry.event_ref
    when = format_instant(reject.last_at)
    times = "" if reject.times == 1 else f", {reject.times} times"
    if reject.status is RejectStatus.RECORDED and other is not None:
        return other
    verdict, told = {
        RejectStatus.DUPLICATE: (Verdict.DUPLICATE, f"duplicate of {ref}: the same came again{times}, last on {when}"),
        RejectStatus.CONFLICT: (Verdict.CONFLICT, f"conflict with {ref}: {_because(reject)}{times}, last on {when}"),
        RejectStatus.DROPPED: (Verdict.DROPPED, f"taken away for good; it came last on {when}"),
    }.get(reject.status, (Verdict.REJECTED, f"rejected because {_because(reject)}{times}, last on {when}"))
    return Explanation(verdict=verdict, told=told, entry=entry, standing=standing, reject=reject)


def _because(reject: Reject) -> str:
    return f"{reject.field}: {reject.reason}" if reject.field else str(reject.reason)


def _counted(entry: Content) -> Iterable[Counted]:
    """The reports that the entry is in: all that are about the whole ledger, and those about somebody whom it names."""
    for report in REPORTS:
        if not report.required:
            yield Counted(report.name)
        for name in report.required:
            value = getattr(entry, name, None)
            if value is not None:
                yield Counted(report.name, name, value)


async def _exports(store: Store, account_id: int, versions: Sequence[Entry]) -> tuple[str, ...]:
    ready_only = ExportFilters(status=(ExportStatus.READY.value,))
    exports = await store.exports(account_id, limit=MOST_EXPORTS, filters=ready_only)
    return tuple(each.id for each in exports if _holds(each, versions))


def _holds(export: Export, versions: Sequence[Entry]) -> bool:
    report = report_named(export.report)
    if report is None:
        return False
    asked = {name: texts for name, texts in export.parameters.items() if name in report.parameters}
    try:
        filters = parse(asked, report.parameters).filters
    except InvalidQuery:
        return False
    return any(each.sequence <= export.as_of and filters.accept(each) for each in versions)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
