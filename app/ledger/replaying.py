"""Replaying what was refused, once its format or what it is about was mended; and dropping it for good."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from app.domain.account import Permission, Principal
from app.domain.errors import InvalidEvent, NotFound
from app.domain.reject import OPEN, Reject, RejectFilters, RejectStatus, Shape, number_in
from app.ledger import own_formats
from app.ledger.acts import append_act
from app.ledger.commands import Rules, append_batch
from app.ledger.exact_json import Decoder
from app.ledger.formats import Format
from app.ledger.intake import Item, Kind, reader_for
from app.ledger.intake.json_items import item_in
from app.ledger.outcome import Outcome, Status
from app.ledger.refusals import storable
from app.ledger.translation import place_of, prepare_items
from app.ports import Store, Transaction

BATCH = 500
"""Rejects that are replayed in one transaction."""
MOST_DROPPED = 1_000
"""Rejects that one call may drop."""


@dataclass(slots=True)
class Replayed:
    """How many rejects ended how, and the first few that are left, each with its id and the reason."""

    counts: Counter[str] = field(default_factory=Counter)
    left_first: list[Reject] = field(default_factory=list)
    more: bool = False
    """Whether there are more to try than were asked to be tried."""

    def told(self) -> dict[str, int]:
        """How many ended how: every status is present."""
        return {status.value: self.counts[status.value] for status in Status}


async def replay(
    store: Store,
    principal: Principal,
    *,
    rules: Rules,
    filters: RejectFilters | None = None,
    ids: Sequence[str] | None = None,
    format_ref: str | None = None,
    most: int | None = None,
) -> Replayed:
    """Try the open rejects again, oldest first: all that the filters name, or those with the `ids`. Needs `usage:write`.

    Each is read by `format_ref`, or else by the newest version of the format that it came by. It is recorded once, however many
    replay at the same time; what is still refused stays, with the reason of today. After `most` of them it ends. Raises
    NotFound for an id or a format that is not there.
    """
    principal.require(Permission.USAGE_WRITE)
    account_id = principal.account.id
    chosen = None if format_ref is None else await own_formats.find(store, account_id, format_ref)
    done = Replayed()
    if ids is None:
        pages = _all(store, account_id, replace(filters or RejectFilters(), status=OPEN))
    else:
        pages = _named(store, account_id, sorted({_number(each, account_id) for each in ids}))
    tried = 0
    async for page in pages:
        if most is not None and tried + len(page) > most:
            done.more, page = True, page[: most - tried]
        tried += len(page)
        for _, group in groupby(page, key=lambda each: (each.format, each.source, each.kind)):
            some = list(group)
            read_by = chosen or await own_formats.find(store, account_id, some[0].format.partition("@")[0])
            await _replay(store, principal, some, read_by, rules, done)
        if done.more:
            break
    return done


async def _all(store: Store, account_id: int, filters: RejectFilters) -> AsyncIterator[list[Reject]]:
    """Those that there are now: what is refused again, or arrives meanwhile, is not met a second time."""
    newest = await store.rejects(account_id, limit=1, filters=filters)
    above, below = 0, newest[0].number + 1 if newest else 0
    while True:
        page = await store.rejects(account_id, limit=BATCH, above=above, below=below, descending=False, filters=filters)
        if not page:
            return
        yield page
        above = page[-1].number


async def _named(store: Store, account_id: int, numbers: Sequence[int]) -> AsyncIterator[list[Reject]]:
    for number in numbers:
        found = await store.reject(account_id, number)
        if found is None:
            raise NotFound(f"no reject rej_{account_id}_{number}")
        if found.status in OPEN:
            yield [found]


async def drop(store: Store, principal: Principal, ids: Sequence[str], *, rules: Rules) -> list[str]:
    """Take rejects away for good, payload, reason and sender's id, and record that it was done. Needs `admin`.

    Gives the ids of those that there was something left of. Raises NotFound, and InvalidEvent for too many at once.
    """
    principal.require(Permission.ADMIN)
    account_id = principal.account.id
    if len(ids) > MOST_DROPPED:
        raise InvalidEvent("ids", f"has more than {MOST_DROPPED:,} items")
    numbers = sorted({_number(each, account_id) for each in ids})

    async def body(tx: Transaction) -> list[str]:
        await tx.lock()
        dropped = []
        for number in numbers:
            kept = await tx.rejects(number, number)
            if not kept:
                raise NotFound(f"no reject rej_{account_id}_{number}")
            if kept[0].status is not RejectStatus.DROPPED:
                dropped.append(kept[0].emptied())
        gone = [each.id for each in dropped]
        if dropped:
            await tx.clear_rejects(dropped)
            facts = {"kind": "reject", "ids": gone}
            await append_act(tx, account_id, "reject.dropped", facts, actor=principal.actor, rules=rules)
        return gone

    return await store.transact(account_id, body)


async def _replay(
    store: Store, principal: Principal, rejects: Sequence[Reject], format_: Format, rules: Rules, done: Replayed
) -> None:
    made = prepare_items(format_, [_item(each) for each in rejects], rules=rules, source=rejects[0].source, kind=rejects[0].kind)
    prepared = dict(zip((each.number for each in rejects), made, strict=True))

    async def body(tx: Transaction) -> list[tuple[Reject, Outcome]]:
        await tx.lock()
        # Whoever replayed them meanwhile has recorded them.
        still = [each for each in await tx.rejects(rejects[0].number, rejects[-1].number) if each.number in prepared]
        still = [each for each in still if each.status in OPEN]
        outcomes = await append_batch(tx, principal.account.id, [prepared[each.number] for each in still], rules=rules)
        moment = rules.clock()
        changed = [
            replace(_after(each, format_, outcome), last_at=moment if outcome.status is Status.INSERTED else each.last_at)
            for each, outcome in zip(still, outcomes, strict=True)
        ]
        await tx.put_rejects(changed)
        return list(zip(changed, outcomes, strict=True))

    for changed, outcome in await store.transact(principal.account.id, body):
        done.counts[outcome.status.value] += 1
        if changed.status in OPEN and len(done.left_first) < 5:
            done.left_first.append(changed)


def _after(reject: Reject, format_: Format, outcome: Outcome) -> Reject:
    """The reject once it was tried again."""
    status = {
        Status.INSERTED: RejectStatus.RECORDED,
        Status.DUPLICATE: RejectStatus.DUPLICATE,
        Status.CONFLICT: RejectStatus.CONFLICT,
        Status.REJECTED: RejectStatus.REJECTED,
    }[outcome.status]
    if status not in OPEN:
        # What it said stands in the ledger now, where it can be erased; why it was refused stays to be told.
        entry = outcome.entry
        assert entry is not None
        return replace(reject, status=status, payload=None, format=format_.ref, sequence=entry.sequence)
    place = place_of(format_, outcome)
    return replace(
        reject,
        status=status,
        format=format_.ref,
        field=storable(place) if place else None,
        reason=storable(outcome.reason) if outcome.reason else None,
        sequence=None if outcome.entry is None else outcome.entry.sequence,
    )


def _item(reject: Reject) -> Item:
    """The item that was kept, read anew."""
    text = (reject.payload or b"").decode(errors="surrogatepass")
    if reject.shape is Shape.ACCESS_LOG:
        reader = reader_for(Kind.ACCESS_LOG)
        read = [*reader.feed(reject.payload or b""), *reader.finish()]
        if len(read) == 1:
            return read[0]
    elif reject.shape is Shape.JSON:
        return item_in(Decoder(), 0, 1, text)
    raw = json.loads(text) if reject.shape is Shape.CELLS else text
    return Item(0, 1, None, InvalidEvent(reject.field or "", reject.reason or "cannot be read"), raw)


def _number(identifier: str, account_id: int) -> int:
    number = number_in(identifier, account_id)
    if number is None:
        raise NotFound(f"no reject {identifier[:64]}")
    return number
