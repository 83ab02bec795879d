"""`gateway copy`, `gateway backup`, `gateway restore`: move a whole store, and prove that nothing was lost on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app.bootstrap import open_store
from app.cli.keys import JsonOption
from app.domain.account import genesis
from app.domain.errors import Corrupt, InvalidSetting
from app.ledger.chain import verify
from app.ports import Head
from app.question.rows import Rows
from app.question.scope import Scope
from app.settings import Settings, load
from app.storage.copying import Told, compare, copy
from app.storage.sqlite import backup, open_sqlite

_URL = "sqlite:///path/to/gateway.db or postgresql://user:password@host:5432/name"
Ends = list[tuple[str, Head]]


def copy_command(
    source: Annotated[str, typer.Option("--from", help=_URL)],
    target: Annotated[str, typer.Option("--to", help=f"{_URL}; empty, or an earlier copy of the same.")],
    as_json: JsonOption = False,
) -> None:
    """Copy accounts, keys, ledgers and exports into another database, then go through both and compare every row.

    Sequences, instants, digests and chains are kept. Interrupted or outdated copies are continued. The files of exports stay in
    their folder (GATEWAY_ARTIFACTS), which the new servers need too. Let nothing be written to the source meanwhile.
    """
    given, wanted = _settings("--from", source), _settings("--to", target)
    if given.embedded and not given.database_path.exists():
        raise InvalidSetting("--from", f"there is no database {given.database_path}")

    async def body(told: Told) -> Ends:
        ours = await open_store(given)
        try:
            theirs = await open_store(wanted)
            try:
                await copy(ours, theirs, told)
                return await compare(ours, theirs, told)
            finally:
                await theirs.close()
        finally:
            await ours.close()

    with _progress() as told:
        ends = asyncio.run(body(told))
    _report(ends, "copied and compared, every digest derived again", as_json)


def backup_command(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")], as_json: JsonOption = False
) -> None:
    """Back up the embedded database as it is at this moment, while it is used.

    Keep it as you keep a key: the secret that the gateway made for itself is in it, with which exports are signed. One that is
    given as GATEWAY_SECRET is not, nor are the exports' files.
    """
    settings = _embedded()
    with _progress() as told:
        ends = backup.back_up(settings.database_path, file, lambda done, total: told("pages", done, total))
    _report(ends, f"backed up to {file}", as_json)


def restore_command(
    file: Annotated[Path, typer.Argument(help="A backup that `gateway backup` wrote.")], as_json: JsonOption = False
) -> None:
    """Put a backup in the place of the embedded database, once every digest in it has been derived again.

    A database that is there is left alone: move it away first, with its `-wal` and `-shm`.
    """
    settings = _embedded()
    ends: Ends = []
    with _progress() as told:

        def check(draft: Path) -> None:
            ends.extend(asyncio.run(_verified(draft, told)))

        backup.restore(file, settings.database_path, lambda done, total: told("pages", done, total), check)
    _report(ends, f"restored to {settings.database_path} and verified", as_json)


def _settings(option: str, url: str) -> Settings:
    try:
        return load(database_url=url)
    except InvalidSetting as error:
        raise InvalidSetting(option if error.field == "GATEWAY_DATABASE_URL" else error.field, error.reason) from None


def _embedded() -> Settings:
    settings = load()
    if not settings.embedded:
        raise InvalidSetting(
            "GATEWAY_DATABASE_URL", "names a server: pg_dump or pg_basebackup back that up, `gateway copy` moves it"
        )
    return settings


async def _verified(file: Path, told: Told) -> Ends:
    store = await open_sqlite(file)
    try:
        ends: Ends = []
        for account in await store.accounts():
            head = await store.head(account.id)
            told(f"verifying {account.name}", 0, head.sequence)
            try:
                await verify(store.stream(Rows(Scope(account.id, head.sequence), descending=False)), genesis(account.name), head)
            except Corrupt as error:
                raise Corrupt(error.sequence, f"{error.reason} (account {account.name})") from None
            ends.append((account.name, head))
        return ends
    finally:
        await store.close()


def _report(ends: Ends, done: str, as_json: bool) -> None:
    if as_json:
        facts = [{"account": name, "entries": head.sequence, "chain": head.chain.hex()} for name, head in ends]
        typer.echo(json.dumps({"accounts": facts}))
        return
    typer.echo(done)
    for name, head in ends:
        typer.echo(f"{name}: {head.sequence} entries, chain {head.chain.hex()}")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)
