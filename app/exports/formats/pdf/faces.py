"""The typefaces of a page: which one has a character, and the fonts of each at its two weights.

They are Noto Sans and its companions, as packages of fonts bring them: variable TrueType fonts, of which a file gets no more than
the glyphs that it uses. Chinese, Japanese and Korean share characters that each writes in its own way; which way a text wants is
told from what else is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import uharfbuzz

_MOST = "manimgx_fonts"
_EASTERN = "justmytype_intl_cjk"
_SCRIPTS = (
    *("NotoSans", "NotoSansArabic", "NotoSansHebrew", "NotoSansDevanagari", "NotoSansThai", "NotoSansArmenian"),
    *("NotoSansGeorgian", "NotoSansBengali", "NotoSansTamil", "NotoSansTelugu", "NotoSansGujarati", "NotoSansGurmukhi"),
    *("NotoSansKannada", "NotoSansMalayalam", "NotoSansSinhala", "NotoSansOriya", "NotoSansLao", "NotoSansKhmer"),
    *("NotoSansMyanmar", "NotoSansEthiopic"),
)
_PICTURES = ("NotoEmoji", "NotoSansSymbols")
_NEEDLESS = ("GSUB", "GPOS", "GDEF", "STAT", "name", "cmap", "vhea", "vmtx")
"""Tables that shaping needs, or other uses of a font, and a file that tells its glyphs by number does not."""
WEIGHTS = {False: 400, True: 700}
"""The weight of plain text and that of bold."""


@dataclass(frozen=True, slots=True)
class Font:
    """A face at one weight, ready to shape and to measure. `key` is what the face and the weight are called in a file."""

    key: str
    face: Face
    weight: int
    shaper: Any
    advances: dict[int, int] = field(default_factory=dict)
    """The widths of glyphs that were asked for, in thousandths of the size."""

    def advance(self, glyph: int) -> int:
        """The width of a glyph, in thousandths of the size."""
        found = self.advances.get(glyph)
        if found is None:
            found = self.advances[glyph] = round(self.shaper.get_glyph_h_advance(glyph) * self.face.scale)
        return found


class Face:
    """A typeface. It is opened when it is first needed."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path

    @cached_property
    def opened(self) -> Any:
        """The face as HarfBuzz has it."""
        return uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(self._path)))

    @cached_property
    def characters(self) -> frozenset[int]:
        """The code points that it has glyphs for."""
        return frozenset(self.opened.unicodes)

    @property
    def scale(self) -> float:
        """From the face's own units to thousandths of the size."""
        return 1000 / float(self.opened.upem)

    @cached_property
    def _fonts(self) -> dict[bool, Font]:
        return {}

    def font(self, bold: bool) -> Font:
        """The face at its plain or its bold weight."""
        if bold not in self._fonts:
            shaper = uharfbuzz.Font(self.opened)
            shaper.set_variations({"wght": WEIGHTS[bold]})
            self._fonts[bold] = Font(f"{self.name}-{'Bold' if bold else 'Regular'}", self, WEIGHTS[bold], shaper)
        return self._fonts[bold]

    def subset(self, glyphs: set[int], weight: int) -> bytes:
        """A TrueType font of that weight which has only these glyphs, under the numbers that they have in the face."""
        wanted: Any = uharfbuzz.SubsetInput()
        wanted.flags = uharfbuzz.SubsetFlags.RETAIN_GIDS | uharfbuzz.SubsetFlags.NO_HINTING | uharfbuzz.SubsetFlags.NOTDEF_OUTLINE
        wanted.glyph_set.update(glyphs)
        wanted.drop_table_tag_set.update(int.from_bytes(each.encode(), "big") for each in _NEEDLESS)
        wanted.pin_axis_location(self.opened, "wght", weight)
        return bytes(uharfbuzz.subset(self.opened, wanted).blob.data)


@cache
def _faces() -> dict[str, Face]:
    """Every face, by name, in the order in which they are asked for a character."""
    most, eastern = (Path(str(files(each))) for each in (_MOST, _EASTERN))
    found = {name: Face(name, most / f"{name}[wght].ttf") for name in (*_SCRIPTS, *_PICTURES)}
    for code in ("SC", "JP", "KR", "TC"):
        name = f"NotoSans{code}"
        found[name] = Face(name, eastern / "fonts" / "ofl" / name.lower() / f"{name}[wght].ttf")
    return found


def plain(bold: bool) -> Font:
    """The font of most texts."""
    return _faces()["NotoSans"].font(bold)


def face_for(character: str, before: Face | None, eastern: tuple[str, ...]) -> Face | None:
    """The face that has the character; the one `before` it if that has it too, since a mark belongs to its letter."""
    code = ord(character)
    if before is not None and code in before.characters and before.name != _SCRIPTS[0] and not character.isascii():
        return before
    for name in (*_SCRIPTS, *eastern, *_PICTURES):
        face = _faces()[name]
        if code in face.characters:
            return face
    return None


def eastern_of(text: str) -> tuple[str, ...]:
    """In which order the eastern faces are asked for the characters of a text: it is Japanese if it has kana, Korean if it has
    Hangul, and else taken for Chinese."""
    if any("\u3040" <= each <= "\u30ff" for each in text):
        return ("NotoSansJP", "NotoSansSC", "NotoSansKR", "NotoSansTC")
    if any("\uac00" <= each <= "\ud7a3" or "\u1100" <= each <= "\u11ff" for each in text):
        return ("NotoSansKR", "NotoSansSC", "NotoSansJP", "NotoSansTC")
    return ("NotoSansSC", "NotoSansTC", "NotoSansJP", "NotoSansKR")
