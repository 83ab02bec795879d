"""Charts of a cover: how a measure went over time, and which groups it is largest in. Values are scaled integers, as sums are."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.decimal import plain, unscaled
from app.exports.formats.pdf.page import ACCENT, FAINT, INK, SOFT, Pages
from app.exports.formats.pdf.setting import Line, line, seen
from app.exports.formats.pdf.values import grouped

HEIGHT = 215.0
_MOST_BARS = 92
_LARGEST = 8
_WIDEST_BAR = 56.0
_NAME = 44.0
"""Points that a bar's name takes, about."""
_SIZE = 7.0


def trend(pages: Pages, x: float, width: float, title: str, points: Sequence[tuple[str, int]]) -> None:
    """Bars over time, the oldest point first: each a name and a value. Where there are more than fit, a bar is a few of them."""
    top = pages.y
    pages.text(x, top - 10, title, 9, bold=True)
    bars = _merged(points)
    if len(bars) < len(points):
        note = f"each bar is {-(-len(points) // len(bars))} of them"
        pages.text(x + width, top - 10, note, _SIZE, align="right", color=SOFT)
    low, high = min(0, *(value for _, value in bars)), max(0, *(value for _, value in bars))
    span = (high - low) or 1
    bottom, tall = top - HEIGHT + 16, HEIGHT - 46
    ticks = [tick for tick in _ticks(low, high) if low <= tick <= high]
    wide = max(_across(_told(each)) for each in ticks)
    left = x + wide + 5

    def level(value: int) -> float:
        return bottom + (value - low) / span * tall

    for tick in ticks:
        pages.rule(level(tick), left, x + width, color=FAINT if tick else INK)
        pages.text(left - 4, level(tick) - 2.5, _told(tick), _SIZE, align="right", color=SOFT)
    step = min((x + width - left) / len(bars), _WIDEST_BAR)
    for at, (_, value) in enumerate(bars):
        y, to = sorted((level(0), level(value)))
        pages.box(left + at * step + step * 0.12, y, step * 0.76, max(to - y, 0.4 if value else 0), ACCENT)
    few = len(bars) * _NAME < step * len(bars)
    for at in range(len(bars)) if few else (0, len(bars) // 2, len(bars) - 1):
        name, middle = bars[at][0], left + (at + 0.5) * step
        inside = min(max(middle, left + _across(name) / 2), left + step * len(bars) - _across(name) / 2)
        pages.text(middle if few else inside, bottom - 12, name, _SIZE, align="middle", color=SOFT)


def largest(pages: Pages, x: float, width: float, title: str, groups: Sequence[tuple[str, int]]) -> None:
    """The groups that a measure is largest in, each a name and a value, the largest first; what is left is one bar."""
    top = pages.y
    pages.text(x, top - 10, title, 9, bold=True)
    shown = list(groups[:_LARGEST])
    if rest := groups[_LARGEST:]:
        shown.append((f"{len(rest):,} others", sum(value for _, value in rest)))
    values = [_told(value) for _, value in shown]
    names = [_fitting(name, width * 0.42) for name, _ in shown]
    named, told = max(each.width * _SIZE / 1000 for each in names), max(_across(each) for each in values)
    left, room = x + named + 6, width - named - told - 14
    most = max((abs(value) for _, value in shown), default=1) or 1
    step = min((HEIGHT - 34) / len(shown), 20.0)
    for at, (_, value) in enumerate(shown):
        y = top - 28 - at * step
        pages.draw(names[at], left - 6, y, _SIZE, align="right")
        length = abs(value) / most * room
        pages.box(left, y - 2.5, max(length, 0.4), min(step * 0.62, 12), ACCENT if value >= 0 and at < _LARGEST else SOFT)
        pages.text(left + max(length, 0.4) + 4, y, values[at], _SIZE, color=SOFT)


def _across(text: str) -> float:
    return line(text).width * _SIZE / 1000


def _fitting(name: str, width: float) -> Line:
    """A group's name, with points at its end where it is longer than there is room; the tables have it whole."""
    shown = seen(name)
    found = line(shown)
    while found.width * _SIZE / 1000 > width:
        shown = shown[:-1]
        found = line(shown.rstrip() + " …")
    return found


def _merged(points: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    each = -(-len(points) // _MOST_BARS)
    parts = [points[at : at + each] for at in range(0, len(points), each)]
    return [(part[0][0], sum(value for _, value in part)) for part in parts]


def _ticks(low: int, high: int) -> list[int]:
    """Round values from `low` to `high`, four or so, zero among them."""
    span = (high - low) or 1
    step = 10 ** max(len(str(span)) - 2, 0)
    step = next(step * factor for factor in (1, 2, 5, 10, 20, 50, 100) if span // (step * factor) < 5)
    return [step * at for at in range(-(-low // step), high // step + 1)]


def _told(value: int) -> str:
    return grouped(plain(unscaled(value)))
