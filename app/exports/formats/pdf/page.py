"""Pages: where things stand on them, how they are drawn, and what every page has at its head and foot.

Places are in points, from the left and from the bottom, as PDF has them. The number of pages is known only at the end, so each
page refers to it by name. What a page has drawn is packed when it is full, so that a long file does not lie in memory.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any, Literal

from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

from app.exports.formats.pdf.embedding import Fonts
from app.exports.formats.pdf.setting import Line, broken, line

WIDTH, HEIGHT = 841.89, 595.28
"""A4, lying."""
LEFT, RIGHT = 40.0, WIDTH - 40.0
TOP, BOTTOM = HEIGHT - 52.0, 44.0
"""Where what a page is for begins and ends."""
ACROSS = RIGHT - LEFT
INK, SOFT, FAINT, BAND = "#1F3247", "#5F6F81", "#C9D2DC", "#EEF2F6"
ACCENT, WHITE = "#2F6DB5", "#FFFFFF"
_SMALL = 7.0
_COUNT = "pages"
Align = Literal["left", "right", "middle"]


class Pages:
    """The pages of one file. `y` is where the page under way has been filled down to."""

    def __init__(self, title: str, account: str, told: str, digest: str) -> None:
        """`told` is said in the middle of every foot, `digest` on its left."""
        self._file = BytesIO()
        canvas: Any = Canvas(self._file, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=0)
        self._canvas = canvas
        # No font of reportlab's own: what is not embedded may look otherwise elsewhere.
        self._canvas._preamble = "1 0 0 1 0 0 cm"
        self._canvas.setTitle(title)
        self._canvas.setAuthor(account)
        self._canvas.setCreator("Usage gateway")
        self._canvas.setSubject(told)
        self._canvas.setProducer("Usage gateway, with reportlab")
        self._fonts = Fonts()
        self._canvas._doc.delayedFonts.append(self._fonts)
        self._head, self._account, self._told, self._digest = title, account, told, digest
        self.number = 0
        self.y = TOP

    def begin(self, *, plain: bool = False) -> None:
        """Begin the next page, with a head unless it is to be plain."""
        if self.number:
            self._end()
        self.number += 1
        self.y = TOP
        if not plain:
            self.text(LEFT, HEIGHT - 32, self._head, 8, bold=True)
            self.text(RIGHT, HEIGHT - 32, self._account, 8, align="right", color=SOFT)
            self.rule(HEIGHT - 39)
        self.rule(34)
        self.text(LEFT, 22, self._digest, _SMALL, color=SOFT)
        self.text(RIGHT - 22, 22, f"page {self.number} of ", _SMALL, align="right", color=SOFT)
        self._canvas.saveState()
        self._canvas.translate(RIGHT - 21, 22)
        self._canvas.doForm(_COUNT)
        self._canvas.restoreState()
        self.text(RIGHT - 110, 22, self._told, _SMALL, align="right", color=SOFT)

    def room(self, height: float) -> bool:
        """Whether so much still fits on the page."""
        return self.y - height >= BOTTOM

    def text(
        self, x: float, y: float, text: str, size: float, *, bold: bool = False, align: Align = "left", color: str = INK
    ) -> float:
        """Draw a text on one line; gives its width in points."""
        return self.draw(line(text, bold), x, y, size, align=align, color=color)

    def draw(self, set_: Line, x: float, y: float, size: float, *, align: Align = "left", color: str = INK) -> float:
        """Draw what is set; gives its width in points."""
        width = set_.width * size / 1000
        at = {"left": x, "right": x - width, "middle": x - width / 2}[align]
        self._canvas._code.append(f"{_color(color)} rg {self._fonts.shown(set_, size, at, y)}")
        return width

    def paragraph(self, x: float, text: str, size: float, width: float, *, bold: bool = False, color: str = INK) -> None:
        """Draw a text on as many lines as it needs from `y` down, on further pages if it must."""
        for each in broken(text, bold, width * 1000 / size):
            if not self.room(size * 1.4):
                self.begin()
            self.y -= size * 1.4
            self.draw(each, x, self.y, size, color=color)

    def rule(self, y: float, x: float = LEFT, to: float = RIGHT, *, color: str = FAINT, weight: float = 0.5) -> None:
        """Draw a line across."""
        self._canvas._code.append(f"{_color(color)} RG {weight:g} w {x:.2f} {y:.2f} m {to:.2f} {y:.2f} l S")

    def box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Fill a box whose lower left corner is there."""
        self._canvas._code.append(f"{_color(color)} rg {x:.2f} {y:.2f} {width:.2f} {height:.2f} re f")

    def mark(self, title: str) -> None:
        """Let readers jump to this page by that title."""
        name = f"page{self.number}-{len(title)}-{self.y:.0f}"
        self._canvas.bookmarkPage(name)
        self._canvas.addOutlineEntry(title, name, 0)

    def finished(self) -> bytes:
        """The file's bytes."""
        self._end()
        self._canvas.beginForm(_COUNT, 0, -3, 40, 10)
        self.text(0, 0, str(self.number), _SMALL, color=SOFT)
        self._canvas.endForm()
        self._canvas._doc.SaveToFile(self._file, self._canvas)
        return self._file.getvalue()

    def _end(self) -> None:
        """Close the page, its drawing packed."""
        drawn = "\n".join(self._canvas._code).encode("latin-1")
        self._canvas._code = []
        self._canvas.showPage()
        stream = pdfdoc.PDFStream(content=zlib.compress(drawn))
        stream.dictionary["Filter"] = pdfdoc.PDFName("FlateDecode")
        page = self._canvas._doc.Pages.pages[-1]
        page.stream, page.Contents = None, stream


def _color(color: str) -> str:
    return " ".join(f"{int(color[at : at + 2], 16) / 255:.3f}" for at in (1, 3, 5))
