"""Tables in a terminal, however narrow it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_WIDEST = 10_000
"""Characters of a table that is measured."""


_LEAST = 30
"""Characters that the last column, which may be a sentence, is left at least."""


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None, right: Collection[int] = ()
) -> None:
    """Print the rows under their headings, the columns with the numbers in `right` aligned there.

    Where a terminal is too narrow for it, a line for each value: squeezed into columns, instants and ids would be broken into
    pieces that nobody can read or copy.
    """
    console = Console()
    cells = [tuple(row) for row in rows]
    least = _table(headings, [(*row[:-1], row[-1][:_LEAST]) for row in cells], title, right)
    if Measurement.get(console, console.options.update_width(_WIDEST), least).maximum <= console.width:
        console.print(_table(headings, cells, title, right))
        return
    if title is not None:
        console.print(Text(title, "italic"))
    for at, row in enumerate(cells, start=1):
        console.print(f"[dim]{at} of {len(cells)}[/dim]")
        lines = Table.grid(padding=(0, 2))
        for heading, cell in zip(headings, row, strict=True):
            if cell:
                lines.add_row(Text(f"  {heading}", "bold"), Text(cell))
        console.print(lines)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str | None, right: Collection[int]) -> Table:
    table = Table(title=title, title_justify="left")
    for at, heading in enumerate(headings):
        last = at == len(headings) - 1
        table.add_column(heading, justify="right" if at in right else "left", overflow="fold", no_wrap=not last)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
