"""`gateway verify FILE`: check an export's file, a checkpoint or a proof with a pinned key, and nothing of the gateway's."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.keys import JsonOption
from app.domain.errors import Unavailable
from app.evidence.manifests import EXTENSION
from app.evidence.verifier import Findings, NotProven, pinned, verify_export, verify_proof


def verify_command(
    file: Annotated[Path, typer.Argument(help="The export's file; or a checkpoint or a proof, which needs no manifest.")],
    key: Annotated[
        str,
        typer.Option("--key", help="The pinned public key: a file with a JWK or a set of them, or the text of its x."),
    ],
    manifest: Annotated[Path | None, typer.Option("--manifest", help=f"By default FILE{EXTENSION}, where there is one.")] = None,
    checkpoint: Annotated[Path | None, typer.Option("--checkpoint", help="A checkpoint at its asOf, kept elsewhere.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a file offline, with no database, and say what was proven, what was not, and what all of it rests on.

    Exit code 0: verified. Exit code 1: not verified, and why; of rows, in which block of 1,024 the first difference lies.
    """
    beside = file.with_name(file.name + EXTENSION)
    named = manifest if manifest is not None else beside if beside.exists() else None
    try:
        keys = pinned(_read(Path(key)) if Path(key).is_file() else key)
        if named is None:
            found = verify_proof(_read(file), keys)
        else:
            found = verify_export(file, _read(named), keys, None if checkpoint is None else _read(checkpoint))
    except NotProven as error:
        found = Findings(refused=[str(error)])
    except OSError as error:
        raise Unavailable(f"cannot read {error.filename}: {error.strerror}") from error
    if as_json:
        typer.echo(json.dumps({"verified": found.verified, **asdict(found)}))
    else:
        _tell(file, found)
    if not found.verified:
        raise typer.Exit(1)


def _tell(file: Path, found: Findings) -> None:
    typer.echo(f"{'VERIFIED' if found.verified else 'NOT VERIFIED'} {file}")
    for word, lines in (
        ("refused", found.refused),
        ("proven", found.proven),
        ("not proven", found.not_proven),
        ("rests on", found.trust),
    ):
        for line in lines:
            typer.echo(f"  {word:<11} {line}")


def _read(path: Path) -> str:
    """The text of a file; what is no UTF-8 in it is seen as such by whoever reads on."""
    return path.read_bytes().decode("utf-8", errors="replace")
