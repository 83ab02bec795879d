"""`gateway schema`: print the GraphQL schema, as the server serves it, or what has changed in it since an older one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.domain.errors import InvalidBody, Unavailable


def schema_command(
    since: Annotated[
        Path | None,
        typer.Option(
            help="An older schema file: tell what has changed, and exit with 1 where that breaks a caller.", dir_okay=False
        ),
    ] = None,
) -> None:
    """Print the GraphQL schema in its definition language."""
    # Imported here: building the schema takes longer than all the other commands' start.
    from graphql import GraphQLError

    from app.api.graphql.schema import sdl

    if since is None:
        typer.echo(sdl(), nl=False)
        return
    try:
        breaking, dangerous = _changes(since.read_text(encoding="utf-8"), sdl())
    except OSError as error:
        raise Unavailable(f"cannot read {since}: {error.strerror}") from error
    except (GraphQLError, TypeError, UnicodeDecodeError) as error:
        raise InvalidBody(f"{since} is no GraphQL schema: {str(error).splitlines()[0]}") from error
    for kind, changes in (("breaking", breaking), ("dangerous", dangerous)):
        for each in changes:
            typer.echo(f"{kind}: {each}")
    if not breaking and not dangerous:
        typer.echo("nothing that a caller has to mind has changed")
    raise typer.Exit(1 if breaking else 0)


def _changes(older: str, newer: str) -> tuple[list[str], list[str]]:
    """What may no longer be asked, and what may be answered otherwise than callers expect."""
    from graphql import build_schema, find_breaking_changes, find_dangerous_changes

    before, now = build_schema(older), build_schema(newer)
    breaking, dangerous = find_breaking_changes(before, now), find_dangerous_changes(before, now)
    return [each.description for each in breaking], [each.description for each in dangerous]
