"""Writing the answer while the ledger is read: the envelope around rows that are never all in memory, and the workbook beside it.

Both come from one walk. The workbook is kept before the answer ends, so whoever has all of the answer can open it; an answer that
breaks off leaves no workbook.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import orjson

from app.api.services import Services
from app.api.vendors.client_usage_report.asking import Asked
from app.api.vendors.client_usage_report.rows import COLUMNS, cells, encoded
from app.domain.account import Principal
from app.domain.entry import Entry
from app.domain.instant import to_micros
from app.exports.workbooks import LIFETIME, Workbook, begin
from app.reports.answer import open_ledger
from app.reports.api_usage import transactions

PURPOSE = "client_usage_report"
"""What this contract's sessions and links are for."""
FILES = "/v1/client/usage-report"
_MESSAGE = "User usage report generated successfully"
_TITLE = "Usage report"


@dataclass(frozen=True, slots=True)
class Beside:
    """The workbook that is written beside the answer, where it will be, and what is recorded of it."""

    workbook: Workbook
    url: str
    facts: dict[str, object]


async def answer(services: Services, principal: Principal, asked: Asked) -> AsyncIterator[bytes]:
    """The answer in pieces. What can be refused is refused before the first one. Needs `report:read`."""
    opened = await open_ledger(services.store, principal)
    batches = transactions(services.store, opened, asked.filters)
    first = await anext(batches)
    at = services.rules.clock()
    beside = None
    if asked.workbook:
        workbook = await begin(services.files, principal.account.id, _TITLE, COLUMNS, at=at)
        facts: dict[str, object] = {"as_of": opened.scope.as_of, "since_date": asked.since, "until_date": asked.until}
        if asked.filters.product_id is not None:
            facts["product_id"] = list(asked.filters.product_id)
        beside = Beside(workbook, await _link(services, principal, workbook.name, at), facts)
    return _pieces(services, principal, first, batches, beside, at)


async def _pieces(
    services: Services,
    principal: Principal,
    first: list[Entry],
    batches: AsyncIterator[list[Entry]],
    beside: Beside | None,
    at: datetime,
) -> AsyncIterator[bytes]:
    envelope = {
        "code": 200,
        "timestamp": to_micros(at) // 1_000,
        "transaction_id": uuid.uuid4().hex,
        "sub_code": "SUCCESS",
        "message": _MESSAGE,
        "data": {"file_url": None if beside is None else beside.url, "usage_data": []},
    }
    before, after = orjson.dumps(envelope)[:-3], b"]}}"
    try:
        batch: list[Entry] | None = first
        separator = b""
        while batch is not None:
            rows = [cells(entry) for entry in batch]
            if rows:
                yield before + separator + encoded(rows)
                before, separator = b"", b","
            if beside is not None:
                await beside.workbook.add(rows)
            batch = await anext(batches, None)
        if beside is not None:
            await beside.workbook.keep(services.store, beside.facts, actor=principal.actor, rules=services.rules)
        yield before + after
    finally:
        if beside is not None:
            await beside.workbook.close()


async def _link(services: Services, principal: Principal, name: str, at: datetime) -> str:
    text, _ = await services.links.sign(PURPOSE, principal.account.id, name, issuer=principal.actor, at=at, lifetime=LIFETIME)
    return f"{services.public_url}{FILES}/{text}.xlsx"
