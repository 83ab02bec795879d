"""`gateway init` and `gateway serve`: make the store, and answer calls."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.access.tokens import authenticate, new_key
from app.bootstrap import Gateway, configure_logs, open_artifacts, open_store, rules_of
from app.cli.session import OPERATOR
from app.domain.account import Permission, Principal
from app.domain.errors import InvalidSetting, Unauthenticated
from app.domain.instant import now
from app.exports.freeze import create
from app.ledger import credentials
from app.ledger.demo import fill
from app.ports import Store
from app.settings import Settings, load

DEMO = "demo"


def init_command() -> None:
    """Make the database, or bring an older one up to date."""
    settings = load()

    async def body() -> None:
        await (await open_store(settings)).close()

    asyncio.run(body())
    typer.echo(f"ready: {settings.database_name}")


def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8000")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="With a demo account: months of usage, a token in place.")] = False,
) -> None:
    """Serve GraphQL, REST and GraphiQL until interrupted."""
    import uvicorn  # not loaded by commands that serve nothing

    from app.api.body import LARGEST_BODY

    settings = load(host=host, port=port)
    configure_logs(settings)
    listening = _listen(settings.host, settings.port)
    settings = settings.model_copy(update={"port": listening.getsockname()[1]})
    token = None
    if demo:
        if not _is_loopback(settings.host):
            raise InvalidSetting("GATEWAY_HOST", "must be a loopback address for --demo, whose page hands its token to everyone")
        settings.home.mkdir(parents=True, exist_ok=True)
        path = settings.home / "demo-token"
        kept = path.read_text().strip() if path.exists() else None
        token = asyncio.run(_prepare_demo(settings, kept))
        if token != kept:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(token)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"GraphiQL  [bold]{settings.url()}/graphql[/bold]")
    console.print(f"health    {settings.url()}/readyz")
    if token is not None:
        console.print(f"token     {token}   (account {DEMO}; it is in place in GraphiQL)")
    console.print("Stop with Ctrl-C.")
    config = uvicorn.Config(
        Gateway(settings, demo_token=token),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the gateway reads X-Forwarded-For itself, from trusted proxies only
        timeout_graceful_shutdown=10,
        ws_max_size=LARGEST_BODY,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """The socket, bound before anything slow is done, so that a port that is taken is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise InvalidSetting("GATEWAY_PORT", f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _prepare_demo(settings: Settings, kept: str | None) -> str:
    """The demo account's token: the kept one while it opens the store; else the account is made and filled, and a key issued."""
    rules = rules_of(settings)
    store = await open_store(settings)
    try:
        if kept is not None and await _opens(store, kept):
            return kept
        account = await store.account_named(DEMO) or await store.create_account(DEMO, rules.clock())
        principal = Principal(account, OPERATOR, frozenset({Permission.ADMIN.value}))
        with Progress(
            TextColumn("making the demo account's usage"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True)
        ) as progress:
            task = progress.add_task("", total=None)
            await fill(
                store,
                principal,
                now=account.created_at,  # filled again after an interruption, the same events are made and found recorded
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        moment = rules.clock()
        key, token = new_key(account, label="demo", scopes=["admin"], created_at=moment, expires_at=moment + timedelta(days=365))
        await credentials.issue(store, key, actor=f"key {OPERATOR}", rules=rules)
        # One to look at, to follow and to hand on.
        files = await open_artifacts(settings)
        await create(
            store, files, principal, "usage-summary", "csv", {"group_by": ["product_id"], "bucket": ["day"]}, rules=rules
        )
        return token
    finally:
        await store.close()


async def _opens(store: Store, token: str) -> bool:
    try:
        await authenticate(store, token, address=None, at=now())
    except Unauthenticated:
        return False
    return True
