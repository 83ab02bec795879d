"""The ledger as a Merkle tree: what is kept of it grows with every append, on every engine, and gives the root of every size."""

from __future__ import annotations

import pytest

from app.domain.account import Account, Principal
from app.domain.entry import Content, EntryKind
from app.domain.merkle import WIDTH, Nodes, perfect, spans
from app.ledger.chain import prepare, seal
from app.ledger.commands import Rules, record
from app.ports import Store, Transaction
from tests.asking import ledger_of, nothing_written
from tests.events import usage


async def tree(store: Store, account: Account, size: int, *indexes: int) -> Nodes:
    return Nodes(size, {span: await store.nodes(account.id, span) for span in spans(size, indexes)})


async def test_the_tree_grows_with_batches_and_single_events_alike(
    store: Store, account: Account, admin: Principal, stranger: Principal, rules: Rules
) -> None:
    for added in (1, WIDTH - 3, 1, 1, 1, WIDTH * 2 + 7):
        await record(store, admin, [usage(quantity=at) for at in range(added)], rules=rules)
    await record(store, stranger, [usage()], rules=rules)
    leaves = [each.leaf for each in await ledger_of(store, account)]
    assert len(leaves) == 3 * WIDTH + 8

    assert await store.nodes(account.id, (0, 5, 9)) == leaves[5:9]
    assert await store.nodes(account.id, (1, 0, 9)) == [perfect(leaves[at * WIDTH : (at + 1) * WIDTH]) for at in range(3)]
    assert await store.nodes(account.id, (2, 0, 9)) == []
    assert await store.nodes(stranger.account.id, (1, 0, 9)) == []
    for size in (1, WIDTH, WIDTH + 1, 2 * WIDTH, 3 * WIDTH + 8):
        known = {(0, 0, size): leaves[:size]}
        assert (await tree(store, account, size)).root() == Nodes(size, known).root()


class Wanted(Exception):
    """What the body of a transaction ends with."""


async def test_what_fails_leaves_no_node(store: Store, account: Account, admin: Principal, rules: Rules) -> None:
    await record(store, admin, [usage() for _ in range(WIDTH - 1)], rules=rules)

    async def body(tx: Transaction) -> None:
        head = await tx.lock()
        content = Content(kind=EntryKind.ACTIVITY, action="license.issued", source="s", occurred_at=rules.clock())
        await tx.append(seal(account.id, [prepare(content)], head, rules.clock()), [])
        assert WIDTH in await tx.entries([WIDTH])
        raise Wanted

    async with nothing_written(store, account):
        with pytest.raises(Wanted):
            await store.transact(account.id, body)
    assert await store.nodes(account.id, (1, 0, 9)) == []
    await record(store, admin, [usage()], rules=rules)
    assert len(await store.nodes(account.id, (1, 0, 9))) == 1
