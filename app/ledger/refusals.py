"""Keeping what was refused: payload, reason and sender's id, in the transaction that records the rest of the batch."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.domain.canonical import sha256
from app.domain.entry import EntryKind
from app.domain.errors import InvalidEvent
from app.domain.instant import format_instant
from app.domain.reject import Reject, RejectStatus, Shape, reject_id
from app.ledger.chain import Prepared
from app.ledger.events import DEFAULT_SOURCE, LONGEST_TEXT
from app.ledger.exact_json import write_json
from app.ledger.formats import DEFAULT, Format, named
from app.ledger.intake import Item, Kind
from app.ledger.outcome import Outcome, Status
from app.ports import Transaction

MOST_KEPT = 10_000
"""Refused items that are kept of one call or file: of a call all, of a file that was read by the wrong format enough to tell."""
MOST_DUPLICATES = 1_000
"""Items that came again of which that is noted, of one call or file."""
_LONGEST_SENDER_ID = 512
_STATUS = {
    Status.REJECTED: RejectStatus.REJECTED,
    Status.CONFLICT: RejectStatus.CONFLICT,
    Status.DUPLICATE: RejectStatus.DUPLICATE,
}


@dataclass(slots=True)
class Arrival:
    """One call or file: what came, and by which format it was read. `items` stand beside what was prepared of them."""

    format_: Format
    source: str | None
    """The sender's name, as the caller gave it."""
    kind: EntryKind = EntryKind.USAGE
    written: Kind = Kind.JSON
    items: list[Item] = field(default_factory=list)
    room: int = MOST_KEPT
    room_for_duplicates: int = MOST_DUPLICATES
    unkept: int = 0
    """Refused items that were too many to be kept."""

    def told(self, outcomes: Sequence[Outcome]) -> None:
        """Take note of what became of the items, once it is committed; they are not needed any more."""
        kept = [each.status for each in outcomes if each.reject is not None]
        duplicates = kept.count(Status.DUPLICATE)
        self.room_for_duplicates -= duplicates
        self.room -= len(kept) - duplicates
        self.unkept += sum(each.status in (Status.REJECTED, Status.CONFLICT) and each.reject is None for each in outcomes)
        self.items = []


def stated(items: Sequence[Mapping[str, Any]], kind: EntryKind = EntryKind.USAGE) -> Arrival:
    """The arrival of events in the ledger's own words, from a door that has no payload apart from them."""
    made = [Item(at, at + 1, _said(item)) for at, item in enumerate(items)]
    return Arrival(named(DEFAULT), None, kind, items=made)


async def keep(
    tx: Transaction,
    account_id: int,
    arrival: Arrival,
    prepared: Sequence[Prepared | InvalidEvent],
    outcomes: Sequence[Outcome],
    *,
    received_by: str,
    moment: datetime,
) -> list[Outcome]:
    """Keep what was refused, and note what came again. Gives the outcomes, with the ids under which they can be asked for."""
    room, duplicates = arrival.room, arrival.room_for_duplicates
    arrived: dict[int, Reject] = {}
    for at, (item, made, outcome) in enumerate(zip(arrival.items, prepared, outcomes, strict=True)):
        if outcome.status is Status.INSERTED:
            continue
        if outcome.status is Status.DUPLICATE:
            duplicates -= 1
            if duplicates < 0:
                continue
        else:
            room -= 1
            if room < 0:
                continue
        arrived[at] = _reject(account_id, arrival, item, made, outcome, received_by, moment)
    if not arrived:
        return list(outcomes)
    numbers = await tx.keep_rejects(list(arrived.values()))
    told = list(outcomes)
    for at, reject in arrived.items():
        told[at] = replace(told[at], reject=reject_id(account_id, numbers[reject.digest]))
    return told


def _reject(
    account_id: int,
    arrival: Arrival,
    item: Item,
    made: Prepared | InvalidEvent,
    outcome: Outcome,
    received_by: str,
    moment: datetime,
) -> Reject:
    if isinstance(made, Prepared):
        sender, sender_id = made.content.source, made.content.sender_id
    else:
        sender, sender_id = _sender(arrival, item)
    status = _STATUS[outcome.status]
    place = outcome.field
    shape, payload = (Shape.JSON, None) if status is RejectStatus.DUPLICATE else _payload(arrival, item)
    if status is RejectStatus.DUPLICATE:
        digest = sha256(b"\0".join((b"duplicate", sender.encode(), (sender_id or "").encode())))[:16]
    elif sender_id is not None or item.value is None:
        # The same thing sent again is the same reject. Without an id, two events that look alike are two.
        parts = (b"refused", sender.encode(), (sender_id or "").encode(), arrival.kind.encode(), payload or b"")
        digest = sha256(b"\0".join(parts))[:16]
    else:
        digest = secrets.token_bytes(16)
    if status is RejectStatus.CONFLICT and place:
        place = arrival.format_.path_of(place)
    return Reject(
        account_id=account_id,
        digest=digest,
        status=status,
        kind=arrival.kind,
        format=arrival.format_.ref,
        source=arrival.source,
        shape=shape,
        payload=payload,
        field=storable(place) if place else None,
        reason=storable(outcome.reason) if outcome.reason else None,
        sender=sender,
        sender_id=sender_id,
        sequence=None if outcome.entry is None else outcome.entry.sequence,
        first_at=moment,
        last_at=moment,
        received_by=received_by,
    )


def _payload(arrival: Arrival, item: Item) -> tuple[Shape, bytes | None]:
    """The item as it came: JSON as its text, cells of CSV and fields of a log line as JSON, else what could not be read."""
    if isinstance(item.raw, list):
        return Shape.CELLS, _encoded(write_json(item.raw))
    if item.raw:
        unread_line = arrival.written is Kind.ACCESS_LOG and item.error is not None
        return (Shape.ACCESS_LOG if unread_line else Shape.JSON), _encoded(item.raw)
    return Shape.JSON, _encoded(write_json(item.value))


def _sender(arrival: Arrival, item: Item) -> tuple[str, str | None]:
    """The source and the id of an item that could not be made an event, as far as they can be found."""
    format_ = arrival.format_
    usual = arrival.source or format_.source or DEFAULT_SOURCE
    if item.value is None:
        return usual, None
    found: dict[str, str | None] = {}
    for name in ("source", "id"):
        mapped = format_.mapped.get(name)
        value: Any = None if mapped is None or mapped.path is None else mapped.path.find(item.value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        usable = isinstance(value, str) and 0 < len(value) <= _LONGEST_SENDER_ID and storable(value) == value
        found[name] = str(value) if usable and mapped is not None and value not in mapped.none else None
    return found["source"] or usual, found["id"]


def storable(text: str) -> str:
    """A text as every engine can keep it: what none can is replaced, and it is cut where it is very long."""
    return text[:LONGEST_TEXT].replace("\0", "\ufffd").encode(errors="replace").decode()


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _said(value: Any) -> Any:
    """What was stated, as JSON has it."""
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, Mapping):
        return {str(key): _said(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_said(item) for item in value]
    return value
