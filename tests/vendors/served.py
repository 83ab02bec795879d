"""A gateway on a loopback socket, as callers meet it: the composition root's own services, a real server, a real client."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn

from app.access.tokens import new_key
from app.api.body import exact_json
from app.api.factory import create_app
from app.api.services import Services
from app.bootstrap import opened_services
from app.domain.account import Account, Permission, Principal
from app.ledger.commands import Rules
from app.ports import Transaction
from app.settings import Settings
from tests.events import START

T = TypeVar("T")


@dataclass
class Served:
    """A running gateway: where it answers, and what it stands on."""

    url: str
    services: Services
    loop: asyncio.AbstractEventLoop

    def run(self, coroutine: Coroutine[Any, Any, T], *, timeout: float = 60) -> T:
        """Run it on the gateway's own loop, and wait so many seconds for what it gives."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def account(self, name: str) -> Account:
        """A new account."""
        return self.run(self.services.store.create_account(name, START))

    def token(self, account: Account, *scopes: Permission, **stated: Any) -> str:
        """A token of the account. Issued without the entry that tells of it, so that ledgers hold what tests put there."""
        key, token = new_key(account, label="test", scopes=[each.value for each in scopes], created_at=START, **stated)

        async def body(tx: Transaction) -> None:
            await tx.put_key(key)

        self.run(self.services.store.transact(account.id, body))
        return token

    def principal(self, account: Account, *scopes: Permission) -> Principal:
        """A caller who needs no token."""
        return Principal(account, "k1", frozenset(each.value for each in scopes or (Permission.ADMIN,)))

    def client(self, token: str | None = None, **options: Any) -> httpx2.Client:
        """An ordinary HTTP client that follows nothing and retries nothing."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        # To read a machine's certificates takes longer than a call, and none is asked for here.
        return httpx2.Client(base_url=self.url, headers=headers, timeout=30, verify=False, **options)


@contextmanager
def serving(folder: Path, *, rules: Rules | None = None) -> Iterator[Served]:
    """A gateway with an empty SQLite ledger in `folder`, for as long as the context lasts."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = Settings(database_url=f"sqlite:///{folder / 'gateway.db'}", public_url=url)
    started: list[Served | BaseException] = []
    ready, stop = threading.Event(), threading.Event()

    async def main() -> None:
        async with opened_services(settings) as services:
            if rules is not None:
                services = replace(services, rules=rules)
            config = uvicorn.Config(create_app(services), lifespan="off", log_config=None, access_log=False)
            server = uvicorn.Server(config)
            serve = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started and not serve.done():  # noqa: ASYNC110 -- the server tells it no other way
                await asyncio.sleep(0.01)
            started.append(Served(url, services, asyncio.get_running_loop()))
            ready.set()
            await asyncio.to_thread(stop.wait)
            server.should_exit = True
            await serve

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            started.append(error)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="served")
    thread.start()
    try:
        assert ready.wait(30), "the gateway did not start"
        found = started[0]
        if isinstance(found, BaseException):
            raise found
        yield found
    finally:
        stop.set()
        thread.join(30)


def answered(client: httpx2.Client, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
    """The body of a 200, numbers with a point as exact decimals."""
    response = client.get(path, params=list(query))
    assert response.status_code == 200, response.text
    return exact_json(response.content)
