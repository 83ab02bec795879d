"""`gateway why`: what became of something that was sent."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from app.cli.keys import AccountOption, JsonOption
from app.cli.rejects import reject_facts
from app.cli.session import Session, run
from app.explanation.why import Explanation, why


def why_command(
    asked: Annotated[str, typer.Argument(metavar="ID", help="The sender's own id, an event's ref, an entry's id or a reject's.")],
    account: AccountOption,
    source: Annotated[str | None, typer.Option("--source", help="Name of the sender whose id it is.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what became of something that was sent: accepted, duplicate, conflict or rejected, and in which reports it counts."""

    async def body(session: Session) -> list[Explanation]:
        return await why(session.store, await session.principal(account), asked, source=source)

    found = run(body)
    if as_json:
        typer.echo(json.dumps([_facts(each) for each in found]))
        return
    for each in found:
        typer.echo(each.told)
        if each.counted_in:
            reports = (f"{counted.report} of {counted.value}" if counted.value else counted.report for counted in each.counted_in)
            typer.echo(f"  counted in {', '.join(reports)}")
        if each.exports:
            typer.echo(f"  frozen in {', '.join(each.exports)}")
        if each.reject is not None:
            typer.echo(f"  kept as {each.reject.id}, read by {each.reject.format}")


def _facts(found: Explanation) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "told": found.told,
        "event_ref": None if found.entry is None else found.entry.event_ref,
        "entry": None if found.entry is None else found.entry.id,
        "standing": None if found.standing is None else found.standing.id,
        "counted_in": [
            {"report": each.report} | ({each.subject: each.value} if each.subject else {}) for each in found.counted_in
        ],
        "exports": list(found.exports),
        "reject": None if found.reject is None else reject_facts(found.reject),
    }
