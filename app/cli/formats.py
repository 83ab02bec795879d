"""`gateway format …`: save, list and show the documents that say how senders' payloads are read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.domain.errors import InvalidBody
from app.domain.format_version import FormatVersion
from app.domain.instant import format_instant
from app.ledger import own_formats
from app.ledger.exact_json import Unreadable, read_json
from app.ledger.formats import NAMES, named

app = typer.Typer(no_args_is_help=True)
STDIN = "-"
_LARGEST_FILE = 1_048_576


@app.command("save")
def save(
    file: Annotated[str, typer.Argument(help="JSON document of the format; - reads standard input.")],
    account: AccountOption,
    as_json: JsonOption = False,
) -> None:
    """Save a format under the name in it: as the next version, unless the newest one says the same."""
    document = read_document(file)

    async def body(session: Session) -> FormatVersion:
        return await own_formats.save(session.store, await session.principal(account), document, rules=session.rules)

    saved = run(body)
    typer.echo(json.dumps(_facts(saved)) if as_json else f"saved {saved.ref}, SHA-256 {saved.digest}")


@app.command("list")
def list_(account: AccountOption, as_json: JsonOption = False) -> None:
    """List the formats that come with the gateway and the account's own, each in its newest version."""

    async def body(session: Session) -> list[FormatVersion]:
        return await own_formats.versions(session.store, await session.principal(account))

    rows = [{"name": name, "description": named(name).description} for name in NAMES] + [_facts(each) for each in run(body)]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("name", "version", "saved", "by", "description")
    for row in rows:
        table.add_row(*(str(row.get(key, "")) for key in ("name", "version", "created_at", "created_by", "description")))
    Console().print(table)


@app.command("show")
def show(
    ref: Annotated[str, typer.Argument(help="Name of a format; NAME@3 is its third version.")],
    account: AccountOption,
) -> None:
    """Print a format's document: the start of one of your own."""

    async def body(session: Session) -> dict[str, Any]:
        principal = await session.principal(account)
        return await own_formats.document(session.store, principal.account.id, ref)

    typer.echo(json.dumps(run(body), indent=2, ensure_ascii=False))


def read_document(file: str) -> Any:
    """The JSON value in a file; raises InvalidBody where it holds none."""
    try:
        data = sys.stdin.buffer.read(_LARGEST_FILE + 1) if file == STDIN else _read(Path(file))
    except OSError as error:
        raise typer.BadParameter(f"cannot be read: {error.strerror or error}", param_hint="FILE") from None
    if len(data) > _LARGEST_FILE:
        raise InvalidBody(f"the document is larger than {_LARGEST_FILE:,} bytes")
    try:
        return read_json(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidBody("the document is not UTF-8") from None
    except Unreadable as error:
        raise InvalidBody(f"the document is not JSON: {error.reason}") from None


def _read(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(_LARGEST_FILE + 1)


def _facts(saved: FormatVersion) -> dict[str, Any]:
    return {
        "name": saved.name,
        "ref": saved.ref,
        "version": saved.version,
        "description": own_formats.ready(saved.document, saved.ref).description,
        "digest": saved.digest,
        "created_by": saved.created_by,
        "created_at": format_instant(saved.created_at),
    }
