"""Finding exports again: one by its id, or page by page."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.account import Permission, Principal
from app.domain.errors import InvalidQuery, NotFound
from app.domain.export import Export, ExportFilters
from app.ports import EVERY_EXPORT, Store
from app.question import cursor
from app.question.filters import MOST_VALUES
from app.question.keys import check_characters
from app.reports.report import Page, PageRequest


async def find(store: Store, principal: Principal, export_id: str) -> Export:
    """The caller's export with that id. Needs `report:export`; raises NotFound, also for another account's."""
    principal.require(Permission.REPORT_EXPORT)
    found = await store.export(principal.account.id, export_id)
    if found is None:
        raise NotFound(f"no export {export_id[:64]}")
    return found


def wanted(**values: Sequence[str] | None) -> ExportFilters:
    """The filters that say so: `report`, `format`, `status`, `created_by`. None is no bound. Raises InvalidQuery."""
    for name, texts in values.items():
        if texts is not None and not texts:
            raise InvalidQuery(name, "names no value; leave it out to ask for all")
        if texts is not None and len(texts) > MOST_VALUES:
            raise InvalidQuery(name, f"names more than {MOST_VALUES} values")
        for text in texts or ():
            check_characters(name, text)
    return ExportFilters(**{name: tuple(dict.fromkeys(str(text) for text in texts or ())) for name, texts in values.items()})


async def page(store: Store, principal: Principal, request: PageRequest, filters: ExportFilters = EVERY_EXPORT) -> Page[Export]:
    """One page of the caller's exports, newest first. Needs `report:export`; raises InvalidQuery.

    A cursor holds the sequence at which the export was recorded, so a walk meets each one once, whatever is frozen meanwhile.
    """
    principal.require(Permission.REPORT_EXPORT)
    account_id, size = principal.account.id, request.size()
    bound = cursor.binding("exports", account_id, filters)
    after, before = (_sequence(text, bound, name) for text, name in ((request.after, "after"), (request.before, "before")))
    found = await store.exports(
        account_id, limit=size + 1, above=before, below=after, descending=not request.backward, filters=filters
    )
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
