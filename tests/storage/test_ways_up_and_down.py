"""Every revision is gone up and down with data in place, on both engines, and what it does not concern is not touched."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.account import Account, Permission, genesis
from app.domain.catalogue import RecordKind
from app.domain.errors import Conflict, Unavailable
from app.domain.period import Period
from app.exports.freeze import create
from app.ledger.catalogue import upsert
from app.ledger.chain import verify
from app.ledger.commands import Rules, record
from app.ledger.erasure import erase
from app.ports import Files, Store
from app.question.filters import Filters
from app.question.groups import Groups
from app.question.keys import Dimension
from app.question.records import Records
from app.question.rows import Rows
from app.question.scope import Scope
from app.storage.migrations import REVISIONS, current, move
from tests.conftest import DURABLE, caller, open_engine
from tests.databases import DATABASES
from tests.events import START, usage


@pytest.fixture
async def place(engine: str, tmp_path: Path) -> str:
    """The URL of the database that `open_engine` opens for the test; a server's is one of its own, to be left at any revision."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    DATABASES.lent[tmp_path] = await DATABASES.new()
    return DATABASES.lent[tmp_path]


async def moved(place: str, target: str, *, down: bool = False) -> tuple[str | None, str | None]:
    """Migrate, from within a test that runs on an event loop."""
    return await asyncio.to_thread(lambda: move(place, target, down=down))


async def told(store: Store, account: Account) -> tuple[Any, ...]:
    """The ledger, once every digest in it was derived again."""
    head = await store.head(account.id)
    question = Rows(Scope(account.id, head.sequence), descending=False)
    await verify(store.stream(question), genesis(account.name), head)
    return head, await store.rows(question), await store.accounts()


@pytest.mark.parametrize("engine", DURABLE)
async def test_a_database_goes_down_to_the_first_revision_and_up_again(
    engine: str, place: str, tmp_path: Path, rules: Rules, files: Files
) -> None:
    store = await open_engine(engine, tmp_path)
    account = await store.create_account("acme", START)
    admin = caller(account, Permission.ADMIN)
    await record(store, admin, [usage(id=f"e{at}", message="m") for at in range(5)], rules=rules)
    await create(store, files, admin, "usage-ledger", "json", {}, rules=rules)
    before = await told(store, account)
    await store.close()

    walked = [await moved(place, revision, down=True) for revision in reversed(REVISIONS[:-1])]
    assert walked == [(REVISIONS[at + 1], REVISIONS[at]) for at in reversed(range(len(REVISIONS) - 1))]
    walked = [await moved(place, revision) for revision in REVISIONS[1:]]
    assert walked == [(REVISIONS[at], REVISIONS[at + 1]) for at in range(len(REVISIONS) - 1)]
    assert await moved(place, REVISIONS[-1]) == (REVISIONS[-1], REVISIONS[-1])

    again = await open_engine(engine, tmp_path)
    assert await told(again, account) == before
    assert await again.false_total(account.id) is None  # what is made from the ledger was made again
    assert await again.exports(account.id, limit=10) == []  # what the revision held went with it
    [outcome] = await record(again, admin, [usage(id="e5")], rules=rules)
    assert outcome.entry is not None
    assert outcome.entry.sequence == before[0].sequence + 1
    await again.close()


@pytest.mark.parametrize("engine", DURABLE)
async def test_going_down_has_to_be_asked_for(engine: str, place: str, tmp_path: Path) -> None:
    await (await open_engine(engine, tmp_path)).close()
    with pytest.raises(Conflict) as refused:
        await moved(place, "0001")
    word = f"the database is at revision {REVISIONS[-1]}; going back to 0001 loses what later revisions hold"
    assert refused.value.message == word
    assert await asyncio.to_thread(current, place) == REVISIONS[-1]


@pytest.mark.parametrize("engine", DURABLE)
async def test_an_unknown_revision_is_no_target(engine: str, place: str) -> None:
    with pytest.raises(ValueError, match="9999 is not a revision; there are 0001, "):
        await moved(place, "9999")


@pytest.mark.parametrize("engine", DURABLE)
async def test_several_that_migrate_at_once_migrate_once(engine: str, place: str, tmp_path: Path) -> None:
    moves = await asyncio.gather(*(moved(place, REVISIONS[-1]) for _ in range(4)))
    assert sorted(moves, key=str) == [(REVISIONS[-1], REVISIONS[-1])] * 3 + [(None, REVISIONS[-1])]
    store = await open_engine(engine, tmp_path)
    await store.ready()
    await store.close()


async def test_a_server_that_is_not_there_cannot_be_migrated() -> None:
    with pytest.raises(Unavailable, match="the database cannot be reached"):
        await moved("postgresql://gateway@127.0.0.1:1/usage", REVISIONS[-1])


@pytest.mark.parametrize("engine", DURABLE)
async def test_the_tree_of_a_ledger_from_before_there_was_one_is_built_on_the_way_up(
    engine: str, place: str, tmp_path: Path, rules: Rules
) -> None:
    store = await open_engine(engine, tmp_path)
    account = await store.create_account("acme", START)
    await record(store, caller(account, Permission.ADMIN), [usage() for _ in range(2_050)], rules=rules)
    grown = await store.nodes(account.id, (1, 0, 9))
    await store.close()
    await moved(place, "0005", down=True)
    await moved(place, REVISIONS[-1])

    again = await open_engine(engine, tmp_path)
    assert await again.nodes(account.id, (1, 0, 9)) == grown
    assert len(grown) == 2
    await again.close()


@pytest.mark.parametrize("engine", DURABLE)
async def test_what_was_erased_of_a_record_before_that_was_noted_is_found_on_the_way_up(
    engine: str, place: str, tmp_path: Path, rules: Rules
) -> None:
    store = await open_engine(engine, tmp_path)
    account = await store.create_account("acme", START)
    admin = caller(account, Permission.ADMIN)
    for name in ("old", "new"):
        await upsert(store, admin, RecordKind.CUSTOMER, "c1", {"name": name, "additional_data": {"a": 1}}, rules=rules)
    await erase(store, admin, "act_1_1", rules=rules, names=("name",))
    asked = [Records(Scope(account.id, at), RecordKind.CUSTOMER) for at in (1, 2)]
    before = [await store.records(each) for each in asked]
    assert [each.erased for [each] in before] == [("name",), ()]
    await store.close()
    await moved(place, "0012", down=True)
    await moved(place, REVISIONS[-1])

    again = await open_engine(engine, tmp_path)
    assert [await again.records(each) for each in asked] == before
    await again.close()


@pytest.mark.parametrize("engine", DURABLE)
async def test_days_that_are_past_are_folded_on_the_way_up(engine: str, place: str, tmp_path: Path, rules: Rules) -> None:
    store = await open_engine(engine, tmp_path)
    account = await store.create_account("acme", START)
    items = [
        usage(occurred_at=START - timedelta(days=at), customer_id="many", license_id="l1", quantity="1") for at in range(260)
    ]
    await record(store, caller(account, Permission.ADMIN), [*items, usage(customer_id="few")], rules=rules)
    asked = Groups(Scope(account.id, 261), Filters(customer_id=("many",)), (Dimension.LICENSE,))
    before = await store.groups(asked)
    await store.close()
    await moved(place, "0016", down=True)
    await moved(place, REVISIONS[-1])

    again = await open_engine(engine, tmp_path)
    found = await again.groups(asked)
    assert found == before
    assert found.way is not None
    assert found.way.source == "contract_months and contract_days"
    assert await again.false_total(account.id) is None
    monthly = await again.groups(replace(asked, filters=Filters(Period(START - timedelta(days=200)), customer_id=("many",))))
    assert monthly.total.events == 201
    await again.close()
