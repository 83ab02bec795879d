"""`gateway ledger checkpoint`, `prove-inclusion`, `prove-consistency`: what others keep, and what they check it by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from app.bootstrap import signer_of
from app.cli.asking import AsOfOption, as_of_asked
from app.cli.keys import AccountOption
from app.cli.session import Session, run
from app.domain.entry import entry_id
from app.domain.errors import Unavailable
from app.evidence import checkpoints, proofs
from app.evidence.checkpoints import Document
from app.reports.report import MOST_ROWS, PageRequest

OutOption = Annotated[Path | None, typer.Option("--out", help="File to write; to the screen if left out.")]


def checkpoint_command(
    account: AccountOption,
    as_of: AsOfOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every checkpoint that was kept, oldest first, one a line.")] = False,
    out: OutOption = None,
) -> None:
    """Sign the ledger as it ends now, and keep that beside it; or as of an earlier point, without keeping it.

    Keep the document where the gateway cannot reach it: `gateway ledger verify --checkpoint` compares the ledger with it.
    """

    async def body(session: Session) -> list[Document]:
        principal = await session.principal(account)
        signer = signer_of(session.settings, session.store)
        if every:
            found: list[Document] = []
            request = PageRequest(first=MOST_ROWS)
            while (page := await checkpoints.page(session.store, principal, request)).rows:
                found += page.rows
                request = PageRequest(first=MOST_ROWS, after=page.cursors[-1])
            return found[::-1]
        if as_of is not None:
            return [await checkpoints.checkpoint(session.store, signer, principal, as_of_asked(as_of))]
        return [await checkpoints.keep(session.store, signer, principal.account)]

    write("\n".join(json.dumps(each) for each in run(body)), out)


def prove_inclusion_command(
    ids: Annotated[list[str], typer.Argument(help=f"Ids or sequences of entries, at most {proofs.MOST_ENTRIES}.")],
    account: AccountOption,
    as_of: AsOfOption = None,
    out: OutOption = None,
) -> None:
    """Prove that entries are in the ledger as of a checkpoint; `gateway verify` checks the proof with a pinned key alone."""

    async def body(session: Session) -> Document:
        principal, signer = await session.principal(account), signer_of(session.settings, session.store)
        named = [entry_id(principal.account.id, int(each)) if each.isdecimal() else each for each in ids]
        return (await proofs.inclusion(session.store, signer, principal, named, as_of_asked(as_of))).document()

    write(json.dumps(run(body), indent=2, ensure_ascii=False), out)


def prove_consistency_command(
    older: Annotated[str, typer.Argument(help="The older point: a sequence, a checkpoint's name or an instant of recording.")],
    account: AccountOption,
    as_of: AsOfOption = None,
    out: OutOption = None,
) -> None:
    """Prove that the ledger as of now, or of `--as-of`, goes on from what it was at an older point."""

    async def body(session: Session) -> Document:
        principal, signer = await session.principal(account), signer_of(session.settings, session.store)
        begun, ends = as_of_asked(older), as_of_asked(as_of)
        return (await proofs.consistency(session.store, signer, principal, begun, ends)).document()

    write(json.dumps(run(body), indent=2), out)


def write(text: str, out: Path | None) -> None:
    """Write a document to a file, or to the screen. Raises Unavailable."""
    if out is None:
        typer.echo(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"cannot write {out}: {error.strerror}") from error
    typer.echo(f"wrote {out}")
