"""`gateway schema`: print the GraphQL schema, as the server serves it."""

from __future__ import annotations

import typer


def schema_command() -> None:
    """Print the GraphQL schema in its definition language."""
    # Imported here: building the schema takes longer than all the other commands' start.
    from app.api.graphql.schema import sdl

    typer.echo(sdl(), nl=False)
