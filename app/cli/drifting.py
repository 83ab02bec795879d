"""`gateway ledger drift EXPORT`: what has changed since an export was frozen."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from app.cli.asking import AsOfOption, as_of_asked
from app.cli.keys import AccountOption, JsonOption
from app.cli.session import Session, run
from app.cli.tables import print_table
from app.evidence.drift import changes, counted, differences, drift, erasures
from app.evidence.telling import change_values, difference_values, erasure_values

_SHOWN = 50
"""Changes that a table shows; JSON has all of them."""


def drift_command(
    export: Annotated[str, typer.Argument(help="Id of the export.")],
    account: AccountOption,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what an export would say otherwise if it were frozen again: its rows' changes, and the difference in each total."""

    async def body(session: Session) -> dict[str, Any]:
        principal = await session.principal(account)
        found = await drift(session.store, principal, export, as_of_asked(as_of))
        told: list[dict[str, Any]] = []
        async for batch in changes(session.store, found):
            told += (change_values(each) for each in (batch if as_json else batch[: _SHOWN - len(told)]))
            if not as_json and len(told) >= _SHOWN:
                break
        return {
            "export": found.export.id,
            "frozen_at": found.export.as_of,
            "as_of": found.opened.scope.as_of,
            "counts": {kind.value: count for kind, count in (await counted(session.store, found)).items()},
            "differences": [difference_values(each) for each in await differences(session.store, found)],
            "erasures": [erasure_values(each) for each in await erasures(session.store, found)],
            "changes": told,
        }

    facts = run(body)
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    console = Console()
    counts = ", ".join(f"{count} {kind}" for kind, count in facts["counts"].items())
    console.print(f"{facts['export']}, as of sequence {facts['frozen_at']}, compared with {facts['as_of']}: {counts}")
    totals = []
    for each in facts["differences"]:
        group = ", ".join(f"{value}" for value in each["group"].values() if value is not None)
        totals.append(
            [f"{each['measure']} {each['unit'] or ''}", group, *(str(each[name] or "") for name in ("then", "now", "change"))]
        )
    print_table(("total", "of", "then", "now", "change"), totals)
    if facts["changes"]:
        changed = []
        for each in facts["changes"]:
            entries = " ".join(entry["id"] for entry in each["entries"])
            changed.append((each["kind"], each["recorded_at"], each["actor"] or "", each["reason"] or "", entries))
        print_table(("what", "when", "who", "why", "entries"), changed)
    for each in facts["erasures"]:
        console.print(f"{', '.join(each['texts'])} erased from {len(each['sequences'])} entries at {each['recorded_at']}")
