"""Recording a batch: what becomes of each item, and what stands in the ledger afterwards."""

from __future__ import annotations

from app.domain.account import Account, Principal
from app.ledger.commands import Rules, record
from app.ledger.outcome import Status
from app.ports import Store
from app.question.rows import Rows
from app.question.scope import Scope
from tests.events import usage


async def test_what_was_recorded_can_be_read_back(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    outcomes = await record(store, admin, [usage(id="a"), usage(id="b")], rules=rules)

    assert [(each.status, each.entry.sequence) for each in outcomes] == [(Status.INSERTED, 1), (Status.INSERTED, 2)]
    rows = await store.rows(Rows(Scope(account.id, 2), descending=False))
    assert rows == [each.entry for each in outcomes]
