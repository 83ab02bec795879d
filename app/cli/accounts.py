"""`gateway account …`: create and list accounts."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import typer

from app.cli.session import Session, run
from app.cli.tables import print_table
from app.domain.account import Account
from app.domain.errors import InvalidEvent
from app.domain.instant import format_instant

app = typer.Typer(no_args_is_help=True)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Unique, 1 to 63 of a-z, 0-9, point, dash and underscore; it never changes.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Create an account: one ledger, one catalogue, its own keys."""
    if not _NAME.fullmatch(name):
        raise InvalidEvent("name", "must be 1 to 63 of a-z, 0-9, point, dash and underscore, not beginning with a sign")

    async def body(session: Session) -> Account:
        return await session.store.create_account(name, session.rules.clock())

    account = run(body)
    typer.echo(json.dumps(_facts(account)) if as_json else f"created account {account.name}")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the accounts with the end of each ledger."""

    async def body(session: Session) -> list[dict[str, Any]]:
        return [
            _facts(each) | {"entries": (await session.store.head(each.id)).sequence} for each in await session.store.accounts()
        ]

    rows = run(body)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    lines = [(row["name"], str(row["id"]), row["created_at"], str(row["entries"])) for row in rows]
    print_table(("name", "id", "created", "entries"), lines)


def _facts(account: Account) -> dict[str, Any]:
    return {"id": account.id, "name": account.name, "created_at": format_instant(account.created_at)}
