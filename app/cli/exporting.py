"""`gateway export create` and `download`: freeze a report; write its file, with the signed manifest that proves it beside it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from app.bootstrap import open_artifacts, signer_of
from app.cli.asking import AsOfOption, Given, as_of_asked, asks, kind_argument
from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.cli.waiting import wait
from app.domain.account import Principal
from app.domain.errors import AlreadyExists, Unavailable
from app.domain.export import UNFINISHED, Export
from app.domain.instant import format_instant
from app.evidence.manifests import EXTENSION, manifest
from app.exports.downloads import opened
from app.exports.formats import FORMATS
from app.exports.freeze import create
from app.exports.options import OPTIONS
from app.exports.register import find
from app.ports import Files

IdArgument = Annotated[str, typer.Argument(help="Id of the export.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Put it in the place of a file that exists.")]


@asks
def create_command(
    kind: Annotated[str, kind_argument(exported=True)],
    account: AccountOption,
    given: Given,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write once it is made; put in place when it is whole.")
    ] = None,
    wait_for: Annotated[
        bool, typer.Option("--wait", help="Wait until it is made, here or by a server, and show progress.")
    ] = False,
    format: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(each.name for each in FORMATS)}.")] = "json",
    local_time: Annotated[str | None, typer.Option(help=OPTIONS["local_time"])] = None,
    decimals: Annotated[str | None, typer.Option(help=OPTIONS["decimals"])] = None,
    compression: Annotated[str | None, typer.Option(help=OPTIONS["compression"])] = None,
    as_of: AsOfOption = None,
    overwrite: _Overwrite = False,
    as_json: JsonOption = False,
) -> None:
    """Freeze a report as of now, or of an earlier point. With --out, its file is written. The ledger records both.

    What is short is made at once. What is long is made by a server, or here, if it is waited for.
    """
    options = {"local_time": local_time, "decimals": decimals, "compression": compression}
    asked = given | {name: [text] for name, text in options.items() if text is not None}

    async def freeze(session: Session, files: Files, principal: Principal) -> Export:
        rules, point = session.rules, as_of_asked(as_of)
        frozen = await create(session.store, files, principal, kind, format, asked, rules=rules, as_of=point)
        if frozen.status in UNFINISHED and (wait_for or out is not None):
            return await wait(session, files, principal, frozen)
        return frozen

    if out is not None:
        _write(out, account, freeze, overwrite=overwrite, as_json=as_json)
        return

    async def body(session: Session) -> Export:
        return await freeze(session, await open_artifacts(session.settings), await session.principal(account))

    tell(run(body), as_json=as_json)


def download_command(
    export_id: IdArgument,
    account: AccountOption,
    out: Annotated[Path, typer.Option("--out", help="File to write; put in place when it is whole.")],
    overwrite: _Overwrite = False,
    as_json: JsonOption = False,
) -> None:
    """Write the file of an export that is ready. The ledger records it."""

    async def named(session: Session, files: Files, principal: Principal) -> Export:
        return await find(session.store, principal, export_id)

    _write(out, account, named, overwrite=overwrite, as_json=as_json)


def _write(
    out: Path,
    account: str,
    found: Callable[[Session, Files, Principal], Awaitable[Export]],
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the file of the export that `found` gives, and its manifest beside it."""

    async def body(session: Session) -> tuple[Export, str]:
        principal, files = await session.principal(account), await open_artifacts(session.settings)
        wanted = await found(session, files, principal)
        export, chunks = await opened(session.store, files, principal, wanted.id, rules=session.rules)
        async for chunk in chunks:
            file.write(chunk)
        signed = await manifest(session.store, signer_of(session.settings, session.store), principal, export.id)
        return export, json.dumps(signed, indent=2, ensure_ascii=False)

    if out.exists() and not overwrite:
        raise AlreadyExists(f"{out} exists; --overwrite puts the export in its place")
    # Opened first, so that a place that cannot be written is found out before anything is recorded.
    with _written(out) as file:
        export, signed = run(body)
    beside = out.with_name(out.name + EXTENSION)
    with _written(beside) as file:
        file.write(signed.encode() + b"\n")
    if as_json:
        typer.echo(json.dumps(facts_of(export) | {"manifest": str(beside)}))
        return
    typer.echo(f"wrote {out}: {export.rows} rows as of sequence {export.as_of}, {export.size} bytes")
    typer.echo(f"export           {export.id}\ndigest           {export.digest}\nartifact digest  {export.artifact_digest}")
    typer.echo(f"manifest         {beside}")


@contextlib.contextmanager
def _written(out: Path) -> Iterator[BinaryIO]:
    """A file beside `out` that takes its place at the end, so that half a file is never seen under its name."""
    aside = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(out)
    except OSError as error:
        raise Unavailable(f"cannot write {out}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def tell(export: Export, *, as_json: bool) -> None:
    """Print how an export stands."""
    if as_json:
        typer.echo(json.dumps(facts_of(export)))
        return
    rows = f"{export.rows} of {export.rows_expected}" if export.rows_expected is not None else str(export.rows)
    told = {
        "export": export.id,
        "status": export.status.value + (f": {export.reason}" if export.reason else ""),
        "report": f"{export.report.replace('_', '-')} as {export.format}, as of sequence {export.as_of}",
        "rows": rows,
        "bytes": export.size,
        "digest": export.digest,
        "artifact digest": export.artifact_digest,
    }
    for name, text in told.items():
        if text is not None:
            typer.echo(f"{name:<17}{text}")


def facts_of(export: Export) -> dict[str, Any]:
    """An export as JSON."""
    return {
        "id": export.id,
        "report_kind": export.report.replace("_", "-"),
        "format": export.format,
        "status": export.status.value,
        "reason": export.reason,
        "filters": {name: list(texts) for name, texts in export.parameters.items()},
        "as_of": export.as_of,
        "rows": export.rows,
        "rows_expected": export.rows_expected,
        "sections": dict(export.sections),
        "digest": export.digest,
        "artifact_digest": export.artifact_digest,
        "content_type": export.content_type,
        "size": export.size,
        "created_by": export.created_by,
        "created_at": format_instant(export.created_at),
        "updated_at": format_instant(export.updated_at),
    }
