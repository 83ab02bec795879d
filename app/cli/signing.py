"""`gateway signing-key …`: the keys that the gateway signs checkpoints and manifests with."""

from __future__ import annotations

import json

import typer

from app.bootstrap import signer_of
from app.cli.keys import JsonOption
from app.cli.session import Session, run
from app.cli.tables import print_table
from app.domain.instant import format_instant
from app.domain.signing import PublicKey

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the public keys; as JSON they are the JWK set that others pin. The first key is made where there is none."""

    async def body(session: Session) -> list[PublicKey]:
        return await signer_of(session.settings, session.store).published()

    keys = run(body)
    if as_json:
        typer.echo(json.dumps({"keys": [each.jwk() for each in reversed(keys)]}, indent=2))
        return
    lines = []
    for each in keys:
        ends = "" if each.valid_until is None else format_instant(each.valid_until)
        lines.append((each.id, each.jwk()["x"], format_instant(each.valid_from), ends))
    print_table(("key id", "x", "signs from", "to"), lines)


@app.command("rotate")
def rotate(as_json: JsonOption = False) -> None:
    """Sign with another key from now on. The old one stays published, so that what it signed can still be checked."""

    async def body(session: Session) -> PublicKey:
        return await signer_of(session.settings, session.store).rotate()

    key = run(body)
    typer.echo(json.dumps(key.jwk()) if as_json else f"signing with {key.id} from now on\nx  {key.jwk()['x']}")
