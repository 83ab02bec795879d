"""`gateway format …`: save, list, show and try the documents that say how senders' payloads are read."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.cli.tables import print_table
from app.domain.decimal import plain
from app.domain.errors import InvalidBody
from app.domain.format_version import FormatVersion
from app.domain.instant import format_instant
from app.ledger import own_formats
from app.ledger.exact_json import Unreadable, read_json, write_json
from app.ledger.formats import NAMES, is_name, load, named, sample_of
from app.ledger.intake import Kind
from app.ledger.outcome import Status
from app.ledger.trial import Tried, try_format

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
    keys = ("name", "version", "created_at", "created_by", "description")
    lines = [[str(row.get(key, "")) for key in keys] for row in rows]
    print_table(("name", "version", "saved", "by", "description"), lines)


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


@app.command("try")
def try_(
    ref: Annotated[str, typer.Argument(help="Name of a format, NAME@3, or the file of a document that is not saved yet.")],
    account: AccountOption,
    samples: Annotated[
        str | None, typer.Argument(help="File of samples; - reads standard input. A shipped format has a sample of its own.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="What the file is; else its name and its beginning tell.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Name of the sender, where the samples name none.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what samples would become, without recording anything. Exit code 1 if any would be refused."""

    unsaved = load(read_document(ref)) if Path(ref).is_file() or not is_name(ref.partition("@")[0]) else None

    async def body(session: Session) -> list[Tried]:
        principal = await session.principal(account)
        format_ = unsaved or await own_formats.find(session.store, principal.account.id, ref)
        name, data = ("", b"")
        if samples is not None:
            name, data = ("" if samples == STDIN else samples), _bytes(samples)
        elif format_.ref in NAMES:
            name, data = sample_of(format_.ref)
        else:
            raise typer.BadParameter("is missing: only a shipped format has a sample of its own", param_hint="SAMPLES")
        return await try_format(session.store, principal, format_, data, rules=session.rules, name=name, kind=kind, source=source)

    tried = run(body)
    for each in tried:
        if as_json:
            typer.echo(write_json(_told(each)))
            continue
        place = f"{each.field}: " if each.field else ""
        typer.echo(f"line {each.line}: {each.status.value}" + (f": {place}{each.reason}" if each.reason else ""))
        for field, value in ({} if each.event is None else _told(each)["event"]).items():
            told = plain(value) if isinstance(value, Decimal) else value
            typer.echo(f"  {field} = {told if isinstance(told, str) else write_json(told)}")
    if any(each.status in (Status.REJECTED, Status.CONFLICT) for each in tried):
        raise typer.Exit(1)


def read_document(file: str) -> Any:
    """The JSON value in a file; raises InvalidBody where it holds none."""
    data = _bytes(file)
    if len(data) > _LARGEST_FILE:
        raise InvalidBody(f"the document is larger than {_LARGEST_FILE:,} bytes")
    try:
        return read_json(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidBody("the document is not UTF-8") from None
    except Unreadable as error:
        raise InvalidBody(f"the document is not JSON: {error.reason}") from None


def _bytes(file: str) -> bytes:
    """The beginning of a file, of which one byte too many is enough to tell that it is too large."""
    try:
        if file == STDIN:
            return sys.stdin.buffer.read(_LARGEST_FILE + 1)
        with Path(file).open("rb") as opened:
            return opened.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise typer.BadParameter(f"cannot be read: {error.strerror or error}", param_hint="FILE") from None


def _told(tried: Tried) -> dict[str, Any]:
    event = None
    if tried.event is not None:
        event = {name: format_instant(value) if isinstance(value, datetime) else value for name, value in tried.event.items()}
    return {
        "index": tried.index,
        "line": tried.line,
        "status": tried.status.value,
        "event": event,
        "event_ref": None if tried.entry is None else tried.entry.event_ref,
        "field": tried.field,
        "reason": tried.reason,
    }


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
