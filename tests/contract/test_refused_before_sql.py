"""Documents made to hurt cost no statement: counted at the drivers of the engines that run SQL, not at the store.

What a refusal does take is to know whose token it is: one look-up of the key and one of its account, where the doorkeeper has
forgotten them.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.access import memory
from app.domain.account import Account, Permission, Principal
from app.ledger.commands import Rules, record
from app.ports import Store
from tests.conftest import DURABLE, opened
from tests.contract.conftest import Door, token_for
from tests.contract.test_cost import HURTFUL
from tests.events import usage

pytestmark = pytest.mark.parametrize("engine", DURABLE)

AUTHENTICATION = ["SELECT keys", "SELECT accounts"]
ESTIMATE = "query ($document: String!) { estimate(document: $document) { allowed problems } }"


class Executed:
    """What the drivers have run since it was asked last, each statement by its verb and the table that it reads first."""

    def __init__(self) -> None:
        self._statements: list[str] = []

    def note(self, statement: str) -> None:
        """A statement that was run; how a new connection is set up is none of a question's."""
        if not statement.startswith("PRAGMA"):
            self._statements.append(statement)

    async def __call__(self) -> list[str]:
        """In the order in which they were run."""
        await asyncio.sleep(0)  # one driver tells of a statement at the loop's next turn
        told = []
        for each in self._statements:
            table = re.search(r"\b(?:FROM|INTO|UPDATE) (\w+)", each)
            told.append(" ".join([each.split()[0], *(table.groups() if table else ())]))
        self._statements.clear()
        return told


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> Executed:
    """Listens to every connection that is opened from here on."""
    heard = Executed()
    connect, create_pool = sqlite3.connect, asyncpg.create_pool

    def listened(*given: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*given, **named)
        connection.set_trace_callback(heard.note)
        return connection

    async def listening(connection: Any) -> None:
        connection.add_query_logger(lambda told: heard.note(told.query))

    monkeypatch.setattr(sqlite3, "connect", listened)
    monkeypatch.setattr(asyncpg, "create_pool", lambda *given, **named: create_pool(*given, **named, init=listening))
    return heard


@pytest.fixture
async def store(executed: Executed, engine: str, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of which every connection is listened to."""
    async with opened(engine, tmp_path) as empty:
        yield empty


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request is authenticated by the store."""
    monkeypatch.setattr(memory, "_SECONDS", 0.0)


@pytest.mark.parametrize("what", HURTFUL)
async def test_a_document_that_is_made_to_hurt_is_refused_without_a_statement(what: str, door: Door, executed: Executed) -> None:
    document, told = HURTFUL[what]
    await executed()

    refused = await door.post({"query": document})
    assert told in "\n".join(each["message"] for each in refused.body["errors"])
    assert await executed() == AUTHENTICATION

    # To be told why costs as little.
    assert (await door.ask(ESTIMATE, document=document)).data["estimate"]["allowed"] is False
    assert await executed() == AUTHENTICATION


async def test_while_a_key_is_remembered_it_is_not_even_looked_up(
    store: Store, account: Account, nobody: Door, executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_SECONDS", 60.0)
    door = Door(nobody.client, await token_for(store, account, Permission.EVENT_READ))
    assert (await door.ask("{ __typename }")).status == 200
    await executed()
    for document, _ in HURTFUL.values():
        assert "errors" in (await door.post({"query": document})).body
    assert await executed() == []


async def test_what_is_answered_is_heard(door: Door, admin: Principal, rules: Rules, store: Store, executed: Executed) -> None:
    """Else nothing above would be shown. Of a write all is heard but the rows that PostgreSQL copies in, amid the rest."""
    await executed()
    await record(store, admin, [usage()], rules=rules)
    heard = await executed()
    assert heard[0].startswith("BEGIN")
    assert heard[-1].startswith("COMMIT")
    assert {"INSERT catalogue", "SELECT heads"} <= {*heard}
    assert (await door.ask("{ usageLedger { totalCount edges { node { id } } } }")).status == 200
    heard = await executed()
    assert heard[:2] == AUTHENTICATION
    assert "SELECT entries" in heard[2:]
