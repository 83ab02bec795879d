"""What a cover shows of the rows: totals, a measure over time, the groups that it is largest in. Sums are exact.

Where the report totals by itself, its totals are shown; where its rows are entries, they are added up. What units and currencies
keep apart stays apart: a chart is of one of them, the one that most of the rows are in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from app.domain.decimal import ONE, scaled
from app.exports.document import Values as Row
from app.exports.formats.pdf.values import Values
from app.reports.parameters import DIMENSIONS
from app.reports.report import Report, Section

Measure = tuple[str, str | None]
"""The label of what is measured, and its unit or currency."""
_MOST_DAYS = 1_000


@dataclass(slots=True)
class _Series:
    """A measure's sums by what they are of, and of how many rows."""

    sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rows: int = 0


class Figures:
    """Gathers from the rows as they come by."""

    def __init__(self, report: Report, values: Values) -> None:
        self._values = values
        self._totals: dict[Measure, int] = {}
        self._times: dict[Measure, _Series] = defaultdict(_Series)
        self._groups: dict[Measure, _Series] = defaultdict(_Series)
        self.grouped_by: tuple[str, ...] = ()
        """The labels of what the groups are of."""
        names = {each.name: {column.name for column in each.columns} for each in report.sections}
        self._totalling = {name for name, columns in names.items() if name in ("total", "total_quantities", "total_charges")}
        self._grouping = {name for name, columns in names.items() if "bucket_start" in columns or set(DIMENSIONS) & columns}
        self._grouping -= self._totalling
        self._entries = {name for name, columns in names.items() if {"occurred_at", "correction"} <= columns}
        self._alone = not self._totalling

    def add(self, section: Section, rows: Sequence[Row]) -> None:
        """Look at some more rows."""
        if section.name in self._totalling:
            for row in rows:
                self._total(row)
        elif section.name in self._entries:
            if self._alone:
                for row in rows:
                    self._entry(row)
        elif section.name in self._grouping:
            for row in rows:
                self._group(section, row)

    def totals(self) -> list[tuple[Measure, int]]:
        """The totals, scaled, events first, then quantities and charges."""
        order = {"Events": 0, "Entries": 0, "Quantity": 1, "Charge": 2}
        return sorted(self._totals.items(), key=lambda each: (order[each[0][0]], each[0][1] or ""))

    def trend(self) -> tuple[Measure, list[tuple[str, int]]] | None:
        """A measure over time: days or beginnings of buckets, and scaled values; None where there is no such thing."""
        measure = _chosen(self._times)
        if measure is None or len(self._times[measure].sums) < 2:
            return None
        return measure, _without_gaps(sorted(self._times[measure].sums.items()), days=self._alone)

    def largest(self) -> tuple[Measure, list[tuple[str, int]]] | None:
        """The groups by a measure, the largest first; None where there are not two."""
        measure = _chosen(self._groups)
        if measure is None or len(self._groups[measure].sums) < 2:
            return None
        return measure, sorted(self._groups[measure].sums.items(), key=lambda each: (-each[1], each[0]))

    def _total(self, row: Row) -> None:
        for measure, value in _measures(row, total=True):
            self._totals[measure] = self._totals.get(measure, 0) + value

    def _entry(self, row: Row) -> None:
        day = self._values.day(row["occurred_at"])
        self.grouped_by = ("Customer",)
        for measure, value in (("Entries", None), ONE), *_measures(row):
            self._totals[measure] = self._totals.get(measure, 0) + value
            _add(self._times[measure], day, value)
            _add(self._groups[measure], row["customer_id"] or "none", value)

    def _group(self, section: Section, row: Row) -> None:
        # What tells one unit or currency alone, and what counts events; the mixed row of both would be told twice.
        measures = list(_measures(row, single=True))
        bucket = row.get("bucket_start")
        if bucket is not None:
            name = self._values.instant(bucket)
            name = name.removesuffix(" 00:00:00") if self._values.zone == "UTC" else name[:10] if "00:00:00" in name else name
            for measure, value in measures:
                _add(self._times[measure], name, value)
        keyed = [(each.label, row[each.name]) for each in section.columns if each.name in DIMENSIONS]
        if not any(value is not None for _, value in keyed):
            return
        by = tuple(label for label, value in keyed if value is not None)
        if not self.grouped_by:
            self.grouped_by = by
        if by == self.grouped_by:
            for measure, value in measures:
                _add(self._groups[measure], " / ".join(str(value) for _, value in keyed if value is not None), value)


def _without_gaps(points: list[tuple[str, int]], *, days: bool) -> list[tuple[str, int]]:
    """The points, with the days on which nothing happened: if they are `days`, or two of them are a day apart."""
    try:
        dates = [date.fromisoformat(name) for name, _ in points]
    except ValueError:
        return points
    apart = min(later - earlier for earlier, later in pairwise(dates))
    if (apart > timedelta(days=1) and not days) or dates[-1] - dates[0] > timedelta(days=_MOST_DAYS):
        return points
    known = dict(points)
    names = ((dates[0] + timedelta(days=at)).isoformat() for at in range((dates[-1] - dates[0]).days + 1))
    return [(name, known.get(name, 0)) for name in names]


def _measures(row: Row, *, total: bool = False, single: bool = False) -> list[tuple[Measure, int]]:
    """What a row measures. `single`: a row that tells events, quantity and charge at once counts for its events alone."""
    counted = row.get("events") is not None and "first_use" in row
    found: list[tuple[Measure, int]] = []
    if counted and (total or single):
        return [(("Events", None), row["events"] * ONE)]
    for name, unit, label in (("quantity", "unit", "Quantity"), ("charge", "currency", "Charge")):
        if row.get(name) is not None:
            found.append(((label, row.get(unit)), scaled_text(row[name])))
    return found


def scaled_text(text: str) -> int:
    """A decimal's text as a scaled integer."""
    return scaled(Decimal(text))


def _add(series: _Series, name: str, value: int) -> None:
    series.rows += 1
    series.sums[name] += value


def _chosen(series: dict[Measure, _Series]) -> Measure | None:
    """Which measure is drawn: charges rather than quantities, those rather than events, and of these the one of most rows."""
    rank = {"Charge": 0, "Quantity": 1, "Events": 2, "Entries": 3}
    return min(series, key=lambda each: (rank[each[0]], -series[each].rows, each[1] or ""), default=None)
