"""Finding exports again: one by its id, or page by page."""

from __future__ import annotations

from app.domain.account import Permission, Principal
from app.domain.errors import InvalidQuery, NotFound
from app.domain.export import Export
from app.ports import Store
from app.question import cursor
from app.reports.report import Page, PageRequest


async def find(store: Store, principal: Principal, export_id: str) -> Export:
    """The caller's export with that id. Needs `report:export`; raises NotFound, also for another account's."""
    principal.require(Permission.REPORT_EXPORT)
    found = await store.export(principal.account.id, export_id)
    if found is None:
        raise NotFound(f"no export {export_id[:64]}")
    return found


async def page(store: Store, principal: Principal, request: PageRequest) -> Page[Export]:
    """One page of the caller's exports, newest first. Needs `report:export`; raises InvalidQuery.

    A cursor holds the sequence at which the export was recorded, so a walk meets each one once, whatever is frozen meanwhile.
    """
    principal.require(Permission.REPORT_EXPORT)
    account_id, size = principal.account.id, request.size()
    bound = cursor.binding("exports", account_id)
    after, before = (_sequence(text, bound, name) for text, name in ((request.after, "after"), (request.before, "before")))
    found = await store.exports(account_id, limit=size + 1, above=before, below=after, descending=not request.backward)
    more = len(found) > size
    rows = found[:size]
    if request.backward:
        rows.reverse()
    return Page(
        rows,
        [cursor.encode(bound, [each.sequence]) for each in rows],
        has_next=more if not request.backward else before is not None,
        has_previous=more if request.backward else after is not None,
    )


def _sequence(text: str | None, bound: bytes, name: str) -> int | None:
    if text is None:
        return None
    match cursor.decode(text, bound, name):
        case [int(sequence)] if sequence > 0:
            return sequence
    raise InvalidQuery(name, "is not a cursor of this gateway")
