"""The cover: whose report it is, what was asked, as of when, the totals, and two charts."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.decimal import plain, unscaled
from app.domain.instant import format_instant
from app.exports.document import Document
from app.exports.formats.pdf import charts
from app.exports.formats.pdf.figures import Figures, Measure
from app.exports.formats.pdf.page import ACROSS, BAND, HEIGHT, INK, LEFT, RIGHT, SOFT, WHITE, WIDTH, Pages
from app.exports.formats.pdf.setting import broken, line
from app.exports.formats.pdf.values import Values, grouped

_BAND = 96.0
_LABEL = 110.0
_CARDS = 4


def draw(pages: Pages, document: Document, figures: Figures, values: Values, rows: int) -> None:
    """Draw the cover, on one page unless what was asked or the totals need more."""
    pages.begin(plain=True)
    report = document.report
    pages.box(0, HEIGHT - _BAND, WIDTH, _BAND, INK)
    pages.mark("Cover")
    pages.text(LEFT, HEIGHT - 50, report.title, 24, bold=True, color=WHITE)
    pages.text(RIGHT, HEIGHT - 47, document.account, 14, bold=True, align="right", color=WHITE)
    pages.y = HEIGHT - 58
    pages.paragraph(LEFT, report.description, 9, ACROSS, color="#C9D2DC")
    pages.y = HEIGHT - _BAND - 12
    _asked(pages, document, values, rows)
    _totals(pages, figures.totals())
    _charts(pages, figures)


def _asked(pages: Pages, document: Document, values: Values, rows: int) -> None:
    asked = dict(document.parameters)
    start, end = (asked.pop(name, ("",))[0] for name in ("from", "to"))
    period = f"{start or 'the beginning'} until before {end or 'the end'}" if start or end else "all that was recorded"
    recorded = None if document.recorded_at is None else values.instant(format_instant(document.recorded_at))
    told = [
        ("Account", document.account),
        ("Period", period),
        ("As of", f"sequence {document.as_of:,}" + (f", recorded {recorded}" if recorded else ", nothing is recorded yet")),
        *((_worded(name), ", ".join(texts)) for name, texts in asked.items()),
        ("Times are in", values.zone),
        ("Rows", f"{rows:,}"),
    ]
    half = (len(told) + 1) // 2
    long = any(len(text) > 60 for _, text in told)
    columns = [told] if long else [told[:half], told[half:]]
    width = ACROSS / len(columns)
    for at in range(max(len(each) for each in columns)):
        low = pages.y
        for number, column in enumerate(columns):
            if at >= len(column):
                continue
            label, text = column[at]
            lines = broken(text, False, (width - _LABEL - 12) * 1000 / 9)
            pages_y = pages.y
            for index, each in enumerate(lines):
                if not pages.room(14):
                    pages.begin()
                pages.y -= 14
                if not index:
                    pages.text(LEFT + number * width, pages.y, label, 8, color=SOFT)
                pages.draw(each, LEFT + number * width + _LABEL, pages.y, 9)
            low = min(low, pages.y) if len(columns) > 1 else pages.y
            if len(columns) > 1:
                pages.y = pages_y
        pages.y = low
    pages.y -= 12


def _totals(pages: Pages, totals: Sequence[tuple[Measure, int]]) -> None:
    """The totals as cards, a few beside each other."""
    width = (ACROSS - 12 * (_CARDS - 1)) / _CARDS
    for at in range(0, len(totals), _CARDS):
        if not pages.room(44):
            pages.begin()
        for number, ((label, unit), value) in enumerate(totals[at : at + _CARDS]):
            x = LEFT + number * (width + 12)
            pages.box(x, pages.y - 40, width, 40, BAND)
            told = grouped(plain(unscaled(value)))
            size = min(13.0, (width - 16) * 1000 / line(told, True).width)
            title = label if unit is None else f"{label}, {unit}"
            shown = broken(title, False, (width - 16) * 1000 / 7.5)
            pages.draw(shown[0], x + 8, pages.y - 13, 7.5, color=SOFT)
            pages.text(x + 8, pages.y - 31, told, size, bold=True)
        pages.y -= 48


def _charts(pages: Pages, figures: Figures) -> None:
    trend, largest = figures.trend(), figures.largest()
    if trend is None and largest is None:
        return
    pages.y -= 4
    if not pages.room(charts.HEIGHT):
        pages.begin()
    width = (ACROSS - 36) / 2 if trend and largest else ACROSS * 0.72
    x = LEFT
    if trend:
        charts.trend(pages, x, width, f"{_titled(trend[0])} over time", trend[1])
        x += width + 36
    if largest:
        by = " and ".join(each.lower() for each in figures.grouped_by)
        charts.largest(pages, x, width, f"{_titled(largest[0])} by {by}", largest[1])
    pages.y -= charts.HEIGHT


def _titled(measure: Measure) -> str:
    label, unit = measure
    return label if unit is None else f"{label} in {unit}"


def _worded(name: str) -> str:
    return name.replace("_", " ").capitalize()
