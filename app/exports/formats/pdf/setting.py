"""Setting text: from characters to glyphs in their places, whatever the script, from the left or from the right.

What no typeface has, and what is not to be seen (control characters, and those that turn the direction of text around,
which could make a line say something else than it does), is shown as U+ and its number. Runs of one direction and one face are
shaped by HarfBuzz; the Unicode bidirectional algorithm says in which order they stand.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import uharfbuzz
from bidi import algorithm

from app.exports.formats.pdf.faces import Face, Font, eastern_of, face_for, plain

_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_REMEMBERED = 48
"""Characters of a text that is remembered as it was set."""
_LATIN_END = "\u0250"
_FEATURES = {"kern": True, "liga": True}
_FROM_THE_RIGHT = frozenset(("R", "AL", "AN"))


@dataclass(frozen=True, slots=True)
class Glyph:
    """One glyph: how far it moves on, where it stands from there, and which characters it is of, none where another tells
    them. In thousandths of the size."""

    number: int
    advance: int
    x: int
    y: int
    text: str
    cluster: int = 0
    """The first of the characters that it is drawn for, together with the other glyphs of the same number."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Glyphs of one font, from the left."""

    font: Font
    glyphs: tuple[Glyph, ...]
    text: str
    start: int = 0
    """Where its text begins in that of the line."""
    turned: bool = False
    """Whether it runs from the right."""
    simple: bool = False
    """Whether it is letters side by side, a glyph for each."""

    @property
    def plain(self) -> bool:
        """Whether each glyph stands for characters of its own, in the order in which they stand."""
        return self.simple or ("".join(each.text for each in self.glyphs) == self.text and all(each.text for each in self.glyphs))

    def clusters(self) -> Iterator[tuple[str, tuple[Glyph, ...]]]:
        """Glyphs that are drawn for the same characters, with these."""
        for _, some in groupby(self.glyphs, key=attrgetter("cluster")):
            glyphs = tuple(some)
            yield "".join(each.text for each in glyphs), glyphs


@dataclass(frozen=True, slots=True)
class Line:
    """A text that is set, from the left. `width` is in thousandths of the size."""

    text: str
    pieces: tuple[Piece, ...]
    width: int


def line(text: str, bold: bool = False) -> Line:
    """The text, set on one line."""
    # Short ones come again, long ones do not, and would fill the memory.
    return _remembered(text, bold) if len(text) <= _REMEMBERED else _set(text, bold)


@lru_cache(maxsize=10_000)
def _remembered(text: str, bold: bool) -> Line:
    return _set(text, bold)


def width_of(text: str, bold: bool = False) -> int:
    """How wide the text is on one line, in thousandths of the size."""
    if _simple(text):
        return sum(map(_letters(bold).__getitem__, text))
    return line(text, bold).width


def _simple(text: str) -> bool:
    """Whether letters are set side by side: the Latin alphabet's, which nothing joins or turns."""
    return text.isprintable() and (text.isascii() or max(text) < _LATIN_END)


def _set(text: str, bold: bool) -> Line:
    if _simple(text):
        return Line(text, (_plain(text, plain(bold)),), width_of(text, bold))
    shown = seen(text)
    levels = _levels(shown)
    runs = [
        (level, _shaped(shown[start:end], start, face.font(bold), level % 2 == 1))
        for start, end, level, face in _runs(shown, levels)
    ]
    pieces = tuple(each for _, each in _ordered(runs))
    width = sum(glyph.advance for piece in pieces for glyph in piece.glyphs)
    return Line(shown, pieces, width)


def broken(text: str, bold: bool, width: float) -> list[Line]:
    """The text on lines no wider than `width`, in thousandths of the size; broken at spaces where that can be."""
    whole = line(text, bold)
    if whole.width <= width:
        return [whole]
    lines, start = [], 0
    shown, widths = whole.text, _advances(whole)
    while start < len(shown):
        end, room = start, width
        while end < len(shown) and (end == start or widths[end] <= room):
            room -= widths[end]
            end += 1
        if end < len(shown):
            space = shown.rfind(" ", start + 1, end + 1)
            end = space + 1 if space - start > (end - start) // 3 else _between(shown, start, end)
        set_ = line(shown[start:end].rstrip(" ") or " ", bold)
        if set_.width > width and end - start > 1:
            # Letters that are cut from their neighbours may be wider than they were beside them.
            end = _between(shown, start, max(start + 1, start + int((end - start) * width / set_.width)))
            set_ = line(shown[start:end].rstrip(" ") or " ", bold)
        lines.append(set_)
        start = end
    return lines


def _advances(whole: Line) -> list[int]:
    """How far each character moves on; one that is drawn together with others moves for all of them."""
    widths = [0] * len(whole.text)
    for piece in whole.pieces:
        for at, each in enumerate(piece.glyphs):
            widths[piece.start + (at if piece.simple else each.cluster)] += each.advance
    return widths


def seen(text: str) -> str:
    """The text with what cannot be shown as U+ and its number."""
    if _simple(text):
        return text
    eastern = eastern_of(text)
    return "".join(each if _showable(each, eastern) else f"U+{ord(each):04X}" for each in text)


@lru_cache(maxsize=20_000)
def _showable(character: str, eastern: tuple[str, ...]) -> bool:
    if character in _JOINERS:
        return True
    if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp"):
        return False
    return face_for(character, None, eastern) is not None


def _between(text: str, start: int, at: int) -> int:
    """A place after `start`, and at or before `at`, that no mark and no joined sign is cut from its letter by."""
    place = at
    while place > start + 1 and _belongs(text, place):
        place -= 1
    return at if _belongs(text, place) else place


def _belongs(text: str, at: int) -> bool:
    return text[at] in _JOINERS or text[at - 1] == "\u200d" or unicodedata.category(text[at])[0] == "M"


def _levels(text: str) -> list[int]:
    """How deep each character is turned: even from the left, odd from the right."""
    if not any(unicodedata.bidirectional(each) in _FROM_THE_RIGHT for each in text):
        return [0] * len(text)
    storage: Any = algorithm.get_empty_storage()
    base = algorithm.get_base_level(text)
    storage["base_level"], storage["base_dir"] = base, ("L", "R")[base]
    algorithm.get_embedding_levels(text, storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    return [each["level"] for each in storage["chars"]]


def _runs(text: str, levels: list[int]) -> Iterator[tuple[int, int, int, Face]]:
    """The runs of one level and one face: where each begins and ends, its level, its face."""
    eastern = eastern_of(text)
    start, before = 0, None
    for at, character in enumerate(text):
        joined = before is not None and (character in _JOINERS or (at and text[at - 1] == "\u200d"))
        face = before if joined else face_for(character, before, eastern)
        face = face or plain(False).face
        if before is not None and (face is not before or levels[at] != levels[at - 1]):
            yield start, at, levels[at - 1], before
            start = at
        before = face
    if before is not None:
        yield start, len(text), levels[-1], before


def _ordered(runs: list[tuple[int, Piece]]) -> list[tuple[int, Piece]]:
    """The runs as they stand from the left: from the deepest level up, what is turned is turned around (rule L2)."""
    for level in range(max((each for each, _ in runs), default=0), 0, -1):
        start = 0
        while start < len(runs):
            end = start
            while end < len(runs) and runs[end][0] >= level:
                end += 1
            runs[start:end] = reversed(runs[start:end])
            start = max(end, start + 1)
    return runs


def _plain(text: str, font: Font) -> Piece:
    """Letters side by side, as in most cells, so that columns of digits stand under each other."""
    return Piece(font, tuple(map(_glyphs(font.key).__getitem__, text)), text, simple=True)


class _Letters(dict[str, Glyph]):
    """The glyphs of letters, found when they are first asked for."""

    def __init__(self, font: Font) -> None:
        super().__init__()
        self._font = font

    def __missing__(self, character: str) -> Glyph:
        number = self._font.shaper.get_nominal_glyph(ord(character)) or 0
        found = self[character] = Glyph(number, self._font.advance(number), 0, 0, character)
        return found


class _Widths(dict[str, int]):
    """The widths of letters."""

    def __init__(self, glyphs: _Letters) -> None:
        super().__init__()
        self._glyphs = glyphs

    def __missing__(self, character: str) -> int:
        found = self[character] = self._glyphs[character].advance
        return found


@cache
def _glyphs(key: str) -> _Letters:
    return _Letters(plain(key.endswith("Bold")))


@cache
def _letters(bold: bool) -> _Widths:
    return _Widths(_glyphs(plain(bold).key))


def _shaped(text: str, start: int, font: Font, turned: bool) -> Piece:
    buffer: Any = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if turned else "ltr"
    uharfbuzz.shape(font.shaper, buffer, _FEATURES)
    scale = font.face.scale
    starts = sorted({each.cluster for each in buffer.glyph_infos})
    ends = dict(zip(starts, [*starts[1:], len(text)], strict=True))
    glyphs, told = [], set()
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        own = "" if info.cluster in told else text[info.cluster : ends[info.cluster]]
        told.add(info.cluster)
        advance, x, y = (round(each * scale) for each in (place.x_advance, place.x_offset, place.y_offset))
        glyphs.append(Glyph(info.codepoint, advance, x, y, own, info.cluster))
    return Piece(font, tuple(glyphs), text, start, turned)
