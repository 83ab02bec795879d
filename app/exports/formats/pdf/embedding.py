"""Fonts within a file: every font that its pages use, with the glyphs that they use, and what text each glyph stands for."""

from __future__ import annotations

import codecs
import hashlib
import zlib
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from reportlab.pdfbase import pdfdoc

from app.exports.formats.pdf.faces import Font
from app.exports.formats.pdf.setting import Glyph, Line, Piece

_HEX = [f"{number:04X}" for number in range(65_536)]
_MOST_MAPPED = 100
"""Mappings that one part of a ToUnicode map may have."""


class Fonts:
    """The fonts of one file. reportlab asks for them when it closes the file."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[str, Font, dict[int, str]]] = {}

    def shown(self, line: Line, size: float, x: float, y: float) -> str:
        """The operators that show the line from (x, y) on, in points."""
        parts = [f"BT 1 0 0 1 {_number(x)} {_number(y)} Tm"]
        for piece in line.pieces:
            name, _, glyphs = self._entry(piece.font)
            parts.append(f"/{name} {_number(size)} Tf")
            if piece.simple:
                parts.append(f"[<{''.join([_HEX[each.number] for each in piece.glyphs])}>] TJ")
                glyphs |= {each.number: each.text for each in piece.glyphs}
                continue
            parts += _spoken(piece, size)
            for each in piece.glyphs:
                if each.text or each.number not in glyphs:
                    glyphs.setdefault(each.number, each.text)
                    if each.text and not glyphs[each.number]:
                        glyphs[each.number] = each.text
        return " ".join((*parts, "ET"))

    def addObjects(self, document: Any) -> None:
        """Put the fonts into the file. reportlab's own, which nothing is written in, are not listed."""
        document.idToObject["BasicFonts"].dict.clear()
        for name, font, glyphs in self._used.values():
            document.idToObject["BasicFonts"].dict[name] = document.Reference(_font(document, name, font, glyphs), name)

    def _entry(self, font: Font) -> tuple[str, Font, dict[int, str]]:
        if font.key not in self._used:
            self._used[font.key] = (f"G{len(self._used) + 1}", font, {})
        return self._used[font.key]


def _spoken(piece: Piece, size: float) -> Iterator[str]:
    """The piece as operators, with what it says where its glyphs cannot say it one by one.

    What runs from the right is told letter by letter: readers turn it around themselves, and not all leave a whole text alone.
    A letter is told with its widest glyph, since they take that one's place for the letter's; its marks say nothing.
    """
    if piece.plain:
        yield from _strings(piece.font, piece.glyphs, size)
        return
    if not piece.turned:
        yield from _saying(piece.text, piece.font, piece.glyphs, size)
        return
    for text, glyphs in piece.clusters():
        widest = max(glyphs, key=attrgetter("advance"))
        for each in glyphs:
            yield from _saying(text if each is widest else "", piece.font, (each,), size)


def _saying(text: str, font: Font, glyphs: tuple[Glyph, ...], size: float) -> Iterator[str]:
    yield f"/Span <</ActualText <{(codecs.BOM_UTF16_BE + text.encode('utf-16-be')).hex().upper()}>>> BDC"
    yield from _strings(font, glyphs, size)
    yield "EMC"


def _strings(font: Font, glyphs: tuple[Glyph, ...], size: float) -> list[str]:
    """Glyphs as operators. Where one moves on otherwise than the font says, that is told; one that is raised stands alone."""
    done: list[str] = []
    shown: list[str] = []
    run = ""
    for each in glyphs:
        if each.y:
            if run or shown:
                done.append(f"[{' '.join([*shown, f'<{run}>'] if run else shown)}] TJ")
                shown, run = [], ""
            back = each.x + font.advance(each.number) - each.advance
            done.append(f"{_number(each.y * size / 1000)} Ts [{-each.x} <{each.number:04X}> {back}] TJ 0 Ts")
            continue
        if each.x:
            shown += [f"<{run}>"] if run else []
            shown.append(str(-each.x))
            run = ""
        run += f"{each.number:04X}"
        if back := each.x + font.advance(each.number) - each.advance:
            shown += [f"<{run}>", str(back)]
            run = ""
    if run or shown:
        done.append(f"[{' '.join([*shown, f'<{run}>'] if run else shown)}] TJ")
    return done


def _font(document: Any, name: str, font: Font, glyphs: dict[int, str]) -> Any:
    numbers = sorted(glyphs)
    data = font.face.subset(set(numbers), font.weight)
    tag = "".join(chr(ord("A") + each % 26) for each in hashlib.sha256(data).digest()[:6])
    base = f"/{tag}+{font.key}"
    program = pdfdoc.PDFStream(content=zlib.compress(data, 9))
    program.dictionary["Filter"] = pdfdoc.PDFName("FlateDecode")
    program.dictionary["Length1"] = len(data)
    extents: Any = font.shaper.get_font_extents("ltr")
    scale = font.face.scale
    ascent, descent = (round(each * scale) for each in (extents.ascender, extents.descender))
    descriptor = pdfdoc.PDFDictionary(
        {
            "Type": "/FontDescriptor",
            "FontName": base,
            "Flags": 4,
            "FontBBox": pdfdoc.PDFArray([-1000, descent, 2000, ascent]),
            "ItalicAngle": 0,
            "Ascent": ascent,
            "Descent": descent,
            "CapHeight": 714,
            "StemV": 120 if font.weight > 400 else 80,
            "FontFile2": document.Reference(program, f"program:{name}"),
        }
    )
    widths: list[Any] = []
    for number in numbers:
        widths += [number, pdfdoc.PDFArray([font.advance(number)])]
    descendant = pdfdoc.PDFDictionary(
        {
            "Type": "/Font",
            "Subtype": "/CIDFontType2",
            "BaseFont": base,
            "CIDSystemInfo": pdfdoc.PDFDictionary(
                {"Registry": pdfdoc.PDFString("Adobe"), "Ordering": pdfdoc.PDFString("Identity"), "Supplement": 0}
            ),
            "FontDescriptor": document.Reference(descriptor, f"descriptor:{name}"),
            "W": pdfdoc.PDFArray(widths),
            "CIDToGIDMap": "/Identity",
        }
    )
    return pdfdoc.PDFDictionary(
        {
            "Type": "/Font",
            "Subtype": "/Type0",
            "BaseFont": base,
            "Encoding": "/Identity-H",
            "DescendantFonts": pdfdoc.PDFArray([document.Reference(descendant, f"descendant:{name}")]),
            "ToUnicode": document.Reference(_to_unicode(glyphs), f"unicode:{name}"),
        }
    )


def _to_unicode(glyphs: dict[int, str]) -> Any:
    """What text the glyphs stand for, so that it can be searched for and copied."""
    mapped = [(number, text) for number, text in sorted(glyphs.items()) if text]
    parts = [
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def /CMapName /Adobe-Identity-UCS def",
        "/CMapType 2 def 1 begincodespacerange <0000> <FFFF> endcodespacerange",
    ]
    for at in range(0, len(mapped), _MOST_MAPPED):
        some = mapped[at : at + _MOST_MAPPED]
        parts.append(f"{len(some)} beginbfchar")
        parts += [f"<{number:04X}> <{text.encode('utf-16-be').hex().upper()}>" for number, text in some]
        parts.append("endbfchar")
    parts.append("endcmap CMapName currentdict /CMap defineresource pop end end")
    stream = pdfdoc.PDFStream(content=zlib.compress("\n".join(parts).encode(), 9))
    stream.dictionary["Filter"] = pdfdoc.PDFName("FlateDecode")
    return stream


def _number(value: float) -> str:
    text = f"{value:.3f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
