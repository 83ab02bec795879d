"""Finding what was refused: one by its id, or page by page, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.account import Permission, Principal
from app.domain.errors import InvalidQuery, NotFound
from app.domain.reject import OPEN_ONLY, Reject, RejectFilters, RejectStatus, number_in
from app.ports import Store
from app.question import cursor
from app.question.filters import MOST_VALUES
from app.question.keys import check_characters
from app.reports.report import Page, PageRequest


async def find(store: Store, principal: Principal, reject_id: str) -> Reject:
    """The caller's reject with that id. Needs `usage:write`; raises NotFound, also for another account's."""
    principal.require(Permission.USAGE_WRITE)
    number = number_in(reject_id, principal.account.id)
    found = None if number is None else await store.reject(principal.account.id, number)
    if found is None:
        raise NotFound(f"no reject {reject_id[:64]}")
    return found


def wanted(
    *,
    status: Sequence[RejectStatus] | None = None,
    format: Sequence[str] | None = None,
    sender_id: Sequence[str] | None = None,
) -> RejectFilters:
    """The filters that say so; None is no bound, but for `status`: then what is open. Raises InvalidQuery."""
    for name, values in (("status", status), ("format", format), ("sender_id", sender_id)):
        if values is not None and not values:
            raise InvalidQuery(name, "names no value; leave it out to ask for all")
        if values is not None and len(values) > MOST_VALUES:
            raise InvalidQuery(name, f"names more than {MOST_VALUES} values")
        for each in values or ():
            check_characters(name, each)
    return RejectFilters(
        status=OPEN_ONLY.status if status is None else tuple(dict.fromkeys(status)),
        format=tuple(dict.fromkeys(format or ())),
        sender_id=tuple(dict.fromkeys(sender_id or ())),
    )


async def page(store: Store, principal: Principal, request: PageRequest, filters: RejectFilters = OPEN_ONLY) -> Page[Reject]:
    """One page of the caller's rejects, newest first. Needs `usage:write`; raises InvalidQuery.

    A cursor holds the reject's number, so a walk meets each one once, whatever arrives or is replayed meanwhile.
    """
    principal.require(Permission.USAGE_WRITE)
    account_id, size = principal.account.id, request.size()
    bound = cursor.binding("rejects", account_id, filters)
    after, before = (_number(text, bound, name) for text, name in ((request.after, "after"), (request.before, "before")))
    found = await store.rejects(
        account_id, limit=size + 1, above=before, below=after, descending=not request.backward, filters=filters
    )
    more = len(found) > size
    rows = found[:size]
    if request.backward:
        rows.reverse()
    return Page(
        rows,
        [cursor.encode(bound, [each.number]) for each in rows],
        has_next=more if not request.backward else before is not None,
        has_previous=more if request.backward else after is not None,
    )


def _number(text: str | None, bound: bytes, name: str) -> int | None:
    if text is None:
        return None
    match cursor.decode(text, bound, name):
        case [int(number)] if number > 0:
            return number
    raise InvalidQuery(name, "is not a cursor of this gateway")
