"""`gateway export KIND`: freeze a report and write its file, with the signed manifest that proves it beside it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from app.bootstrap import open_artifacts, signer_of
from app.cli.asking import AsOfOption, Given, as_of_asked, asks, kind_argument
from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.domain.errors import AlreadyExists, Unavailable
from app.domain.export import Export
from app.domain.instant import format_instant
from app.evidence.manifests import EXTENSION, manifest
from app.exports.downloads import opened
from app.exports.formats import FORMATS
from app.exports.freeze import WHOLE, create
from app.exports.options import OPTIONS


@asks
def export_command(
    kind: Annotated[str, kind_argument(exported=True)],
    account: AccountOption,
    out: Annotated[Path, typer.Option("--out", help="File to write; put in place when it is whole.")],
    given: Given,
    format: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(each.name for each in FORMATS)}.")] = "json",
    local_time: Annotated[str | None, typer.Option(help=OPTIONS["local_time"])] = None,
    decimals: Annotated[str | None, typer.Option(help=OPTIONS["decimals"])] = None,
    compression: Annotated[str | None, typer.Option(help=OPTIONS["compression"])] = None,
    as_of: AsOfOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Put it in the place of a file that exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Freeze a report as of now, or of an earlier point, and write its file. The ledger records both."""

    options = {"local_time": local_time, "decimals": decimals, "compression": compression}
    asked = given | {name: [text] for name, text in options.items() if text is not None}

    async def body(session: Session) -> tuple[Export, str]:
        principal = await session.principal(account)
        files = await open_artifacts(session.settings)
        with Progress(
            SpinnerColumn(), TextColumn("{task.completed:,.0f} rows"), console=Console(stderr=True), transient=True
        ) as progress:
            task = progress.add_task("", total=None)

            async def show(rows: int) -> None:
                progress.update(task, completed=rows)

            frozen = await create(
                session.store,
                files,
                principal,
                kind,
                format,
                asked,
                rules=session.rules,
                as_of=as_of_asked(as_of),
                patience=WHOLE,
                progress=show,
            )
        export, chunks = await opened(session.store, files, principal, frozen.id, rules=session.rules)
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
        typer.echo(json.dumps(_facts(export) | {"manifest": str(beside)}))
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


def _facts(export: Export) -> dict[str, Any]:
    return {
        "id": export.id,
        "report_kind": export.report.replace("_", "-"),
        "format": export.format,
        "status": export.status.value,
        "filters": {name: list(texts) for name, texts in export.parameters.items()},
        "as_of": export.as_of,
        "rows": export.rows,
        "sections": dict(export.sections),
        "digest": export.digest,
        "artifact_digest": export.artifact_digest,
        "content_type": export.content_type,
        "size": export.size,
        "created_by": export.created_by,
        "created_at": format_instant(export.created_at),
    }
