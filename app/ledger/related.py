"""The document that usage belongs to: the open invoice, credit or debit of its customer and product at the time it happened.

It is looked up when the event is recorded, and frozen in the entry: what becomes of the document later changes no entry. An
amendment keeps it for as long as customer, product and time stay the same, and looks again otherwise.

A document is open where its status is `open`, or nothing was said of one. Its period is half-open, and endless where an end is
absent. Of several that fit, the one that agrees with what is to be validated stands first, then the one that began last, then the
one with the lower id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from app.domain.account import Permission, Principal
from app.domain.canonical import canonical_bytes
from app.domain.catalogue import Record, RecordKind
from app.domain.entry import Content, Entry, EntryKind
from app.domain.errors import AlreadyCorrected, InvalidEvent, Unavailable
from app.domain.instant import EPOCH, to_micros
from app.ledger.chain import Prepared, prepare
from app.ledger.commands import Rules, amend, record_prepared, replacement, standing_entry
from app.ledger.outcome import Outcome
from app.ledger.refusals import Arrival
from app.ledger.translation import prepare_items
from app.ports import Store
from app.question.records import Records
from app.question.scope import Scope

_OPEN = "open"
_PAGE = 1_000
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Related:
    """A document and, where it is due under one, its parent; as they were when the match was made."""

    id: str
    number: str | None = None
    parent_id: str | None = None
    parent_number: str | None = None


@dataclass(frozen=True, slots=True)
class Validations:
    """What the related document must say, where there is one; None asks nothing."""

    currency: str | None = None
    entity_ref: str | None = None

    def differing(self, document: Record) -> str | None:
        """The first thing that the document says otherwise, or does not say; None if it agrees."""
        for name in ("currency", "entity_ref"):
            wanted = getattr(self, name)
            if wanted is not None and getattr(document, name) != wanted:
                return name
        return None


NO_VALIDATIONS = Validations()


def related_to(entry: Content) -> Related | None:
    """The document that is frozen in a usage entry."""
    if entry.kind is not EntryKind.USAGE or entry.record is None:
        return None
    facts = orjson.loads(entry.record)
    return Related(*(facts.get(name) for name in Related.__slots__))


async def record_related(
    store: Store,
    principal: Principal,
    arrival: Arrival,
    *,
    rules: Rules,
    validations: Validations = NO_VALIDATIONS,
) -> Outcome:
    """Record the one usage event that has arrived, with the document that it belongs to. Needs `usage:write`.

    What the ledger refuses is kept like any reject. Raises InvalidEvent where the document does not agree with `validations`, and
    keeps nothing then, since a replay would not ask; without a document the event counts all the same.
    """
    principal.require(Permission.USAGE_WRITE)
    (made,) = prepare_items(arrival.format_, arrival.items, rules=rules, source=arrival.source)
    if isinstance(made, Prepared):
        made.content.record = await _facts(store, principal, made.content, validations)
        made = prepare(made.content, made.claim)
    (outcome,) = await record_prepared(store, principal, [made], rules=rules, arrival=arrival)
    return outcome


async def amend_related(
    store: Store,
    principal: Principal,
    ref: str,
    changes: Mapping[str, Any],
    *,
    rules: Rules,
    reason: str,
    actor: str | None = None,
    validations: Validations = NO_VALIDATIONS,
) -> Entry:
    """Put another version in place of the event's standing one, with the document that this one belongs to.

    Gives the version that stands now. Needs `usage:write`; raises as `app.ledger.commands.amend` and `record_related` do.
    """
    principal.require(Permission.USAGE_WRITE)
    for _ in range(_ATTEMPTS):
        standing = await standing_entry(store, principal.account.id, ref)
        content = replacement(standing, changes, rules)
        facts = await _facts(store, principal, content, validations)
        try:
            amended = await amend(
                store, principal, ref, changes, rules=rules, reason=reason, actor=actor,
                expected_version=standing.version, record=facts,
            )  # fmt: skip
        except AlreadyCorrected:
            continue  # by someone else meanwhile: looked at again, and told if it was retracted
        assert amended.replacement is not None
        return amended.replacement
    raise Unavailable("the event is being corrected by others all the time; try again")


async def _facts(store: Store, principal: Principal, content: Content, validations: Validations) -> str | None:
    """What is frozen of the document that the content belongs to: the one that it states already, or the one that is found."""
    account_id = principal.account.id
    scope = Scope(account_id, (await store.head(account_id)).sequence)
    kept = related_to(content)
    if kept is not None:
        found = await store.records(Records(scope, RecordKind.DOCUMENT, ids=(kept.id,)))
    else:
        found = await _fitting(store, scope, content)
    if not found:
        return content.record
    chosen = min(found, key=lambda each: (validations.differing(each) is not None, *_latest_first(each)))
    differing = validations.differing(chosen)
    if differing is not None:
        stated = getattr(chosen, differing)
        told = "says nothing of it" if stated is None else f"says {stated}"
        raise InvalidEvent(f"validations.{differing}", f"does not match: document {chosen.number or chosen.id} {told}")
    if kept is not None:
        return content.record
    parents = await store.records(Records(scope, RecordKind.DOCUMENT, ids=(chosen.parent_id,))) if chosen.parent_id else []
    related = Related(chosen.id, chosen.number, chosen.parent_id, parents[0].number if parents else None)
    stated_facts = {name: value for name, value in asdict(related).items() if value is not None}
    return canonical_bytes({"kind": RecordKind.DOCUMENT.value, **stated_facts}).decode()


async def _fitting(store: Store, scope: Scope, content: Content) -> list[Record]:
    """The open documents of the content's customer, product and time."""
    if content.customer_id is None or content.product_id is None:
        return []
    fitting: list[Record] = []
    after: str | None = None
    while True:
        page = await store.records(
            Records(
                scope,
                RecordKind.DOCUMENT,
                customer_id=content.customer_id,
                product_id=content.product_id,
                after=after,
                limit=_PAGE,
            )
        )
        fitting += [each for each in page if _covers(each, content)]
        if len(page) < _PAGE:
            return fitting
        after = page[-1].id


def _covers(document: Record, content: Content) -> bool:
    moment = content.occurred_at
    return (
        (document.status is None or document.status.lower() == _OPEN)
        and (document.starts_at is None or document.starts_at <= moment)
        and (document.ends_at is None or moment < document.ends_at)
    )


def _latest_first(document: Record) -> tuple[int, bytes]:
    return (-to_micros(document.starts_at or EPOCH), document.id.encode())
