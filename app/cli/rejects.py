"""`gateway rejects …`: what was sent and not recorded: list and show it, replay it once its format is mended, drop it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.cli.tables import print_table
from app.domain.errors import NotFound
from app.domain.instant import format_instant
from app.domain.reject import OPEN, Reject, RejectFilters, RejectStatus, number_in
from app.ledger import replaying
from app.ledger.replaying import Replayed

app = typer.Typer(no_args_is_help=True)
_MOST_LISTED = 1_000
_FormatOption = Annotated[list[str] | None, typer.Option("--format", help="Only what was read by this format, or by NAME@3.")]
_IdsArgument = Annotated[list[str] | None, typer.Argument(help="Ids of rejects; all open ones if left out.")]


@app.command("list")
def list_(
    account: AccountOption,
    status: Annotated[
        list[RejectStatus] | None, typer.Option("--status", help="What became of it; what is open if left out.")
    ] = None,
    format_: _FormatOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=_MOST_LISTED, help="How many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what was not recorded, the newest first."""
    filters = RejectFilters(status=tuple(status) if status else OPEN, format=tuple(format_ or ()))

    async def body(session: Session) -> tuple[list[Reject], int]:
        owner = await session.account(account)
        found = await session.store.rejects(owner.id, limit=limit, filters=filters)
        return found, await session.store.count_rejects(owner.id, filters)

    found, count = run(body)
    if as_json:
        typer.echo(json.dumps([reject_facts(each) for each in found]))
        return
    lines = []
    for each in found:
        told = (each.id, each.status.value, each.format, each.sender_id or "", str(each.times), format_instant(each.last_at))
        lines.append((*told, each.field or "", each.reason or ""))
    print_table(("id", "status", "format", "sender's id", "times", "last", "field", "reason"), lines)
    if count > len(found):
        typer.echo(f"and {count - len(found)} more; --limit shows them")


@app.command("show")
def show(
    reject_id: Annotated[str, typer.Argument(help="Id of a reject.")],
    account: AccountOption,
) -> None:
    """Print one of them with its payload."""

    async def body(session: Session) -> Reject:
        owner = await session.account(account)
        number = number_in(reject_id, owner.id)
        found = None if number is None else await session.store.reject(owner.id, number)
        if found is None:
            raise NotFound(f"no reject {reject_id[:64]}")
        return found

    typer.echo(json.dumps(reject_facts(run(body)), indent=2, ensure_ascii=False))


@app.command("replay")
def replay(
    account: AccountOption,
    reject_ids: _IdsArgument = None,
    format_: _FormatOption = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Format to read them by; else the newest version of the one they came by.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if anything is still refused.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try again what was refused. What is recorded now is recorded once, and leaves the rejects."""

    async def body(session: Session) -> Replayed:
        return await replaying.replay(
            session.store,
            await session.principal(account),
            rules=session.rules,
            filters=RejectFilters(format=tuple(format_ or ())),
            ids=reject_ids or None,
            format_ref=by,
        )

    done = run(body)
    if as_json:
        typer.echo(json.dumps(done.told()))
    else:
        typer.echo(", ".join(f"{count} {status}" for status, count in done.told().items()))
    for each in done.left_first:
        place = f"{each.field}: " if each.field else ""
        typer.echo(f"  {each.id}: {place}{each.reason}", err=True)
    if strict and done.left_first:
        raise typer.Exit(1)


@app.command("drop")
def drop(
    reject_ids: Annotated[list[str], typer.Argument(help="Ids of rejects.")],
    account: AccountOption,
    as_json: JsonOption = False,
) -> None:
    """Take rejects away for good, as a privacy request asks; that it was done stands in the ledger. It cannot be undone."""

    async def body(session: Session) -> list[str]:
        return await replaying.drop(session.store, await session.principal(account), reject_ids, rules=session.rules)

    gone = run(body)
    typer.echo(json.dumps({"dropped": gone}) if as_json else f"dropped {', '.join(gone)}" if gone else "nothing left to drop")


def reject_facts(reject: Reject) -> dict[str, Any]:
    """What is told of a reject, as JSON."""
    return {
        "id": reject.id,
        "status": reject.status.value,
        "format": reject.format,
        "source": reject.source,
        "field": reject.field,
        "reason": reject.reason,
        "sender": reject.sender,
        "sender_id": reject.sender_id,
        "sequence": reject.sequence,
        "times": reject.times,
        "first_at": format_instant(reject.first_at),
        "last_at": format_instant(reject.last_at),
        "received_by": reject.received_by,
        "payload": reject.text,
    }
