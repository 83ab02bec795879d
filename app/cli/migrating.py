"""`gateway migrate`: bring the database to this version's tables, or back to an earlier version's."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from app.bootstrap import move_database
from app.cli.keys import JsonOption
from app.settings import load
from app.storage.migrations import REVISIONS


def migrate_command(
    to: Annotated[str, typer.Option("--to", help=f"Revision to go to: {', '.join(REVISIONS)}.")] = REVISIONS[-1],
    down: Annotated[bool, typer.Option("--down", help="Also go back, and lose what later revisions hold.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Migrate the database, in one transaction. A file is migrated when it is opened; a server only by this command.

    Run it before the servers of a new version are started. It can be repeated, and by several at once.
    """
    if to not in REVISIONS:
        raise typer.BadParameter(f"{to[:64]} is not one of {', '.join(REVISIONS)}", param_hint="--to")
    settings = load()
    before, after = move_database(settings, to, down=down)
    if as_json:
        typer.echo(json.dumps({"before": before, "after": after}))
    elif before == after:
        typer.echo(f"{settings.database_name} is at revision {after}")
    else:
        typer.echo(f"{settings.database_name} was {f'at revision {before}' if before else 'empty'} and is at revision {after}")
