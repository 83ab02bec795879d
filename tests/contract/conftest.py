"""The application in this process, and callers of it with and without scopes.

What a door says does not depend on the engine behind it, so most of these tests run over the referee alone; a module whose
answers go deep asks for every engine: `engine = conftest.engine`, with `from tests import conftest`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.access.doorkeeper import Doorkeeper
from app.access.links import Links
from app.access.sessions import Sessions
from app.access.tokens import new_key
from app.api.factory import create_app
from app.api.services import Services
from app.domain.account import Account, Permission, Principal
from app.evidence.keys import Signer
from app.ledger.commands import Rules
from app.ports import Files, Store, Transaction
from tests.conftest import Clock
from tests.events import START

ORIGIN = "http://gateway.test"


@dataclass(frozen=True)
class Answer:
    """What came back from `/graphql`."""

    status: int
    body: dict[str, Any]
    headers: httpx2.Headers

    @property
    def data(self) -> Any:
        """The data, where nothing went wrong."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def error(self) -> dict[str, Any]:
        """The one error."""
        (only,) = self.body["errors"]
        return dict(only)

    @property
    def code(self) -> str:
        """The code of the one error."""
        return str(self.error["extensions"]["code"])


@dataclass(frozen=True)
class Door:
    """One caller of the gateway; without a token, nobody."""

    client: httpx2.AsyncClient
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What the caller identifies itself with."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    async def ask(self, query: str, /, **variables: Any) -> Answer:
        """Send one operation, as JSON."""
        return await self.post({"query": query, "variables": variables})

    async def post(self, body: Any, **headers: str) -> Answer:
        """Send a body to `/graphql`: an object as JSON, text and bytes as they are."""
        content: dict[str, Any] = {"content": body} if isinstance(body, (str, bytes)) else {"json": body}
        sent = (
            self.headers | {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        )
        answer = await self.client.post("/graphql", headers=sent, **content)
        return Answer(answer.status_code, answer.json(), answer.headers)


async def token_for(store: Store, account: Account, *permissions: Permission, **stated: Any) -> str:
    """A token of the account. Issued without the entry that tells of it, so that ledgers hold what tests put there."""
    key, token = new_key(account, label="test", scopes=[each.value for each in permissions], created_at=START, **stated)

    async def body(tx: Transaction) -> None:
        await tx.put_key(key)

    await store.transact(account.id, body)
    return token


@pytest.fixture
def engine() -> str:
    """The referee among the engines."""
    return "memory"


@pytest.fixture
def services(store: Store, files: Files, rules: Rules, clock: Clock) -> Services:
    """What the application stands on."""
    doorkeeper = Doorkeeper(store, clock)
    return Services(
        store=store,
        files=files,
        doorkeeper=doorkeeper,
        sessions=Sessions(store, doorkeeper),
        links=Links(store),
        signer=Signer(store, clock=clock),
        rules=rules,
        public_url=ORIGIN,
        version="9.9.9",
    )


@pytest.fixture
def app(services: Services) -> FastAPI:
    """The application."""
    return create_app(services)


@pytest.fixture
async def nobody(app: FastAPI) -> AsyncIterator[Door]:
    """A caller without a token."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN) as client:
        yield Door(client)


@pytest.fixture
async def door_with(nobody: Door, store: Store, account: Account) -> Callable[..., Any]:
    """Makes a caller of `acme` with these scopes and no other: `await door_with(Permission.USAGE_WRITE)`."""

    async def make(*permissions: Permission, **stated: Any) -> Door:
        return Door(nobody.client, await token_for(store, account, *permissions, **stated))

    return make


@pytest.fixture
async def door(door_with: Callable[..., Any]) -> Door:
    """A caller of `acme` who may do everything."""
    made: Door = await door_with(Permission.ADMIN)
    return made


@pytest.fixture
async def strange_door(nobody: Door, store: Store, stranger: Principal) -> Door:
    """A caller of `globex` who may do everything there."""
    return Door(nobody.client, await token_for(store, stranger.account, Permission.ADMIN))
