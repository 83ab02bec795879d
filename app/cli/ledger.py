"""`gateway ledger …`: verify an account's ledger, correct an event, erase personal text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.domain.account import genesis
from app.domain.entry import PRIVATE_FIELDS, Entry
from app.domain.errors import Corrupt
from app.ledger import commands
from app.ledger.chain import Verified
from app.ledger.chain import verify as verify_chain
from app.ledger.erasure import erase as erase_texts
from app.question.rows import Rows
from app.question.scope import Scope

app = typer.Typer(no_args_is_help=True)


@app.command("verify")
def verify(account: AccountOption, as_json: JsonOption = False) -> None:
    """Re-derive every entry's digests from what is stored, from the first entry to the last.

    Exit code 0: all of it holds. Exit code 1: the first sequence that does not is named. The chain alone shows accidents; only
    a digest kept elsewhere shows someone who rewrote all of it.
    """

    async def body(session: Session) -> Verified:
        owner = await session.account(account)
        head = await session.store.head(owner.id)
        question = Rows(Scope(owner.id, head.sequence), descending=False)
        with Progress(
            TextColumn("verifying"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as progress:
            task = progress.add_task("", total=head.sequence)

            async def told() -> AsyncIterator[Sequence[Entry]]:
                async for batch in session.store.stream(question):
                    yield batch
                    progress.advance(task, len(batch))

            return await verify_chain(told(), genesis(owner.name), head)

    try:
        found = run(body)
    except Corrupt as error:
        if as_json:
            typer.echo(json.dumps({"ok": False, "sequence": error.sequence, "reason": error.reason}))
        else:
            typer.echo(f"NOT VERIFIED: entry {error.sequence}: {error.reason}")
        raise typer.Exit(1) from None
    if as_json:
        facts = {"ok": True, "entries": found.entries, "chain": found.chain.hex(), "erased": found.erased, "trust": "chain"}
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"verified {found.entries} entries, {found.erased} of them with erased text")
    typer.echo(f"chain    {found.chain.hex()}")
    typer.echo("This rests on the chain alone: keep the digest elsewhere to notice a ledger that was rewritten as a whole.")


@app.command("erase")
def erase(
    ref: Annotated[str, typer.Argument(help="Id of an entry, or ref of an event, which means all its versions.")],
    account: AccountOption,
    field: Annotated[list[str] | None, typer.Option("--field", help="Which text; all of them if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Erase personal or free text as a privacy request asks; the ledger still verifies. It cannot be undone."""

    async def body(session: Session) -> tuple[tuple[str, ...], tuple[int, ...]]:
        principal = await session.principal(account)
        names = tuple(field) if field else PRIVATE_FIELDS
        found = await erase_texts(session.store, principal, ref, rules=session.rules, names=names)
        return found.names, found.sequences

    names, sequences = run(body)
    if as_json:
        typer.echo(json.dumps({"fields": names, "sequences": sequences}))
    elif names:
        typer.echo(f"erased {', '.join(names)} in entries {', '.join(map(str, sequences))}")
    else:
        typer.echo("nothing left to erase")


@app.command("retract")
def retract(
    ref: Annotated[str, typer.Argument(help="Ref of the event, or id of its standing entry.")],
    account: AccountOption,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    as_json: JsonOption = False,
) -> None:
    """Take an event back: its reversal is appended, nothing is removed."""

    async def body(session: Session) -> Entry:
        principal = await session.principal(account)
        done = await commands.retract(session.store, principal, ref, rules=session.rules, reason=reason)
        return done.reversal

    reversal = run(body)
    typer.echo(json.dumps({"reversal": reversal.id}) if as_json else f"retracted {reversal.event_ref}: {reversal.id} reverses it")


@app.command("amend")
def amend(
    ref: Annotated[str, typer.Argument(help="Ref of the event, or id of its standing entry.")],
    changes: Annotated[list[str], typer.Argument(help="FIELD=VALUE, such as quantity=12.5; FIELD= takes the value away.")],
    account: AccountOption,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    as_json: JsonOption = False,
) -> None:
    """Put another version in place of an event: a reversal and a replacement are appended."""
    named = {name: value or None for name, _, value in (each.partition("=") for each in changes)}

    async def body(session: Session) -> commands.Amended:
        principal = await session.principal(account)
        return await commands.amend(session.store, principal, ref, named, rules=session.rules, reason=reason)

    done = run(body)
    assert done.replacement is not None
    if as_json:
        typer.echo(json.dumps({"reversal": done.reversal.id, "replacement": done.replacement.id}))
    else:
        typer.echo(f"amended {done.replacement.event_ref}: {done.replacement.id} stands at version {done.replacement.version}")
