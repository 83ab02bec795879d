"""`gateway export …`: what was frozen: list and show it, call it off, delete its file, hand it on by a signed link."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer
from typer.core import TyperGroup

from app.access.links import Links
from app.bootstrap import open_artifacts
from app.cli.exporting import IdArgument, create_command, download_command, facts_of, tell
from app.cli.keys import AccountOption, JsonOption, parse_span
from app.cli.session import Session, run
from app.cli.tables import print_table
from app.domain.export import Export, ExportStatus
from app.domain.instant import format_instant
from app.exports import disposal, register, sharing
from app.reports.report import MOST_ROWS, PageRequest


class _Exports(TyperGroup):
    """`gateway export KIND …` is `gateway export create KIND …`, as it was before there were others."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["create", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_Exports, no_args_is_help=True)
app.command("create")(create_command)
app.command("download")(download_command)


@app.command("list")
def list_(
    account: AccountOption,
    report: Annotated[list[str] | None, typer.Option("--report", help="Only of this report; repeat for several.")] = None,
    format_: Annotated[list[str] | None, typer.Option("--format", help="Only files of this kind; repeat for several.")] = None,
    status: Annotated[list[ExportStatus] | None, typer.Option("--status", help="Only those that are so far.")] = None,
    created_by: Annotated[list[str] | None, typer.Option("--created-by", help="Only what this caller froze: `key …`.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST_ROWS, help="How many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what was frozen, the newest first."""
    named = [each.replace("-", "_") for each in report] if report else None
    filters = register.wanted(report=named, format=format_, status=status, created_by=created_by)

    async def body(session: Session) -> tuple[list[Export], bool]:
        page = await register.page(session.store, await session.principal(account), PageRequest(first=limit), filters)
        return list(page.rows), page.has_next

    found, more = run(body)
    if as_json:
        typer.echo(json.dumps([facts_of(each) for each in found]))
        return
    lines = []
    for each in found:
        rows = f"{each.rows} of {each.rows_expected}" if each.rows != (each.rows_expected or each.rows) else str(each.rows)
        size, created = "" if each.size is None else str(each.size), format_instant(each.created_at)
        told = (each.id, each.report.replace("_", "-"), each.format, each.status.value, rows, size, str(each.as_of), created)
        lines.append((*told, each.created_by, each.reason or ""))
    print_table(("id", "report", "format", "status", "rows", "bytes", "as of", "created", "by", "reason"), lines)
    if more:
        typer.echo("and more; --limit and the filters show them")


@app.command("show")
def show(export_id: IdArgument, account: AccountOption, as_json: JsonOption = False) -> None:
    """Show how an export stands, and its digests."""

    async def body(session: Session) -> Export:
        return await register.find(session.store, await session.principal(account), export_id)

    tell(run(body), as_json=as_json)


@app.command("cancel")
def cancel(export_id: IdArgument, account: AccountOption, as_json: JsonOption = False) -> None:
    """Call an export off that is not made yet. Whoever makes it stops within seconds."""

    async def body(session: Session) -> Export:
        principal, files = await session.principal(account), await open_artifacts(session.settings)
        return await disposal.cancel(session.store, files, principal, export_id, rules=session.rules)

    tell(run(body), as_json=as_json)


@app.command("delete")
def delete(export_id: IdArgument, account: AccountOption, as_json: JsonOption = False) -> None:
    """Delete the file of an export. Its record and digests stay."""

    async def body(session: Session) -> Export:
        principal, files = await session.principal(account), await open_artifacts(session.settings)
        return await disposal.delete(session.store, files, principal, export_id, rules=session.rules)

    tell(run(body), as_json=as_json)


@app.command("link")
def link(
    export_id: IdArgument,
    account: AccountOption,
    expires: Annotated[str, typer.Option("--expires", help="How long it holds: 90m, 12h, 30d.")] = "1d",
    as_json: JsonOption = False,
) -> None:
    """Make a link that opens the file without a token, for a time. Whoever has it can, so keep it like one."""
    from app.api.delivery import link_url  # a door, which other commands need not wait for

    lifetime = parse_span(expires, "expires")

    async def body(session: Session) -> tuple[str, datetime]:
        principal, files = await session.principal(account), await open_artifacts(session.settings)
        links = Links(session.store, session.settings.secret)
        made = await sharing.share(session.store, files, links, principal, export_id, lifetime=lifetime, rules=session.rules)
        return link_url(session.settings.url(), made.text), made.expires_at

    url, expires_at = run(body)
    told = {"url": url, "expires_at": format_instant(expires_at)}
    typer.echo(json.dumps(told) if as_json else f"{url}\nexpires {told['expires_at']}")
