"""`gateway ledger …`: verify an account's ledger, correct an event, erase personal text."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.bootstrap import open_artifacts, signer_of
from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.domain.entry import PRIVATE_FIELDS, Entry
from app.domain.errors import Corrupt, Unavailable
from app.evidence.erasure import Erased
from app.evidence.erasure import erase as erase_texts
from app.evidence.verification import kept_roots, roots_in, verify_ledger
from app.evidence.verifier import NotProven, pinned
from app.ledger import commands
from app.ledger.chain import Verified
from app.ports import Transaction
from app.storage.sqlite.backup import damage

app = typer.Typer(no_args_is_help=True)


class FalseTotal(Exception):
    """A total that is kept beside a ledger is not what its entries add up to."""


class Damaged(Exception):
    """The embedded database's file is not whole, though the entries hold."""


@app.command("verify")
def verify(
    account: AccountOption,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="File with checkpoints kept elsewhere, one JSON document a line or one alone; repeat."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="A pinned public key, as `gateway verify` takes it; the ledger's own if left out."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Re-derive every entry's digests and every kept total from what is stored, and compare with the signed checkpoints.

    Of the embedded database, also hold every index against its table: reports are read along them.

    Exit code 0: all of it holds. Exit code 1: the first sequence that does not is named. The chain alone shows accidents; only
    a checkpoint kept elsewhere shows someone who rewrote all of it.
    """

    async def body(session: Session) -> Verified:
        owner = await session.account(account)
        signer = signer_of(session.settings, session.store)
        roots = await kept_roots(session.store, signer, owner)
        keys = pinned(_text(key)) if key else {each.id: each.public_key for each in await signer.published()}
        for each in checkpoint or ():
            roots |= roots_in(_read(each), keys, owner)
        with Progress(
            TextColumn("verifying"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as progress:
            task = progress.add_task("", total=(await session.store.head(owner.id)).sequence)
            found = await verify_ledger(session.store, owner, roots, lambda done: progress.advance(task, done))
        false = await session.store.false_total(owner.id)
        if false is not None:
            raise FalseTotal(false)
        if session.settings.embedded:
            fault = await asyncio.to_thread(damage, session.settings.database_path)
            if fault is not None:
                raise Damaged(fault)
        return found

    trust = ["chain", *(["checkpoint"] if checkpoint else []), *(["pinned key"] if key else [])]
    try:
        found = run(body)
    except FalseTotal as error:
        reason = f"the ledger holds, but not a total kept beside it: {error}; `gateway ledger total-anew` makes them again"
        typer.echo(json.dumps({"ok": False, "sequence": None, "reason": reason}) if as_json else f"NOT VERIFIED: {reason}")
        raise typer.Exit(1) from None
    except Damaged as error:
        reason = f"the ledger holds, but not the file: {error}; `gateway copy` takes the rows into a new one"
        typer.echo(json.dumps({"ok": False, "sequence": None, "reason": reason}) if as_json else f"NOT VERIFIED: {reason}")
        raise typer.Exit(1) from None
    except (Corrupt, NotProven) as error:
        sequence, reason = (error.sequence, error.reason) if isinstance(error, Corrupt) else (None, f"a checkpoint: {error}")
        if as_json:
            typer.echo(json.dumps({"ok": False, "sequence": sequence, "reason": reason}))
        else:
            typer.echo(f"NOT VERIFIED: {reason}" if sequence is None else f"NOT VERIFIED: entry {sequence}: {reason}")
        raise typer.Exit(1) from None
    if as_json:
        facts = {"ok": True, "entries": found.entries, "chain": found.chain.hex(), "root": found.root.hex()}
        facts |= {"erased": found.erased, "checkpoints": list(found.checkpoints), "trust": " and ".join(trust)}
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"verified {found.entries} entries, {found.erased} of them with erased text")
    typer.echo(f"chain    {found.chain.hex()}\nroot     {found.root.hex()}")
    if found.checkpoints:
        typer.echo(f"as at    {len(found.checkpoints)} checkpoints, the last of them at {found.checkpoints[-1]}")
    if not checkpoint:
        typer.echo("This rests on what is kept here: keep a checkpoint elsewhere to notice a ledger that was all rewritten.")
    elif not key:
        typer.echo("This rests on your checkpoint and on keys that are kept here: pin one with --key to rest on nothing here.")
    else:
        typer.echo("This rests on your checkpoint and the key that you pinned.")


def _text(given: str) -> str:
    """The text of a file, or what was given itself. Raises Unavailable."""
    path = Path(given)
    return _read(path) if path.is_file() else given


def _read(path: Path) -> str:
    """The text of a file. Raises Unavailable."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Unavailable(f"cannot read {path}: it is not UTF-8") from error


@app.command("total-anew")
def total_anew(account: AccountOption, as_json: JsonOption = False) -> None:
    """Make the totals that are kept beside a ledger again from its entries. Recording in the account waits meanwhile."""

    async def body(session: Session) -> int:
        owner = await session.account(account)

        async def again(tx: Transaction) -> int:
            head = await tx.lock()
            await tx.total_anew()
            return head.sequence

        return await session.store.transact(owner.id, again)

    entries = run(body)
    typer.echo(json.dumps({"entries": entries}) if as_json else f"made the totals of {entries} entries anew")


@app.command("erase")
def erase(
    account: AccountOption,
    ref: Annotated[str | None, typer.Argument(help="Id of an entry, or ref of an event, which means all its versions.")] = None,
    customer: Annotated[
        str | None,
        typer.Option("--customer", help="Or a customer: whatever names it, its catalogue records included."),
    ] = None,
    field: Annotated[list[str] | None, typer.Option("--field", help="Which text; all of them if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Erase personal or free text as a privacy request asks; the ledger still verifies. It cannot be undone.

    Files of exports that may hold the text are deleted too; their records, digests and manifests stay.
    """

    async def body(session: Session) -> Erased:
        principal = await session.principal(account)
        names = tuple(field) if field else PRIVATE_FIELDS
        files = await open_artifacts(session.settings)
        wanted = {"ref": ref, "customer_id": customer}
        return await erase_texts(session.store, files, principal, rules=session.rules, names=names, **wanted)

    done = run(body)
    if as_json:
        typer.echo(json.dumps({"fields": done.names, "sequences": done.sequences, "expired_exports": done.exports}))
        return
    shown = ", ".join(map(str, done.sequences[:20])) + (" …" if len(done.sequences) > 20 else "")
    typer.echo(f"erased {', '.join(done.names)} in entries {shown}" if done.names else "nothing left to erase")
    if done.exports:
        typer.echo(f"deleted the files of exports that may have told it: {', '.join(done.exports)}")


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
