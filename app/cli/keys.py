"""`gateway key …`: create, list, rotate and revoke keys."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Annotated, Any

import typer

from app.access.tokens import new_key, secret_in
from app.cli.session import OPERATOR, Session, run
from app.cli.tables import print_table
from app.domain.account import Account, Key, Permission
from app.domain.errors import InvalidEvent, NotFound
from app.domain.instant import format_instant
from app.ledger import credentials

app = typer.Typer(no_args_is_help=True)
_ACTOR = f"key {OPERATOR}"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
AccountOption = Annotated[str, typer.Option("--account", help="Name of the account.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def parse_span(text: str, field: str) -> timedelta:
    """A span such as 30d, 12h or 90m; raises InvalidEvent naming `field`."""
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip(), re.ASCII)
    if match is None or int(match[1]) == 0:
        raise InvalidEvent(field, "must be a span such as 30d, 12h, 90m or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


_SCOPES = ", ".join(each.value for each in Permission)


@app.command("create")
def create(
    account: AccountOption,
    scope: Annotated[list[str], typer.Option("--scope", help=f"What the key may do, of {_SCOPES}; repeat for several.")],
    label: Annotated[str, typer.Option("--label", help="What people call the key.")] = "",
    expires: Annotated[str | None, typer.Option("--expires", help="How long it lives: 30d, 12h …; for ever if left out.")] = None,
    cidr: Annotated[list[str] | None, typer.Option("--cidr", help="Networks it is accepted from; repeat for several.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key. Its token is shown now and never again, and so are the names and passwords that legacy callers know it by."""

    async def body(session: Session) -> tuple[Account, Key, str]:
        owner = await session.account(account)
        moment = session.rules.clock()
        ends = moment + parse_span(expires, "expires") if expires else None
        scopes = [each for given in scope for each in re.split(r"[,\s]+", given) if each]
        key, token = new_key(owner, label=label, scopes=scopes, created_at=moment, expires_at=ends, cidrs=cidr or ())
        await credentials.issue(session.store, key, actor=_ACTOR, rules=session.rules)
        return owner, key, token

    _show(*run(body), as_json=as_json)


@app.command("list")
def list_(account: AccountOption, as_json: JsonOption = False) -> None:
    """List an account's keys, revoked and expired ones included."""

    async def body(session: Session) -> tuple[Account, list[Key]]:
        owner = await session.account(account)
        return owner, await session.store.keys(owner.id)

    owner, keys = run(body)
    rows = [_facts(owner, key) for key in keys]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    lines = []
    for row in rows:
        times = (row[name] or "" for name in ("created_at", "expires_at", "revoked_at", "last_used_at"))
        lines.append((row["id"], row["label"], " ".join(row["scopes"]), *times, " ".join(row["cidrs"])))
    print_table(("id", "label", "scopes", "created", "expires", "revoked", "last used", "networks"), lines)


@app.command("rotate")
def rotate(
    key_id: Annotated[str, typer.Argument(help="Id of the key to put another in place of.")],
    grace: Annotated[str, typer.Option("--grace", help="How long the old one is still accepted: 1h, 7d …")] = "1h",
    as_json: JsonOption = False,
) -> None:
    """Create a key with the same scopes and networks; the old one is refused once the grace is over."""

    async def body(session: Session) -> tuple[Account, Key, str]:
        old = await session.store.key(key_id)
        if old is None:
            raise NotFound(f"no key {key_id}")
        owner = await session.account(str(old.account_id))
        moment = session.rules.clock()
        ends = None if old.expires_at is None else moment + (old.expires_at - old.created_at)
        key, token = new_key(
            owner,
            label=old.label,
            scopes=old.scopes,
            created_at=moment,
            expires_at=ends,
            cidrs=old.cidrs,
            replaces=old.id,
        )
        span = parse_span(grace, "grace")
        await credentials.rotate(session.store, old, key, grace=span, actor=_ACTOR, rules=session.rules)
        return owner, key, token

    _show(*run(body), as_json=as_json)


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Id of the key.")], as_json: JsonOption = False) -> None:
    """Refuse a key from now on: every door does within a second."""

    async def body(session: Session) -> tuple[Account, Key]:
        key = await session.store.key(key_id)
        if key is None:
            raise NotFound(f"no key {key_id}")
        revoked = await credentials.revoke(session.store, key.account_id, key_id, actor=_ACTOR, rules=session.rules)
        return await session.account(str(key.account_id)), revoked

    owner, key = run(body)
    typer.echo(json.dumps(_facts(owner, key)) if as_json else f"revoked key {key.id}")


def _show(owner: Account, key: Key, token: str, *, as_json: bool) -> None:
    secret = secret_in(token)
    facts = _facts(owner, key) | {"token": token}
    # One key for every door: contracts that want a name and a password take its id and its secret.
    facts |= {"api_key": key.id, "password": secret, "client_id": key.id, "client_secret": secret}
    if as_json:
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"key      {key.id}\naccount  {owner.name}\nscopes   {' '.join(key.scopes)}")
    typer.echo(f"expires  {facts['expires_at'] or 'never'}")
    typer.echo(f"token    {token}\n\nThe same key, where a name and a password are wanted:")
    typer.echo(f"api_key    {key.id}    password       {secret}")
    typer.echo(f"client_id  {key.id}    client_secret  {secret}\n\nThis is the only time these are shown.")


def _facts(owner: Account, key: Key) -> dict[str, Any]:
    times = {name: getattr(key, name) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    return {
        "id": key.id,
        "account": owner.name,
        "label": key.label,
        "scopes": list(key.scopes),
        "cidrs": list(key.cidrs),
        "replaces": key.replaces,
        **{name: None if moment is None else format_instant(moment) for name, moment in times.items()},
    }
