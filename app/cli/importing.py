"""`gateway import`: record a file of events, and keep what was refused in a file that can be mended."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.domain.errors import GatewayError
from app.ledger import own_formats
from app.ledger.formats import DEFAULT, NAMES
from app.ledger.importing import Summary, import_file
from app.ledger.intake import Kind

STDIN = "-"
_SECONDS_BETWEEN_LINES = 5.0


def import_file_command(
    file: Annotated[str, typer.Argument(help="CSV, JSON Lines or JSON, plain or gzip; - reads standard input.")],
    account: AccountOption,
    format_: Annotated[
        str, typer.Option("--format", help=f"How its rows are to be read: {', '.join(NAMES)}, or one of the account's own.")
    ] = DEFAULT,
    source: Annotated[str | None, typer.Option("--source", help="Name of the sender, where the rows name none.")] = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Where to keep rows that were refused; mend it and import it again as it is.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="What the file is; else its name and its beginning tell.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 1 if anything was refused.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Record the events of a file. Imported again, also after an interruption, no event with an id is recorded twice.

    Rows that cannot be recorded, or contradict what was recorded before, are refused and the others recorded: exit code 0, or 1
    with --strict. A file that cannot be read to its end has exit code 1.
    """
    if rejects is not None and file != STDIN and rejects.resolve() == Path(file).resolve():
        raise typer.BadParameter("would overwrite the file that is imported", param_hint="--rejects")
    if rejects is not None and not rejects.absolute().parent.is_dir():
        raise typer.BadParameter(f"cannot be written: there is no folder {rejects.parent}", param_hint="--rejects")
    kept = None if rejects is None else _Kept(rejects)
    summary = Summary()

    async def body(session: Session) -> Summary:
        principal = await session.principal(account)
        chosen = await own_formats.find(session.store, principal.account.id, format_)
        with _opened(file) as (opened, size), _progress(size) as tell:

            def on_progress(so_far: Summary) -> None:
                nonlocal summary
                summary = so_far
                tell(so_far)

            return await import_file(
                session.store,
                principal,
                opened,
                chosen,
                rules=session.rules,
                name="" if file == STDIN else file,
                kind=kind,
                source=source,
                on_progress=on_progress,
                rejects=None if kept is None else kept.write,
            )

    try:
        summary = run(body)
    except GatewayError:
        if summary.items:
            typer.echo(f"recorded before that: {_spoken(summary)}; mend the file and import it again as a whole", err=True)
        raise
    finally:
        if kept is not None:
            kept.close()
    _tell(summary, kept, as_json=as_json)
    if strict and _refused(summary):
        raise typer.Exit(1)


def _tell(summary: Summary, kept: _Kept | None, *, as_json: bool) -> None:
    written = str(kept.path) if kept is not None and kept.begun else None
    if as_json:
        typer.echo(json.dumps(summary.told() | {"rejects": written}))
    else:
        typer.echo(_spoken(summary))
    if _refused(summary):
        for each in summary.told_first:
            typer.echo(f"  {each}", err=True)
        hint = f"they are in {written}" if written else "`gateway rejects list` has them, --rejects FILE writes them to be mended"
        typer.echo(f"warning: {_refused(summary)} refused; {hint}", err=True)
    if summary.unkept:
        typer.echo(f"warning: {summary.unkept} of them were too many to be kept by the gateway", err=True)
    if summary.unnamed:
        typer.echo(f"warning: {summary.unnamed} have no id of their sender's: imported again, they are recorded again", err=True)


def _spoken(summary: Summary) -> str:
    return ", ".join(f"{count} {status}" for status, count in summary.told().items())


def _refused(summary: Summary) -> int:
    told = summary.told()
    return told["rejected"] + told["conflict"]


class _Kept:
    """The rejects file: written beside its place and put there at the end, so that an earlier one is whole until then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begun = False
        self._beside = path.with_name(path.name + ".partial")
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        """Write lines; the file is made with the first of them."""
        if self._file is None:
            self._file = self._beside.open("wb")
            self.begun = True
        self._file.write(data)

    def close(self) -> None:
        """Put the file in its place, if there is one."""
        if self._file is not None:
            self._file.close()
            self._beside.replace(self.path)


@contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    if file == STDIN:
        yield sys.stdin.buffer, None
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 -- closed below, where what the body raises is not taken for a failure to open
    except OSError as error:
        raise typer.BadParameter(f"cannot be read: {error.strerror or error}", param_hint="FILE") from None
    with opened:
        yield opened, Path(file).stat().st_size


@contextmanager
def _progress(size: int | None) -> Iterator[Callable[[Summary], None]]:
    """A bar on a terminal, else a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        told = time.monotonic()

        def line(summary: Summary) -> None:
            nonlocal told
            if time.monotonic() - told >= _SECONDS_BETWEEN_LINES:
                told = time.monotonic()
                typer.echo(f"so far: {_spoken(summary)}", err=True)

        yield line
        return
    columns = (TextColumn("importing"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=size, told="")
        yield lambda summary: progress.update(task, completed=summary.bytes_read, told=_spoken(summary))
