"""Texts as a sheet's XML can hold them: characters that XML cannot have are written `_xHHHH_`, as ISO/IEC 29500 has it."""

from __future__ import annotations

import re

_REFUSED = re.compile("[\x00-\x08\x0b\x0c\r\x0e-\x1f\ufffe\uffff]")
_WRITTEN = re.compile("_x([0-9A-Fa-f]{4})_")


def escaped(text: str) -> str:
    """`text` as it is written. A sequence that would be read as such a character has its underscore written so."""
    if "_x" in text:
        text = _WRITTEN.sub(lambda found: "_x005F" + found[0], text)
    return _REFUSED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
