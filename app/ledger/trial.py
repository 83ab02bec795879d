"""Trying a format on samples: what each would become, without recording or keeping anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.domain.account import Permission, Principal
from app.domain.canonical import additional_value
from app.domain.entry import Content, Entry
from app.domain.errors import InvalidEvent, PayloadTooLarge
from app.ledger.chain import Prepared
from app.ledger.commands import Rules
from app.ledger.events import FIELDS, differing_field
from app.ledger.formats import Format
from app.ledger.intake import Inflater, Item, Kind, kind_of, reader_for
from app.ledger.outcome import Status
from app.ledger.translation import prepare_items
from app.ports import Store, Transaction

MOST_SAMPLES = 100
LARGEST = 1_048_576
"""Bytes of samples, inflated."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one sample would become: `event` is what would stand in the ledger, None where it is rejected."""

    index: int
    line: int
    status: Status
    event: Mapping[str, Any] | None = None
    entry: Entry | None = None
    """The entry that it repeats or contradicts."""
    field: str | None = None
    reason: str | None = None


async def try_format(
    store: Store,
    principal: Principal,
    format_: Format,
    data: bytes,
    *,
    rules: Rules,
    name: str = "",
    kind: Kind | None = None,
    source: str | None = None,
) -> list[Tried]:
    """What each sample in `data` would become if it were sent now. Needs `usage:write`.

    Without `kind`, the `name` of the file and its beginning tell how it is written. Raises InvalidBody and PayloadTooLarge.
    """
    principal.require(Permission.USAGE_WRITE)
    items = _items(format_, data, name, kind)
    prepared = prepare_items(format_, items, rules=rules, source=source)
    keys = [each.claim for each in prepared if isinstance(each, Prepared) and each.claim is not None]

    async def body(tx: Transaction) -> dict[bytes, Entry]:
        claimed = await tx.claimed(keys)
        entries = await tx.entries(sorted(set(claimed.values())))
        return {key: entries[sequence] for key, sequence in claimed.items()}

    standing = await store.transact(principal.account.id, body) if keys else {}
    seen: dict[bytes, Content] = {}
    return [_tried(format_, item, made, standing, seen) for item, made in zip(items, prepared, strict=True)]


def _items(format_: Format, data: bytes, name: str, kind: Kind | None) -> list[Item]:
    inflater = Inflater(largest=LARGEST)
    plain = b"".join((*inflater.feed(data), *inflater.finish()))
    usual = None if format_.input is None else Kind(format_.input)
    reader = reader_for(kind or kind_of(name, plain, usual))
    # Read on demand: what is past the bound is not read at all.
    items = list(islice((item for part in (reader.feed(plain), reader.finish()) for item in part), MOST_SAMPLES + 1))
    if len(items) > MOST_SAMPLES:
        raise PayloadTooLarge(f"there are more than {MOST_SAMPLES} samples")
    return items


def _tried(
    format_: Format,
    item: Item,
    made: Prepared | InvalidEvent,
    standing: Mapping[bytes, Entry],
    seen: dict[bytes, Content],
) -> Tried:
    if isinstance(made, InvalidEvent):
        return Tried(item.index, item.line, Status.REJECTED, field=made.field or None, reason=made.reason)
    event = _event(made.content)
    if made.claim is None:
        return Tried(item.index, item.line, Status.INSERTED, event)
    entry = standing.get(made.claim)
    first = entry if entry is not None else seen.get(made.claim)
    if first is None:
        seen[made.claim] = made.content
        return Tried(item.index, item.line, Status.INSERTED, event)
    # An entry is a content too, so that samples can also repeat or contradict each other.
    differing = differing_field(first, made.content)
    if differing is None:
        return Tried(item.index, item.line, Status.DUPLICATE, event, entry)
    before = f"was recorded as {entry.event_ref}" if entry is not None else "stands before it"
    reason = f"{before} with other content: {differing} differs"
    return Tried(item.index, item.line, Status.CONFLICT, event, entry, format_.path_of("id"), reason)


def _event(content: Content) -> dict[str, Any]:
    """What would stand in the ledger, by the words of an event."""
    stated = {name: getattr(content, "sender_id" if name == "id" else name) for name in sorted(FIELDS)}
    stated["additional_data"] = additional_value(content.additional_data)
    return {name: value for name, value in stated.items() if value is not None}
