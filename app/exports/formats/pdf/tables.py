"""Tables: a section's rows under repeated labels, nothing left out and nothing cut.

What is the same in every row is said once, above. Of the other columns those stand side by side that fit across a page, amounts
and dimensions first; what is left of a row stands below it, each with its label. A section of one row is a list of labels and
values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.exports.document import Values as Row
from app.exports.formats.pdf.page import ACROSS, BAND, INK, LEFT, RIGHT, SOFT, TOP, Pages
from app.exports.formats.pdf.setting import Line, broken, line, width_of
from app.exports.formats.pdf.values import Values
from app.reports.parameters import DIMENSIONS
from app.reports.report import Column, Section

SIZE, LABEL, SMALL = 7.5, 7.0, 6.8
LEADING, PAD, GAP = 10.0, 3.0, 9.0
_WIDEST = 172.0
"""Points that a column of texts may be wide; about forty characters."""
_LONGEST = 4 * _WIDEST
"""What is wider than this on one line stands below its row."""
_LABEL_WIDTH = 150.0


@dataclass(slots=True)
class Measured:
    """What was seen of a column."""

    column: Column
    present: int = 0
    first: Any = None
    same: bool = True
    width: float = 0.0
    """Of the widest value on one line, in points."""
    places: float = 0.0
    """Of a decimal: from the point on, in points."""
    whole: float = 0.0
    """Of a decimal: before the point."""

    @property
    def decimal(self) -> bool:
        return self.column.type is Decimal

    @property
    def right(self) -> bool:
        return self.column.type is int or self.decimal

    @property
    def cell(self) -> float:
        """How wide the column is in a table."""
        own = self.whole + self.places if self.decimal else self.width
        return max(min(own, _WIDEST), min(line(self.column.label, True).width * LABEL / 1000, _WIDEST))


@dataclass(slots=True)
class Measures:
    """What was seen of a section's rows."""

    section: Section
    values: Values
    rows: int = 0
    columns: list[Measured] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.columns = [Measured(each) for each in self.section.columns]

    def add(self, rows: Sequence[Row]) -> None:
        """Look at some more rows."""
        for each in self.columns:
            name, text = each.column.name, self.values.text
            for at, row in enumerate(rows, self.rows):
                value = row[name]
                if at == 0:
                    each.first = value
                elif each.same and value != each.first:
                    each.same = False
                told = text(each.column, value)
                if told is None:
                    continue
                each.present += 1
                if each.width >= _LONGEST or (at and value == each.first):
                    continue
                if each.decimal:
                    before, point, after = told.partition(".")
                    each.whole = max(each.whole, width_of(before) * SIZE / 1000)
                    each.places = max(each.places, width_of(point + after) * SIZE / 1000)
                each.width = max(each.width, width_of(told) * SIZE / 1000 if len(told) < 400 else _LONGEST)
        self.rows += len(rows)


def draw(pages: Pages, measures: Measures, rows: Iterable[Row]) -> None:
    """Draw the section: its title, what it is, and its rows."""
    section = measures.section
    if not pages.room(90):
        pages.begin()
    elif pages.y < TOP:
        pages.y -= 14
    pages.mark(section.title)
    pages.y -= 12
    pages.text(LEFT, pages.y, section.title, 12, bold=True)
    count = "no rows" if not measures.rows else "1 row" if measures.rows == 1 else f"{measures.rows:,} rows"
    pages.text(RIGHT, pages.y, count, 8, align="right", color=SOFT)
    pages.paragraph(LEFT, section.description, 8, ACROSS, color=SOFT)
    pages.y -= 5
    if measures.rows == 1:
        _card(pages, measures, next(iter(rows)))
    elif measures.rows:
        _table(pages, measures, rows)


def _card(pages: Pages, measures: Measures, row: Row) -> None:
    """One row, as labels and values in three columns."""
    told = [(each, text) for each in measures.section.columns if (text := measures.values.text(each, row[each.name])) is not None]
    width = (ACROSS - 2 * GAP) / 3
    for at in range(0, len(told), 3):
        some = [(column.label, broken(text, False, (width - 4) * 1000 / 8.5)) for column, text in told[at : at + 3]]
        _side_by_side(pages, some, width)
        pages.rule(pages.y)


def _side_by_side(pages: Pages, some: Sequence[tuple[str, list[Line]]], width: float) -> None:
    """Labels with their values below them, next to each other; long ones go on over pages."""
    if not pages.room(32):
        pages.begin()
    pages.y -= 11
    for at, (label, _) in enumerate(some):
        pages.text(LEFT + at * (width + GAP), pages.y, label, LABEL, color=SOFT)
    for number in range(max(len(lines) for _, lines in some)):
        if not pages.room(12):
            pages.begin()
        pages.y -= 11.5
        for at, (_, lines) in enumerate(some):
            if number < len(lines):
                pages.draw(lines[number], LEFT + at * (width + GAP), pages.y, 8.5)
    pages.y -= 5


def _table(pages: Pages, measures: Measures, rows: Iterable[Row]) -> None:
    seen = [each for each in measures.columns if each.present]
    units = {each.column.unit for each in seen}
    said = [
        each
        for each in seen
        if each.same and each.present == measures.rows > 2 and not each.right and each.column.name not in units
    ]
    beside, below = _split([each for each in seen if each not in said])
    if said:
        told = " · ".join(f"{each.column.label}: {measures.values.text(each.column, each.first)}" for each in said)
        pages.paragraph(LEFT, f"In every row: {told}", SMALL, ACROSS, color=SOFT)
        pages.y -= 4
    spare = min((ACROSS - sum(each.cell for each in beside)) / max(len(beside), 1), _WIDEST / 2)
    places, x = [], LEFT
    for each in beside:
        places.append((each, x, each.cell))
        x += each.cell + spare
    _labels(pages, places)
    for number, row in enumerate(rows):
        _row(pages, measures.values, places, below, row, shaded=number % 2 == 1)


def _split(columns: list[Measured]) -> tuple[list[Measured], list[Measured]]:
    """The columns that stand beside each other, in their order, and those that stand below."""
    units = {each.column.unit for each in columns if each.column.unit}
    first = next((each for each in columns if each.column.type is datetime), None)
    number = next((each for each in columns if each.column.type is int), None)

    def rank(each: Measured) -> int:
        if each.decimal or each.column.name in units or each is first:
            return 0
        return 1 if each.column.name in DIMENSIONS or each is number else 2 if each.column.type is not datetime else 3

    room, chosen = ACROSS, []
    for each in sorted(columns, key=rank):
        if not each.column.json and each.width < _LONGEST and each.cell + GAP <= room:
            chosen.append(each)
            room -= each.cell + GAP
    return [each for each in columns if each in chosen], [each for each in columns if each not in chosen]


def _labels(pages: Pages, places: Sequence[tuple[Measured, float, float]]) -> None:
    lines = [(broken(each.column.label, True, max(width, 24) * 1000 / LABEL), each, x, width) for each, x, width in places]
    most = max((len(each[0]) for each in lines), default=0)
    pages.y -= most * 9.0
    for told, each, x, width in lines:
        for number, text in enumerate(told):
            at = pages.y + (len(told) - 1 - number) * 9.0
            # Most decimals end well before the places of the longest do.
            end = x + width - max(each.places - 20, 0)
            pages.draw(text, end if each.right else x, at, LABEL, align="right" if each.right else "left")
    pages.y -= 4
    pages.rule(pages.y, color=INK, weight=0.8)


def _row(
    pages: Pages,
    values: Values,
    places: Sequence[tuple[Measured, float, float]],
    below: Sequence[Measured],
    row: Row,
    *,
    shaded: bool,
) -> None:
    cells = []
    for each, x, width in places:
        text = values.text(each.column, row[each.column.name])
        if text is not None and not each.right:
            cells.append((x, broken(text, False, (width + 0.5) * 1000 / SIZE)))
    rest = [
        f"{each.column.label}: {text}" for each in below if (text := values.text(each.column, row[each.column.name])) is not None
    ]
    details = broken(" · ".join(rest), False, (ACROSS - 10) * 1000 / SMALL) if rest else []
    lines = max((len(told) for _, told in cells), default=1)
    height = lines * LEADING + PAD
    whole = height + len(details) * 9.0
    if not pages.room(min(whole, 300)):
        pages.begin()
        _labels(pages, places)
    if shaded:
        shown = min(whole, pages.y - 40)
        pages.box(LEFT - 3, pages.y - shown, ACROSS + 6, shown, BAND)
    top = pages.y - 8.5
    for x, told in cells:
        for number, part in enumerate(told):
            pages.draw(part, x, top - number * LEADING, SIZE)
    for each, x, width in places:
        if each.right and (text := values.text(each.column, row[each.column.name])) is not None:
            _number(pages, each, text, x, width, top)
    pages.y -= height
    for part in details:
        if not pages.room(9):
            pages.begin()
            _labels(pages, places)
        pages.draw(part, LEFT + 10, pages.y - 5.5, SMALL, color=SOFT)
        pages.y -= 9


def _number(pages: Pages, each: Measured, text: str, x: float, width: float, y: float) -> None:
    """A number at the right of its column; decimals have their points under each other."""
    if not each.decimal:
        pages.text(x + width, y, text, SIZE, align="right")
        return
    before, point, after = text.partition(".")
    at = x + width - each.places
    pages.text(at, y, before, SIZE, align="right")
    if point:
        pages.text(at, y, point + after, SIZE)
