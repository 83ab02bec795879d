"""Entries as rows, for the activity feed and the usage ledger: the columns that an entry shows, and how pages are cut."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from app.domain.entry import Entry, EntryKind, fields_behind
from app.domain.errors import InvalidQuery
from app.ports import Ledger
from app.question import cursor
from app.question.filters import Filters
from app.question.rows import Rows
from app.question.scope import Scope
from app.reports.at_once import AtOnce
from app.reports.parameters import Parameters
from app.reports.report import Column, Opened, Page, PageRequest, Section, columns_of

_DECLARED = columns_of(
    Entry,
    (
        *("sequence", "version", "kind", "action", "source", "occurred_at", "recorded_at"),
        *("product_id", "customer_id", "license_id", "order_id", "subscription_id", "feature_code"),
        *("quantity", "unit", "charge", "currency", "request_id", "result_class", "status_code"),
        *("transaction_id", "sender_id", "message", "actor", "reason", "name", "correction"),
    ),
)
COLUMNS: tuple[Column, ...] = (
    Column("id", "id", str, False, "Id", "The entry's own id, unique across accounts."),
    _DECLARED[0],
    Column(
        "event_ref",
        "event_ref",
        str,
        False,
        "Event",
        "The event that the entry states a version of; the same for all its versions.",
    ),
    *_DECLARED[1:],
    Column("corrects", "corrects_id", str, True, "Corrects", "Id of the entry that this one reverses or replaces."),
    Column(
        *("additional_data", "additional_data", dict, True, "Additional data"),
        'The sender\'s own keys and values, as one object; decimals in it are written {"$decimal": "…"}.',
        json=True,
    ),
    Column(
        *("record", "record", dict, True, "Record"),
        "What the entry carries: the catalogue record, the gateway's act, or the document that usage belongs to.",
        json=True,
    ),
    Column("erased", "erased", list, False, "Erased", "Names of the private texts that were erased on request."),
)
"""What every door shows of an entry, in the order of the tables."""


@dataclass(frozen=True, slots=True)
class FeedQuestion:
    """Which entries, and whether newest first."""

    filters: Filters = Filters()
    newest_first: bool = True


async def page(
    ledger: Ledger,
    opened: Opened,
    question: FeedQuestion,
    request: PageRequest,
    kinds: frozenset[EntryKind] | None,
    fields: frozenset[str] | None = None,
) -> Page[Entry]:
    """One page of entries. Cursors hold the entry's sequence, which never changes and which nothing is inserted below.

    Where `fields` names the entry's fields that are told, only these are read.
    """
    cut = Cut(opened.scope.account_id, opened.bound_as_of, question, request, kinds, fields)
    return cut.page(await ledger.rows(cut.rows(opened.scope)))


class Cut:
    """A page as it is cut from a walk; raises InvalidQuery for a size or a cursor that is none."""

    def __init__(
        self,
        account_id: int,
        as_of: int | None,
        question: FeedQuestion,
        request: PageRequest,
        kinds: frozenset[EntryKind] | None,
        fields: frozenset[str] | None = None,
    ) -> None:
        self._bound = _binding(account_id, as_of, question.filters, question.newest_first, kinds)
        self._size = request.size()
        self._after = _sequence(request.after, self._bound, "after")
        self._before = _sequence(request.before, self._bound, "before")
        self._question = question
        self._backward = request.backward
        self._kinds = kinds
        self._fields = fields

    def rows(self, scope: Scope) -> Rows:
        """What is asked of the ledger: one row more than the page has."""
        newest_first = self._question.newest_first
        # `after` bounds from the side on which the order begins.
        above, below = (self._before, self._after) if newest_first else (self._after, self._before)
        return Rows(
            scope,
            self._question.filters,
            self._kinds,
            descending=newest_first != self._backward,
            above=above,
            below=below,
            limit=self._size + 1,
            fields=self._fields,
        )

    def page(self, found: list[Entry]) -> Page[Entry]:
        """The page, of what was found."""
        more = len(found) > self._size
        rows = found[: self._size]
        if self._backward:
            rows.reverse()
        return Page(
            rows,
            cursor.encode_all(self._bound, ([each.sequence] for each in rows)),
            has_next=more if not self._backward else self._before is not None,
            has_previous=more if self._backward else self._after is not None,
        )


async def answer(
    section: Section, kinds: frozenset[EntryKind] | None, ledger: Ledger, opened: Opened, parameters: Parameters
) -> AsyncIterator[tuple[Section, Sequence[Entry]]]:
    """The rows of a report that is a feed: all of them, or the first `limit`, or those `beyond` a sequence."""
    above, below = (None, parameters.beyond) if parameters.newest_first else (parameters.beyond, None)
    rows = Rows(
        opened.scope,
        parameters.filters,
        kinds,
        descending=parameters.newest_first,
        above=above,
        below=below,
        limit=parameters.limit,
        fields=fields_behind(parameters.told or (each.attribute for each in section.columns)),
    )
    async for batch in batches(ledger, rows):
        yield section, batch


async def count_all(kinds: frozenset[EntryKind] | None, ledger: Ledger, opened: Opened, parameters: Parameters) -> int:
    """How many rows such a report has when it is whole."""
    return await ledger.count(Rows(opened.scope, parameters.filters, kinds))


async def batches(ledger: Ledger, rows: Rows) -> AsyncIterator[list[Entry]]:
    """The entries asked for: at once where they are limited, else in batches; a single empty one where there are none."""
    if rows.limit is not None:
        yield await ledger.rows(rows)
        return
    empty = True
    async for batch in ledger.stream(rows):
        empty = False
        yield batch
    if empty:
        yield []


def begun(at_once: AtOnce, ledger: Ledger, rows: Rows) -> AsyncIterator[list[Entry]]:
    """The same, begun with beside others where they are limited."""
    return batches(ledger, rows) if rows.limit is None else _alone(at_once.start(ledger.rows(rows)))


async def _alone(found: Awaitable[list[Entry]]) -> AsyncIterator[list[Entry]]:
    yield await found


async def count(ledger: Ledger, opened: Opened, question: FeedQuestion, kinds: frozenset[EntryKind] | None) -> int:
    """How many entries there are in all, which costs a scan and is counted only when asked for."""
    return await ledger.count(Rows(opened.scope, question.filters, kinds))


def resume(text: str, account_id: int, filters: Filters, kinds: frozenset[EntryKind] | None) -> int:
    """The sequence at which a following is taken up again: the cursor is one that it gave, or one of a page of the same entries
    in either order, live and not as of a point. Raises InvalidQuery."""
    for newest_first in (True, False):
        bound = _binding(account_id, None, filters, newest_first, kinds)
        with suppress(InvalidQuery):
            match cursor.decode(text, bound, "after"):
                case [int(sequence)] if sequence >= 0:
                    return sequence
    raise InvalidQuery("after", "is not a cursor of this gateway, or was given for other filters")


def place(sequence: int, account_id: int, filters: Filters, kinds: frozenset[EntryKind] | None) -> str:
    """The cursor with which a following is taken up again past that sequence; it also goes on a walk of pages, oldest first."""
    return cursor.encode(_binding(account_id, None, filters, False, kinds), [sequence])


@lru_cache(maxsize=64)
def _binding(
    account_id: int, as_of: int | None, filters: Filters, newest_first: bool, kinds: frozenset[EntryKind] | None
) -> bytes:
    return cursor.binding("feed", account_id, as_of, filters, newest_first, sorted(kinds or ()))


def _sequence(text: str | None, bound: bytes, name: str) -> int | None:
    if text is None:
        return None
    match cursor.decode(text, bound, name):
        case [int(sequence)] if sequence > 0:
            return sequence
    raise InvalidQuery(name, "is not a cursor of this gateway")
