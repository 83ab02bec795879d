"""What can be done with events: record, amend, retract. Nothing recorded is ever changed or removed.

Every command takes the caller's principal and checks what it may. Content is validated and hashed before the account's lock is
taken; under the lock only claims are looked up, sequences given and rows written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from app.domain.account import Permission, Principal
from app.domain.canonical import check_text
from app.domain.entry import Content, Correction, Entry, EntryKind, sequence_in
from app.domain.errors import AlreadyCorrected, InvalidEvent, NotFound
from app.domain.instant import now
from app.ledger.chain import Prepared, prepare, seal
from app.ledger.events import (
    DEFAULT_SOURCE,
    LONGEST_TEXT,
    activity,
    claim_key,
    differing_field,
    fields_of,
    usage,
)
from app.ledger.outcome import Outcome, Status
from app.ledger.refusals import Arrival, keep
from app.ports import Claim, Store, Transaction

MOST_ITEMS = 10_000
"""Items that one batch may have."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decides about recording: how far ahead an event may be dated, and what the clock is."""

    max_future: timedelta = timedelta(hours=24)
    clock: Callable[[], datetime] = field(default=now)


async def record(
    store: Store,
    principal: Principal,
    items: Sequence[Mapping[str, Any] | InvalidEvent],
    *,
    rules: Rules,
    source: str = DEFAULT_SOURCE,
    kind: EntryKind = EntryKind.USAGE,
    arrival: Arrival | None = None,
) -> list[Outcome]:
    """Record a batch of usage events (or lifecycle activities) and tell, in order, what became of each item.

    An item is the fields of an event, or the error that a format met when it made them. All that can be recorded is committed
    in one transaction; with its `arrival` what is refused is kept. Needs `usage:write`.
    """
    principal.require(Permission.USAGE_WRITE)
    prepared = prepare_batch(items, rules=rules, source=source, kind=kind)
    return await record_prepared(store, principal, prepared, rules=rules, arrival=arrival)


def prepare_batch(
    items: Sequence[Mapping[str, Any] | InvalidEvent], *, rules: Rules, source: str, kind: EntryKind = EntryKind.USAGE
) -> list[Prepared | InvalidEvent]:
    """Validate, veil and hash a batch: all the work that needs neither lock nor store, fit for a worker thread."""
    moment = rules.clock()
    make = usage if kind is EntryKind.USAGE else activity
    prepared: list[Prepared | InvalidEvent] = []
    for item in items:
        if isinstance(item, InvalidEvent):
            prepared.append(item)
            continue
        try:
            content = make(item, now=moment, max_future=rules.max_future, source=source)
            prepared.append(prepare(content, claim_key(content)))
        except InvalidEvent as error:
            prepared.append(error)
    return prepared


async def record_prepared(
    store: Store,
    principal: Principal,
    prepared: Sequence[Prepared | InvalidEvent],
    *,
    rules: Rules,
    arrival: Arrival | None = None,
) -> list[Outcome]:
    """Record what `prepare_batch` made. Needs `usage:write`.

    With its `arrival`, what is refused is kept in the same transaction, and what came again is noted.
    """
    principal.require(Permission.USAGE_WRITE)
    account_id = principal.account.id

    async def body(tx: Transaction) -> list[Outcome]:
        outcomes = await append_batch(tx, account_id, prepared, rules=rules)
        if arrival is None:
            return outcomes
        return await keep(tx, account_id, arrival, prepared, outcomes, received_by=principal.actor, moment=rules.clock())

    if arrival is None and all(isinstance(each, InvalidEvent) for each in prepared):
        return [Outcome(Status.REJECTED, None, e.field, e.reason) for e in prepared if isinstance(e, InvalidEvent)]
    outcomes = await store.transact(account_id, body)
    if arrival is not None:
        arrival.told(outcomes)
    return outcomes


async def append_batch(
    tx: Transaction, account_id: int, prepared: Sequence[Prepared | InvalidEvent], *, rules: Rules
) -> list[Outcome]:
    """Append within a transaction what can be recorded of a batch, and tell, in order, what becomes of each item."""
    keys = [None if isinstance(each, InvalidEvent) else each.claim for each in prepared]
    head = await tx.lock()
    claimed = await tx.claimed([key for key in keys if key is not None])
    first = await tx.entries(sorted(set(claimed.values())))
    fresh: list[Prepared] = []
    taken: dict[bytes, int] = {}
    standing: list[int | Entry | None] = []
    """What was recorded before under the same key, here or ever; None for what is not."""
    for each, key in zip(prepared, keys, strict=True):
        if key is not None and key in claimed:
            standing.append(first[claimed[key]])
        elif key is not None and key in taken:
            standing.append(taken[key])
        else:
            standing.append(None)
            if not isinstance(each, InvalidEvent):
                if key is not None:
                    taken[key] = len(fresh)
                fresh.append(each)
    if not fresh:
        entries: list[Entry] = []
    else:
        entries = seal(account_id, fresh, head, rules.clock())
        await tx.append(entries, [Claim(key, entries[at].sequence) for key, at in taken.items()])
    outcomes = []
    recorded = iter(entries)
    for each, found in zip(prepared, standing, strict=True):
        if isinstance(each, InvalidEvent):
            outcomes.append(Outcome(Status.REJECTED, None, each.field, each.reason))
        elif found is None:
            outcomes.append(Outcome(Status.INSERTED, next(recorded)))
        else:
            outcomes.append(_repeated(entries[found] if isinstance(found, int) else found, each.content))
    return outcomes


def _repeated(first: Entry, content: Content) -> Outcome:
    differing = differing_field(first, content)
    if differing is None:
        return Outcome(Status.DUPLICATE, first)
    reason = f"was recorded as {first.event_ref} with other content: {differing} differs"
    return Outcome(Status.CONFLICT, first, "id", reason)


@dataclass(frozen=True, slots=True)
class Amended:
    """What an amendment or a retraction appended: the reversal of the standing version, and what stands in its place."""

    reversal: Entry
    replacement: Entry | None


async def amend(
    store: Store,
    principal: Principal,
    ref: str,
    changes: Mapping[str, Any],
    *,
    rules: Rules,
    reason: str,
    actor: str | None = None,
    expected_version: int | None = None,
    record: str | None = None,
) -> Amended:
    """Put another version in place of the event's standing one: a reversal and a replacement are appended.

    `ref` is the event's ref, or the id of its standing entry; `changes` are event fields, None to take one away; `record` is the
    document that the new version belongs to, where it is another one (see `app.ledger.related`). Needs `usage:write`. Raises
    NotFound, InvalidEvent, and AlreadyCorrected (retracted, not the standing version, or not `expected_version`).
    """
    for name in ("id", "source"):
        if name in changes:
            raise InvalidEvent(name, "cannot be amended: it is what makes the event this one")
    if not changes:
        raise InvalidEvent("changes", "is empty: what should the event say instead?")
    if "actor" in changes:
        raise InvalidEvent("actor", "of a correction is whoever corrects; it is no change to the event")
    return await _correct(store, principal, ref, changes, rules, reason, actor, expected_version, record)


async def retract(
    store: Store,
    principal: Principal,
    ref: str,
    *,
    rules: Rules,
    reason: str,
    actor: str | None = None,
    expected_version: int | None = None,
) -> Amended:
    """Take an event back: a reversal of its standing version is appended. Needs `usage:write`; raises as `amend` does."""
    return await _correct(store, principal, ref, None, rules, reason, actor, expected_version)


async def _correct(
    store: Store,
    principal: Principal,
    ref: str,
    changes: Mapping[str, Any] | None,
    rules: Rules,
    reason: str,
    actor: str | None,
    expected_version: int | None,
    record: str | None = None,
) -> Amended:
    principal.require(Permission.USAGE_WRITE)
    account_id = principal.account.id
    if not reason.strip():
        raise InvalidEvent("reason", "is missing: a correction says why")
    check_text(reason, "reason", longest=LONGEST_TEXT)
    actor = check_text(actor, "actor", longest=LONGEST_TEXT) if actor else principal.actor

    async def body(tx: Transaction) -> Amended:
        head = await tx.lock()
        standing = await _standing(tx, account_id, ref)
        if expected_version is not None and standing.version != expected_version:
            raise AlreadyCorrected(f"{standing.event_ref} stands at version {standing.version}, not {expected_version}")
        contents = [_reversal(standing, reason, actor)]
        if changes is not None:
            content = replacement(standing, changes, rules)
            content.reason, content.actor = reason, actor
            content.record = content.record if record is None else record
            contents.append(content)
        entries = seal(account_id, [prepare(each) for each in contents], head, rules.clock())
        await tx.append(entries, [])
        return Amended(entries[0], entries[1] if changes is not None else None)

    return await store.transact(account_id, body)


async def standing_entry(store: Store, account_id: int, ref: str) -> Entry:
    """The standing version of the account's event with that ref, or whose standing entry has that id.

    Raises NotFound, and AlreadyCorrected where it was retracted or the id is of an earlier version.
    """

    async def body(tx: Transaction) -> Entry:
        return await _standing(tx, account_id, ref)

    return await store.transact(account_id, body)


async def _standing(tx: Transaction, account_id: int, ref: str) -> Entry:
    sequence = sequence_in(ref, account_id)
    named = None if sequence is None else (await tx.entries([sequence])).get(sequence)
    if named is None or named.kind is not EntryKind.USAGE or (ref.startswith("evt_") and named.event is not None):
        raise NotFound(f"no event {ref[:64]}")
    standing = standing_version(await tx.versions(named.event_sequence))
    if standing is None:
        raise AlreadyCorrected(f"{named.event_ref} was retracted")
    if ref.startswith("act_") and standing.sequence != sequence:
        raise AlreadyCorrected(f"{ref} is not the standing version of its event; {standing.id} is")
    return standing


def standing_version(versions: Sequence[Entry]) -> Entry | None:
    """The one of an event's versions that no later one reverses; None once it is retracted."""
    reversed_ = {each.corrects for each in versions if each.correction is Correction.REVERSAL}
    standing = [e for e in versions if e.correction is not Correction.REVERSAL and e.sequence not in reversed_]
    return standing[-1] if standing else None


def _reversal(standing: Entry, reason: str, actor: str) -> Content:
    """The same dimensions, so that every filter and grouping takes it back from where the original was counted."""
    content = _copy(standing)
    # copy_negate: the minus sign would round to the default context's 28 digits.
    content.quantity = None if standing.quantity is None else standing.quantity.copy_negate()
    content.charge = None if standing.charge is None else standing.charge.copy_negate()
    content.message = None
    content.reason, content.actor = reason, actor
    content.event, content.version = standing.event_sequence, standing.version
    content.correction, content.corrects = Correction.REVERSAL, standing.sequence
    return content


def replacement(standing: Entry, changes: Mapping[str, Any], rules: Rules) -> Content:
    """What stands in the place of that version once the fields in `changes` are changed, without reason and actor.

    The document that it belongs to stays, unless the change is about its customer, product or time. Raises InvalidEvent.
    """
    stated = fields_of(standing)
    if "additional_data" in changes:
        stated["additional_data"] = None
    for number, of in (("quantity", "unit"), ("charge", "currency")):
        if number in changes and changes[number] is None:
            stated[of] = None  # a number that is taken away takes its unit along, unless that is stated anew
    content = usage(stated | dict(changes), now=rules.clock(), max_future=rules.max_future, source=standing.source)
    if "additional_data" not in changes:
        content.additional_data = standing.additional_data
    if all(getattr(content, name) == getattr(standing, name) for name in ("customer_id", "product_id", "occurred_at")):
        content.record = standing.record
    content.event, content.version = standing.event_sequence, standing.version + 1
    content.correction, content.corrects = Correction.REPLACEMENT, standing.sequence
    return content


def _copy(entry: Entry) -> Content:
    return Content(**{each.name: getattr(entry, each.name) for each in fields(Content)})
